/* pprofc leaks: what grows in a process's heap, and what nothing leads to. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/numbers.h"
#include "binary/symbolizer.h"
#include "cli/leaks_json.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/recording_leaks.h"
#include "serve/find.h"
#include "views/leak_table.h"

enum { OPTION_FORCE, OPTION_MAX_PAUSE, OPTION_JSON, OPTION_TOP, OPTION_HELP, N_OPTIONS };
enum { DEFAULT_ROWS = 10, PREDICT_TIMEOUT_MS = 5000, SCAN_TIMEOUT_MS = 10 * 60 * 1000 };
enum { MOST_TRIES = 20, RETRY_NS = 50 * 1000 * 1000, MILLISECOND_NS = 1000 * 1000 };

static const struct pp_option leaks_options[N_OPTIONS] = {
    [OPTION_FORCE] = {"force", 0, false, false}, [OPTION_MAX_PAUSE] = {"max-pause", 0, true, false},
    [OPTION_JSON] = {"json", 0, false, false},   [OPTION_TOP] = {"top", 0, true, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

struct request {
    const char *target; /* a process number or a recording's path */
    bool is_process;
    uint32_t limit_ms, n_rows;
    bool is_json, wants_help;
};

/* ---- what was asked for ---- */

static int set_limit(struct request *request, const char *value, struct pprofc_error *err)
{
    int64_t limit_ns = 0;
    const int status = pp_parse_duration(value, &limit_ns, err);

    if (status == 0)
        request->limit_ms = limit_ns < MILLISECOND_NS ? 1
                            : limit_ns / MILLISECOND_NS >= UINT32_MAX
                                ? UINT32_MAX - 1
                                : (uint32_t)(limit_ns / MILLISECOND_NS);
    return status;
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct request *request = command;
    int64_t pid;

    switch (option) {
    case OPTION_FORCE:
        request->limit_ms = UINT32_MAX;
        return 0;
    case OPTION_MAX_PAUSE:
        return set_limit(request, value, err);
    case OPTION_JSON:
        request->is_json = true;
        return 0;
    case OPTION_TOP:
        return pp_parse_top(value, &request->n_rows, err);
    case OPTION_HELP:
        request->wants_help = true;
        return 0;
    default: /* a word */
        if (request->target != NULL)
            return pp_fail(err, -EINVAL, 0, "one process at a time; '%s' is too much", value);
        request->target = value;
        request->is_process = pp_parse_int64(value, strlen(value), &pid);
        return 0;
    }
}

static int read_options(char **words, struct request *request, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = leaks_options, .n_options = N_OPTIONS, .verb = "leaks", .words = words};
    const int rc = pp_option_each(&reader, take, request, err);

    if (rc < 0)
        return rc;
    if (request->target == NULL && !request->wants_help)
        return pp_fail(err, -EINVAL, 0, "no process given; write pprofc leaks PID");
    return 0;
}

/* ---- asking the process ---- */

static int open_recording(const struct request *request, struct pp_recording_reader **reader_out,
                          struct pprofc_error *err)
{
    char path[512];
    int64_t pid = 0;

    if (!request->is_process)
        return pp_recording_open(request->target, reader_out, err);
    (void)pp_parse_int64(request->target, strlen(request->target), &pid);
    if (!pp_find_recording(pid, path, sizeof path))
        return pp_fail(err, -ESRCH, 0,
                       "process %s has no recording in " PP_RECORDING_FOLDER
                       "; start it with PPROFC=heap and libpprofc-preload-heap.so, or linked with "
                       "-lpprofc",
                       request->target);
    return pp_recording_open(path, reader_out, err);
}

static int explain(int status, const char *process, double predicted_ns, struct pprofc_error *err)
{
    char pause[PP_NUMBER_TEXT_BYTES];

    switch (status) {
    case 0:
        return 0;
    case -E2BIG:
        return pp_fail(err, status, 0,
                       "process %s would be paused for about %s; allow that by --max-pause or "
                       "--force",
                       process, pp_duration_text(predicted_ns, pause));
    case -ENODATA:
        return pp_fail(err, status, 0,
                       "the heap of process %s is not profiled; start it with PPROFC=heap and "
                       "libpprofc-preload-heap.so",
                       process);
    case -ESRCH:
        return pp_fail(err, status, 0, "process %s has ended", process);
    case -EPERM:
    case -EACCES:
        return pp_fail(err, -EPERM, 0, "the recording of process %s may only be read", process);
    default:
        return pp_fail(err, status, 0, "no copy of process %s could be made and read: %s", process,
                       strerror(-status));
    }
}

/* What it would cost is said first.  A process that has ended meanwhile is read as it was left. */
static int look(const struct request *request, struct pp_recording_reader *reader,
                struct pprofc_error *err)
{
    const struct pp_rec_header *shared = pp_recording_shared_header(reader);
    char pause[PP_NUMBER_TEXT_BYTES];
    double predicted_ns;
    int status;

    status = pp_recording_command(reader, PP_REQUEST_LEAK_PAUSE, 0, PREDICT_TIMEOUT_MS);
    if (status != 0 || shared == NULL)
        return explain(status, request->target, 0, err);
    predicted_ns = (double)atomic_load(&shared->heap.leaks.predicted_ns);
    pp_say("looking for leaks pauses process %s for about %s", request->target,
           pp_duration_text(predicted_ns, pause));
    status = pp_recording_command(reader, PP_REQUEST_LEAKS, request->limit_ms, SCAN_TIMEOUT_MS);
    return explain(status, request->target, predicted_ns, err);
}

/* ---- reading it ---- */

/* Whether the history that we have read is not of two moments. */
static bool is_whole(struct pp_recording_reader *reader)
{
    const struct pp_rec_header *shared = pp_recording_shared_header(reader);
    const struct pp_rec_header *copy = pp_recording_header(reader);

    return shared == NULL ||
           atomic_load(&shared->heap.trend_generation) == atomic_load(&copy->heap.trend_generation);
}

static int read_report(const struct request *request, struct pp_recording_reader *reader,
                       struct pp_leak_report *report_out, struct pprofc_error *err)
{
    const struct pp_symbolizer_options options = {.debug_path = getenv("PPROFC_DEBUG_PATH")};
    const struct timespec pause = {0, RETRY_NS};
    struct pp_symbolizer *symbolizer = NULL;
    int status = pp_symbolizer_new(&options, &symbolizer, err);

    if (status != 0)
        return status;
    for (int try = 0; try < MOST_TRIES; try++) {
        status = pp_recording_refresh(reader, err);
        if (status == 0 && is_whole(reader))
            status = pp_recording_leaks(reader, symbolizer, request->n_rows, report_out, err);
        else if (status == 0)
            status = pp_fail(err, -EAGAIN, 0, "the recording kept changing while it was read");
        if (status != -EAGAIN)
            break;
        (void)nanosleep(&pause, NULL);
    }
    pp_symbolizer_free(symbolizer);
    return status;
}

static int show(const struct request *request, struct pp_recording_reader *reader,
                struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    struct pp_leak_report report;
    int status = read_report(request, reader, &report, err);

    if (status != 0)
        return status;
    status = request->is_json ? pp_leaks_json_write(&report, request->n_rows, &text, err)
                              : pp_leak_table_write(&report, request->n_rows, &text, err);
    if (status == 0 && fwrite(text.bytes, 1, text.n_bytes, stdout) != text.n_bytes)
        status = pp_fail(err, -EIO, 0, "cannot write to standard output");
    if (status == 0 && report.n_rows == 0)
        status = pp_fail(err, -ENODATA, 0, "no object that is in use was sampled");
    pp_leak_report_done(&report);
    return status;
}

static int code_of(int status)
{
    switch (status) {
    case 0:
        return PP_EXIT_OK;
    case -ENODATA:
        return PP_EXIT_NO_SAMPLES;
    case -EPERM:
    case -EACCES:
        return PP_EXIT_NOT_PERMITTED;
    default:
        return PP_EXIT_FAILED;
    }
}

int pp_cmd_leaks(char **words)
{
    struct request request = {.n_rows = DEFAULT_ROWS};
    struct pp_recording_reader *reader = NULL;
    struct pprofc_error err;
    int status;

    if (read_options(words, &request, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (request.wants_help) {
        (void)pp_help_show("leaks");
        return PP_EXIT_OK;
    }
    status = open_recording(&request, &reader, &err);
    if (status == 0 && request.is_process)
        status = look(&request, reader, &err);
    if (status == 0)
        status = show(&request, reader, &err);
    pp_recording_close(reader);
    if (status != 0)
        pp_complain("%s", err.message);
    return code_of(status);
}
