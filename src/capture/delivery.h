/* What makes a thread's samples come: one perf event or CPU timer for each thread, held by the
 * helper thread in its own descriptor table. */
#ifndef PP_CAPTURE_DELIVERY_H
#define PP_CAPTURE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"

/* One thread's source of samples. */
struct pp_source {
    enum pp_rec_delivery delivery; /* PP_DELIVERY_NONE: closed */
    int fd;                        /* perf */
    int timer;                     /* kernel timer id */
    uint64_t period_ns;            /* as last set */
};

/* The best delivery this process may have now, and why not a better one (a line for a person, ""
 * when there is nothing to say). 'forced' (a name as in pp_delivery_name, or NULL) takes that one.
 */
enum pp_rec_delivery pp_delivery_choose(const char *forced, double rate_hz, char *reason_out,
                                        uint32_t reason_bytes);

const char *pp_delivery_name(
    enum pp_rec_delivery delivery); /* "perf-sigtrap", "perf-signal", "cpu-timer" */

/* The signal that a delivery sends. */
int pp_delivery_signal(enum pp_rec_delivery delivery);

/* Begin to send 'hint'ed signals to thread 'tid' every 'period_ns' of its CPU time.  0 or a
 * negative errno (-ESRCH: it is gone). */
int pp_source_open(struct pp_source *source, enum pp_rec_delivery delivery, int32_t tid,
                   uint64_t hint, uint64_t period_ns);

/* A new period; it begins now. */
int pp_source_set_period(struct pp_source *source, uint64_t period_ns);

/* Stop and go on without closing. */
int pp_source_enable(struct pp_source *source, bool enabled);
void pp_source_close(struct pp_source *source);

/* How often CPU timers can fire here: the kernel's tick. */
uint32_t pp_kernel_tick_hz(void);

#endif
