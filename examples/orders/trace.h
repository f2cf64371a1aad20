/* W3C Trace Context: which trace a request belongs to, and the span of each piece of work in it. */
#ifndef ORDERS_TRACE_H
#define ORDERS_TRACE_H

#include <stdbool.h>
#include <stddef.h>

enum {
    TRACE_ID_CHARS = 32,
    SPAN_ID_CHARS = 16,
    TRACEPARENT_BYTES = 56, /* with its NUL */
    TRACESTATE_BYTES = 513,
};

/* A span: one service's work for one request. */
struct trace {
    char trace_id[TRACE_ID_CHARS + 1], span_id[SPAN_ID_CHARS + 1];
    char parent_id[SPAN_ID_CHARS + 1]; /* the caller's span; "" in the first of a trace */
    unsigned char flags;               /* bit 0: somebody wants to see it */
    char state[TRACESTATE_BYTES];      /* passed on as it came */
};

/* Begin a span of the trace that the headers name (each may be NULL), or, where they name none, of
 * a new one that nobody wants to see. */
void trace_begin(struct trace *trace, const char *traceparent, const char *tracestate);

static inline bool trace_is_sampled(const struct trace *trace)
{
    return (trace->flags & 1) != 0;
}

/* The header for whom we call, and for whom we answer: our span is the parent there. */
void trace_header(const struct trace *trace, char traceparent[TRACEPARENT_BYTES]);

/* This thread works in the span from now on, and until trace_leave(): where somebody wants to see
 * it its samples carry the trace's and the span's id; all of them carry the operation as a label.
 */
void trace_enter(const struct trace *trace, const char *operation);
void trace_leave(const struct trace *trace);

/* A line about the span, where it is sampled, to standard output.  An exporter of spans would take
 * its place: everything that one needs is in it. */
void trace_log(const struct trace *trace, const char *service, const char *operation, int status,
               double milliseconds);

#endif
