/* Reading a command line. */
#include "cli/options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/nearest.h"

static int refuse_unknown(const struct pp_option_reader *reader, const char *dashes,
                          const char *name, size_t n_chars, struct pprofc_error *err)
{
    char word[64];
    const char *nearest = NULL;
    const char *advice = reader->foreign != NULL ? reader->foreign(name, n_chars) : NULL;

    if (advice != NULL)
        return pp_fail(err, -EINVAL, 0, "pprofc %s has no %s%.*s: %s", reader->verb, dashes,
                       (int)n_chars, name, advice);
    if (n_chars > 1 && n_chars < sizeof word) {
        memcpy(word, name, n_chars);
        word[n_chars] = '\0';
        nearest = pp_nearest_name(word, &reader->options[0].name, reader->n_options,
                                  sizeof reader->options[0]);
    }
    if (nearest != NULL)
        return pp_fail(err, -EINVAL, 0, "unknown option %s%.*s; did you mean --%s?", dashes,
                       (int)n_chars, name, nearest);
    return pp_fail(err, -EINVAL, 0, "unknown option %s%.*s; see pprofc help %s", dashes,
                   (int)n_chars, name, reader->verb);
}

static bool is_name(const char *known, const char *name, size_t n_chars)
{
    if (known == NULL || strlen(known) != n_chars)
        return false;
    for (size_t i = 0; i < n_chars; i++)
        if (known[i] != name[i] &&
            !(strchr("-_", known[i]) != NULL && strchr("-_", name[i]) != NULL))
            return false;
    return true;
}

static int find_name(const struct pp_option_reader *reader, const char *name, size_t n_chars)
{
    for (size_t i = 0; i < reader->n_options; i++)
        if (is_name(reader->options[i].name, name, n_chars))
            return (int)i;
    return -1;
}

static int find_letter(const struct pp_option_reader *reader, char letter)
{
    for (size_t i = 0; i < reader->n_options; i++)
        if (reader->options[i].letter == letter)
            return (int)i;
    return -1;
}

/* The option's value is the rest of its word, or else the next word. */
static int take_value(struct pp_option_reader *reader, const char *rest, const char *shown,
                      struct pprofc_error *err)
{
    if (rest == NULL) {
        rest = reader->words[reader->at];
        if (rest == NULL)
            return pp_fail(err, -EINVAL, 0, "option %s needs a value; see pprofc help %s", shown,
                           reader->verb);
        reader->at++;
    }
    reader->value = rest;
    return 0;
}

/* "-top" before what is no number: without a value, which then is "". */
static bool lacks_number(const struct pp_option_reader *reader, int index)
{
    const char *next = reader->words[reader->at];

    return reader->number_option != NULL &&
           strcmp(reader->options[index].name, reader->number_option) == 0 &&
           (next == NULL || next[0] == '\0' || next[strspn(next, "0123456789")] != '\0');
}

static int check_found(const struct pp_option_reader *reader, int index, const char *shown,
                       struct pprofc_error *err)
{
    if (reader->options[index].is_later)
        return pp_fail(err, -EINVAL, 0, "option %s is not available in this version", shown);
    return index;
}

static int read_name(struct pp_option_reader *reader, const char *word, int index,
                     const char *dashes, struct pprofc_error *err)
{
    const char *name = word + strlen(dashes), *equals = strchr(name, '=');
    const size_t n_chars = equals != NULL ? (size_t)(equals - name) : strlen(name);
    char shown[64];
    int rc;

    (void)snprintf(shown, sizeof shown, "%s%.*s", dashes, (int)(n_chars < 48 ? n_chars : 48), name);
    if (index < 0)
        return refuse_unknown(reader, dashes, name, n_chars, err);
    reader->at++;
    rc = check_found(reader, index, shown, err);
    if (rc < 0)
        return rc;
    if (reader->options[index].has_value) {
        rc = take_value(reader,
                        equals != NULL                ? equals + 1
                        : lacks_number(reader, index) ? ""
                                                      : NULL,
                        shown, err);
        return rc < 0 ? rc : index;
    }
    if (equals != NULL)
        return pp_fail(err, -EINVAL, 0, "option %s takes no value", shown);
    return index;
}

static int read_letter(struct pp_option_reader *reader, const char *word, struct pprofc_error *err)
{
    const size_t at = reader->letter_at > 0 ? reader->letter_at : 1;
    const char shown[] = {'-', word[at], '\0'};
    const int index = find_letter(reader, word[at]);
    int rc;

    if (index < 0)
        return refuse_unknown(reader, "-", word + 1, strcspn(word + 1, "="), err);
    rc = check_found(reader, index, shown, err);
    if (rc < 0)
        return rc;
    if (reader->options[index].has_value || word[at + 1] == '\0') {
        reader->at++;
        reader->letter_at = 0;
    } else {
        reader->letter_at = at + 1;
    }
    if (!reader->options[index].has_value)
        return index;
    rc = take_value(reader, word[at + 1] != '\0' ? word + at + 1 : NULL, shown, err);
    return rc < 0 ? rc : index;
}

int pp_option_next(struct pp_option_reader *reader, struct pprofc_error *err)
{
    const char *word = reader->words[reader->at];
    int index;

    if (word == NULL)
        return PP_OPTION_END;
    if (!reader->only_words && strcmp(word, "--") == 0 && reader->letter_at == 0) {
        reader->only_words = true;
        word = reader->words[++reader->at];
    }
    if (reader->only_words || word[0] != '-' || word[1] == '\0') {
        if (word == NULL || reader->stops_at_word)
            return PP_OPTION_END;
        reader->value = word;
        reader->at++;
        return PP_OPTION_WORD;
    }
    if (strncmp(word, "--", 2) == 0) {
        index = find_name(reader, word + 2, strcspn(word + 2, "="));
        return read_name(reader, word, index, "--", err);
    }
    /* "-sample_index=cpu", "-top 5": the single dash that users of other pprofs type. */
    index = word[2] == '\0' ? -1 : find_name(reader, word + 1, strcspn(word + 1, "="));
    if (index >= 0 && reader->letter_at == 0)
        return read_name(reader, word, index, "-", err);
    return read_letter(reader, word, err);
}

int pp_option_each(struct pp_option_reader *reader, pp_option_taker *take, void *command,
                   struct pprofc_error *err)
{
    int option;

    while ((option = pp_option_next(reader, err)) != PP_OPTION_END) {
        const int rc = option >= 0 || option == PP_OPTION_WORD
                           ? take(command, option, reader->value, err)
                           : option;
        if (rc < 0)
            return rc;
    }
    return 0;
}
