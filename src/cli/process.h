/* The process that a verb is about: `pprofc VERB PID`. */
#ifndef PP_CLI_PROCESS_H
#define PP_CLI_PROCESS_H

#include "base/buffer.h"
#include "serve/service.h"

/* Whether 'word' is a process number, which '*pid_out' gets, and no path. */
bool pp_process_number(const char *word, int64_t *pid_out);

/* Take 'word' as the verb's one process into '*word_out'.  -EINVAL where there is one already or,
 * without 'may_be_file', for a recording's path. */
int pp_process_take(const char *word, bool may_be_file, const char **word_out,
                    struct pprofc_error *err);

/* Open the process, or recording, called 'word', with what reads its names; pp_service_done() in
 * any case.  Errors are those of pp_served_open(). */
int pp_process_open(const char *word, struct pp_service *service, struct pp_served **target_out,
                    struct pprofc_error *err);

/* To standard output.  0 or -EIO. */
int pp_process_print(const struct pp_buffer *text, struct pprofc_error *err);

/* What the command exits with after 'status', which was complained of when it is below 0: no
 * samples for -ENODATA. */
int pp_process_exit(int status, const struct pprofc_error *err);

#endif
