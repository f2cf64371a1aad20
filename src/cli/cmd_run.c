/* pprofc run: start a program with the capture library preloaded, stay out of its way, and make its
 * profile when it has ended. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cli/environment.h"
#include "cli/messages.h"
#include "cli/run.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "serve/flight_signal.h"

/* When we look for the program's recording: soon, so that we hold it even if the program is killed
 * or removes it, and again for programs that take their time.  Later ones are for recordings that
 * can be found only while their process lives, since they lie in another root: that of a program
 * which was executed in a chroot, say. */
static const int64_t look_at_ms[] = {2, 10, 50, 100, 200, 400, 700, 1000};

enum { N_LOOKS = sizeof look_at_ms / sizeof look_at_ms[0], NEXT_LOOKS_MS = 1000 };

static const int64_t millisecond_ns = 1000000;

/* 'why' the program cannot be profiled: the end with --strict, else a line and on with it. */
static int go_on_unprofiled(struct pp_run *run, const char *why)
{
    pp_child_environment_complain_unknown(); /* else the capture library does, in its messages */
    run->is_profiled = false;
    pp_complain("%s", why);
    return run->options.is_strict ? PP_EXIT_NOT_STARTED : 0;
}

static int explain_missing_program(const struct pp_run *run, int failure)
{
    const char *command = run->options.command[0];

    if (failure == -ENOENT) {
        pp_complain(strchr(command, '/') != NULL
                        ? "%s: there is no such file; check the path"
                        : "%s: not found in PATH; check the name, or give its path",
                    command);
        return PP_EXIT_NOT_FOUND;
    }
    if (failure == -EACCES)
        pp_complain("%s is not executable; try chmod +x, or give its interpreter", command);
    else
        pp_complain("%s cannot be executed: %s", command, strerror(-failure));
    return PP_EXIT_NOT_EXECUTABLE;
}

/* Decide whether the program can be profiled.  0, or what to exit with. */
static int prepare(struct pp_run *run)
{
    struct pprofc_error err;
    int rc = pp_output_init(&run->output, run->options.output, run->options.overwrites, &err);

    if (rc < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_NOT_STARTED;
    }
    rc = pp_target_find(run->options.command[0], &run->target);
    if (rc < 0)
        return explain_missing_program(run, rc);
    pp_output_program(run->options.command[0], run->program, sizeof run->program);
    run->is_profiled = true;
    if (pp_child_environment_is_off())
        return go_on_unprofiled(run, "PPROFC=off is set, so nothing is profiled; unset it");
    if (run->target.shortcoming[0] != '\0')
        return go_on_unprofiled(run, run->target.shortcoming);
    if (!run->target.links_capture && pp_preload_find(&run->preload, run->options.kinds, &err) < 0)
        return go_on_unprofiled(run, err.message);
    if (run->options.http != NULL && pp_run_http_open(&run->http, run->options.http, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_NOT_STARTED;
    }
    return 0;
}

static void set_heap_environment(const struct pp_run_options *options,
                                 struct pp_child_environment *environment)
{
    char interval[32];

    (void)snprintf(interval, sizeof interval, "%" PRIu64, options->heap_interval_bytes);
    if (options->heap_interval_bytes != 0)
        pp_child_environment_set(environment, "PPROFC_HEAP_INTERVAL", interval);
    if (options->keeps_heap_peak)
        pp_child_environment_set(environment, "PPROFC_HEAP_PEAK", "1");
    if (options->follows_mappings)
        pp_child_environment_set(environment, "PPROFC_HEAP_MMAP", "1");
    if (options->counts_heap_usable)
        pp_child_environment_set(environment, "PPROFC_HEAP_USABLE", "1");
    if (options->keeps_heap_lifetimes)
        pp_child_environment_set(environment, "PPROFC_HEAP_LIFETIMES", "1");
}

/* What the preloaded library reads and takes out again. */
static void set_environment(const struct pp_run *run, const char *run_id,
                            struct pp_child_environment *environment)
{
    const struct pp_run_options *options = &run->options;
    char rate[32], kinds[PP_KINDS_TEXT_BYTES];

    if (!run->target.links_capture)
        pp_child_environment_preload(environment, run->preload.path);
    (void)snprintf(rate, sizeof rate, "%g", options->rate_hz);
    pp_child_environment_set(environment, "PPROFC", pp_kinds_text(options->kinds, kinds));
    set_heap_environment(options, environment);
    if (options->has_rate) /* else PPROFC_CONFIG may say one */
        pp_child_environment_set(environment, "PPROFC_FREQUENCY", rate);
    pp_child_environment_set(environment, "PPROFC_RUN_ID", run_id);
    if (options->block.n_bytes > 0)
        pp_child_environment_set(environment, "PPROFC_BLOCK", options->block.bytes);
    if (options->block_drops)
        pp_child_environment_set(environment, "PPROFC_BLOCK_DROP", "1");
    if (options->follows)
        pp_child_environment_set(environment, "PPROFC_FOLLOW", "1");
    if (options->budget != NULL)
        pp_child_environment_set(environment, "PPROFC_BUDGET", options->budget);
    if (options->signal != NULL)
        pp_child_environment_set(environment, "PPROFC_SIGNAL", options->signal);
}

/* The program is not to take windows of its own, nor to rest when ours begin. */
static void leave_windows_to_us(struct pp_child_environment *environment)
{
    pp_child_environment_remove(environment, "PPROFC_HISTORY");
    pp_child_environment_remove(environment, "PPROFC_FLIGHT");
    pp_child_environment_remove(environment, "PPROFC_EXPORT");
    pp_child_environment_remove(environment, "PPROFC_CYCLE");
}

/* 0, or what to exit with. */
static int start(struct pp_run *run)
{
    struct pp_child_environment environment;
    struct pprofc_error err;
    char run_id[PP_RUN_ID_HEX_BYTES];
    int rc = 0;

    if (run->is_profiled && pp_run_files_init(&run->files, "/dev/shm", run_id, &err) < 0) {
        rc = go_on_unprofiled(run, err.message);
        if (rc != 0)
            return rc;
    }
    if (run->is_profiled)
        pp_run_files_reap(&run->files);
    pp_child_environment_init(&environment);
    if (run->is_profiled)
        set_environment(run, run_id, &environment);
    if (run->options.continuous.is_on)
        leave_windows_to_us(&environment);
    rc = environment.failed ? pp_fail(&err, -ENOMEM, 0, "no memory for the environment")
                            : pp_child_start(&run->child, run->target.path, run->options.command,
                                             environment.entries, &err);
    pp_child_environment_done(&environment);
    run->options.continuous.is_on &= run->is_profiled;
    if (rc == 0 && run->options.continuous.is_on && run->options.continuous.triggers.signo != 0)
        pp_child_keep_signal(&run->child, run->options.continuous.triggers.signo,
                             pp_flight_signal_note); /* before there are threads */
    if (rc == 0 && pp_run_http_start(&run->http, &run->options.continuous, &err) < 0)
        pp_complain("%s", err.message); /* the program runs, and its profile is made */
    if (rc == 0)
        return 0;
    if (rc == -ENOENT && run->target.is_script)
        pp_complain("%s: its interpreter %s is not there; install it, or correct the first line",
                    run->program, run->target.inspected);
    else
        pp_complain("%s", err.message);
    if (rc == -ENOENT)
        return PP_EXIT_NOT_FOUND;
    return rc == -ENOMEM || rc == -EAGAIN || rc == -EMFILE || rc == -ENFILE
               ? PP_EXIT_NOT_STARTED
               : PP_EXIT_NOT_EXECUTABLE;
}

static void look_for_new_recordings(struct pp_run *run)
{
    pp_run_files_look_for_new(&run->files, run->child.pid);
    pp_run_http_look(&run->http, &run->files);
}

/* Also where nothing tells that one has come. */
static void look_for_recordings(struct pp_run *run)
{
    pp_run_files_look_into(&run->files, run->child.pid);
    pp_run_files_look(&run->files);
    pp_run_http_look(&run->http, &run->files);
}

/* Wait until the child has ended or 'end_ns' has come, looking for recordings on the way. */
static bool wait_until(struct pp_run *run, int64_t end_ns)
{
    for (size_t i = 0; run->is_profiled; i++) {
        const int64_t at_ms =
            i < N_LOOKS ? look_at_ms[i]
                        : look_at_ms[N_LOOKS - 1] + (int64_t)(i - N_LOOKS + 1) * NEXT_LOOKS_MS;
        const int64_t at_ns = run->child.start_ns + at_ms * millisecond_ns;
        if (at_ns >= end_ns)
            break;
        if (at_ns < pp_monotonic_ns() && i >= N_LOOKS)
            continue; /* the machine, or we, slept */
        if (pp_child_wait(&run->child, at_ns))
            return true;
        look_for_new_recordings(run);
    }
    return pp_child_wait(&run->child, end_ns);
}

/* From the start of the child to its status. */
static int attend(struct pp_run *run)
{
    const int64_t duration_ns = run->options.duration_ns;
    bool is_written = false;

    if (run->is_profiled && duration_ns > 0 &&
        !wait_until(run, run->child.start_ns + duration_ns)) {
        look_for_recordings(run);
        pp_run_http_stop(&run->http);
        pp_run_write_results(run);
        is_written = true;
    }
    if (!run->child.has_ended)
        (void)(is_written ? pp_child_wait(&run->child, INT64_MAX) : wait_until(run, INT64_MAX));
    pp_child_reap(&run->child);
    pp_run_http_stop(&run->http);
    if (run->is_profiled && !is_written) {
        pp_run_files_look(&run->files);
        pp_run_write_results(run);
    }
    return pp_child_exit_code(&run->child);
}

int pp_cmd_run(char **words)
{
    struct pp_run run = {0};
    struct pprofc_error err;
    int code;

    if (pp_run_options_read(words, &run.options, &err) < 0) {
        pp_complain("%s", err.message);
        code = PP_EXIT_NOT_STARTED;
    } else if (run.options.wants_help) {
        (void)pp_help_show("run");
        code = PP_EXIT_OK;
    } else {
        pp_messages_set_loudness(run.options.loudness);
        code = prepare(&run);
        if (code == 0)
            code = start(&run);
        if (code == 0)
            code = attend(&run);
    }
    pp_run_files_done(&run.files);
    pp_preload_done(&run.preload);
    pp_run_options_done(&run.options);
    return code;
}
