/* What makes a thread's samples come: one perf event or CPU timer for each thread, held by the
 * helper thread in its own descriptor table; or the helper itself looks (capture/sampler.h). */
#ifndef PP_CAPTURE_DELIVERY_H
#define PP_CAPTURE_DELIVERY_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"

/* One thread's source of samples. */
struct pp_source {
    enum pp_rec_delivery delivery; /* PP_DELIVERY_NONE: closed */
    int fd;                        /* a perf event; a sampled thread's state, or -1 */
    int timer;                     /* kernel timer id */
    uint64_t period_ns;            /* as last set */
};

/* What a choice depends on. */
struct pp_delivery_wish {
    const char *forced; /* a name as in pp_delivery_name(); "": the best one */
    const char *kernel; /* "5.10": choose as on that Linux; "": on this one */
    double rate_hz;
};

/* The best delivery this process may have now, and why not a better one (a line for a person, ""
 * when there is nothing to say). */
enum pp_rec_delivery pp_delivery_choose(const struct pp_delivery_wish *wish, char *reason_out,
                                        uint32_t reason_bytes);

/* What a thread takes for which 'delivery' cannot be had; PP_DELIVERY_NONE after the last. */
enum pp_rec_delivery pp_delivery_next(enum pp_rec_delivery delivery);

/* The process that traces this one (a debugger, strace), or 0. */
int32_t pp_delivery_tracer(void);

/* "perf-sigtrap", "perf-signal", "cpu-timer", "sampler" */
const char *pp_delivery_name(enum pp_rec_delivery delivery);

/* The signal that a delivery sends. */
int pp_delivery_signal(enum pp_rec_delivery delivery);

/* Begin to send 'hint'ed signals to thread 'tid' every 'period_ns' of its CPU time.  0 or a
 * negative errno (-ESRCH: it is gone). */
int pp_source_open(struct pp_source *source, enum pp_rec_delivery delivery, int32_t tid,
                   uint64_t hint, uint64_t period_ns);

/* Send one signal when thread 'tid' has run a moment longer: by perf events, which fire only while
 * it runs its own code and so interrupt no system call. */
int pp_source_open_once(struct pp_source *source, enum pp_rec_delivery delivery, int32_t tid,
                        uint64_t hint);

/* A new period; it begins now. */
int pp_source_set_period(struct pp_source *source, uint64_t period_ns);

/* Stop and go on without closing. */
int pp_source_enable(struct pp_source *source, bool enabled);
void pp_source_close(struct pp_source *source);

/* Whether this Linux, or the one that is 'pretended' ("5.10"; "": none), is that new. */
bool pp_kernel_is_at_least(const char *pretended, int major, int minor);

/* How often CPU timers can fire here: the kernel's tick. */
uint32_t pp_kernel_tick_hz(void);

#endif
