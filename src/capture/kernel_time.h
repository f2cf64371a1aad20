/* Threads that spend much of their CPU time in the kernel.
 *
 * A perf event of ours takes no sample there, so the time in the kernel is booked on whatever user
 * code a later sample meets: of a program that read random numbers for 61 % of its time and counted
 * for the rest, the counting got 99.6 %.  A CPU timer's signal comes on the way back to the
 * program, so the system call has its time (62.2 %); and it costs nothing at a context switch,
 * where a perf event costs 1.7 to 14 us on a virtual machine.  It fires at the kernel's tick at
 * most and in step with it, hence not for all threads: turns of 2 ms come out 8 points wrong. */
#ifndef PP_CAPTURE_KERNEL_TIME_H
#define PP_CAPTURE_KERNEL_TIME_H

#include "capture/session.h"
#include "capture/threads.h"

/* Give a CPU timer to each thread of which more than a twentieth is surely kernel time (a tenth
 * where the rate is up to four times the tick, three tenths above), and a perf event again to one
 * that has left the kernel.  Only where perf events are the delivery, nobody asked for a certain
 * one, and timers interrupt no system call: since Linux 5.9 they fire on the way back from it.  The
 * kernel tells the share by what its tick met, which is wrong of a program in step with the tick:
 * the perf event, whose period is drawn, must have missed samples, too.  The helper's, every now
 * and then; reads the counts of threads that ran for 0.2 s since they were read last, at first for
 * 0.05. */
void pp_kernel_time_look(struct pp_session *session);

/* A thread's watch begins, and a source has been opened: 'before' is what was known of it until a
 * pause; of one that is new, a span that has begun. */
void pp_kernel_time_begin(struct pp_session *session, struct pp_sig_thread *thread,
                          struct pp_watch *watch, const struct pp_kernel_share *before);

/* The period of a thread's source will be another; and is. */
void pp_kernel_time_end_period(struct pp_session *session, struct pp_sig_thread *thread,
                               struct pp_watch *watch);
void pp_kernel_time_begin_period(struct pp_session *session, struct pp_sig_thread *thread,
                                 struct pp_watch *watch);

/* The rate has changed, and with it what our own deliveries take in the kernel, and what a timer
 * would lose. */
void pp_kernel_time_follow_rate(struct pp_session *session);

#endif
