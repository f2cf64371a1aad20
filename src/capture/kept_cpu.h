/* Whether this kernel tells threads that they have kept their CPU. */
#ifndef PP_CAPTURE_KEPT_CPU_H
#define PP_CAPTURE_KEPT_CPU_H

/* Try it in the calling thread, once a process, and set pp_sig_kept_cpu_offset when it does.  Takes
 * some tenths of a millisecond, asleep. */
void pp_kept_cpu_begin(void);

#endif
