/* An end to work whose amount a file decides. */
#ifndef PP_BINARY_DEADLINE_H
#define PP_BINARY_DEADLINE_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

struct pp_deadline {
    uint64_t end_ns; /* of CLOCK_MONOTONIC */
    uint32_t n_steps;
};

static inline uint64_t pp_monotonic_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* Called once per small step; looks at the clock at every 4096th. */
static inline bool pp_deadline_passed(struct pp_deadline *deadline)
{
    return (++deadline->n_steps & 4095) == 0 && pp_monotonic_ns() > deadline->end_ns;
}

#endif
