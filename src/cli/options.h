/* Reading a command line: "--name VALUE", "--name=VALUE", "-nVALUE", "-n VALUE", flags together
 * ("-qf"), "--" before words that are no options, "-" as a word.  '_' and '-' within a name are the
 * same: "--show-from" is pprof's "-show_from". */
#ifndef PP_CLI_OPTIONS_H
#define PP_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

struct pp_option {
    const char *name; /* without dashes; NULL: only the letter */
    char letter;      /* 0: only the name */
    bool has_value;
    bool is_later; /* known, but not in this version */
};

struct pp_option_reader {
    const struct pp_option *options;
    size_t n_options;
    const char *verb;   /* for messages: "run" */
    char **words;       /* NULL-terminated; never written */
    bool stops_at_word; /* the first word that is no option ends them ("run CMD -x") */
    /* The option whose value is a number that may be left out ("-top FILE"); NULL: there is none.
     */
    const char *number_option;
    /* What to do instead of an option that others have and this verb has not; NULL: nothing, or
     * there is no such function. */
    const char *(*foreign)(const char *name, size_t n_chars);

    size_t at;         /* the next word */
    size_t letter_at;  /* within a word like "-qf": the next letter, else 0 */
    bool only_words;   /* "--" was seen */
    const char *value; /* of the option just read, or the word */
};

enum { PP_OPTION_END = -1, PP_OPTION_WORD = -2 };

/* The index of the next option (its value in reader->value), PP_OPTION_WORD (the word in
 * reader->value), PP_OPTION_END (reader->words + reader->at is what follows), or -EINVAL with a
 * message in 'err'. */
int pp_option_next(struct pp_option_reader *reader, struct pprofc_error *err);

/* What a command does with an option, or with a word (PP_OPTION_WORD): 0, or a negative errno with
 * a message in 'err'. */
typedef int pp_option_taker(void *command, int option, const char *value, struct pprofc_error *err);

/* Give each option and word of the line to 'take'; ends at the first that fails. */
int pp_option_each(struct pp_option_reader *reader, pp_option_taker *take, void *command,
                   struct pprofc_error *err);

#endif
