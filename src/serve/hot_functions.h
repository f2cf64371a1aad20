/* The functions that /metrics shows.  Names may take seconds (debug information is read for them
 * once a binary), and a scraper waits for none: they are made in the background, and it gets the
 * last that there were. */
#ifndef PP_SERVE_HOT_FUNCTIONS_H
#define PP_SERVE_HOT_FUNCTIONS_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"

struct pp_service;

struct pp_hot_functions {
    pthread_mutex_t lock;
    pthread_cond_t is_made;
    bool is_being_made;
    uint64_t made_ns; /* CLOCK_MONOTONIC; 0: never yet */
    struct pp_buffer text;
};

void pp_hot_functions_init(struct pp_hot_functions *functions);

/* Waits for what is being made. */
void pp_hot_functions_done(struct pp_hot_functions *functions);

/* Append the newest text to 'out'.  When it is older than a second it is made anew by
 * 'make(service, text)', on a thread of its own, which is waited for a few hundredths of a second.
 */
void pp_hot_functions_append(struct pp_service *service,
                             void (*make)(struct pp_service *, struct pp_buffer *),
                             struct pp_buffer *out);

#endif
