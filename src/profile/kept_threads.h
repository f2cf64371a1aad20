/* The threads of which a profile keeps exact figures: those that come first by an order of theirs;
 * the others are a sum. */
#ifndef PP_PROFILE_KEPT_THREADS_H
#define PP_PROFILE_KEPT_THREADS_H

#include "profile/profile.h"

/* One kind of figures: a struct that begins with a struct pp_thread_who. */
struct pp_thread_figures {
    size_t n_bytes;
    int (*order)(const void *left, const void *right); /* as qsort's; first: is kept */
    void (*add)(void *sum, const void *more);          /* without who they are of */
};

/* Count 'thread' among the 'n_threads' of 'threads' (room for PP_MAX_KEPT_THREADS, in order): with
 * the one of its name and id, else by itself, else it, or the last of them, with 'others'.  How
 * many 'threads' has now. */
uint32_t pp_kept_threads_add(const struct pp_thread_figures *figures, void *threads,
                             uint32_t n_threads, void *others, const void *thread);

#endif
