/* Parameters, and the small answers. */
#include "serve/http.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/print.h"

void pp_http_answer_done(struct pp_http_answer *answer)
{
    pp_buffer_done(&answer->body);
}

const char *pp_http_parameter(const struct pp_http_request *request, const char *name)
{
    for (size_t i = 0; i < request->n_query; i++)
        if (strcmp(request->query[i].name, name) == 0)
            return request->query[i].value;
    return NULL;
}

static void begin(struct pp_http_answer *answer, int status, const char *content_type)
{
    answer->status = status;
    answer->content_type = content_type;
    answer->file_name[0] = '\0';
    answer->body.n_bytes = 0;
}

void pp_http_error(struct pp_http_answer *answer, int status, const char *format, ...)
{
    char sentence[PPROFC_ERROR_MESSAGE_BYTES + 64];
    va_list arguments;

    va_start(arguments, format);
    (void)pp_vprint(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    begin(answer, status, "text/plain; charset=utf-8");
    answer->is_error = true;
    pp_buffer_printf(&answer->body, "%s\n", sentence);
}

void pp_http_text(struct pp_http_answer *answer, const char *text)
{
    begin(answer, 200, "text/plain; charset=utf-8");
    pp_buffer_text(&answer->body, text);
}

void pp_http_status_json(struct pp_http_answer *answer, int status, const char *format, ...)
{
    struct pp_json json = {.out = &answer->body};
    char sentence[PPROFC_ERROR_MESSAGE_BYTES + 64];
    va_list arguments;

    va_start(arguments, format);
    (void)pp_vprint(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    begin(answer, status, "application/json");
    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "status", status < 400 ? "ok" : "error");
    pp_json_text(&json, "message", sentence);
    pp_json_end_object(&json);
    pp_buffer_text(&answer->body, "\n");
}

int pp_http_status_of(int error)
{
    switch (error) {
    case -EINVAL:
    case -ERANGE:
        return 400;
    case -ENOENT:
        return 404;
    case -E2BIG:
        return 409;
    case -EBUSY:
    case -ESHUTDOWN:
        return 503;
    case -ENOTSUP:
        return 501;
    default:
        return 500;
    }
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool pp_http_decode(char *text, bool is_query)
{
    char *to = text;

    for (const char *from = text; *from != '\0'; from++) {
        char c = *from;
        if (c == '+' && is_query) {
            c = ' ';
        } else if (c == '%') {
            const int high = digit(from[1]), low = high < 0 ? -1 : digit(from[2]);
            if (low < 0 || (high == 0 && low == 0))
                return false;
            c = (char)(high << 4 | low);
            from += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    return true;
}

int pp_http_split_query(char *query, struct pp_http_pair *pairs)
{
    char *rest = query, *part;
    int n = 0;

    while ((part = strsep(&rest, "&")) != NULL) {
        char *value = strchr(part, '=');
        if (*part == '\0')
            continue;
        if (n == PP_HTTP_MAX_PARAMETERS)
            return -EINVAL;
        if (value != NULL)
            *value++ = '\0';
        if (!pp_http_decode(part, true) || (value != NULL && !pp_http_decode(value, true)))
            return -EINVAL;
        pairs[n++] = (struct pp_http_pair){part, value != NULL ? value : ""};
    }
    return n;
}
