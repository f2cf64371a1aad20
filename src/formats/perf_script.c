/* The text that `perf script` writes, whatever columns it was told to show: records of one line
 * that says who, when and how much of what, the stack below it, and a blank line where stacks are
 * long.  Each event is a sample type: what perf counted as "cycles" and as "instructions" has no
 * common sum. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "formats/perf_script.h"
#include "profile/tables.h"

enum {
    SLICE_NS = 100 * 1000 * 1000, /* as in recordings of ours */
    NO_EVENT = UINT32_MAX,
    MOST_SLICES = 1 << 16,
};

/* A record is kept until all events are known, and with them the sample types. */
struct record {
    pp_id stack, labels;
    uint32_t event;
    int64_t period, time_ns; /* -1: no time */
};

struct event {
    pp_id name;
    uint64_t n_records;
    bool has_periods;
};

struct reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pprofc_error *err;
    struct pp_perf_frames frames;
    struct pp_text_memo roots; /* the name of a thread: the location that its stacks begin with */
    struct record *records;
    size_t n_records, records_capacity;
    struct event events[PP_MAX_TYPES];
    uint32_t n_events;
    struct record current;
    pp_id root;                                 /* of the current record */
    bool is_inside;                             /* a record has begun and has not ended */
    bool has_stack;                             /* and a frame of it was seen */
    uint64_t n_lines, n_skipped, first_skipped; /* lines; offset */
    uint64_t n_others;                          /* PERF_RECORD_MMAP and the like */
    uint64_t n_left_out;                        /* records of a ninth event and later */
    int64_t first_ns, last_ns;
};

static void reader_done(struct reader *reader)
{
    pprofc_profile_free(reader->profile);
    pp_perf_frames_done(&reader->frames);
    pp_text_memo_done(&reader->roots);
    free(reader->records);
}

/* ---- a record ---- */

/* "cycles:u" counts cycles, and so does "cycles:ppp"; "sched:sched_switch" is one name. */
static struct pp_text without_modifiers(struct pp_text event)
{
    size_t at = event.n_bytes;

    while (at > 0 && event.bytes[at - 1] != ':')
        at--;
    for (size_t i = at; i < event.n_bytes; i++) {
        if (strchr("ukhGHIpPSDeWb", event.bytes[i]) == NULL)
            return event;
    }
    if (at > 1)
        event.n_bytes = at - 1;
    return event;
}

/* The number of the event, NO_EVENT when there are too many. */
static uint32_t number_event(struct reader *reader, const struct pp_perf_header *header)
{
    static const struct pp_text unnamed = {"samples", 7, 0};
    const struct pp_text text =
        header->event.n_bytes > 0 ? without_modifiers(header->event) : unnamed;
    const pp_id name = pp_profile_string(reader->profile, text.bytes, text.n_bytes);

    for (uint32_t i = 0; i < reader->n_events; i++) {
        if (reader->events[i].name == name)
            return i;
    }
    if (reader->n_events == PP_MAX_TYPES)
        return NO_EVENT;
    reader->events[reader->n_events] = (struct event){.name = name};
    return reader->n_events++;
}

/* As recordings have them: the thread's name and its number. */
static pp_id labels_of(struct pprofc_profile *profile, const struct pp_perf_header *header)
{
    struct pp_label labels[3];
    uint32_t n_labels = 0;

    if (header->comm.n_bytes > 0)
        labels[n_labels++] = (struct pp_label){
            .key = pp_profile_text(profile, "thread_name"),
            .text = pp_profile_string(profile, header->comm.bytes, header->comm.n_bytes)};
    if (header->tid >= 0)
        labels[n_labels++] =
            (struct pp_label){.key = pp_profile_text(profile, "thread_id"), .number = header->tid};
    if (header->pid >= 0)
        labels[n_labels++] =
            (struct pp_label){.key = pp_profile_text(profile, "process_id"), .number = header->pid};
    return pp_profile_label_set(profile, labels, n_labels);
}

/* Stacks begin with the name of their thread, as every tool that folds perf's text has them: of a
 * whole system they would make no sense without. */
static pp_id root_of(struct reader *reader, const struct pp_text *comm)
{
    const uint64_t hash = pp_text_hash(comm->bytes, comm->n_bytes);
    pp_id location;

    if (pp_text_memo_find(&reader->roots, comm->bytes, comm->n_bytes, hash, &location))
        return location;
    location = pp_profile_named_location(reader->profile, comm->bytes, comm->n_bytes);
    if (pp_text_memo_put(&reader->roots, comm->bytes, comm->n_bytes, hash, location) != 0)
        return 0;
    return location;
}

static int end_record(struct reader *reader)
{
    if (!reader->is_inside)
        return 0;
    reader->is_inside = false;
    if (pp_perf_frames_end(&reader->frames, reader->root, &reader->current.stack) != 0 ||
        pp_array_reserve(&reader->records, &reader->records_capacity, reader->n_records + 1,
                         sizeof *reader->records) != 0)
        return -ENOMEM;
    if (reader->current.event == NO_EVENT)
        reader->n_left_out++;
    else
        reader->records[reader->n_records++] = reader->current;
    return 0;
}

static void note_time(struct reader *reader, int64_t time_ns)
{
    if (reader->last_ns < 0 || time_ns < reader->first_ns)
        reader->first_ns = time_ns;
    if (time_ns > reader->last_ns)
        reader->last_ns = time_ns;
}

static int begin_record(struct reader *reader, const struct pp_perf_header *header)
{
    int failed = end_record(reader);
    struct event *event;
    int taken;

    if (failed != 0)
        return failed;
    if (pp_text_begins(&header->event, "PERF_RECORD_")) {
        reader->n_others++;
        return 0;
    }
    reader->current = (struct record){
        .labels = labels_of(reader->profile, header),
        .event = number_event(reader, header),
        .period = header->has_period ? header->period : 1,
        .time_ns = header->has_time ? header->time_ns : -1,
    };
    if (header->has_time)
        note_time(reader, header->time_ns);
    if (reader->current.event != NO_EVENT) {
        event = &reader->events[reader->current.event];
        event->n_records++;
        event->has_periods |= header->has_period;
    }
    reader->root = root_of(reader, &header->comm);
    reader->is_inside = true;
    reader->has_stack = false;
    if (reader->root == 0)
        return -ENOMEM;
    if (header->rest.n_bytes == 0)
        return 0;
    /* Without call chains the only frame stands here; a tracepoint has its fields here. */
    taken = pp_perf_frames_take(&reader->frames, &header->rest,
                                pp_text_hash(header->rest.bytes, header->rest.n_bytes));
    return taken < 0 ? taken : 0;
}

/* ---- lines ---- */

static void skip(struct reader *reader, const struct pp_text *line)
{
    if (reader->n_skipped++ == 0)
        reader->first_skipped = line->offset;
}

/* "# cmdline : perf record -g -- ./app" stands in perf's header. */
static void take_comment(struct reader *reader, struct pp_text line)
{
    const char *colon = memchr(line.bytes, ':', line.n_bytes);

    if (!pp_text_begins(&line, "# cmdline") || colon == NULL || reader->profile->command != 0)
        return;
    line.n_bytes -= (size_t)(colon + 1 - line.bytes);
    line.bytes = colon + 1;
    pp_text_trim(&line);
    reader->profile->command = pp_profile_string(reader->profile, line.bytes, line.n_bytes);
}

/* Whether the second word begins with a digit, as in the first line of a record; a function's name
 * never does. */
static bool may_be_header(struct pp_text line)
{
    (void)pp_text_word(&line);
    pp_text_trim(&line);
    return line.n_bytes > 0 &&
           (line.bytes[0] == '-' || (line.bytes[0] >= '0' && line.bytes[0] <= '9'));
}

/* A line that is neither blank, nor a comment, nor a frame that was met before. */
static int read_new_line(struct reader *reader, const struct pp_text *line, bool is_indented,
                         uint64_t hash)
{
    struct pp_perf_header header;
    int taken = 0;

    if ((!reader->is_inside || may_be_header(*line)) && pp_perf_read_header(line, &header))
        return begin_record(reader, &header);
    if (reader->is_inside)
        taken = pp_perf_frames_take(&reader->frames, line, hash);
    if (taken > 0)
        reader->has_stack = true;
    if (taken != 0)
        return taken < 0 ? taken : 0;
    if (!is_indented && pp_perf_read_header(line, &header)) /* its thread's name has blanks */
        return begin_record(reader, &header);
    if (memmem(line->bytes, line->n_bytes, ": PERF_RECORD_", 14) != NULL)
        reader->n_others++;
    else
        skip(reader, line);
    return 0;
}

static int read_line(struct reader *reader, const struct pp_text *whole)
{
    struct pp_text line = *whole;
    uint64_t hash;
    int known = 0;

    pp_text_trim(&line);
    reader->n_lines++;
    if (line.n_bytes == 0) /* one right behind the first line belongs to the record */
        return reader->has_stack ? end_record(reader) : 0;
    if (line.bytes[0] == '#' && line.bytes == whole->bytes) {
        take_comment(reader, line);
        return 0;
    }
    hash = pp_text_hash(line.bytes, line.n_bytes);
    if (reader->is_inside)
        known = pp_perf_frames_take_known(&reader->frames, &line, hash);
    if (known == 0)
        return read_new_line(reader, &line, line.bytes > whole->bytes, hash);
    reader->has_stack = true;
    return known < 0 ? known : 0;
}

/* ---- all of them ---- */

static const char *unit_of(const char *event)
{
    return strcmp(event, "cpu-clock") == 0 || strcmp(event, "task-clock") == 0 ? "nanoseconds"
                                                                               : "count";
}

/* One event: how many samples, and what they stand for.  Several: a type each.  Returns the type of
 * the first event, or -ENOMEM. */
static int add_types(struct reader *reader)
{
    struct pprofc_profile *profile = reader->profile;
    const bool counts_samples = reader->n_events == 1 && reader->events[0].has_periods;
    int type = 0;

    if (counts_samples)
        type = pp_profile_add_type(profile, "samples", "count");
    for (uint32_t i = 0; i < reader->n_events && type >= 0; i++) {
        const char *name = profile->strings[reader->events[i].name];
        type = pp_profile_add_type(profile, name,
                                   reader->events[i].has_periods ? unit_of(name) : "count");
    }
    profile->default_type = counts_samples ? 1 : 0;
    return type < 0 ? -ENOMEM : (int)profile->default_type;
}

/* So wide that there are not more of them than a picture shows. */
static int64_t slice_width_ns(const struct reader *reader)
{
    const int64_t all_ns = reader->last_ns - reader->first_ns;
    int64_t width_ns = SLICE_NS;

    while (all_ns / width_ns >= MOST_SLICES)
        width_ns *= 2;
    return width_ns;
}

static int add_samples(struct reader *reader)
{
    struct pprofc_profile *profile = reader->profile;
    const int first_type = add_types(reader);
    int64_t values[PP_MAX_TYPES];

    if (first_type < 0)
        return -ENOMEM;
    if (reader->last_ns >= 0) {
        profile->slice_ns = slice_width_ns(reader);
        profile->duration_ns = reader->last_ns - reader->first_ns;
    }
    for (size_t i = 0; i < reader->n_records; i++) {
        const struct record *record = &reader->records[i];
        const uint32_t slice =
            record->time_ns < 0
                ? 0
                : (uint32_t)((record->time_ns - reader->first_ns) / profile->slice_ns);
        memset(values, 0, sizeof values);
        values[0] = 1;
        if (reader->n_events > 1)
            values[0] = 0;
        values[(uint32_t)first_type + record->event] =
            reader->events[record->event].has_periods ? record->period : 1;
        pp_profile_add(profile, record->stack, record->labels, slice, values);
    }
    return pp_profile_failed(profile) ? -ENOMEM : 0;
}

static void add_notes(struct reader *reader)
{
    if (reader->n_skipped > 0)
        pp_profile_note(reader->profile,
                        "%" PRIu64 " lines are no part of a record and were skipped, the first at "
                        "byte %" PRIu64,
                        reader->n_skipped, reader->first_skipped);
    if (reader->n_others > 0)
        pp_profile_note(reader->profile,
                        "%" PRIu64 " records are no samples (PERF_RECORD_..) and were left out",
                        reader->n_others);
    if (reader->n_left_out > 0)
        pp_profile_note(reader->profile,
                        "%" PRIu64 " records are of further events than the first %d and were left "
                        "out; perf script -e NAME shows one",
                        reader->n_left_out, PP_MAX_TYPES);
}

static int read_all(struct reader *reader, struct pp_lines *lines)
{
    struct pp_text line;
    int failed = 0;

    while (failed == 0 && pp_lines_next(lines, &line))
        failed = read_line(reader, &line);
    if (failed == 0 && lines->error != 0)
        return pp_fail(reader->err, lines->error, lines->offset, "cannot read '%s': %s",
                       reader->name, strerror(-lines->error));
    if (failed == 0)
        failed = end_record(reader);
    if (failed == 0 && reader->n_records == 0)
        return pp_fail(reader->err, -EBADMSG, reader->first_skipped,
                       "'%s' has no record of perf script in %" PRIu64
                       " lines; give what `perf script` prints, with its thread and event or time",
                       reader->name, reader->n_lines);
    if (failed == 0)
        failed = add_samples(reader);
    if (failed == 0)
        add_notes(reader);
    if (failed == -ENOMEM || (failed == 0 && pp_profile_failed(reader->profile)))
        return pp_fail(reader->err, -ENOMEM, 0, "'%s': out of memory", reader->name);
    return failed;
}

int pp_perf_script_read(struct pp_lines *lines, const char *name,
                        struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct reader reader = {
        .name = name, .err = err, .profile = pp_profile_new(), .last_ns = -1};
    int failed;

    if (reader.profile == NULL)
        return pp_fail(err, -ENOMEM, 0, "'%s': out of memory", name);
    reader.frames.profile = reader.profile;
    failed = read_all(&reader, lines);
    if (failed != 0)
        return failed;
    *profile_out = reader.profile;
    reader.profile = NULL;
    return 0;
}
