/* The labels of a recording's samples.  Names: OpenTelemetry's and Pyroscope's for spans, perf's
 * for threads. */
#include "formats/recording_labels.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/recording_frames.h"
#include "formats/recording_threads.h"

enum {
    N_OWN = 9, /* two of the thread, four of the span, three of the wait */
    MOST_HEX_CHARS = 32,
    LOCK_CHARS = 256,
    /* Of keys: a wait's kind, and behind those what is no wait. */
    WAIT_UNATTRIBUTED = PP_WAIT_N_KINDS,
    WAIT_RUNNING,
    N_WAITS
};

static const char *const wait_names[N_WAITS] = {
    [PP_WAIT_SLEEP] = "sleep",
    [PP_WAIT_READ] = "read",
    [PP_WAIT_WRITE] = "write",
    [PP_WAIT_NETWORK] = "network",
    [PP_WAIT_POLL] = "poll",
    [PP_WAIT_MUTEX] = "lock",
    [PP_WAIT_CONDITION] = "condition",
    [PP_WAIT_FUTEX] = "futex",
    [PP_WAIT_CHILD] = "child",
    [PP_WAIT_FILE] = "file",
    [PP_WAIT_RUN_QUEUE] = "run queue",
    [PP_WAIT_THROTTLED] = "throttled",
    [WAIT_UNATTRIBUTED] = "unattributed",
    [WAIT_RUNNING] = "running",
};

static const char *const descriptor_names[PP_DESCRIPTOR_N_KINDS] = {
    [PP_DESCRIPTOR_FILE] = "file",         [PP_DESCRIPTOR_DEVICE] = "device",
    [PP_DESCRIPTOR_TERMINAL] = "terminal", [PP_DESCRIPTOR_PIPE] = "pipe",
    [PP_DESCRIPTOR_UNIX] = "unix",         [PP_DESCRIPTOR_TCP] = "tcp",
    [PP_DESCRIPTOR_UDP] = "udp",           [PP_DESCRIPTOR_SOCKET] = "socket",
    [PP_DESCRIPTOR_EPOLL] = "epoll",       [PP_DESCRIPTOR_EVENT] = "event",
    [PP_DESCRIPTOR_TIMER] = "timer",       [PP_DESCRIPTOR_SIGNAL] = "signal",
    [PP_DESCRIPTOR_INOTIFY] = "inotify",   [PP_DESCRIPTOR_QUEUE] = "queue",
    [PP_DESCRIPTOR_OTHER] = "other",
};

struct pp_recorded_label_entry {
    struct pp_recorded_label_key key;
    pp_id label_set;
    bool lacks_set, lacks_span;
};

void pp_recorded_labels_init(struct pp_recorded_labels *labels, struct pprofc_profile *profile,
                             const struct pp_recording_reader *reader, uint32_t n_threads,
                             struct pp_recorded_frames *frames)
{
    *labels = (struct pp_recorded_labels){
        .profile = profile, .reader = reader, .n_threads = n_threads, .frames = frames};
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

/* "queue_lock", "pool+0x28": the variable that the lock is or lies in; else its address. */
static void lock_text(const struct pp_recorded_labels *labels, uint64_t lock, char text[LOCK_CHARS])
{
    const char *name = NULL;
    uint64_t offset = 0;

    if (labels->frames == NULL || pp_recorded_variable(labels->frames, lock, &name, &offset) != 0)
        (void)snprintf(text, LOCK_CHARS, "0x%" PRIx64, lock);
    else if (offset == 0)
        (void)snprintf(text, LOCK_CHARS, "%.200s", name);
    else
        (void)snprintf(text, LOCK_CHARS, "%.200s+0x%" PRIx64, name, offset);
}

static struct pp_label text_label(struct pprofc_profile *profile, const char *key, const char *text)
{
    return (struct pp_label){.key = pp_profile_text(profile, key),
                             .text = pp_profile_text(profile, text)};
}

static uint32_t of_wait(const struct pp_recorded_labels *labels,
                        const struct pp_recorded_label_key *key, struct pp_label *to)
{
    struct pprofc_profile *profile = labels->profile;
    char lock[LOCK_CHARS];
    uint32_t n = 0;

    if (key->wait < N_WAITS && wait_names[key->wait] != NULL)
        to[n++] = text_label(profile, PP_LABEL_WAIT_KIND, wait_names[key->wait]);
    if (key->descriptor < PP_DESCRIPTOR_N_KINDS && descriptor_names[key->descriptor] != NULL)
        to[n++] = text_label(profile, PP_LABEL_DESCRIPTOR, descriptor_names[key->descriptor]);
    if (key->lock != 0) {
        lock_text(labels, key->lock, lock);
        to[n++] = text_label(profile, PP_LABEL_LOCK, lock);
    }
    return n;
}

uint32_t pp_recorded_label_wait(const struct pp_recording_event *event, bool says_running)
{
    if (event->family == PP_FAMILY_CPU)
        return says_running ? WAIT_RUNNING : PP_WAIT_UNKNOWN;
    if ((event->flags & PP_EVENT_REMAINDER) != 0)
        return WAIT_UNATTRIBUTED;
    return (uint32_t)pp_rec_wait_of(event->flags);
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
    n += of_wait(labels, key, all + n);
    made.lacks_set =
        key->label_set != 0 && pp_recording_label_set(labels->reader, key->label_set) == NULL;
    made.lacks_span = key->span != 0 && span == NULL;
    made.label_set = pp_profile_label_set(labels->profile, all, n);
    return made;
}

/* ---- all ---- */

static uint64_t hash_of(const struct pp_recorded_label_key *key)
{
    const uint64_t of_thread_and_set = pp_hash_add(pp_hash_mix(key->thread), key->label_set);

    return pp_hash_add(pp_hash_add(of_thread_and_set, key->span),
                       key->lock ^ (uint64_t)(key->wait << 8 | key->descriptor) << 48);
}

static bool is_same(const struct pp_recorded_label_key *a, const struct pp_recorded_label_key *b)
{
    return a->thread == b->thread && a->label_set == b->label_set && a->span == b->span &&
           a->wait == b->wait && a->descriptor == b->descriptor && a->lock == b->lock;
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
