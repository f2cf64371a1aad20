/* From the recordings of a run to its files. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cli/output_format.h"
#include "formats/encode.h"
#include "cli/find_program.h"
#include "cli/messages.h"
#include "cli/profile_kinds.h"
#include "cli/run.h"
#include "cli/run_heap.h"
#include "cli/run_leaks.h"
#include "cli/run_summary.h"
#include "cli/run_waits.h"
#include "cli/values.h"
#include "formats/recording.h"

enum { STOP_TIMEOUT_MS = 2000, SCAN_TIMEOUT_MS = 60000, MAX_LINES = 10 };

/* The recordings of one process: one, or more when it called exec. */
struct process {
    struct pp_run_file *files; /* in the order in which they were made */
    size_t n_files;
    uint32_t wanted;                /* kinds of profiles that it gets: PP_KIND_CPU .. */
    struct pprofc_profile *profile; /* owned; of the kind at work; NULL when it could not be made */
};

/* ---- stop ---- */

/* A process that answers is told to end its recording.  When the program itself has ended these are
 * daemons and the like: they live on, their profiles end here. */
static void stop_all(struct pp_run *run)
{
    const int timeout_ms =
        (run->options.kinds & PP_KIND_LEAK) != 0 ? SCAN_TIMEOUT_MS : STOP_TIMEOUT_MS;
    size_t n_alive = 0;

    for (size_t i = 0; i < run->files.n_files; i++) {
        if (!pp_run_file_is_alive(&run->files.files[i]))
            continue;
        (void)pp_recording_command(run->files.files[i].reader, PP_REQUEST_STOP, 0, timeout_ms);
        n_alive += run->files.files[i].pid != run->child.pid;
    }
    if (n_alive > 0 && run->child.has_ended)
        pp_say("%zu process%s of this run still run%s; %s profile%s here", n_alive,
               n_alive > 1 ? "es" : "", n_alive > 1 ? "" : "s", n_alive > 1 ? "their" : "its",
               n_alive > 1 ? "s end" : " ends");
}

/* ---- profiles ---- */

static const struct pp_rec_header *last_header(const struct process *process)
{
    return pp_recording_header(process->files[process->n_files - 1].reader);
}

static bool keeps_peak(const struct process *process)
{
    return atomic_load(&last_header(process)->heap.peak_mark) != 0;
}

static int make_profile(const struct pp_run *run, struct process *process,
                        const struct pp_profile_kind *kind, struct pp_symbolizer *symbolizer,
                        struct pprofc_error *err)
{
    struct pp_recording_profile_options options = {.kind = kind->family,
                                                   .view = kind->view,
                                                   .is_at_peak = kind->kind == PP_KIND_HEAP &&
                                                                 keeps_peak(process)};
    pp_autofree struct pp_recording_reader **readers = calloc(process->n_files, sizeof *readers);

    if (readers == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the profile");
    for (size_t i = 0; i < process->n_files; i++)
        readers[i] = process->files[i].reader;
    if (process->files[0].pid == run->child.pid && run->child.cpu_ns > 0)
        options.cpu_ns_override = run->child.cpu_ns;
    if (process->files[0].pid == run->child.pid && run->child.has_ended)
        options.end_ns_override = run->child.end_ns;
    return pp_recordings_to_profile(readers, process->n_files, symbolizer, &options,
                                    &process->profile, err);
}

static bool has_heap_samples(const struct pp_recording_reader *reader)
{
    const struct pp_rec_site *site;

    for (uint32_t i = 0; (site = pp_recording_site(reader, i)) != NULL; i++)
        if (atomic_load(&site->allocated.n_samples) > 0)
            return true;
    return false;
}

static bool has_waits(const struct pp_recording_reader *reader)
{
    const struct pp_rec_thread_waits *waits;

    for (uint32_t i = 0; (waits = pp_recording_thread_waits(reader, i)) != NULL; i++)
        if (atomic_load(&waits->blocked_ns) > 0 || atomic_load(&waits->n_contentions) > 0)
            return true;
    return false;
}

static bool has_samples(const struct process *process)
{
    for (size_t i = 0; i < process->n_files; i++) {
        const struct pp_rec_thread *thread;
        if (has_heap_samples(process->files[i].reader) || has_waits(process->files[i].reader))
            return true;
        for (uint32_t k = 0; (thread = pp_recording_thread(process->files[i].reader, k)) != NULL;
             k++)
            if (atomic_load(&thread->n_samples) > 0)
                return true;
    }
    return false;
}

static int64_t cpu_of_processes(const struct pp_run *run, pid_t except)
{
    int64_t cpu_ns = 0;

    for (size_t i = 0; i < run->files.n_files; i++)
        if (run->files.files[i].pid != except)
            cpu_ns +=
                (int64_t)atomic_load(&pp_recording_header(run->files.files[i].reader)->cpu_ns);
    return cpu_ns;
}

/* What the program used while nothing of us was there: before the start, and after it executed what
 * cannot be profiled. */
static int64_t cpu_outside(const struct pp_run *run, const struct process *process)
{
    int64_t left_ns = run->child.cpu_ns;

    for (size_t i = 0; i < process->n_files; i++) {
        const struct pp_rec_header *header = pp_recording_header(process->files[i].reader);
        left_ns -= (int64_t)(atomic_load(&header->cpu_ns) + atomic_load(&header->helper_cpu_ns));
    }
    return left_ns;
}

static uint32_t what_the_program_did(const struct process *process)
{
    uint32_t did = 0;

    for (size_t i = 0; i < process->n_files; i++)
        did |= atomic_load(&pp_recording_header(process->files[i].reader)->by_program);
    return did;
}

/* CPU of the children of 'process' that the program did not ask for: they write its own profiles.
 */
static int64_t cpu_of_own_children(const struct process *process)
{
    int64_t cpu_ns = 0;

    for (size_t i = 0; i < process->n_files; i++)
        cpu_ns +=
            (int64_t)atomic_load(&pp_recording_header(process->files[i].reader)->own_children_ns);
    return cpu_ns;
}

/* ---- files ---- */

/* "PROG" of a process's files: what the user typed for the program itself, else what the process
 * executed.  "env X=1 app" and "sh -c 'exec app'" are app in the end. */
static void program_name(const struct pp_run *run, const struct process *process, char *name_out,
                         size_t capacity)
{
    const struct pp_rec_header *header =
        pp_recording_header(process->files[process->n_files - 1].reader);
    char name[PP_PROGRAM_NAME_BYTES];

    (void)pp_recording_program_name(header, name);
    if (name[0] == '\0' || (process->files[0].pid == run->child.pid && process->n_files == 1))
        (void)snprintf(name_out, capacity, "%s", run->program);
    else
        pp_output_program(name, name_out, capacity);
}

/* The recordings themselves, for -o NAME.ppc: one file each. */
static int write_raw(struct pp_run *run, struct process *process, const char *program,
                     bool is_one_of_several, struct pp_output_file *file, struct pprofc_error *err)
{
    static const char *const extensions[] = {".ppc"};
    int rc = 0;

    for (size_t i = 0; rc == 0 && i < process->n_files; i++) {
        pp_autobuffer struct pp_buffer copy = PP_BUFFER_INIT;
        rc = pp_recording_copy(process->files[i].reader, &copy, err);
        file->bytes = copy.bytes;
        file->n_bytes = copy.n_bytes;
        if (rc == 0)
            rc = pp_output_write(&run->output, program, process->files[0].pid, is_one_of_several,
                                 file, extensions, 1, err);
    }
    return rc;
}

/* Without -o the current folder is where nobody promised that one can write: the profile must not
 * be lost for that. */
static int write_elsewhere(const char *infix, const char *program, pid_t pid,
                           struct pp_output_file *files, const char *const *extensions,
                           size_t n_files, struct pprofc_error *err)
{
    const char *folder = getenv("TMPDIR");
    struct pp_output elsewhere = {.kind = PP_OUTPUT_FOLDER,
                                  .infix = infix,
                                  .path = folder != NULL && folder[0] != '\0' ? folder : "/tmp"};

    pp_complain("%s; writing in %s", err->message, elsewhere.path);
    return pp_output_write(&elsewhere, program, pid, true, files, extensions, n_files, err);
}

/* 'files' get their paths and sizes; returns their number or a negative errno. */
static int write_files(struct pp_run *run, struct process *process, const char *program,
                       bool is_one_of_several, struct pp_output_file *files,
                       struct pprofc_error *err)
{
    static const char *const extensions[PP_OUTPUT_MAX_FILES] = {".pb.gz", ".svg"};
    pp_autobuffer struct pp_buffer first = PP_BUFFER_INIT;
    pp_autobuffer struct pp_buffer second = PP_BUFFER_INIT;
    const struct pprofc_profile *profile = process->profile;
    const bool is_named =
        run->output.kind == PP_OUTPUT_NAMED || run->output.kind == PP_OUTPUT_FOLDER;
    const enum pp_format format = is_named ? PP_FORMAT_PPROF : run->output.format;
    const size_t n_files = is_named ? 2 : 1;
    const pid_t pid = process->files[0].pid;
    int rc;

    if (run->options.continuous.is_on && run->options.output == NULL)
        return 0; /* the windows are the result */
    if (format == PP_FORMAT_RECORDING) {
        rc = write_raw(run, process, program, is_one_of_several, files, err);
        return rc < 0 ? rc : 1;
    }
    rc = pp_encode_profile(profile, format, profile->default_type, &first, err);
    if (rc == 0 && is_named)
        rc = pp_encode_profile(profile, PP_FORMAT_SVG, profile->default_type, &second, err);
    if (rc < 0)
        return rc;
    files[0].bytes = first.bytes;
    files[0].n_bytes = first.n_bytes;
    files[1].bytes = second.bytes;
    files[1].n_bytes = second.n_bytes;
    rc = pp_output_write(&run->output, program, pid, is_one_of_several, files, extensions, n_files,
                         err);
    if (rc < 0 && run->output.kind == PP_OUTPUT_NAMED)
        rc = write_elsewhere(run->output.infix, program, pid, files, extensions, n_files, err);
    return rc < 0 ? rc : (int)n_files;
}

/* ---- one process after the other ---- */

static void say_kept(const struct process *process, const char *why)
{
    pp_complain("%s", why);
    for (size_t i = 0; i < process->n_files; i++)
        if (process->files[i].path[0] != '\0')
            pp_complain("the recording is kept; try: pprofc convert %s profile.pb.gz",
                        process->files[i].path);
}

static void say_heap(const struct pp_run *run, const struct process *process, const char *who,
                     struct pp_symbolizer *symbolizer)
{
    pp_run_say_heap(run, process->profile, last_header(process), who);
    pp_run_say_leaks(process->files[process->n_files - 1].reader, symbolizer);
}

static void say_cpu(const struct pp_run *run, const struct process *process, const char *who)
{
    char quality[400] = "";

    if (who == NULL) {
        if (!run->options.continuous.is_on)
            pp_run_say_hints(run, process->profile);
        pp_run_say_result(run, process->profile);
    } else {
        pp_profile_quality_line(process->profile, quality, sizeof quality);
        pp_say("%s: %s", who, quality);
    }
}

static void say_process(const struct pp_run *run, const struct process *process,
                        const struct pp_profile_kind *kind, const char *program,
                        struct pp_symbolizer *symbolizer, const struct pp_output_file *files,
                        size_t n_files)
{
    const bool is_first = (process->wanted & (kind->kind - 1)) == 0 || kind->kind == PP_KIND_CPU;
    char other[160];
    const char *who = is_first ? NULL : kind->name;

    if (process->files[0].pid != run->child.pid) {
        (void)snprintf(other, sizeof other, "%s (%d)", program, (int)process->files[0].pid);
        who = other;
    }
    if (kind->kind == PP_KIND_HEAP)
        say_heap(run, process, who, symbolizer);
    else if (kind->kind == PP_KIND_CPU)
        say_cpu(run, process, who);
    else
        pp_run_say_waits(run, process->profile, who);
    pp_run_say_written(run, files, n_files);
}

/* CPU of children that nobody followed. */
static void state_children(const struct pp_run *run, struct process *process)
{
    int64_t left_ns;

    if (process->files[0].pid != run->child.pid || run->child.children_cpu_ns < 0)
        return;
    left_ns = run->child.children_cpu_ns - cpu_of_processes(run, run->child.pid) -
              cpu_of_own_children(process);
    process->profile->quality.children_cpu_ns = left_ns > 0 ? left_ns : 0;
}

/* What goes into names before their extension: the kind where there are several, or none that
 * people expect without being told. */
static const char *infix_of(const struct pp_run *run, const struct process *process,
                            const struct pp_profile_kind *kind)
{
    if (run->output.format == PP_FORMAT_RECORDING)
        return NULL; /* it holds all of them */
    if (process->wanted == kind->kind &&
        (kind->kind == PP_KIND_CPU || run->output.kind == PP_OUTPUT_FILE))
        return NULL;
    return kind->infix;
}

/* Make, write and say the profile of one kind.  0 or a negative errno, which was said. */
static int finish_kind(struct pp_run *run, struct process *process,
                       const struct pp_profile_kind *kind, const char *program,
                       struct pp_symbolizer *symbolizer, bool is_one_of_several, bool is_said)
{
    struct pp_output_file files[PP_OUTPUT_MAX_FILES];
    struct pprofc_error err = {0};
    int rc = make_profile(run, process, kind, symbolizer, &err);

    memset(files, 0, sizeof files);
    run->output.infix = infix_of(run, process, kind);
    if (rc == 0 && kind->kind == PP_KIND_CPU)
        state_children(run, process);
    if (rc == 0 && process->profile->heap.is_behind && process->files[0].pid == run->child.pid &&
        run->child.has_ended) /* a recording that was cut off knows only its last look */
        process->profile->duration_ns = run->child.end_ns - run->child.start_ns;
    if (rc == 0 && run->options.ignores_idle &&
        (kind->kind == PP_KIND_OFFCPU || kind->kind == PP_KIND_WALL))
        rc = pp_run_ignore_idle(process->profile, &err);
    if (rc == 0)
        rc = write_files(run, process, program, is_one_of_several, files, &err);
    if (rc < 0)
        say_kept(process, err.message);
    else if (is_said)
        say_process(run, process, kind, program, symbolizer, files, (size_t)rc);
    pprofc_profile_free(process->profile);
    process->profile = NULL;
    return rc < 0 ? rc : 0;
}

/* Make, write, say and remove.  Returns whether files were written. */
static bool finish_process(struct pp_run *run, struct process *process,
                           struct pp_symbolizer *symbolizer, bool is_one_of_several, bool is_said)
{
    char program[128];
    int rc = 0;

    program_name(run, process, program, sizeof program);
    if (process->files[0].pid == run->child.pid) {
        run->has_execed = strcmp(run->program, program) != 0;
        memcpy(run->program, program, sizeof run->program);
        run->outside_cpu_ns = cpu_outside(run, process);
        run->by_program = what_the_program_did(process);
        run->is_cut_off =
            run->child.has_ended && WIFSIGNALED(run->child.wait_status) &&
            atomic_load(&pp_recording_header(process->files[process->n_files - 1].reader)->state) !=
                PP_REC_ENDED;
    }
    for (size_t i = 0; i < PP_N_PROFILE_KINDS && rc == 0; i++) {
        if ((process->wanted & pp_profile_kinds[i].kind) == 0)
            continue;
        rc = finish_kind(run, process, &pp_profile_kinds[i], program, symbolizer, is_one_of_several,
                         is_said);
        if (run->output.format == PP_FORMAT_RECORDING)
            break;
    }
    for (size_t i = 0; rc == 0 && i < process->n_files; i++)
        pp_run_file_unlink(&process->files[i]);
    return rc == 0;
}

/* The recordings of the process that 'first' belongs to lie together. */
static struct process process_at(const struct pp_run *run, size_t first)
{
    struct process process = {.files = &run->files.files[first]};
    uint32_t recorded = 0;

    while (first + process.n_files < run->files.n_files &&
           process.files[process.n_files].pid == process.files[0].pid &&
           process.files[process.n_files].start_ticks == process.files[0].start_ticks)
        process.n_files++;
    for (size_t i = 0; i < process.n_files; i++)
        recorded |= pp_recording_kinds(pp_recording_header(process.files[i].reader));
    process.wanted = pp_profile_kinds_wanted(recorded, run->options.kinds);
    return process;
}

static void finish_others(struct pp_run *run, struct pp_symbolizer *symbolizer, size_t n_wanted)
{
    size_t n_said = 0, n_silent = 0, n_empty = 0;

    for (size_t i = 0; i < run->files.n_files;) {
        struct process process = process_at(run, i);
        i += process.n_files;
        if (process.files[0].pid == run->child.pid)
            continue;
        if (!has_samples(&process)) {
            for (size_t k = 0; k < process.n_files; k++)
                pp_run_file_unlink(&process.files[k]);
            n_empty++;
            continue;
        }
        if (finish_process(run, &process, symbolizer, n_wanted > 1, n_said < MAX_LINES))
            n_said++;
    }
    n_silent = n_said > MAX_LINES ? n_said - MAX_LINES : 0;
    if (n_silent > 0)
        pp_say("and %zu more processes, in files of the same kind", n_silent);
    if (n_empty > 0)
        pp_say_more("%zu more processes had no samples and got no files", n_empty);
}

/* How many processes get files: the program itself, and others that have samples. */
static size_t count_wanted(const struct pp_run *run)
{
    size_t n_wanted = 0;

    for (size_t i = 0; i < run->files.n_files;) {
        const struct process process = process_at(run, i);
        i += process.n_files;
        n_wanted += process.files[0].pid == run->child.pid || has_samples(&process);
    }
    return n_wanted;
}

void pp_run_write_results(struct pp_run *run)
{
    const struct pp_symbolizer_options options = {.debug_path = getenv("PPROFC_DEBUG_PATH")};
    struct pp_symbolizer *symbolizer = NULL; /* one for all: processes share most of their code */
    size_t n_wanted, main_at = 0;

    /* A reader of ours that has read enough is an error to be told; the program runs already, and
     * its own SIGPIPE is as it was. */
    (void)signal(SIGPIPE, SIG_IGN);
    (void)pp_symbolizer_new(&options, &symbolizer, NULL);
    stop_all(run);
    pp_run_files_drop_unreadable(&run->files);
    pp_run_files_refresh(&run->files);
    n_wanted = count_wanted(run);
    finish_others(run, symbolizer, n_wanted);
    while (main_at < run->files.n_files && run->files.files[main_at].pid != run->child.pid)
        main_at++;
    if (main_at < run->files.n_files) {
        struct process process = process_at(run, main_at);
        pp_run_say_delivery(last_header(&process));
        pp_run_say_unsampled(process.files[process.n_files - 1].reader);
        (void)finish_process(run, &process, symbolizer, n_wanted > 1, true);
    } else {
        pp_complain(
            "%s left no recording, so there is no profile: its own line says why it could not "
            "begin, else it did not load %s or cleared its environment before it started",
            run->program, pp_preload_library(run->options.kinds));
    }
    pp_symbolizer_free(symbolizer);
}
