/* What marks code that may run in a signal handler or inside malloc. */
#ifndef PP_SIGSAFE_SIGSAFE_H
#define PP_SIGSAFE_SIGSAFE_H

/* Stands before every declaration that a handler may call: ours (pp_sig_*) and the libc functions
 * of allowed.h. tests/lint checks that src/sigsafe calls nothing else (by its undefined symbols and
 * by a compiler pass over calls). */
#define PP_SIG __attribute__((nothrow))

/* Thread-locals of handlers: initial-exec, as the general model may allocate on first touch. */
#define PP_SIG_TLS __thread __attribute__((tls_model("initial-exec")))

#endif
