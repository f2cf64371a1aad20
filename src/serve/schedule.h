/* When windows begin and end.  A fleet that was started by one command must not sample in step: its
 * bill would be a comb, and what happens each minute would be seen by all of it or by none.
 *
 * Pure: the clock is whoever calls. */
#ifndef PP_SERVE_SCHEDULE_H
#define PP_SERVE_SCHEDULE_H

#include <stdint.h>

struct pp_schedule {
    uint64_t on_ns, whole_ns;  /* on for the first, once in every second; equal: always on */
    uint64_t random;           /* the state of its generator */
    uint64_t turn_ns;          /* where the next turn begins */
    uint64_t begin_ns, end_ns; /* the window now, or the next one */
};

/* Begin at 'now_ns'.  Members of a fleet differ in their 'seed'.
 *
 * Where there is rest each turn of 'whole_ns' has its window at a place of its own, drawn anew:
 * uniformly in [0, whole - on] of the turn.  So the members' windows are independent, and what
 * happens at a fixed time of each turn is met in on / whole of them.  Where there is none the first
 * window lasts from a fifth of the usual time to six fifths, and the borders of the members lie
 * anywhere from then on. */
void pp_schedule_init(struct pp_schedule *schedule, uint64_t on_ns, uint64_t whole_ns,
                      uint64_t seed, uint64_t now_ns);

/* The window is over, or was left out: the next one that has not begun yet.  After a time in which
 * nobody was here (the machine slept) what would have been in it is left out. */
void pp_schedule_next(struct pp_schedule *schedule, uint64_t now_ns);

#endif
