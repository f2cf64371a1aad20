/* Reading the JSON of Google Benchmark (docs/user_guide.md of it, "Output Formats"): an array
 * "benchmarks", in which repetitions have the run_type "iteration", and means and the like
 * "aggregate".  Before version 1.5 there was no run_type, and all were repetitions. */
#include "formats/google_benchmark.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/json_reader.h"

struct entry {
    double real, cpu, n_iterations;
    double unit_s; /* 0: an unknown one */
    bool is_aggregate, has_failed;
    char message[200];
};

static bool read_double(struct pp_json_reader *json, double *value_out)
{
    struct pp_json_number number;

    if (!pp_json_read_number(json, &number))
        return false;
    *value_out = (double)number.value;
    return true;
}

static double unit_of(struct pp_json_string unit)
{
    return pp_json_is(unit, "ns")   ? 1e-9
           : pp_json_is(unit, "us") ? 1e-6
           : pp_json_is(unit, "ms") ? 1e-3
           : pp_json_is(unit, "s")  ? 1
                                    : 0;
}

static void read_member(struct pp_json_reader *json, struct pp_json_string key, struct entry *entry)
{
    struct pp_json_string text;

    if (pp_json_is(key, "real_time"))
        (void)read_double(json, &entry->real);
    else if (pp_json_is(key, "cpu_time"))
        (void)read_double(json, &entry->cpu);
    else if (pp_json_is(key, "iterations"))
        (void)read_double(json, &entry->n_iterations);
    else if (pp_json_is(key, "error_occurred"))
        (void)pp_json_read_bool(json, &entry->has_failed);
    else if (pp_json_is(key, "time_unit") && pp_json_read_string(json, &text))
        entry->unit_s = unit_of(text);
    else if (pp_json_is(key, "run_type") && pp_json_read_string(json, &text))
        entry->is_aggregate = pp_json_is(text, "aggregate");
    else if (pp_json_is(key, "error_message") && pp_json_read_string(json, &text))
        (void)snprintf(entry->message, sizeof entry->message, "%.*s",
                       (int)(text.n_bytes < 199 ? text.n_bytes : 199), text.bytes);
    else if (json->problem == NULL)
        (void)pp_json_skip(json);
}

static void read_entry(struct pp_json_reader *json, struct entry *entry)
{
    struct pp_json_string key;

    *entry = (struct entry){.unit_s = 1e-9};
    if (!pp_json_read_object(json))
        return;
    while (pp_json_next_key(json, &key))
        read_member(json, key, entry);
}

/* The sums of what was measured, and their number. */
static int read_entries(struct pp_json_reader *json, struct pp_google_times *sums,
                        double *n_measured, struct pprofc_error *err)
{
    struct entry entry;

    if (!pp_json_read_array(json))
        return 0;
    while (pp_json_next_item(json)) {
        read_entry(json, &entry);
        if (json->problem != NULL)
            return 0;
        if (entry.has_failed)
            return pp_fail(err, -ECANCELED, 0, "it says: %s",
                           entry.message[0] != '\0' ? entry.message : "an error occurred");
        if (entry.is_aggregate)
            continue;
        if (!(entry.unit_s > 0) || !isfinite(entry.real) || !isfinite(entry.cpu)) {
            (void)pp_json_refuse(json, "a time that is none");
            return 0;
        }
        /* What takes less than a clock tells is 0 there. */
        sums->wall_s += fmax(entry.real * entry.unit_s, 1e-15);
        sums->cpu_s += fmax(entry.cpu * entry.unit_s, 1e-15);
        sums->n_iterations += entry.n_iterations;
        *n_measured += 1;
    }
    return 0;
}

int pp_google_benchmark_read(const void *bytes, size_t n_bytes, const char *name,
                             struct pp_google_times *times_out, struct pprofc_error *err)
{
    struct pp_google_times sums = {0, 0, 0};
    struct pp_json_reader json;
    struct pp_json_string key;
    double n_measured = 0;
    int rc = 0;

    pp_json_reader_init(&json, bytes, n_bytes);
    (void)pp_json_read_object(&json);
    while (rc == 0 && pp_json_next_key(&json, &key)) {
        if (pp_json_is(key, "benchmarks"))
            rc = read_entries(&json, &sums, &n_measured, err);
        else
            (void)pp_json_skip(&json);
    }
    if (rc == 0 && json.decoded.failed)
        rc = pp_fail(err, -ENOMEM, 0, "no memory to read %s", name);
    else if (rc == 0 && json.problem != NULL)
        rc = pp_fail(err, -EBADMSG, (uint64_t)(json.at - json.begin),
                     "%s: no JSON of Google Benchmark: %s at byte %" PRIu64, name, json.problem,
                     (uint64_t)(json.at - json.begin));
    else if (rc == 0 && n_measured == 0)
        rc = pp_fail(err, -EBADMSG, 0, "no repetition of it was measured");
    pp_json_reader_done(&json);
    if (rc == 0)
        *times_out =
            (struct pp_google_times){fmin(sums.wall_s / n_measured, 1e9),
                                     fmin(sums.cpu_s / n_measured, 1e9), sums.n_iterations};
    return rc;
}

void pp_google_benchmark_filter(const char *name, struct pp_buffer *out)
{
    pp_buffer_append(out, "^", 1);
    for (; *name != '\0'; name++) {
        if (strchr(".[](){}*+?^$|\\", *name) != NULL)
            pp_buffer_append(out, "\\", 1);
        pp_buffer_append(out, name, 1);
    }
    pp_buffer_text(out, "$");
}
