/* W3C Trace Context, Level 1: https://www.w3.org/TR/trace-context/ */
#include "trace.h"

#include <pprofc/pprofc.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

enum { HEADER_CHARS = TRACEPARENT_BYTES - 1 }; /* "00-" trace "-" span "-" flags */

/* So many digits, in lower case, and not all of them 0. */
static bool is_id(const char *text, size_t n_chars)
{
    return strspn(text, "0123456789abcdef") >= n_chars && strspn(text, "0") < n_chars;
}

static int hex_digit(char c)
{
    const char *digits = "0123456789abcdef", *at = c != '\0' ? strchr(digits, c) : NULL;

    return at != NULL ? (int)(at - digits) : -1;
}

/* Versions that are to come begin like this one, and may go on behind it; ff is none. */
static bool read_header(const char *text, struct trace *trace)
{
    const size_t n_chars = strlen(text);
    int version, high, low;

    if (n_chars < HEADER_CHARS || text[2] != '-' || text[35] != '-' || text[52] != '-')
        return false;
    version = hex_digit(text[0]) < 0 || hex_digit(text[1]) < 0
                  ? 0xff
                  : 16 * hex_digit(text[0]) + hex_digit(text[1]);
    if (version == 0xff || (version == 0 && n_chars != HEADER_CHARS) ||
        (n_chars > HEADER_CHARS && text[HEADER_CHARS] != '-'))
        return false;
    high = hex_digit(text[53]);
    low = hex_digit(text[54]);
    if (!is_id(text + 3, TRACE_ID_CHARS) || !is_id(text + 36, SPAN_ID_CHARS) || high < 0 || low < 0)
        return false;
    snprintf(trace->trace_id, sizeof trace->trace_id, "%.32s", text + 3);
    snprintf(trace->parent_id, sizeof trace->parent_id, "%.16s", text + 36);
    trace->flags = (unsigned char)(16 * high + low);
    return true;
}

static void make_id(char *id, size_t n_chars)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char bytes[TRACE_ID_CHARS / 2] = {0};

    do
        if (getrandom(bytes, n_chars / 2, 0) < 0)
            bytes[0] = 1; /* an id of our own making is better than none */
    while (bytes[0] == 0);
    for (size_t i = 0; i < n_chars / 2; i++) {
        id[2 * i] = digits[bytes[i] >> 4];
        id[2 * i + 1] = digits[bytes[i] & 15];
    }
    id[n_chars] = '\0';
}

void trace_begin(struct trace *trace, const char *traceparent, const char *tracestate)
{
    memset(trace, 0, sizeof *trace);
    if (traceparent == NULL || !read_header(traceparent, trace))
        make_id(trace->trace_id, TRACE_ID_CHARS);
    else if (tracestate != NULL && strlen(tracestate) < sizeof trace->state)
        snprintf(trace->state, sizeof trace->state, "%s", tracestate);
    make_id(trace->span_id, SPAN_ID_CHARS);
}

void trace_header(const struct trace *trace, char traceparent[TRACEPARENT_BYTES])
{
    snprintf(traceparent, TRACEPARENT_BYTES, "00-%s-%s-%02x", trace->trace_id, trace->span_id,
             trace->flags & 1U);
}

void trace_enter(const struct trace *trace, const char *operation)
{
    char traceparent[TRACEPARENT_BYTES];

    pprofc_label_set("operation", operation, NULL);
    if (!trace_is_sampled(trace))
        return;
    trace_header(trace, traceparent);
    pprofc_span_begin_traceparent(traceparent, operation, NULL);
}

void trace_leave(const struct trace *trace)
{
    if (trace_is_sampled(trace))
        pprofc_span_end(NULL, NULL);
    pprofc_label_clear("operation", NULL);
}

void trace_log(const struct trace *trace, const char *service, const char *operation, int status,
               double milliseconds)
{
    if (!trace_is_sampled(trace))
        return;
    printf("%s: trace_id=%s span_id=%s parent_id=%s operation=\"%s\" status=%d ms=%.1f\n", service,
           trace->trace_id, trace->span_id, trace->parent_id[0] != '\0' ? trace->parent_id : "-",
           operation, status, milliseconds);
    fflush(stdout);
}
