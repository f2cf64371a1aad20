/* What a request of either service brings along, and its answer. */
#ifndef EXCHANGE_H
#define EXCHANGE_H

#include <microhttpd.h>
#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "trace.h"

struct exchange {
    struct trace trace;
    struct timespec begin;
    char *body;
    size_t n_bytes;
    bool is_too_large; /* above 64 KiB: the rest was not kept */
};

/* Begin with the trace that its headers name. */
void exchange_begin(struct exchange *exchange, struct MHD_Connection *connection);
void exchange_end(struct exchange *exchange);

enum MHD_Result exchange_add(struct exchange *exchange, const char *bytes, size_t n_bytes);

double exchange_milliseconds(const struct exchange *exchange);

/* Answer with 'json', which is freed; NULL: there was no memory for it. */
enum MHD_Result exchange_reply(const struct exchange *exchange, struct MHD_Connection *connection,
                               int status, char *json);

#endif
