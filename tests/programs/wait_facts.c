/* What a recording says of waits and locks, as one JSON line: settings, losses, messages, where
 * each thread's time went, and its events added up by thread, kind, lock and stack, with the names
 * on it.  Argument: the recording's path. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binary/symbolizer.h"
#include "recording/reader.h"

enum { MAX_SHOWN = 64, MAX_MODULES = 4096, MAX_GROUPS = 1 << 16 };

static struct pp_recording_reader *reader;
static struct pp_symbolizer *symbolizer;
static struct pp_module *opened[MAX_MODULES];

/* Events that are alike. */
struct group {
    struct pp_recording_event first;
    uint64_t stack_hash; /* of its addresses: equal in all segments */
    int64_t n_events, count, ns;
};
static struct group groups[MAX_GROUPS];
static size_t n_groups;

static void print_text(const char *text, size_t capacity)
{
    const size_t n = strnlen(text, capacity);

    putchar('"');
    for (size_t i = 0; i < n; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\')
            putchar('\\');
        printf(byte < ' ' || byte > '~' ? "?" : "%c", byte);
    }
    putchar('"');
}

/* The physical function that 'address' lies in. */
static void print_name(uint64_t address)
{
    const struct pp_rec_module *module;
    struct pp_frame frame;

    for (uint32_t i = 0; i < MAX_MODULES; i++) {
        if ((module = pp_recording_module(reader, i)) == NULL)
            break;
        if (address - module->start >= module->limit - module->start)
            continue;
        if (opened[i] == NULL &&
            pp_symbolizer_module(symbolizer, module->path, NULL, NULL, 0, &opened[i], NULL) != 0)
            break;
        if (pp_module_frames(opened[i], address - module->bias, &frame, 1) != 1)
            break;
        print_text(frame.name, SIZE_MAX);
        return;
    }
    printf("\"0x%" PRIx64 "\"", address);
}

static void print_frames(const struct pp_recording_event *event)
{
    for (uint32_t i = 0; i < event->n_frames && i < MAX_SHOWN; i++) {
        printf("%s", i == 0 ? "" : ", ");
        print_name(i == 0 || event->pcs[i] < 16 ? event->pcs[i] : event->pcs[i] - 1);
    }
}

/* ---- events ---- */

static uint64_t hash_of(const struct pp_recording_event *event)
{
    uint64_t hash = event->n_frames;

    for (uint32_t i = 0; i < event->n_frames; i++)
        hash = (hash ^ event->pcs[i]) * UINT64_C(0x9E3779B97F4A7C15);
    return hash;
}

static int64_t lock_of(const struct pp_recording_event *event)
{
    return event->n_values > PP_WAIT_LOCK ? event->values[PP_WAIT_LOCK] : 0;
}

static int add_event(void *unused, const struct pp_recording_event *event)
{
    const uint64_t hash = hash_of(event);
    struct group *group = groups;

    (void)unused;
    while (group < groups + n_groups &&
           (group->stack_hash != hash || group->first.family != event->family ||
            group->first.flags != event->flags || group->first.thread != event->thread ||
            lock_of(&group->first) != lock_of(event)))
        group++;
    if (group == groups + MAX_GROUPS)
        return -1;
    if (group == groups + n_groups) {
        group->first = *event;
        group->stack_hash = hash;
        n_groups++;
    }
    group->n_events++;
    group->count += event->values[PP_WAIT_COUNT];
    group->ns += event->values[PP_WAIT_NS];
    return 0;
}

static void print_group(const struct group *group)
{
    const struct pp_recording_event *event = &group->first;

    printf("{\"family\": %u, \"kind\": %d, \"descriptor\": %d, \"thread\": %u, \"lock\": %" PRId64
           ", \"n_events\": %" PRId64 ", \"count\": %" PRId64 ", \"ns\": %" PRId64
           ", \"is_remainder\": %s, \"is_truncated\": %s, \"frames\": [",
           event->family, (int)pp_rec_wait_of(event->flags),
           (int)pp_rec_descriptor_of(event->flags), event->thread, lock_of(event), group->n_events,
           group->count, group->ns, (event->flags & PP_EVENT_REMAINDER) != 0 ? "true" : "false",
           (event->flags & PP_EVENT_TRUNCATED) != 0 ? "true" : "false");
    print_frames(event);
    printf("]}");
}

/* ---- threads ---- */

static void print_thread(uint32_t index, const struct pp_rec_thread *thread)
{
    const struct pp_rec_thread_waits *waits = pp_recording_thread_waits(reader, index);

    printf("%s{\"tid\": %d, \"name\": ", index == 0 ? "" : ", ", thread->tid);
    print_text(thread->name, sizeof thread->name);
    if (waits != NULL)
        printf(", \"wall_ns\": %" PRIu64 ", \"cpu_ns\": %" PRIu64 ", \"blocked_ns\": %" PRIu64
               ", \"run_queue_ns\": %" PRIu64 ", \"throttled_ns\": %" PRIu64
               ", \"unattributed_ns\": %" PRIu64 ", \"n_waits\": %" PRIu64
               ", \"n_contentions\": %" PRIu64 ", \"delay_ns\": %" PRIu64,
               waits->wall_ns, waits->cpu_ns, waits->blocked_ns, waits->run_queue_ns,
               waits->throttled_ns, waits->unattributed_ns, waits->n_waits, waits->n_contentions,
               waits->delay_ns);
    printf("}");
}

static void print_head(const struct pp_rec_header *header)
{
    const struct pp_rec_waits *waits = &header->waits;
    const struct pp_rec_thread *thread;

    printf("{\"pid\": %d, \"interval_ns\": %" PRIu64 ", \"lock_interval_ns\": %" PRIu64
           ", \"clock_is_tsc\": %u, \"n_contentions\": %" PRIu64 ", \"delay_ns\": %" PRIu64
           ", \"helper_cpu_ns\": %" PRIu64 ", \"n_lost_waits\": %" PRIu64 ", \"n_losses\": [",
           header->pid, waits->interval_ns, waits->lock_interval_ns, waits->clock_is_tsc,
           waits->n_contentions, waits->delay_ns, header->helper_cpu_ns,
           header->losses[PP_LOSS_WAIT]);
    for (int i = 0; i < PP_LOSS_COUNT; i++)
        printf("%s%" PRIu64, i == 0 ? "" : ", ", header->losses[i]);
    printf("], \"messages\": [");
    for (uint32_t i = 0; i < header->n_messages && i < PP_REC_N_MESSAGES; i++) {
        printf("%s", i == 0 ? "" : ", ");
        print_text(header->messages[i], sizeof header->messages[i]);
    }
    printf("], \"threads\": [");
    for (uint32_t i = 0; (thread = pp_recording_thread(reader, i)) != NULL; i++)
        print_thread(i, thread);
    printf("], \"events\": [");
}

int main(int argc, char **argv)
{
    const struct pp_symbolizer_options options = {.only_symbols = true, .no_inlines = true};
    struct pprofc_error err = {.message = "no recording is given"};

    if (argc < 2 || pp_recording_open(argv[1], &reader, &err) != 0 ||
        pp_symbolizer_new(&options, &symbolizer, &err) != 0 ||
        pp_recording_each(reader, add_event, NULL) < 0) {
        (void)fprintf(stderr, "wait_facts: %s\n", err.message);
        return 2;
    }
    print_head(pp_recording_header(reader));
    for (size_t i = 0; i < n_groups; i++) {
        printf("%s", i == 0 ? "" : ", ");
        print_group(&groups[i]);
    }
    printf("]}\n");
    pp_symbolizer_free(symbolizer);
    pp_recording_close(reader);
    return 0;
}
