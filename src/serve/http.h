/* Requests and answers as the routes see them, whoever speaks HTTP for us: our own server
 * (server.c) or one of the program's (pprofc_http_handle). */
#ifndef PP_SERVE_HTTP_H
#define PP_SERVE_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buffer.h"
#include "base/error.h"

enum pp_http_method { PP_HTTP_GET, PP_HTTP_HEAD, PP_HTTP_POST, PP_HTTP_OTHER };

struct pp_http_pair {
    const char *name, *value; /* decoded; value "" where there is none */
};

struct pp_http_request {
    enum pp_http_method method;
    const char *path; /* decoded, begins with '/' */
    const struct pp_http_pair *query;
    size_t n_query;
    const char *query_text; /* as it came, behind the '?'; "" without one: symbol's addresses */
    const char *body;
    size_t n_body_bytes;
    /* Asked about twice a second while an answer takes its time; NULL: nobody goes away. */
    bool (*is_gone)(void *context);
    bool (*is_ending)(void *context); /* gone, since the server is being stopped; NULL: never */
    void *is_gone_context;
};

struct pp_http_answer {
    int status; /* 200 .. */
    const char *content_type;
    char file_name[96]; /* Content-Disposition: attachment, when not empty */
    char pause[96];     /* of the program, for this answer: the header Pprofc-Pause */
    struct pp_buffer body;
    bool is_error;        /* text/plain with X-Go-Pprof: 1, so that pprof shows the sentence */
    bool forbids_scripts; /* a page without any: the strictest policy */
};

void pp_http_answer_done(struct pp_http_answer *answer);

/* The value of the first parameter 'name', or NULL. */
const char *pp_http_parameter(const struct pp_http_request *request, const char *name);

/* One sentence for a person, which pprof prints too. */
void pp_http_error(struct pp_http_answer *answer, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 'text' as text/plain; charset=utf-8. */
void pp_http_text(struct pp_http_answer *answer, const char *text);

/* {"status": .., "message": ..} of /sampling. */
void pp_http_status_json(struct pp_http_answer *answer, int status, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* 500, 404 .. for a negative errno. */
int pp_http_status_of(int error);

/* Decode %XX and, in a query, '+'.  In place; false when a NUL or a broken escape is in it. */
bool pp_http_decode(char *text, bool is_query);

enum { PP_HTTP_MAX_PARAMETERS = 32 };

/* Split 'query' (written over) into at most PP_HTTP_MAX_PARAMETERS pairs.  Returns their number or
 * -EINVAL. */
int pp_http_split_query(char *query, struct pp_http_pair *pairs);

#endif
