/* /debug/pprof inside the program, as Go's net/http/pprof.  (libpprofc-report, beside libpprofc)
 *
 * A program that links both libraries serves its own profiles.  Sampling is off until a client asks
 * for it, unless a session runs already.  Debug information is never read in the program: names
 * come from symbol tables, lines and inlined calls from a short-lived `pprofc symbolize` child
 * where the command is to be found. */
#ifndef PPROFC_SERVE_H
#define PPROFC_SERVE_H

#include <stddef.h>

#include "pprofc/error.h"

#ifdef __cplusplus
extern "C" {
#endif

#pragma GCC visibility push(default)

/* Serve at 'address': "HOST:PORT", ":PORT" (loopback; port 0 takes a free one) or "unix:PATH";
 * NULL: what PPROFC_HTTP says, else "127.0.0.1:6060".  An address that is not loopback needs
 * PPROFC_TOKEN_FILE; PPROFC_TLS_CERT and PPROFC_TLS_KEY (PEM files) make it HTTPS, but for unix
 * sockets.  One line with the URL goes to PPROFC_LOG, else to standard error.  PPROFC_HISTORY
 * begins continuous mode, too (pprofc/export.h).  -EALREADY when it serves already, -EACCES without
 * a token or with a key that others may read, -ENOSYS without libpprofc, -ENOENT without
 * libmicrohttpd (loaded by the first call), or what listening or starting failed with.
 * Cost:    two threads that sleep, a third while a request is answered; none of them is profiled.
 * Threads: any thread.
 * Signals: not from a signal handler: it allocates and takes a lock.
 * Fork:    a child does not serve; it may call this for itself, at another address. */
int pprofc_http_serve(const char *address, struct pprofc_error *err);

/* The URL that is served at ("http://127.0.0.1:6060", "https://..", "unix:PATH"), with its NUL in
 * 'url'.  -ESRCH when nothing is served, -ENOSPC.
 * Cost:    a copy.
 * Threads: any thread.
 * Signals: not from a signal handler.
 * Fork:    in a child, about the child's own. */
int pprofc_http_url(char *url, size_t capacity, struct pprofc_error *err);

/* End serving: requests that wait are ended, the address is given back.  -ESRCH when nothing is
 * served.
 * Cost:    waits for the answers being made, up to a few hundred milliseconds.
 * Threads: any thread but one that answers a request.
 * Signals: not from a signal handler.
 * Fork:    in a child, nothing of the parent's is touched. */
int pprofc_http_stop(struct pprofc_error *err);

/* A request that the program's own server took; strings as they came. */
struct pprofc_http_request {
    size_t struct_bytes;
    const char *method; /* "GET" */
    const char *target; /* "/debug/pprof/profile?seconds=5" */
    const void *body;
    size_t n_body_bytes;
};

#define PPROFC_HTTP_REQUEST_INIT                             \
    {                                                        \
        sizeof(struct pprofc_http_request), "GET", "/", 0, 0 \
    }

/* The answer; pprofc_http_response_free() gives it back. */
struct pprofc_http_response {
    int status;               /* 200 .. */
    const char *content_type; /* static */
    char disposition[128];    /* Content-Disposition, or "" */
    int is_error;             /* add the header X-Go-Pprof: 1, so that pprof shows the text */
    const void *body;
    size_t n_body_bytes;
    void *owner;
};

/* Answer 'request' as our own server would, for programs that mount /debug/pprof, /pprof, /sampling
 * and /metrics in a server of theirs; who may ask is then the program's business.  0 also for
 * answers of 404 or 500; -ENOSYS without libpprofc, -EINVAL for a struct of another size, -ENOMEM.
 * Cost:    takes as long as the client asks for (seconds=).
 * Threads: any; several at once.
 * Signals: not from a signal handler.
 * Fork:    in a child, about the child. */
int pprofc_http_handle(const struct pprofc_http_request *request,
                       struct pprofc_http_response *response_out, struct pprofc_error *err);

/* Give an answer's memory back; NULL and an answer that was given back are fine.
 * Cost:    frees memory.
 * Threads: the owner's.
 * Signals: not from a signal handler.
 * Fork:    nothing special. */
void pprofc_http_response_free(struct pprofc_http_response *response);

#pragma GCC visibility pop

#ifdef __cplusplus
}
#endif

#endif
