/* What an answer means for who sent: done, again later, or never.  By OpenTelemetry's protocol
 * specification ("OTLP/HTTP Response", "OTLP/gRPC Throttling") and what Pyroscope's server answers.
 * No clock and no network here. */
#ifndef PP_EXPORT_RETRY_H
#define PP_EXPORT_RETRY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pp_verdict {
    PP_VERDICT_ACCEPTED,
    PP_VERDICT_RETRY,
    PP_VERDICT_RETRY_FEW, /* may pass, may not: tried PP_FEW_TRIES times */
    PP_VERDICT_REFUSED,
};

enum { PP_FEW_TRIES = 4 };

enum pp_grpc_status {
    PP_GRPC_OK = 0,
    PP_GRPC_CANCELLED = 1,
    PP_GRPC_UNKNOWN = 2,
    PP_GRPC_INVALID_ARGUMENT = 3,
    PP_GRPC_DEADLINE_EXCEEDED = 4,
    PP_GRPC_PERMISSION_DENIED = 7,
    PP_GRPC_RESOURCE_EXHAUSTED = 8,
    PP_GRPC_ABORTED = 10,
    PP_GRPC_OUT_OF_RANGE = 11,
    PP_GRPC_UNIMPLEMENTED = 12,
    PP_GRPC_INTERNAL = 13,
    PP_GRPC_UNAVAILABLE = 14,
    PP_GRPC_DATA_LOSS = 15,
};

enum pp_verdict pp_verdict_of_otlp_http(long status);
enum pp_verdict pp_verdict_of_grpc(int status, bool has_retry_info);

/* Pyroscope's 422 is a profile that it does not take, or a storage that is not ready: its words
 * tell, sometimes. */
enum pp_verdict pp_verdict_of_pyroscope(long status, const void *body, size_t n_bytes);

/* The value of Retry-After, seconds or an HTTP date, as seconds from 'now_s' (since 1970); negative
 * when it is neither.  A date that has passed is 0. */
double pp_retry_after_s(const char *value, int64_t now_s);

struct pp_backoff {
    double first_s, most_s; /* 0: 1 s, 60 s */
    unsigned n_failures;    /* in a row */
    uint64_t random;        /* the state of the jitter; any number */
};

/* How long to wait after one failure more: twice as long each time, up to the most, between half of
 * that and all of it by chance, and never shorter than the server asked for ('asked_s', negative:
 * it did not). */
double pp_backoff_next(struct pp_backoff *backoff, double asked_s);
void pp_backoff_succeeded(struct pp_backoff *backoff);

#endif
