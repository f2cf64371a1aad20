/* The last lines of a run. */
#include "cli/run_summary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/find_program.h"
#include "cli/messages.h"
#include "cli/unnamed.h"
#include "cli/values.h"
#include "formats/recording.h"
#include "views/top_table.h"

enum { N_HOT_LINES = 5, FEW_SAMPLES = 50, VERY_FEW_SAMPLES = 20, QUALITY_BYTES = 400 };

static const double second_ns = 1e9;

/* ---- the recording ---- */

/* The tick of CPU timers: that of the coarse clock. */
static int timer_hz(void)
{
    struct timespec tick;

    if (clock_getres(CLOCK_MONOTONIC_COARSE, &tick) != 0 || tick.tv_nsec <= 0)
        return 0;
    return (int)(second_ns / (double)tick.tv_nsec + 0.5);
}

static const char *delivery_text(uint32_t delivery, char *text, size_t capacity)
{
    switch (delivery) {
    case PP_DELIVERY_PERF_TRAP:
        return "perf events with traps";
    case PP_DELIVERY_PERF_SIGNAL:
        return "perf events with signals";
    case PP_DELIVERY_CPU_TIMER:
        (void)snprintf(text, capacity, "CPU timers, at most %d Hz here", timer_hz());
        return text;
    case PP_DELIVERY_SAMPLER:
        return "a thread of the profiler that looks which threads run";
    case PP_DELIVERY_TEST:
        return "no timer: a test delivers the samples";
    default:
        return "no delivery: nothing is sampled";
    }
}

void pp_run_say_delivery(const struct pp_rec_header *header)
{
    const uint32_t delivery = atomic_load(&header->delivery);
    const uint32_t n_said = atomic_load(&header->n_messages);
    const size_t n_messages = n_said < PP_REC_N_MESSAGES ? n_said : PP_REC_N_MESSAGES;
    const int n_reason = (int)strnlen(header->delivery_reason, sizeof header->delivery_reason);
    char text[64];
    for (size_t i = 0; i < n_messages; i++)
        pp_say("%.*s", (int)strnlen(header->messages[i], PP_REC_MESSAGE_BYTES),
               header->messages[i]);
    if ((pp_recording_kinds(header) & PP_KIND_CPU) == 0)
        return;
    if (delivery != PP_DELIVERY_PERF_TRAP && n_reason > 0 && n_messages == 0)
        pp_say("%.*s; using %s", n_reason, header->delivery_reason,
               delivery_text(delivery, text, sizeof text));
    pp_say_more("sampled %g times a CPU second by %s%s",
                (double)atomic_load(&header->rate_millihertz) / 1000,
                delivery_text(delivery, text, sizeof text),
                delivery == PP_DELIVERY_PERF_TRAP
                    ? "; threads that spend much in the kernel by CPU timers"
                    : "");
}

/* ---- threads that were not sampled ---- */

enum { MAX_NAMES = 3, NAMES_BYTES = 128 };

static void add_name(char names[NAMES_BYTES], const struct pp_rec_thread *thread, size_t n_before)
{
    const size_t n_chars = strlen(names);

    if (n_before < MAX_NAMES)
        (void)snprintf(names + n_chars, NAMES_BYTES - n_chars, "%s%.*s (%u)",
                       n_before == 0 ? "" : ", ", (int)strnlen(thread->name, sizeof thread->name),
                       thread->name, (unsigned)atomic_load(&thread->tid));
    else if (n_before == MAX_NAMES)
        (void)snprintf(names + n_chars, NAMES_BYTES - n_chars, " ..");
}

void pp_run_say_unsampled(const struct pp_recording_reader *reader)
{
    const uint32_t delivery = atomic_load(&pp_recording_header(reader)->delivery);
    const char *signal = delivery == PP_DELIVERY_PERF_TRAP ? "SIGTRAP" : "SIGPROF";
    char names[NAMES_BYTES] = "", time[PP_NUMBER_TEXT_BYTES];
    const struct pp_rec_thread *thread;
    uint64_t unsampled_ns = 0;
    size_t n_threads = 0;

    for (uint32_t i = 0; (thread = pp_recording_thread(reader, i)) != NULL; i++) {
        if ((atomic_load(&thread->flags) & PP_THREAD_BLOCKS_SIGNAL) == 0)
            continue;
        add_name(names, thread, n_threads++);
        unsampled_ns += atomic_load(&thread->unsampled_ns);
    }
    if (n_threads > 0)
        pp_say("%zu thread%s block%s %s, which samples come by: %s; %s of CPU is under [unsampled]",
               n_threads, n_threads == 1 ? "" : "s", n_threads == 1 ? "s" : "", signal, names,
               pp_duration_text((double)unsampled_ns, time));
}

/* ---- the result ---- */

/* One decimal for seconds: people compare it with their watch. */
static const char *elapsed_text(int64_t elapsed_ns, char text[PP_NUMBER_TEXT_BYTES])
{
    if ((double)elapsed_ns < second_ns)
        return pp_duration_text((double)elapsed_ns, text);
    (void)snprintf(text, PP_NUMBER_TEXT_BYTES, "%.1f s", (double)elapsed_ns / second_ns);
    return text;
}

/* From the start to the end of the program or of -d. */
static int64_t elapsed_ns(const struct pp_run *run)
{
    return run->child.has_ended ? run->child.end_ns - run->child.start_ns
                                : run->options.duration_ns;
}

void pp_run_end_text(const struct pp_run *run, char *text, size_t capacity)
{
    const struct pp_child *child = &run->child;
    char elapsed[PP_NUMBER_TEXT_BYTES];

    (void)elapsed_text(elapsed_ns(run), elapsed);
    if (!child->has_ended)
        (void)snprintf(text, capacity, "%s (%d) goes on; profiled for %s", run->program,
                       (int)child->pid, elapsed);
    else if (WIFSIGNALED(child->wait_status))
        (void)snprintf(text, capacity, "%s was killed by SIG%s after %s", run->program,
                       sigabbrev_np(WTERMSIG(child->wait_status)) != NULL
                           ? sigabbrev_np(WTERMSIG(child->wait_status))
                           : "RT",
                       elapsed);
    else
        (void)snprintf(text, capacity, "%s exited %d after %s", run->program,
                       WEXITSTATUS(child->wait_status), elapsed);
}

void pp_run_say_hot_lines(const struct pprofc_profile *profile)
{
    pp_autobuffer struct pp_buffer lines = PP_BUFFER_INIT;

    if (pp_top_lines_write(profile, profile->default_type, N_HOT_LINES, &lines, NULL) < 0)
        return;
    pp_buffer_text(&lines, "");
    if (lines.failed)
        return;
    for (const char *at = lines.bytes; *at != '\0';) {
        const size_t n_indent = strncmp(at, "  ", 2) == 0 ? 2 : 0; /* pp_say_below() has its own */
        const size_t n_chars = strcspn(at, "\n");
        /* Sorted: behind a line below one percent nobody looks for more. */
        if (at > lines.bytes && strtod(at, NULL) < 1)
            break;
        pp_say_below("%.*s", (int)(n_chars - n_indent), at + n_indent);
        at += n_chars + (at[n_chars] == '\n');
    }
}

/* Between windows nothing was sampled: what part of the program's time that is says nothing. */
static void say_windows(const struct pp_run *run, const char *end,
                        const struct pprofc_profile *profile)
{
    char samples[PP_NUMBER_TEXT_BYTES], lost[PP_NUMBER_TEXT_BYTES], whose[64] = "its windows";

    /* Those of the others have been told of before: a server's first process may have none. */
    for (size_t i = 0; i < run->files.n_files; i++)
        if (run->files.files[i].pid != run->child.pid)
            (void)snprintf(whose, sizeof whose, "the windows of its first process (%d)",
                           (int)run->child.pid);
    pp_say("%s; %s cpu samples in %s, %s lost", end,
           pp_count_text(profile->quality.n_samples, samples), whose,
           pp_count_text(profile->quality.n_lost, lost));
    if (profile->quality.n_samples > 0)
        pp_run_say_hot_lines(profile);
}

void pp_run_say_result(const struct pp_run *run, const struct pprofc_profile *profile)
{
    char end[256], quality[QUALITY_BYTES] = "";

    pp_run_end_text(run, end, sizeof end);
    if (run->options.continuous.is_on) {
        say_windows(run, end, profile);
        return;
    }
    if (profile->quality.is_known && profile->quality.n_samples == 0) {
        char cpu[PP_NUMBER_TEXT_BYTES];
        const int64_t cpu_ns = run->child.cpu_ns >= 0 ? run->child.cpu_ns : profile->quality.cpu_ns;
        pp_say("%s; 0 samples in %s CPU", end, pp_duration_text((double)cpu_ns, cpu));
        return;
    }
    pp_profile_quality_line(profile, quality, sizeof quality);
    pp_say("%s; %s", end, quality);
    pp_run_say_hot_lines(profile);
}

/* ---- hints ---- */

static void say_few_samples(const struct pp_run *run, const struct pprofc_profile *profile)
{
    const struct pp_quality *quality = &profile->quality;
    const int64_t children_ns = run->child.children_cpu_ns > 0 ? run->child.children_cpu_ns : 0;
    const double busy = (double)(quality->cpu_ns + children_ns) / (double)elapsed_ns(run);
    const bool follows_waits = (run->options.kinds & PP_KINDS_OF_WAITS) != 0;
    char count[PP_NUMBER_TEXT_BYTES], elapsed[PP_NUMBER_TEXT_BYTES];

    if (!quality->is_known || quality->n_samples >= FEW_SAMPLES || quality->cpu_ns < 0)
        return;
    if ((double)elapsed_ns(run) > second_ns && busy < 0.1)
        pp_say("%s samples in %s: %s slept %.1f %% of the time%s%s",
               pp_count_text(quality->n_samples, count), elapsed_text(elapsed_ns(run), elapsed),
               run->program, 100 * (1 - busy),
               follows_waits ? "" : ". Where it waited: pprofc run -k offcpu -- ",
               follows_waits ? "" : run->program);
    else if (quality->n_samples > 0 && quality->n_samples < VERY_FEW_SAMPLES &&
             run->options.rate_hz < 1000)
        pp_say("only %s sample%s in %s CPU; for more: pprofc run --mode high",
               pp_count_text(quality->n_samples, count), quality->n_samples == 1 ? "" : "s",
               pp_duration_text((double)quality->cpu_ns, elapsed));
}

static void say_unnamed(const struct pprofc_profile *profile)
{
    struct pp_unnamed unnamed;
    char missing[600];

    pp_profile_missing_line(profile, missing, sizeof missing);
    if (missing[0] != '\0') {
        pp_say("%s", missing);
        return;
    }
    if (pp_unnamed_find(profile, &unnamed) < 0 || unnamed.share < 0.1)
        return;
    pp_say("%.0f %% of samples have no names: %s is stripped; install its debug package, or set "
           "PPROFC_DEBUG_PATH=DIR",
           100 * unnamed.share, unnamed.module);
}

static void say_script(const struct pp_run *run)
{
    if (run->target.is_script && !run->has_execed && !run->options.follows)
        pp_say("%s is a script: its interpreter %s was profiled; --follow profiles what it starts",
               pp_base_name(run->target.path), run->target.inspected);
}

static void say_children(const struct pp_run *run, const struct pprofc_profile *profile)
{
    const int64_t children_ns = profile->quality.children_cpu_ns;
    const int64_t all_ns = run->child.cpu_ns + children_ns;

    if (run->options.follows || run->child.cpu_ns < 0 || children_ns < (int64_t)(second_ns / 100) ||
        children_ns <= all_ns / 10)
        return;
    pp_say("%.0f %% of the CPU went to child processes, which were not followed; use --follow",
           pp_percent(children_ns, all_ns));
}

/* A program that links libpprofc and starts and stops it. */
static void say_refused(const struct pp_run *run)
{
    if ((run->by_program & PP_BY_PROGRAM_REFUSED) != 0)
        pp_say(
            "%s calls pprofc_start() itself, with other options, and was refused: it is profiled "
            "at %g Hz; give the same ones here (-F), or run it without pprofc run",
            run->program, run->options.rate_hz);
}

static void say_outside(const struct pp_run *run)
{
    const bool by_itself =
        run->target.links_capture || (run->by_program & PP_BY_PROGRAM_STOPPED) != 0;

    if (run->child.cpu_ns < 0 || run->outside_cpu_ns < (int64_t)(second_ns / 20) ||
        run->outside_cpu_ns <= run->child.cpu_ns / 10)
        return;
    if (by_itself)
        pp_say("%.0f %% of the CPU is in no profile: %s starts or stops the profile itself "
               "(pprofc_start, pprofc_stop), and what it does before or after is not sampled",
               pp_percent(run->outside_cpu_ns, run->child.cpu_ns), run->program);
    else if (run->is_cut_off)
        pp_say("%.0f %% of the CPU was used after the last look at it, before the kill: samples "
               "of that may be missing",
               pp_percent(run->outside_cpu_ns, run->child.cpu_ns));
    else
        pp_say("%.0f %% of the CPU is in no recording: the program became another one (exec) that "
               "could not load libpprofc-preload.so: static, or in another root (chroot) that "
               "lacks it",
               pp_percent(run->outside_cpu_ns, run->child.cpu_ns));
}

void pp_run_say_common_hints(const struct pp_run *run, const struct pprofc_profile *profile)
{
    say_script(run);
    say_unnamed(profile);
    say_refused(run);
}

void pp_run_say_hints(const struct pp_run *run, const struct pprofc_profile *profile)
{
    say_few_samples(run, profile);
    pp_run_say_common_hints(run, profile);
    say_children(run, profile);
    say_outside(run);
}

/* ---- the files ---- */

void pp_run_say_written(const struct pp_run *run, const struct pp_output_file *files,
                        size_t n_files)
{
    const char *path = files[0].path;
    char size[PP_NUMBER_TEXT_BYTES], also[PATH_MAX + 8] = "";

    if (run->output.kind == PP_OUTPUT_STDOUT || n_files == 0)
        return;
    if (n_files > 1)
        (void)snprintf(also, sizeof also, " and %s", files[1].path);
    (void)pp_bytes_text((double)files[0].n_bytes, size);
    if (run->output.format == PP_FORMAT_SVG)
        pp_say_below("wrote %s (%s)%s;   next:  open it in a browser", path, size, also);
    else if (run->output.format == PP_FORMAT_TEXT || run->output.format == PP_FORMAT_JSON)
        pp_say_below("wrote %s (%s)%s", path, size, also);
    else
        pp_say_below("wrote %s (%s)%s;   next:  pprofc report %s", path, size, also, path);
}
