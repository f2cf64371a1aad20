/* Samples by their labels, labels by their keys, and labels as frames. */
#include "profile/filter_tags.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/print.h"
#include "base/units.h"
#include "profile/label.h"
#include "profile/tables.h"

struct pp_tag_filter {
    char *key; /* NULL: any */
    char *text;
    bool is_range;
    double least, most;         /* of the unit's smallest */
    const struct pp_unit *unit; /* NULL: the bare number */
    struct pp_pattern **patterns;
    size_t n_patterns, patterns_capacity;
};

/* ---- reading a filter ---- */

/* "+12kb" at '*at': the number and the unit behind it; false when there is none. */
static bool take_amount(const char **at, double *amount_out, const struct pp_unit **unit_out)
{
    const char *begin = *at, *digits = begin + (*begin == '+' || *begin == '-');
    const size_t n_digits = strspn(digits, "0123456789");
    size_t n_letters = 0;

    if (n_digits == 0)
        return false;
    while (isalpha((unsigned char)digits[n_digits + n_letters]))
        n_letters++;
    *unit_out = n_letters == 0 ? NULL : pp_unit_find(digits + n_digits, n_letters);
    *at = digits + n_digits + n_letters;
    *amount_out = pp_read_double(begin, NULL) * (*unit_out != NULL ? (*unit_out)->factor : 1);
    return n_letters == 0 || *unit_out != NULL;
}

static bool read_range(struct pp_tag_filter *filter, const char *text)
{
    const struct pp_unit *unit = NULL;
    const char *at = text;
    double amount = 0;

    filter->least = -1e300;
    filter->most = 1e300;
    if (*at != ':') {
        if (!take_amount(&at, &amount, &filter->unit))
            return false;
        filter->least = amount;
        if (*at == '\0') {
            filter->most = amount;
            return true;
        }
    }
    if (*at++ != ':')
        return false;
    if (*at == '\0')
        return text[0] != ':';
    if (!take_amount(&at, &filter->most, &unit) || *at != '\0')
        return false;
    if (text[0] == ':')
        filter->unit = unit;
    return (unit == NULL) == (filter->unit == NULL) &&
           (unit == NULL || unit->kind == filter->unit->kind);
}

static int read_patterns(struct pp_tag_filter *filter, struct pprofc_error *err)
{
    for (const char *at = filter->text;; at++) {
        const size_t n_chars = strcspn(at, ",");
        pp_autofree char *one = strndup(at, n_chars);
        int status;
        if (one == NULL || pp_array_reserve(&filter->patterns, &filter->patterns_capacity,
                                            filter->n_patterns + 1, sizeof *filter->patterns) != 0)
            return pp_fail(err, -ENOMEM, 0, "no memory for the expression '%.200s'", filter->text);
        status =
            pp_pattern_new(one, PP_PATTERN_ANYWHERE, &filter->patterns[filter->n_patterns], err);
        if (status != 0)
            return status;
        filter->n_patterns++;
        at += n_chars;
        if (*at == '\0')
            return 0;
    }
}

int pp_tag_filter_new(const char *text, struct pp_tag_filter **filter_out, struct pprofc_error *err)
{
    struct pp_tag_filter *filter = calloc(1, sizeof *filter);
    const char *equals = strchr(text, '=');
    int status = 0;

    if (filter != NULL) {
        filter->text = strdup(equals != NULL ? equals + 1 : text);
        filter->key = equals != NULL ? strndup(text, (size_t)(equals - text)) : NULL;
    }
    if (filter == NULL || filter->text == NULL || (equals != NULL && filter->key == NULL))
        status = pp_fail(err, -ENOMEM, 0, "no memory for the expression '%.200s'", text);
    if (status == 0) {
        filter->is_range = read_range(filter, filter->text);
        status = filter->is_range ? 0 : read_patterns(filter, err);
    }
    if (status != 0)
        pp_tag_filter_free(filter);
    else
        *filter_out = filter;
    return status;
}

void pp_tag_filter_free(struct pp_tag_filter *filter)
{
    if (filter == NULL)
        return;
    for (size_t i = 0; i < filter->n_patterns; i++)
        pp_pattern_free(filter->patterns[i]);
    free(filter->patterns);
    free(filter->key);
    free(filter->text);
    free(filter);
}

/* ---- trying it ---- */

/* A number written as text is that text alone; else the bare number counts without a unit, and what
 * has a unit of the same kind with one. */
static bool is_in_range(const struct pp_tag_filter *filter, const struct pprofc_profile *profile,
                        const struct pp_label *label)
{
    const char *name = pp_label_unit(profile, label);
    const struct pp_unit *unit = pp_unit_find(name, strlen(name));
    double amount = (double)label->number;

    if (label->text != 0)
        return strcmp(profile->strings[label->text], filter->text) == 0;
    if (filter->unit != NULL && (unit == NULL || unit->kind != filter->unit->kind))
        return false;
    if (filter->unit != NULL)
        amount *= unit->factor;
    return amount >= filter->least && amount <= filter->most;
}

/* Whether the pattern matches a label of the set; with a key the label's text, without one also
 * what stands before it. */
static bool any_label_matches(const struct pp_tag_filter *filter, struct pp_pattern *pattern,
                              const struct pprofc_profile *profile, const struct pp_label_set *set,
                              bool *failed)
{
    bool is_match = false;

    for (uint32_t i = 0; i < set->n_labels && !is_match; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        const char *key = profile->strings[label->key];
        pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
        if (label->text == 0 || (filter->key != NULL && strcmp(filter->key, key) != 0))
            continue;
        if (filter->key == NULL)
            pp_buffer_printf(&text, "%s:", key);
        pp_buffer_text(&text, profile->strings[label->text]);
        *failed |= text.failed;
        is_match = !text.failed && pp_pattern_matches(pattern, text.bytes);
    }
    return is_match;
}

static bool set_matches(const struct pp_tag_filter *filter, const struct pprofc_profile *profile,
                        pp_id label_set, bool *failed)
{
    const struct pp_label_set *set = &profile->label_sets[label_set];
    size_t n_matches = 0;

    for (uint32_t i = 0; filter->is_range && i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if ((filter->key == NULL || strcmp(filter->key, profile->strings[label->key]) == 0) &&
            is_in_range(filter, profile, label))
            return true;
    }
    for (size_t i = 0; i < filter->n_patterns; i++) {
        n_matches += any_label_matches(filter, filter->patterns[i], profile, set, failed);
        *failed |= pp_pattern_failed(filter->patterns[i]);
    }
    return filter->key != NULL ? n_matches > 0 : n_matches > 0 && n_matches == filter->n_patterns;
}

static int choose_sets(struct pp_tag_choice *choice, const struct pprofc_profile *profile,
                       const struct pp_filter *filter, uint32_t *matched)
{
    bool failed = false;

    choice->is_wanted = calloc(profile->n_label_sets, sizeof *choice->is_wanted);
    for (pp_id set = 0; choice->is_wanted != NULL && set < profile->n_label_sets; set++) {
        const bool is_focused =
            filter->tag_focus == NULL || set_matches(filter->tag_focus, profile, set, &failed);
        const bool is_ignored =
            filter->tag_ignore != NULL && set_matches(filter->tag_ignore, profile, set, &failed);
        choice->is_wanted[set] = is_focused && !is_ignored;
        *matched |=
            (is_focused ? PP_MATCHED_TAG_FOCUS : 0) | (is_ignored ? PP_MATCHED_TAG_IGNORE : 0);
    }
    return choice->is_wanted == NULL || failed ? -ENOMEM : 0;
}

/* The sets without the labels that are not to be seen. */
static int strip_sets(struct pp_tag_choice *choice, struct pprofc_profile *profile,
                      const struct pp_filter *filter, uint32_t *matched)
{
    const uint32_t n_sets = profile->n_label_sets; /* there are more at the end */
    pp_autofree struct pp_label *labels = NULL;
    size_t capacity = 0;

    choice->label_sets = calloc(n_sets, sizeof *choice->label_sets);
    if (choice->label_sets == NULL)
        return -ENOMEM;
    for (pp_id id = 0; id < n_sets; id++) {
        const struct pp_label_set set = profile->label_sets[id];
        uint32_t n_left = 0;
        if (pp_array_reserve(&labels, &capacity, set.n_labels, sizeof *labels) != 0)
            return -ENOMEM;
        for (uint32_t i = 0; i < set.n_labels; i++) {
            const struct pp_label *label = &profile->labels[set.first + i];
            const char *key = profile->strings[label->key];
            const bool is_shown =
                filter->tag_show == NULL || pp_pattern_matches(filter->tag_show, key);
            const bool is_hidden =
                filter->tag_hide != NULL && pp_pattern_matches(filter->tag_hide, key);
            *matched |=
                (is_shown ? PP_MATCHED_TAG_SHOW : 0) | (is_hidden ? PP_MATCHED_TAG_HIDE : 0);
            if (is_shown && !is_hidden)
                labels[n_left++] = *label;
        }
        choice->label_sets[id] = pp_profile_label_set(profile, labels, n_left);
    }
    return pp_profile_failed(profile) ? -ENOMEM : 0;
}

int pp_tag_choice_init(struct pp_tag_choice *choice, struct pprofc_profile *profile,
                       const struct pp_filter *filter, uint32_t *matched)
{
    if ((filter->tag_focus != NULL || filter->tag_ignore != NULL) &&
        choose_sets(choice, profile, filter, matched) != 0)
        return -ENOMEM;
    return (filter->tag_show == NULL && filter->tag_hide == NULL) ||
                   strip_sets(choice, profile, filter, matched) == 0
               ? 0
               : -ENOMEM;
}

void pp_tag_choice_done(struct pp_tag_choice *choice)
{
    free(choice->is_wanted);
    free(choice->label_sets);
    *choice = (struct pp_tag_choice){NULL, NULL};
}

/* ---- labels as frames ---- */

static pp_id frame_of(struct pp_tag_frames *frames, struct pprofc_profile *profile, pp_id label_set,
                      const char *key, size_t n_chars, const char *unit)
{
    pp_autobuffer struct pp_buffer name = PP_BUFFER_INIT;
    const struct pp_location location = {.n_lines = 1};
    struct pp_function function = {.file = pp_profile_string(profile, key, n_chars)};
    struct pp_line line = {.line = 0};

    if (pp_label_values(profile, label_set, key, n_chars, unit, &name))
        frames->has_matched = true;
    else
        pp_buffer_printf(&name, "(no %.*s)", (int)n_chars, key);
    if (name.failed) {
        profile->tables->failed = true;
        return 0;
    }
    function.name = pp_profile_string(profile, name.bytes, name.n_bytes);
    line.function = pp_profile_function(profile, &function);
    return pp_profile_location(profile, &location, &line);
}

int pp_tag_frames_init(struct pp_tag_frames *frames, struct pprofc_profile *profile,
                       const char *keys, const char *unit)
{
    uint32_t key = 0;

    for (const char *at = keys; at != NULL && *at != '\0';) {
        const size_t n_chars = strcspn(at, ",");
        frames->n_keys += n_chars > 0;
        at += n_chars + (at[n_chars] == ',');
    }
    if (frames->n_keys == 0)
        return 0;
    frames->locations =
        calloc((size_t)profile->n_label_sets * frames->n_keys, sizeof *frames->locations);
    if (frames->locations == NULL)
        return -ENOMEM;
    for (const char *at = keys; *at != '\0';) {
        const size_t n_chars = strcspn(at, ",");
        for (pp_id set = 0; n_chars > 0 && set < profile->n_label_sets; set++)
            frames->locations[(size_t)set * frames->n_keys + key] =
                frame_of(frames, profile, set, at, n_chars, unit);
        key += n_chars > 0;
        at += n_chars + (at[n_chars] == ',');
    }
    return pp_profile_failed(profile) ? -ENOMEM : 0;
}

pp_id pp_tag_frames_put(const struct pp_tag_frames *frames, struct pprofc_profile *profile,
                        pp_id stack, pp_id label_set)
{
    for (uint32_t key = 0; key < frames->n_keys; key++)
        stack = pp_profile_child(profile, stack,
                                 frames->locations[(size_t)label_set * frames->n_keys + key]);
    return stack;
}

void pp_tag_frames_done(struct pp_tag_frames *frames)
{
    free(frames->locations);
    *frames = (struct pp_tag_frames){.locations = NULL};
}
