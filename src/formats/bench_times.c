/* The times of a benchmark's case: JSON of ours, read as if it were anybody's. */
#include "formats/bench_times.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_reader.h"
#include "base/json_writer.h"
#include "base/memory.h"

enum { VERSION = 1 };

static const char *const series_names[PP_BENCH_N_SERIES] = {
    [PP_BENCH_WALL] = "wall_seconds",
    [PP_BENCH_CPU] = "cpu_seconds",
    [PP_BENCH_SPIN_WALL] = "spin_wall_seconds",
    [PP_BENCH_SPIN_CPU] = "spin_cpu_seconds",
    [PP_BENCH_EMPTY_WALL] = "empty_wall_seconds",
    [PP_BENCH_EMPTY_CPU] = "empty_cpu_seconds",
};

int pp_bench_times_init(struct pp_bench_times *times, uint32_t n_runs)
{
    bool has_all = true;

    *times = (struct pp_bench_times){.n_runs = n_runs};
    for (int i = 0; i < PP_BENCH_N_SERIES; i++) {
        times->s[i] = calloc((size_t)n_runs + 1, sizeof *times->s[i]);
        has_all &= times->s[i] != NULL;
    }
    return has_all ? 0 : -ENOMEM;
}

void pp_bench_times_done(struct pp_bench_times *times)
{
    free(times->name);
    free(times->command);
    free(times->machine);
    for (int i = 0; i < PP_BENCH_N_SERIES; i++)
        free(times->s[i]);
    *times = (struct pp_bench_times){.name = NULL};
}

/* ---- writing ---- */

/* Nine digits: six would round away what runs differ by. */
static void put_times(struct pp_json *json, const char *key, const double *times, uint32_t n)
{
    pp_json_begin_array(json, key);
    for (uint32_t i = 0; i < n; i++) {
        pp_buffer_printf(json->out, "%s%.9g", i > 0 ? "," : "", times[i]);
        json->needs_comma = true;
    }
    pp_json_end_array(json);
}

void pp_bench_times_write(const struct pp_bench_times *times, struct pp_buffer *out)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    pp_json_integer(&json, "pprofc_bench", VERSION);
    pp_json_text(&json, "case", times->name != NULL ? times->name : "");
    pp_json_text(&json, "command", times->command != NULL ? times->command : "");
    pp_json_text(&json, "machine", times->machine != NULL ? times->machine : "");
    pp_json_integer(&json, "time", times->time_s);
    pp_json_text(&json, "per", times->is_per_iteration ? "iteration" : "run");
    for (int i = 0; i < PP_BENCH_N_SERIES; i++)
        put_times(&json, series_names[i], times->s[i], times->n_runs);
    pp_json_end_object(&json);
    pp_buffer_append(out, "\n", 1);
}

/* ---- reading ---- */

struct reading {
    struct pp_json_reader json;
    struct pp_bench_times *times;
    uint32_t n[PP_BENCH_N_SERIES]; /* 0: not there */
    int64_t version;
    bool has_no_memory;
};

static void read_text(struct reading *reading, char **text)
{
    struct pp_json_string string;

    if (!pp_json_read_string(&reading->json, &string))
        return;
    free(*text);
    *text = strndup(string.bytes, string.n_bytes);
    reading->has_no_memory |= *text == NULL;
}

static void read_times(struct reading *reading, double *times, uint32_t *n_out)
{
    struct pp_json_reader *json = &reading->json;
    struct pp_json_number number;
    uint32_t n = 0;

    if (!pp_json_read_array(json))
        return;
    while (pp_json_next_item(json) && pp_json_read_number(json, &number)) {
        if (n == PP_BENCH_MOST_RUNS) {
            (void)pp_json_refuse(json, "more runs than there can be");
            return;
        }
        if (!((double)number.value >= 1e-18 && (double)number.value <= 1e10)) {
            (void)pp_json_refuse(json, "a time that is none");
            return;
        }
        times[n++] = (double)number.value;
    }
    *n_out = n;
}

static int find_series(struct pp_json_string key)
{
    for (int i = 0; i < PP_BENCH_N_SERIES; i++)
        if (pp_json_is(key, series_names[i]))
            return i;
    return -1;
}

static void read_member(struct reading *reading, struct pp_json_string key)
{
    struct pp_json_reader *json = &reading->json;
    struct pp_bench_times *times = reading->times;
    struct pp_json_string text;
    const int series = find_series(key);

    if (pp_json_is(key, "pprofc_bench"))
        (void)pp_json_read_int64(json, &reading->version);
    else if (pp_json_is(key, "case"))
        read_text(reading, &times->name);
    else if (pp_json_is(key, "command"))
        read_text(reading, &times->command);
    else if (pp_json_is(key, "machine"))
        read_text(reading, &times->machine);
    else if (pp_json_is(key, "time"))
        (void)pp_json_read_int64(json, &times->time_s);
    else if (pp_json_is(key, "per") && pp_json_read_string(json, &text))
        times->is_per_iteration = pp_json_is(text, "iteration");
    else if (json->problem == NULL && series >= 0)
        read_times(reading, times->s[series], &reading->n[series]);
    else if (json->problem == NULL)
        (void)pp_json_skip(json);
}

static bool has_all_series(const struct reading *reading)
{
    for (int i = 0; i < PP_BENCH_N_SERIES; i++)
        if (reading->n[i] == 0 || reading->n[i] != reading->n[0])
            return false;
    return true;
}

static int check(const struct reading *reading, const char *path, struct pprofc_error *err)
{
    const struct pp_json_reader *json = &reading->json;
    const uint64_t at = (uint64_t)(json->at - json->begin);

    if (reading->has_no_memory || json->decoded.failed)
        return pp_fail(err, -ENOMEM, 0, "no memory to read %s", path);
    if (json->problem != NULL)
        return pp_fail(err, -EBADMSG, at, "%s: no times of a benchmark: %s at byte %" PRIu64, path,
                       json->problem, at);
    if (reading->version > VERSION)
        return pp_fail(err, -EBADMSG, 0, "%s is of a newer pprofc; save the baseline again", path);
    if (reading->version < 1 || reading->times->name == NULL || !has_all_series(reading))
        return pp_fail(err, -EBADMSG, 0,
                       "%s: no times of a benchmark, or not as many of one sort as of another",
                       path);
    return 0;
}

int pp_bench_times_read(const void *bytes, size_t n_bytes, const char *path,
                        struct pp_bench_times *times_out, struct pprofc_error *err)
{
    struct pp_bench_times times;
    struct reading reading = {.times = &times};
    struct pp_json_string key;
    int rc;

    reading.has_no_memory = pp_bench_times_init(&times, PP_BENCH_MOST_RUNS) != 0;
    pp_json_reader_init(&reading.json, bytes, n_bytes);
    if (!reading.has_no_memory && pp_json_read_object(&reading.json))
        while (!reading.has_no_memory && pp_json_next_key(&reading.json, &key))
            read_member(&reading, key);
    rc = check(&reading, path, err);
    pp_json_reader_done(&reading.json);
    if (rc < 0) {
        pp_bench_times_done(&times);
        return rc;
    }
    times.n_runs = reading.n[0];
    *times_out = times;
    return 0;
}
