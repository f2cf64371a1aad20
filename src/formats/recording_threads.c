/* Where all threads of a process stood at one look, as a profile. */
#include "formats/recording_threads.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/recording_frames.h"
#include "formats/recording_labels.h"

enum {
    MAX_FRAMES = 4096,          /* of one stack; capture keeps 512 and a mark */
    MAX_FRAMES_IN_ALL = 1 << 23 /* a hostile recording may have any number */
};

struct maker {
    struct pprofc_profile *profile;
    struct pprofc_error *err;
    struct pp_recording_reader *reader;
    struct pp_recorded_modules modules;
    struct pp_recorded_frames frames;
    uint32_t look;
    uint64_t n_frames;
    int64_t n_told, n_expected, n_truncated, n_inferred; /* n_expected -1: nothing says */
    uint64_t time_ns;
    pp_id *locations;
    size_t locations_capacity;
};

static int no_memory(const struct maker *maker)
{
    return pp_fail(maker->err, -ENOMEM, 0, "no memory for the profile");
}

/* ---- labels ---- */

static pp_id state_of(struct pprofc_profile *profile, const struct pp_recording_event *event)
{
    const int64_t call = event->values[PP_STAND_CALL];
    const char *name = pp_wait_name(call);
    char text[48];

    if (event->values[PP_STAND_RUNS] != 0)
        return pp_profile_text(profile, "running");
    if (call < 0)
        return pp_profile_text(profile, "waiting");
    if (name != NULL)
        return pp_profile_text(profile, name);
    (void)snprintf(text, sizeof text, "system call %" PRId64, call);
    return pp_profile_text(profile, text);
}

static pp_id labels_of(struct maker *maker, const struct pp_recording_event *event)
{
    struct pprofc_profile *profile = maker->profile;
    const struct pp_rec_thread *thread = pp_recording_thread(maker->reader, event->thread);
    const size_t n_name = thread == NULL ? 0 : strnlen(thread->name, sizeof thread->name);
    struct pp_label labels[4 + PP_REC_MAX_LABELS];
    uint32_t n = pp_recorded_labels_of_set(profile, maker->reader, event->label_set, labels);

    if (event->values[PP_STAND_IDLE_NS] > 0)
        labels[n++] = (struct pp_label){.key = pp_profile_text(profile, PP_LABEL_IDLE),
                                        .number = event->values[PP_STAND_IDLE_NS],
                                        .unit = pp_profile_text(profile, "nanoseconds")};
    labels[n++] = (struct pp_label){.key = pp_profile_text(profile, PP_LABEL_STATE),
                                    .text = state_of(profile, event)};
    labels[n++] = (struct pp_label){.key = pp_profile_text(profile, PP_LABEL_THREAD_ID),
                                    .number = event->values[PP_STAND_TID]};
    if (n_name > 0)
        labels[n++] = (struct pp_label){.key = pp_profile_text(profile, PP_LABEL_THREAD_NAME),
                                        .text = pp_profile_string(profile, thread->name, n_name)};
    return pp_profile_label_set(profile, labels, n);
}

/* ---- stacks ---- */

static int add_stack(struct maker *maker, const struct pp_recording_event *event, pp_id *stack_out)
{
    const uint32_t epoch = pp_recorded_modules_epoch(&maker->modules, event->time_ns);
    size_t n = 0;

    maker->n_frames += event->n_frames;
    if (event->n_frames > MAX_FRAMES || maker->n_frames > MAX_FRAMES_IN_ALL)
        return pp_fail(maker->err, -EBADMSG, 0, "the recording is damaged: its stacks overlap");
    if (pp_array_reserve(&maker->locations, &maker->locations_capacity, event->n_frames + 1UL,
                         sizeof *maker->locations) != 0)
        return no_memory(maker);
    for (uint32_t i = 0; i < event->n_frames; i++) {
        const struct pp_recorded_frame *frame;
        if (pp_recorded_frame(&maker->frames, event->pcs[i], i == 0, event->time_ns, epoch,
                              &frame) != 0)
            return no_memory(maker);
        if (frame->location != 0)
            maker->locations[n++] = frame->location;
    }
    /* Whatever was found last is not its root. */
    if ((event->flags & PP_EVENT_TRUNCATED) != 0 || n == 0)
        maker->locations[n++] =
            pp_profile_named_location(maker->profile, "[truncated]", strlen("[truncated]"));
    *stack_out = pp_profile_stack(maker->profile, maker->locations, n);
    return 0;
}

static int add_event(void *context, const struct pp_recording_event *event)
{
    static const int64_t one = 1;
    struct maker *maker = context;
    pp_id stack = 0;
    int status;

    if (event->family != PP_FAMILY_THREADS || event->n_values < PP_STAND_N_VALUES ||
        event->values[PP_STAND_LOOK] != maker->look)
        return 0;
    if (event->values[PP_STAND_COUNT] == 0) { /* the last of them */
        maker->n_expected = event->values[PP_STAND_TID];
        maker->time_ns = event->time_ns;
        return 0;
    }
    status = add_stack(maker, event, &stack);
    if (status != 0)
        return status;
    pp_profile_add(maker->profile, stack, labels_of(maker, event), 0, &one);
    maker->n_told++;
    maker->n_truncated += (event->flags & PP_EVENT_TRUNCATED) != 0;
    maker->n_inferred += (event->flags & PP_EVENT_INFERRED) != 0;
    return 0;
}

/* ---- the whole ---- */

static void set_facts(struct maker *maker)
{
    const struct pp_rec_header *head = pp_recording_header(maker->reader);
    struct pprofc_profile *profile = maker->profile;

    (void)pp_profile_add_type(profile, "threads", "count");
    profile->kind = pp_profile_text(profile, "threads");
    profile->command =
        pp_profile_string(profile, head->command, strnlen(head->command, sizeof head->command));
    profile->period_type = profile->types[0];
    profile->period = 1;
    profile->time_ns = head->start_realtime_ns;
}

static void add_comments(struct maker *maker)
{
    struct pprofc_profile *profile = maker->profile;

    if (maker->time_ns < INT64_MAX / 2)
        profile->time_ns += (int64_t)maker->time_ns;
    if (maker->n_expected < 0)
        pp_profile_comment(profile, "threads may be missing: the recording had no room for all");
    else if (maker->n_told < maker->n_expected)
        pp_profile_comment(profile,
                           "%" PRId64 " of %" PRId64
                           " threads are missing: the recording had no room for them",
                           maker->n_expected - maker->n_told, maker->n_expected);
    if (maker->n_truncated > 0)
        pp_profile_comment(profile,
                           "%" PRId64 " of %" PRId64 " stacks end before their root: [truncated]",
                           maker->n_truncated, maker->n_told);
    if (maker->n_inferred > 0)
        pp_profile_comment(profile,
                           "%" PRId64 " of %" PRId64 " stacks were walked by frame pointers, or "
                           "changed while they were read: their callers may be wrong",
                           maker->n_inferred, maker->n_told);
}

static int make_profile(struct maker *maker)
{
    const struct pp_rec_header *head = pp_recording_header(maker->reader);
    char program[sizeof head->program + 1];
    int64_t status;

    memcpy(program, head->program, sizeof head->program);
    program[sizeof head->program] = '\0';
    set_facts(maker);
    if (pp_recorded_frames_begin_with(&maker->frames, program) != 0)
        return no_memory(maker);
    status = pp_recording_each(maker->reader, add_event, maker);
    if (status < 0)
        return (int)status;
    add_comments(maker);
    return pp_profile_failed(maker->profile) ? no_memory(maker) : 0;
}

int pp_recording_threads(struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer,
                         uint32_t look, struct pprofc_profile **profile_out,
                         struct pprofc_error *err)
{
    struct maker maker = {.reader = reader, .look = look, .err = err, .n_expected = -1};
    int status;

    maker.profile = pp_profile_new();
    if (maker.profile == NULL)
        return no_memory(&maker);
    if (pp_recorded_modules_init(&maker.modules, reader) != 0 ||
        pp_recorded_frames_init(&maker.frames, maker.profile, symbolizer, &maker.modules) != 0)
        status = no_memory(&maker);
    else
        status = make_profile(&maker);
    pp_recorded_frames_done(&maker.frames);
    pp_recorded_modules_done(&maker.modules);
    free(maker.locations);
    if (status != 0)
        pprofc_profile_free(maker.profile);
    else
        *profile_out = maker.profile;
    return status;
}
