/* The labels of samples, and how much carries each. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "profile/label.h"
#include "views/clean_text.h"
#include "views/sample_views.h"

void pp_tags_done(struct pp_tags *tags)
{
    for (size_t i = 0; i < tags->n_tags; i++)
        free(tags->tags[i].text);
    free(tags->tags);
}

static int order_by_text(const void *left, const void *right, void *strings_pointer)
{
    const char *const *strings = strings_pointer;
    const struct pp_tag *a = left, *b = right;
    const int order = strcmp(strings[a->key], strings[b->key]);

    return order != 0 ? order : strcmp(a->text, b->text);
}

static int order_by_value(const void *left, const void *right, void *strings_pointer)
{
    const char *const *strings = strings_pointer;
    const struct pp_tag *a = left, *b = right;
    const double a_size = a->value < 0 ? -a->value : a->value;
    const double b_size = b->value < 0 ? -b->value : b->value;
    const int order = strcmp(strings[a->key], strings[b->key]);

    if (order != 0)
        return order;
    return a_size != b_size ? (a_size < b_size ? 1 : -1) : strcmp(a->text, b->text);
}

/* A tag for each label of each set, then equal ones put together. */
static int gather(struct pp_tags *tags, const struct pprofc_profile *profile, const double *of_set,
                  const bool *is_used, const char *unit)
{
    size_t n_left = 0;

    for (pp_id id = 1; id < profile->n_label_sets; id++) {
        const struct pp_label_set *set = &profile->label_sets[id];
        for (uint32_t i = 0; is_used[id] && i < set->n_labels; i++) {
            const struct pp_label *label = &profile->labels[set->first + i];
            struct pp_buffer text = PP_BUFFER_INIT;
            pp_label_text(profile, label, unit, &text);
            pp_buffer_text(&text, "");
            if (text.failed || pp_array_reserve(&tags->tags, &tags->capacity, tags->n_tags + 1,
                                                sizeof *tags->tags) != 0) {
                pp_buffer_done(&text);
                return -ENOMEM;
            }
            tags->tags[tags->n_tags++] = (struct pp_tag){label->key, text.bytes, of_set[id]};
        }
    }
    if (tags->n_tags > 1)
        qsort_r(tags->tags, tags->n_tags, sizeof *tags->tags, order_by_text,
                (void *)profile->strings);
    for (size_t i = 0; i < tags->n_tags; i++) {
        struct pp_tag *last = n_left > 0 ? &tags->tags[n_left - 1] : NULL;
        if (last != NULL && last->key == tags->tags[i].key &&
            strcmp(last->text, tags->tags[i].text) == 0) {
            last->value += tags->tags[i].value;
            free(tags->tags[i].text);
        } else {
            tags->tags[n_left++] = tags->tags[i];
        }
    }
    tags->n_tags = n_left;
    if (n_left > 1)
        qsort_r(tags->tags, n_left, sizeof *tags->tags, order_by_value, (void *)profile->strings);
    return 0;
}

static int64_t whole_number(double value)
{
    return value >= 0x1p63 ? INT64_MAX : value < -0x1p63 ? INT64_MIN : (int64_t)value;
}

/* The tags of one key, which begin at 'first'; where the next key's begin. */
static size_t put_key(struct pp_buffer *out, const struct pprofc_profile *profile,
                      const struct pp_view_scope *scope, const struct pp_tags *tags, size_t first)
{
    const int64_t whole = pp_view_whole(profile, scope);
    char value[PP_NUMBER_TEXT_BYTES];
    double all = 0;
    size_t end = first;

    while (end < tags->n_tags && tags->tags[end].key == tags->tags[first].key)
        all += tags->tags[end++].value;
    pp_clean_text_append(out, pp_profile_chars(profile, tags->tags[first].key));
    pp_buffer_printf(out, ": %s (%.1f %%)\n",
                     pp_view_value(profile, scope, whole_number(all), value),
                     pp_percent(whole_number(all), whole));
    for (size_t i = first; i < end; i++) {
        const int64_t carried = whole_number(tags->tags[i].value);
        pp_buffer_printf(out, "%14s %6.1f %%  ", pp_view_value(profile, scope, carried, value),
                         pp_percent(carried, whole));
        pp_clean_text_append(out, tags->tags[i].text);
        pp_buffer_text(out, "\n");
    }
    pp_buffer_text(out, "\n");
    return end;
}

int pp_tags_make(const struct pprofc_profile *profile, uint32_t type, const char *unit,
                 struct pp_tags *tags_out, struct pprofc_error *err)
{
    pp_autofree double *of_set = calloc(profile->n_label_sets, sizeof *of_set);
    pp_autofree bool *is_used = calloc(profile->n_label_sets, sizeof *is_used);

    *tags_out = (struct pp_tags){.tags = NULL};
    for (uint32_t i = 0; of_set != NULL && is_used != NULL && i < profile->n_samples; i++) {
        of_set[profile->sample_labels[i]] +=
            (double)profile->sample_values[(size_t)i * profile->n_types + type];
        is_used[profile->sample_labels[i]] = true;
    }
    return of_set == NULL || is_used == NULL ||
                   gather(tags_out, profile, of_set, is_used, unit) != 0
               ? pp_fail(err, -ENOMEM, 0, "cannot put the labels together: out of memory")
               : 0;
}

int pp_tags_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                  struct pp_buffer *out, struct pprofc_error *err)
{
    __attribute__((cleanup(pp_tags_done))) struct pp_tags tags;
    const int failed = pp_tags_make(profile, scope->type, scope->unit, &tags, err);

    if (failed != 0)
        return failed;
    pp_profile_head_write(profile, scope, out);
    for (size_t i = 0; i < tags.n_tags;)
        i = put_key(out, profile, scope, &tags, i);
    if (tags.n_tags == 0)
        pp_buffer_text(out, "No sample has a label.\n");
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write the labels: out of memory") : 0;
}
