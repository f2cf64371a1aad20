/* The labels of a recording's samples.  Names: OpenTelemetry's and Pyroscope's for spans, perf's
 * for threads. */
#include "formats/recording_labels.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/recording_threads.h"

enum {
    N_OWN = 6, /* two of the thread, four of the span */
    MOST_HEX_CHARS = 32,
};

struct pp_recorded_label_entry {
    struct pp_recorded_label_key key;
    pp_id label_set;
    bool lacks_set, lacks_span;
};

void pp_recorded_labels_init(struct pp_recorded_labels *labels, struct pprofc_profile *profile,
                             const struct pp_recording_reader *reader, uint32_t n_threads)
{
    *labels =
        (struct pp_recorded_labels){.profile = profile, .reader = reader, .n_threads = n_threads};
}

void pp_recorded_labels_done(struct pp_recorded_labels *labels)
{
    pp_id_table_done(&labels->index);
    free(labels->known);
    *labels = (struct pp_recorded_labels){.profile = NULL};
}

/* ---- one sample's ---- */

static uint32_t of_thread(const struct pp_recorded_labels *labels, uint32_t index,
                          struct pp_label *to)
{
    const struct pp_rec_thread *thread =
        index < labels->n_threads ? pp_recording_thread(labels->reader, index) : NULL;
    const size_t n_name = thread == NULL ? 0 : strnlen(thread->name, sizeof thread->name);
    uint32_t n = 0;

    if (thread != NULL && thread->tid != 0)
        to[n++] = (struct pp_label){.key = pp_profile_text(labels->profile, PP_LABEL_THREAD_ID),
                                    .number = thread->tid};
    if (n_name > 0)
        to[n++] =
            (struct pp_label){.key = pp_profile_text(labels->profile, PP_LABEL_THREAD_NAME),
                              .text = pp_profile_string(labels->profile, thread->name, n_name)};
    return n;
}

uint32_t pp_recorded_labels_of_set(struct pprofc_profile *profile,
                                   const struct pp_recording_reader *reader, uint32_t label_set,
                                   struct pp_label *to)
{
    const struct pp_rec_label_set *set = pp_recording_label_set(reader, label_set);
    uint32_t n = 0;

    for (uint32_t i = 0; set != NULL && i < set->n_labels && i < PP_REC_MAX_LABELS; i++) {
        const char *key = pp_recording_text(reader, set->labels[i].key);
        const char *value = pp_recording_text(reader, set->labels[i].value);
        if (key != NULL && value != NULL)
            to[n++] = (struct pp_label){.key = pp_profile_text(profile, key),
                                        .text = pp_profile_text(profile, value)};
    }
    return n;
}

static struct pp_label hex_label(struct pprofc_profile *profile, const char *key,
                                 const uint8_t *bytes, size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    char text[MOST_HEX_CHARS];

    for (size_t i = 0; i < n_bytes; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
    }
    return (struct pp_label){.key = pp_profile_text(profile, key),
                             .text = pp_profile_string(profile, text, 2 * n_bytes)};
}

/* profile_id is what Pyroscope looks for. */
static uint32_t of_span(const struct pp_recorded_labels *labels, const struct pp_rec_span *span,
                        struct pp_label *to)
{
    struct pprofc_profile *profile = labels->profile;
    const char *name = pp_recording_text(labels->reader, span->name);
    uint32_t n = 0;

    to[n++] = hex_label(profile, "trace_id", span->trace_id, sizeof span->trace_id);
    to[n++] = hex_label(profile, "span_id", span->span_id, sizeof span->span_id);
    to[n++] = hex_label(profile, "profile_id", span->span_id, sizeof span->span_id);
    if (name != NULL && name[0] != '\0')
        to[n++] = (struct pp_label){.key = pp_profile_text(profile, "span_name"),
                                    .text = pp_profile_text(profile, name)};
    return n;
}

static struct pp_recorded_label_entry make(const struct pp_recorded_labels *labels,
                                           const struct pp_recorded_label_key *key)
{
    struct pp_recorded_label_entry made = {.key = *key};
    const struct pp_rec_span *span = pp_recording_span(labels->reader, key->span);
    struct pp_label all[N_OWN + PP_REC_MAX_LABELS];
    uint32_t n = of_thread(labels, key->thread, all);

    n += pp_recorded_labels_of_set(labels->profile, labels->reader, key->label_set, all + n);
    if (span != NULL)
        n += of_span(labels, span, all + n);
    made.lacks_set =
        key->label_set != 0 && pp_recording_label_set(labels->reader, key->label_set) == NULL;
    made.lacks_span = key->span != 0 && span == NULL;
    made.label_set = pp_profile_label_set(labels->profile, all, n);
    return made;
}

/* ---- all ---- */

static uint64_t hash_of(const struct pp_recorded_label_key *key)
{
    return pp_hash_add(pp_hash_add(pp_hash_mix(key->thread), key->label_set), key->span);
}

static bool is_same(const struct pp_recorded_label_key *a, const struct pp_recorded_label_key *b)
{
    return a->thread == b->thread && a->label_set == b->label_set && a->span == b->span;
}

static int add(struct pp_recorded_labels *labels, const struct pp_recorded_label_key *key,
               uint32_t *number_out)
{
    if (pp_array_reserve(&labels->known, &labels->capacity, labels->n_known + 1UL,
                         sizeof *labels->known) != 0 ||
        pp_id_table_put(&labels->index, hash_of(key), labels->n_known + 1) != 0)
        return -ENOMEM;
    labels->known[labels->n_known] = make(labels, key);
    *number_out = labels->n_known++;
    return 0;
}

int pp_recorded_labels_find(struct pp_recorded_labels *labels,
                            const struct pp_recorded_label_key *key, pp_id *label_set_out)
{
    const uint64_t hash = hash_of(key);
    struct pp_id_probe probe = pp_id_table_first(&labels->index, hash);
    const struct pp_recorded_label_entry *entry;
    uint32_t number;

    while (probe.id != 0 && !is_same(&labels->known[probe.id - 1].key, key))
        probe = pp_id_table_after(&labels->index, hash, probe);
    number = probe.id - 1;
    if (probe.id == 0 && add(labels, key, &number) != 0)
        return -ENOMEM;
    entry = &labels->known[number];
    labels->n_unknown_sets += entry->lacks_set;
    labels->n_unknown_spans += entry->lacks_span;
    *label_set_out = entry->label_set;
    return 0;
}

void pp_recorded_labels_note(const struct pp_recorded_labels *labels)
{
    if (labels->n_unknown_sets > 0)
        pp_profile_note(labels->profile,
                        "%" PRIu64 " samples lack their labels: the process ended before they "
                        "were written down",
                        labels->n_unknown_sets);
    if (labels->n_unknown_spans > 0)
        pp_profile_note(labels->profile,
                        "%" PRIu64 " samples lack their span: the recording keeps the newest %d",
                        labels->n_unknown_spans, PP_REC_N_SPANS);
}
