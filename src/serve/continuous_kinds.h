/* The kinds that continuous mode takes windows of.  A new one is one more line in
 * continuous_kinds.c: options, windows, history and sinks go by its name. */
#ifndef PP_SERVE_CONTINUOUS_KINDS_H
#define PP_SERVE_CONTINUOUS_KINDS_H

#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "recording/layout.h"

enum pp_continuous_source {
    PP_WINDOW_OF_EVENTS, /* what was recorded between two moments */
    PP_WINDOW_OF_SITES,  /* counters that are compared with what they were: the heap's */
};

struct pp_continuous_kind {
    const char *name; /* of `run -k`, and in file names */
    enum pp_rec_family family;
    enum pp_continuous_source source;
    bool is_of_flights; /* the flight recorder keeps its windows */
};

extern const struct pp_continuous_kind pp_continuous_kinds[];
extern const size_t pp_n_continuous_kinds;

/* As recordings and options have it: bit (family - 1). */
static inline uint32_t pp_continuous_kind_bit(const struct pp_continuous_kind *kind)
{
    return 1U << (kind->family - 1);
}

/* All bits. */
uint32_t pp_continuous_all_kinds(void);

/* "cpu and heap" */
void pp_continuous_kinds_text(struct pp_buffer *text);

#endif
