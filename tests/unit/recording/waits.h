/* Recordings of waits and locks made by hand: what tests of their profiles share. */
#ifndef TESTS_RECORDING_WAITS_H
#define TESTS_RECORDING_WAITS_H

#include <link.h>
#include <stdio.h>
#include <unistd.h>

#include "formats/recording.h"
#include "writer.h"

enum { BASE = 0x10000 }; /* where "/gone/prog" lies */

/* Locks that threads are said to have waited for. */
extern struct two_locks {
    long first, second;
} two_locks;
extern int one_lock;

static inline uint16_t wait_flags(enum pp_rec_wait wait, enum pp_rec_descriptor descriptor)
{
    return (uint16_t)(wait * PP_EVENT_WAIT + descriptor * PP_EVENT_DESCRIPTOR);
}

struct made {
    struct writer writer;
    struct pp_rec_segment *segment;
    uint32_t stack, other_stack, unsampled, running;
};

static inline void add_wait(struct made *made, uint64_t time_ns, uint32_t stack, uint16_t flags,
                            int64_t count, int64_t ns)
{
    struct pp_rec_event *event = writer_event(made->segment, time_ns, 0, stack, flags, ns);

    event->family = PP_FAMILY_OFFCPU;
    event->values[0] = count;
}

static inline void add_lock(struct made *made, enum pp_rec_family family, uint32_t stack,
                            int64_t count, int64_t ns, const void *lock)
{
    struct pp_rec_event *event =
        writer_event(made->segment, 200, 0, stack, wait_flags(PP_WAIT_MUTEX, 0), ns);

    event->family = (uint8_t)family;
    event->n_values = PP_WAIT_N_LOCK_VALUES;
    event->values[0] = count;
    event->values[PP_WAIT_LOCK] = (int64_t)(uintptr_t)lock;
    event->state_bytes = (32 + 24) | (uint32_t)PP_EVENT_COMMITTED << 24;
    made->segment->used += 8;
}

static inline int find_self(struct dl_phdr_info *info, size_t n_bytes, void *context)
{
    (void)n_bytes;
    *(uint64_t *)context = info->dlpi_addr;
    return 1;
}

/* Two threads, this program as a module, waits of every origin and two locks. */
static inline struct made make(uint32_t kinds)
{
    static const uint64_t pcs[] = {BASE + 0x100, BASE + 0x201}, others[] = {BASE + 0x300},
                          unsampled[] = {2}, running[] = {PP_PC_RUNNING};
    struct made made = {.writer = writer_new()};
    struct writer *writer = &made.writer;
    char self[512];
    uint64_t bias = 0;
    struct pp_rec_module *module;
    struct pp_rec_thread_waits *waits;
    const ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    assert_true(n > 0);
    self[n] = '\0';
    (void)dl_iterate_phdr(find_self, &bias);
    writer_module(writer, "/gone/prog", BASE, BASE + 0x10000, 0, 0);
    module = writer_module(writer, self, (uint64_t)(uintptr_t)&find_self & ~0xfffULL,
                           ((uint64_t)(uintptr_t)&find_self & ~0xfffULL) + 4096, 0, 0);
    module->bias = bias;
    writer_thread(writer, 42, "worker");
    writer_thread(writer, 43, "main");
    writer_table(writer, &writer->head->waits.threads, sizeof(struct pp_rec_thread_waits));
    waits = writer_item(writer, &writer->head->waits.threads);
    *waits = (struct pp_rec_thread_waits){.wall_ns = 1000,
                                          .cpu_ns = 100,
                                          .blocked_ns = 800,
                                          .run_queue_ns = 60,
                                          .throttled_ns = 20,
                                          .unattributed_ns = 40,
                                          .n_waits = 7,
                                          .n_contentions = 5,
                                          .delay_ns = 50};
    waits = writer_item(writer, &writer->head->waits.threads);
    *waits = (struct pp_rec_thread_waits){.wall_ns = 3000, .cpu_ns = 3000};
    writer->head->waits.interval_ns = 10000000;
    writer->head->waits.lock_interval_ns = 1000000;
    writer->head->waits.n_contentions = 6;
    writer->head->waits.delay_ns = 55;
    writer->head->kinds = kinds;
    made.segment = writer_segment(writer, PP_SEGMENT_RAW, 1, 64 * 1024);
    made.stack = writer_stack(made.segment, pcs, 2);
    made.other_stack = writer_stack(made.segment, others, 1);
    made.unsampled = writer_stack(made.segment, unsampled, 1);
    made.running = writer_stack(made.segment, running, 1);
    return made;
}

static inline void fill(struct made *made)
{
    (void)writer_event(made->segment, 50, 0, made->other_stack, 0, 100);
    add_wait(made, 100, made->stack, wait_flags(PP_WAIT_READ, PP_DESCRIPTOR_PIPE), 1, 500);
    add_wait(made, 110, made->stack, wait_flags(PP_WAIT_READ, PP_DESCRIPTOR_TCP), 2, 200);
    add_wait(made, 120, made->other_stack, wait_flags(PP_WAIT_MUTEX, 0), 1, 50);
    add_wait(made, 130, made->other_stack, wait_flags(PP_WAIT_CONDITION, 0), 3, 50);
    add_wait(made, 140, made->running, wait_flags(PP_WAIT_RUN_QUEUE, 0), 1, 40);
    add_wait(made, 150, made->other_stack, wait_flags(PP_WAIT_THROTTLED, 0), 0, 20);
    add_wait(made, 160, made->unsampled, PP_EVENT_REMAINDER, 0, 40);
    add_lock(made, PP_FAMILY_LOCK, made->stack, 4, 30, &one_lock);
    add_lock(made, PP_FAMILY_LOCK, made->stack, 1, 20, &two_locks.second);
    add_lock(made, PP_FAMILY_HOLDER, made->other_stack, 5, 50, &one_lock);
}

static inline struct pprofc_profile *profile_of(const struct made *made, enum pp_rec_family kind,
                                                enum pp_recorded_view view,
                                                const struct pp_recording_window *window)
{
    const struct pp_recording_profile_options options = {
        .kind = kind, .view = view, .window = window};
    struct pp_recording_reader *reader = NULL;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {0};

    if (pp_recording_view(made->writer.bytes, made->writer.n_next, "made", &reader, &err) != 0 ||
        pp_recording_to_profile(reader, NULL, &options, &profile, &err) != 0)
        fail_msg("%s", err.message);
    pp_recording_close(reader);
    return profile;
}

static inline const char *text(const struct pprofc_profile *profile, pp_id string)
{
    return pp_profile_chars(profile, string);
}

/* "types" as "waits/count wait/nanoseconds". */
static inline const char *types_of(const struct pprofc_profile *profile, char line[256])
{
    size_t n = 0;

    line[0] = '\0';
    for (uint32_t i = 0; i < profile->n_types; i++)
        n += (size_t)snprintf(line + n, 256 - n, "%s%s/%s", n > 0 ? " " : "",
                              text(profile, profile->types[i].type),
                              text(profile, profile->types[i].unit));
    return line;
}

static inline const char *label_of(const struct pprofc_profile *profile, uint32_t sample,
                                   const char *key)
{
    const struct pp_label_set *set = &profile->label_sets[profile->sample_labels[sample]];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if (strcmp(text(profile, label->key), key) == 0)
            return text(profile, label->text);
    }
    return "";
}

/* The sum of 'type' over samples with that label, whose leaf is called so (NULL: any). */
static inline int64_t sum_of(const struct pprofc_profile *profile, uint32_t type, const char *key,
                             const char *wanted, const char *leaf)
{
    int64_t sum = 0;

    for (uint32_t i = 0; i < profile->n_samples; i++) {
        char scratch[256];
        const char *name = pp_profile_frame_name(
            profile, profile->node_location[profile->sample_stack[i]], 0, scratch, sizeof scratch);
        if (strcmp(label_of(profile, i, key), wanted) == 0 &&
            (leaf == NULL || strcmp(leaf, name) == 0))
            sum += profile->sample_values[(size_t)i * profile->n_types + type];
    }
    return sum;
}

static const uint32_t all_kinds =
    1U << (PP_FAMILY_CPU - 1) | 1U << (PP_FAMILY_OFFCPU - 1) | 1U << (PP_FAMILY_LOCK - 1);

#endif
