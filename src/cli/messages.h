/* What the command says to people: one line each on standard error, beginning "pprofc: ". */
#ifndef PP_CLI_MESSAGES_H
#define PP_CLI_MESSAGES_H

enum pp_loudness { PP_QUIET, PP_NORMAL, PP_VERBOSE };

void pp_messages_set_loudness(enum pp_loudness loudness);
enum pp_loudness pp_messages_loudness(void);

/* An error or a warning that changes what the user gets: always said. */
void pp_complain(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Said unless -q. */
void pp_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Said with -v. */
void pp_say_more(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Lines that belong to the message before them: no prefix.  Not with -q. */
void pp_say_below(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
