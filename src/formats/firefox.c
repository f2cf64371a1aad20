/* Reading the processed profiles of the Firefox Profiler, which samply and others write too: tables
 * in columns, of each thread or shared by all.  A sample is worth the profile's interval, or the
 * time that it says itself ("tracing-ms").  What the browser sends before it is processed has
 * "schema" and "data" in its tables and is refused with what to do. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_reader.h"
#include "base/memory.h"
#include "formats/formats.h"

#define NO_NUMBER INT64_MIN /* null in a column */

enum { NS_PER_MS = 1000000 };

struct column {
    int64_t *numbers;
    size_t n, capacity;
};

struct tables {
    struct column stack_prefix, stack_frame, frame_function, frame_line, function_name,
        function_file, function_line, strings; /* of 'strings' the numbers are ours */
};

struct thread {
    struct tables tables;
    struct column stacks, weights; /* of samples; weights in millionths */
    pp_id name;
    struct pp_label id; /* key 0: none */
    bool is_traced;     /* weights are milliseconds */
    bool is_refused;    /* weights are of another kind */
};

struct reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pprofc_error *err;
    struct pp_json_reader json;
    struct tables shared;
    int64_t interval_ns;
    bool is_processed;
    uint64_t n_without_stack, n_threads_left_out;
};

static void tables_done(struct tables *tables)
{
    struct column *columns = &tables->stack_prefix;

    for (size_t i = 0; i < sizeof *tables / sizeof *columns; i++)
        free(columns[i].numbers);
}

static void thread_done(struct thread *thread)
{
    tables_done(&thread->tables);
    free(thread->stacks.numbers);
    free(thread->weights.numbers);
}

static void reader_done(struct reader *reader)
{
    pprofc_profile_free(reader->profile);
    pp_json_reader_done(&reader->json);
    tables_done(&reader->shared);
}

static int refuse(struct reader *reader, const char *what)
{
    const uint64_t offset = (uint64_t)(reader->json.at - reader->json.begin);

    return pp_fail(reader->err, -EBADMSG, offset, "'%s': %s at byte %" PRIu64, reader->name, what,
                   offset);
}

/* ---- tables ---- */

static int append(struct column *column, int64_t number)
{
    if (pp_array_reserve(&column->numbers, &column->capacity, column->n + 1,
                         sizeof *column->numbers) != 0)
        return -ENOMEM;
    column->numbers[column->n++] = number;
    return 0;
}

/* Numbers, times 'factor', and null; what else stands there is null too. */
static int read_column(struct reader *reader, struct column *column, int factor)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_number number;
    int failed = 0;

    if (pp_json_peek(json) != PP_JSON_ARRAY) {
        (void)pp_json_skip(json);
        return 0;
    }
    (void)pp_json_read_array(json);
    while (failed == 0 && pp_json_next_item(json)) {
        int64_t value = NO_NUMBER;
        if (pp_json_peek(json) != PP_JSON_NUMBER) {
            (void)pp_json_skip(json);
        } else if (pp_json_read_number(json, &number)) {
            const long double exact = number.value * factor;
            if (!(fabsl(exact) < 0x1p63L))
                return refuse(reader, "a number beyond 2^63");
            value = (int64_t)floorl(exact + 0.5L);
        }
        failed = append(column, value);
    }
    return failed;
}

struct named_column {
    const char *key;
    struct column *column;
    int factor;
};

static int read_table(struct reader *reader, const struct named_column *columns, size_t n_columns)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        size_t i = 0;
        while (i < n_columns && !pp_json_is(key, columns[i].key))
            i++;
        if (pp_json_is(key, "schema"))
            return refuse(reader, "a profile as Firefox sends it: open it at profiler.firefox.com "
                                  "and save it from there; a table");
        if (i < n_columns)
            failed = read_column(reader, columns[i].column, columns[i].factor);
        else
            (void)pp_json_skip(json);
    }
    return failed;
}

static int read_strings(struct reader *reader, struct column *strings)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string text;
    int failed = 0;

    if (!pp_json_read_array(json))
        return 0;
    while (failed == 0 && pp_json_next_item(json) && pp_json_read_string(json, &text))
        failed = append(strings, pp_profile_string(reader->profile, text.bytes, text.n_bytes));
    return failed;
}

/* A table that threads may share, or anything else. */
static int read_shareable(struct reader *reader, struct pp_json_string key, struct tables *tables)
{
    const struct named_column stacks[] = {{"prefix", &tables->stack_prefix, 1},
                                          {"frame", &tables->stack_frame, 1}};
    const struct named_column frames[] = {{"func", &tables->frame_function, 1},
                                          {"line", &tables->frame_line, 1}};
    const struct named_column functions[] = {{"name", &tables->function_name, 1},
                                             {"fileName", &tables->function_file, 1},
                                             {"lineNumber", &tables->function_line, 1}};

    if (pp_json_is(key, "stackTable"))
        return read_table(reader, stacks, 2);
    if (pp_json_is(key, "frameTable"))
        return read_table(reader, frames, 2);
    if (pp_json_is(key, "funcTable"))
        return read_table(reader, functions, 3);
    if (pp_json_is(key, "stringArray") || pp_json_is(key, "stringTable"))
        return read_strings(reader, &tables->strings);
    (void)pp_json_skip(&reader->json);
    return 0;
}

/* ---- stacks ---- */

/* The thread's own, or what all share. */
static const struct column *own_or(const struct column *own, const struct column *shared)
{
    return own->n > 0 ? own : shared;
}

static int64_t at(const struct column *column, int64_t index)
{
    return index >= 0 && (uint64_t)index < column->n ? column->numbers[index] : NO_NUMBER;
}

static pp_id string_at(const struct column *strings, int64_t index)
{
    const int64_t string = at(strings, index);

    return string == NO_NUMBER ? 0 : (pp_id)string;
}

static pp_id location_of(struct reader *reader, const struct tables *own, int64_t frame)
{
    const struct tables *shared = &reader->shared;
    const struct column *strings = own_or(&own->strings, &shared->strings);
    const int64_t index = at(own_or(&own->frame_function, &shared->frame_function), frame);
    const int64_t start = at(own_or(&own->function_line, &shared->function_line), index);
    const int64_t number = at(own_or(&own->frame_line, &shared->frame_line), frame);
    const struct pp_function function = {
        .name = string_at(strings, at(own_or(&own->function_name, &shared->function_name), index)),
        .file = string_at(strings, at(own_or(&own->function_file, &shared->function_file), index)),
        .start_line = start > 0 ? start : 0};
    const struct pp_line line = {pp_profile_function(reader->profile, &function),
                                 number > 0 ? number : 0};
    const struct pp_location location = {.n_lines = 1};

    return pp_profile_location(reader->profile, &location, &line);
}

/* Our stacks by their index.  A prefix stands before what is called from it. */
static int make_stacks(struct reader *reader, const struct tables *own, struct column *made)
{
    const struct column *frames = own_or(&own->stack_frame, &reader->shared.stack_frame);
    const struct column *prefixes = own_or(&own->stack_prefix, &reader->shared.stack_prefix);
    const struct column *functions = own_or(&own->frame_function, &reader->shared.frame_function);
    int failed = 0;

    if (frames->n != prefixes->n)
        return refuse(reader, "a stackTable without a prefix for each frame, which is a version "
                              "not known here; a thread ends");
    for (size_t i = 0; failed == 0 && i < frames->n; i++) {
        const int64_t prefix = prefixes->numbers[i], frame = frames->numbers[i];
        if (frame < 0 || (uint64_t)frame >= functions->n)
            return refuse(reader, "a stack with a frame that is not there; a thread ends");
        if (prefix != NO_NUMBER && (prefix < -1 || prefix >= (int64_t)i))
            return refuse(reader, "a stack with a prefix that does not stand before it; a thread "
                                  "ends");
        failed = append(made, pp_profile_child(reader->profile,
                                               prefix < 0 ? 0 : (pp_id)made->numbers[prefix],
                                               location_of(reader, own, frame)));
    }
    return failed;
}

static pp_id labels_of(struct reader *reader, const struct thread *thread)
{
    struct pp_label labels[2];
    uint32_t n_labels = 0;

    if (thread->name != 0)
        labels[n_labels++] = (struct pp_label){
            .key = pp_profile_text(reader->profile, "thread_name"), .text = thread->name};
    if (thread->id.key != 0)
        labels[n_labels++] = thread->id;
    return pp_profile_label_set(reader->profile, labels, n_labels);
}

static int add_samples(struct reader *reader, const struct thread *thread)
{
    struct column made = {NULL, 0, 0};
    const pp_id labels = labels_of(reader, thread);
    int failed = make_stacks(reader, &thread->tables, &made);

    for (size_t i = 0; failed == 0 && i < thread->stacks.n; i++) {
        const int64_t stack = thread->stacks.numbers[i];
        const int64_t weight = thread->weights.n > 0 ? at(&thread->weights, (int64_t)i) : NS_PER_MS;
        int64_t values[2] = {1, weight};
        if (stack == NO_NUMBER) {
            reader->n_without_stack++;
            continue;
        }
        if (stack < 0 || (uint64_t)stack >= made.n)
            failed = refuse(reader, "a sample with a stack that is not there; a thread ends");
        else if (weight == NO_NUMBER || weight < 0)
            failed =
                refuse(reader, "a sample without a weight, or with a negative one; a thread ends");
        if (failed != 0)
            break;
        if (!thread->is_traced) {
            values[0] = weight / NS_PER_MS;
            if (__builtin_mul_overflow(values[0], reader->interval_ns, &values[1]))
                values[1] = INT64_MAX;
        }
        pp_profile_add(reader->profile, (pp_id)made.numbers[stack], labels, 0, values);
    }
    free(made.numbers);
    return failed == 0 && pp_profile_failed(reader->profile) ? -ENOMEM : failed;
}

/* ---- threads ---- */

static int read_samples(struct reader *reader, struct thread *thread)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key, text;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "stack")) {
            failed = read_column(reader, &thread->stacks, 1);
        } else if (pp_json_is(key, "weight")) {
            failed = read_column(reader, &thread->weights, NS_PER_MS);
        } else if (pp_json_is(key, "weightType") && pp_json_peek(json) == PP_JSON_STRING &&
                   pp_json_read_string(json, &text)) {
            thread->is_traced = pp_json_is(text, "tracing-ms");
            thread->is_refused = !thread->is_traced && !pp_json_is(text, "samples");
        } else if (pp_json_is(key, "schema")) {
            return refuse(reader, "a profile as Firefox sends it: open it at profiler.firefox.com "
                                  "and save it from there; a table");
        } else {
            (void)pp_json_skip(json);
        }
    }
    return failed;
}

static void read_thread_id(struct reader *reader, struct thread *thread)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string text;

    if (pp_json_peek(json) == PP_JSON_NUMBER && pp_json_read_int64(json, &thread->id.number))
        thread->id.key = pp_profile_text(reader->profile, "thread_id");
    else if (pp_json_peek(json) == PP_JSON_STRING && pp_json_read_string(json, &text)) {
        thread->id.text = pp_profile_string(reader->profile, text.bytes, text.n_bytes);
        thread->id.key = pp_profile_text(reader->profile, "thread_id");
    } else {
        (void)pp_json_skip(json);
    }
}

static int read_thread(struct reader *reader)
{
    __attribute__((cleanup(thread_done))) struct thread thread = {.name = 0};
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key, text;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "samples"))
            failed = read_samples(reader, &thread);
        else if (pp_json_is(key, "name") && pp_json_read_string(json, &text))
            thread.name = pp_profile_string(reader->profile, text.bytes, text.n_bytes);
        else if (pp_json_is(key, "tid"))
            read_thread_id(reader, &thread);
        else
            failed = read_shareable(reader, key, &thread.tables);
    }
    if (failed != 0 || json->problem != NULL)
        return failed;
    reader->n_threads_left_out += thread.is_refused;
    return thread.is_refused ? 0 : add_samples(reader, &thread);
}

/* ---- the document ---- */

static void read_meta(struct reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_number number;
    struct pp_json_string key;

    if (!pp_json_read_object(json))
        return;
    while (pp_json_next_key(json, &key)) {
        reader->is_processed |= pp_json_is(key, "preprocessedProfileVersion");
        if (pp_json_peek(json) != PP_JSON_NUMBER) {
            (void)pp_json_skip(json);
            continue;
        }
        if (!pp_json_read_number(json, &number))
            return;
        if (pp_json_is(key, "interval") && number.value > 0 && number.value < 1e9L)
            reader->interval_ns = (int64_t)(number.value * NS_PER_MS + 0.5L);
        else if (pp_json_is(key, "startTime") && number.value > 0 && number.value < 9e12L)
            reader->profile->time_ns = (int64_t)(number.value * NS_PER_MS);
    }
}

static int read_shared(struct reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key))
        failed = read_shareable(reader, key, &reader->shared);
    return failed;
}

/* Threads lean on what all share, wherever it stands, so they are read last. */
static int read_document(struct reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    const char *threads = NULL;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "meta")) {
            read_meta(reader);
        } else if (pp_json_is(key, "shared")) {
            failed = read_shared(reader);
        } else {
            threads = pp_json_is(key, "threads") ? json->at : threads;
            (void)pp_json_skip(json);
        }
    }
    if (failed != 0 || json->problem != NULL)
        return failed;
    if (!pp_json_at_end(json))
        return refuse(reader, "something behind the document");
    if (threads == NULL || !reader->is_processed)
        return refuse(reader, "no processed profile of the Firefox Profiler: open it at "
                              "profiler.firefox.com and save it from there; the document ends");
    json->at = threads;
    if (!pp_json_read_array(json))
        return 0;
    while (failed == 0 && pp_json_next_item(json))
        failed = read_thread(reader);
    return failed;
}

static int finish(struct reader *reader)
{
    struct pprofc_profile *profile = reader->profile;

    if (reader->n_without_stack > 0)
        pp_profile_note(profile, "%" PRIu64 " samples had no stack and were left out",
                        reader->n_without_stack);
    if (reader->n_threads_left_out > 0)
        pp_profile_note(
            profile,
            "%" PRIu64 " threads have weights that are neither samples nor times and were left out",
            reader->n_threads_left_out);
    profile->default_type = 1;
    return pp_profile_failed(profile) ? -ENOMEM : 0;
}

int pp_firefox_read(const void *bytes, size_t n_bytes, const char *name,
                    struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct reader reader = {
        .name = name, .err = err, .interval_ns = NS_PER_MS};
    int failed = -ENOMEM;

    pp_json_reader_init(&reader.json, bytes, n_bytes);
    reader.profile = pp_profile_new();
    if (reader.profile != NULL && pp_profile_add_type(reader.profile, "samples", "count") >= 0 &&
        pp_profile_add_type(reader.profile, "time", "nanoseconds") >= 0)
        failed = read_document(&reader);
    if (failed == 0 && reader.json.decoded.failed)
        failed = -ENOMEM;
    if (failed == 0 && reader.json.problem != NULL)
        failed = refuse(&reader, reader.json.problem);
    if (failed == 0)
        failed = finish(&reader);
    if (failed == -ENOMEM)
        return pp_fail(err, failed, 0, "'%s': out of memory", name);
    if (failed != 0)
        return failed;
    *profile_out = reader.profile;
    reader.profile = NULL;
    return 0;
}
