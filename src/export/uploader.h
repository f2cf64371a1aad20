/* What every sink over the network is: a queue, and a thread that empties it.  A protocol says how
 * a window is described and what is sent of it.
 *
 * Who writes what: take(), drain() and the thread share the queue and the facts under one lock; the
 * thread alone talks to the network, without it. */
#ifndef PP_EXPORT_UPLOADER_H
#define PP_EXPORT_UPLOADER_H

#include <stdatomic.h>

#include "export/http_client.h"
#include "export/retry.h"
#include "export/sink.h"
#include "export/teller.h"
#include "export/window_file.h"

/* What came of one request. */
struct pp_outcome {
    enum pp_verdict verdict;
    double asked_s;      /* wait so long, says the server; negative: it does not */
    int64_t n_rejected;  /* of what it accepted in part */
    size_t n_bytes_sent; /* its body */
    bool is_of_time;     /* refused for the time that it is of */
    char text[760];      /* what to tell: why not, or about the part; "" */
};

/* What is sent of a window, in the order of the bits. */
struct pp_upload {
    const struct pp_window_record *record;
    const void *gz; /* the profile, .pb.gz */
    size_t n_gz_bytes;
    const atomic_bool *is_cancelled;
};

struct pp_protocol {
    const char *name; /* "otlp" */
    /* Fill the record's parts, which stay until the next call.  'facts' are those of the sink now.
     */
    int (*describe)(void *state, const struct pp_export_window *window,
                    const struct pp_sink_facts *facts, struct pp_window_record *record,
                    struct pprofc_error *err);
    unsigned n_requests;
    const char *(*request_name)(unsigned request); /* for messages: "metrics" */
    bool (*is_wanted)(void *state, const struct pp_upload *upload, unsigned request);
    void (*send)(void *state, struct pp_http_client *client, const struct pp_upload *upload,
                 unsigned request, struct pp_outcome *outcome_out);
    void (*free)(void *state);
};

struct pp_uploader_options {
    const char *queue_folder; /* NULL: in memory */
    uint64_t queue_bytes;
    double queue_age_s;      /* what is older is dropped; 0: a day; negative: nothing is */
    struct pp_teller teller; /* hears what is refused for good, and each answer where 'tells_all' */
    bool tells_all;
};

/* A sink that owns 'state' from here on, also when this fails.  -ENOENT without libcurl. */
int pp_uploader_new(const struct pp_protocol *protocol, void *state,
                    const struct pp_uploader_options *options, struct pp_sink **sink_out,
                    struct pprofc_error *err);

#endif
