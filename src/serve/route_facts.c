/* What is known without sampling: the index, the command line, threads, quality. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "base/utf8.h"
#include "formats/encode.h"
#include "formats/recording_facts.h"
#include "serve/routes.h"

/* ---- the index ---- */

enum { MODULE_WITHOUT_FILE = 1 | 2 }; /* flags of a module: the vdso, or our own library */

static const struct {
    const char *link, *about;
} index_rows[] = {
    {"profile?seconds=5", "CPU time, as a pprof file: sampled for as long as seconds= says (30)"},
    {"flamegraph?seconds=5", "the same as a flame graph"},
    {"top", "the hottest functions of all that was recorded so far"},
    {"tree", "the same as a call tree"},
    {"diff?seconds=5", "what the next seconds do otherwise than all before"},
    {"quality", "how good the data is"},
    {"overhead?debug=1", "what profiling costs"},
    {"heap", "memory in use, by where it was allocated"},
    {"allocs", "memory allocated so far"},
    {"diff?kind=heap&amp;seconds=5", "memory in use now and then, by function"},
    {"growth?seconds=5", "by how much memory in use grows in the next seconds"},
    {"flamegraph?kind=heap",
     "memory in use as a flame graph; sample=alloc_space: what was allocated"},
    {"leak?debug=1", "memory that grows, and suspects: memory that nothing leads to; a look pauses "
                     "the program, for about 27 ms a GiB"},
    {"flamegraph?kind=leak&amp;look=0",
     "suspects of the last look as a flame graph; sample=inuse_space: what is in use"},
    {"offcpu", "where threads wait and for what; seconds=5: in that time, as for all below"},
    {"flamegraph?kind=offcpu&amp;seconds=5", "the same as a flame graph"},
    {"wall", "all time of all threads, running and waiting"},
    {"lock", "waits for locks: who waited, and who let them wait"},
    {"block", "as Go has it: waits for locks and conditions"},
    {"mutex", "as Go has it: who let others wait for locks"},
    {"fgprof?seconds=5", "as felixge/fgprof has it: wall time"},
    {"goroutine?debug=2", "where each thread stands now"},
    {"threadcreate", "threads that were seen"},
    {"cmdline", "the command line"},
};

/* Stacks that have allocated, or why there are none. */
static void append_heap(struct pp_buffer *out, struct pp_served *target)
{
    const struct pp_rec_header *head = pp_served_header(target);

    if (pp_served_has_heap(target))
        pp_buffer_printf(out, ", %u stacks", (unsigned)atomic_load(&head->heap.sites.n_items));
    else
        pp_buffer_text(out, " (not measured: <code>-k heap</code> when it is started; empty)");
}

/* Rows of waits say how they are measured where they are not. */
static void append_unmeasured(struct pp_buffer *out, const char *link, struct pp_served *target)
{
    static const struct {
        const char *name, *kind;
    } rows[] = {{"offcpu", "offcpu"}, {"wall", "wall"},  {"lock", "lock"},
                {"block", "offcpu"},  {"mutex", "lock"}, {"fgprof?seconds=5", "wall"}};
    char name[16];

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].name, link) != 0)
            continue;
        (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(link, "?"), link);
        if (!pp_waits_are_measured(name, target))
            pp_buffer_printf(out, " (not measured: <code>-k %s</code> when it is started; empty)",
                             rows[i].kind);
    }
}

static bool is_of_heap(const char *link)
{
    return strcmp(link, "heap") == 0 || strcmp(link, "allocs") == 0;
}

/* What is no answer where the heap is not measured. */
static bool is_left_out(const char *link, struct pp_served *target)
{
    return (strncmp(link, "diff?kind=heap", strlen("diff?kind=heap")) == 0 &&
            !pp_served_has_heap(target)) ||
           (strncmp(link, "flamegraph?kind=offcpu", strlen("flamegraph?kind=offcpu")) == 0 &&
            !pp_waits_are_measured("offcpu", target));
}

static const char *state_name(const struct pp_rec_header *head)
{
    switch (atomic_load(&head->state)) {
    case PP_REC_STARTING:
        return "starting";
    case PP_REC_RUNNING:
        return "sampling";
    case PP_REC_PAUSED:
        return "paused";
    default:
        return "ended";
    }
}

static void append_escaped(struct pp_buffer *out, const char *text, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes && text[i] != '\0'; i++) {
        const unsigned char c = (unsigned char)text[i];
        if (c == '<' || c == '>' || c == '&' || c == '"' || c < ' ' || c == 0x7f)
            pp_buffer_printf(out, "&#%d;", c < ' ' || c == 0x7f ? '?' : c);
        else
            pp_buffer_append(out, text + i, 1);
    }
}

/* What the process had mapped when serving began and is not at its path here: a sidecar that shares
 * /dev/shm alone has no names.  A profile's own words are exact. */
static void append_missing(struct pp_buffer *out, struct pp_served *target)
{
    const struct pp_rec_module *module;
    char path[sizeof module->path + 1];
    uint32_t n = 0;

    for (uint32_t i = 0; (module = pp_recording_module(target->reader, i)) != NULL; i++) {
        memcpy(path, module->path, sizeof module->path);
        path[sizeof module->path] = '\0';
        if ((module->flags & MODULE_WITHOUT_FILE) != 0 || path[0] != '/' || access(path, R_OK) == 0)
            continue;
        pp_buffer_text(out, n == 0 ? "<p>No files here of <code>" : ", ");
        append_escaped(out, path, sizeof path);
        n++;
    }
    if (n > 0)
        pp_buffer_text(out, "</code>: their functions have no names. Show them to the server at "
                            "the same paths, or name the folder of their debug files in "
                            "<code>PPROFC_DEBUG_PATH</code>.</p>\n");
}

static void append_target(struct pp_buffer *out, struct pp_served *target, bool hides_command_line)
{
    const struct pp_rec_header *head = pp_served_header(target);
    uint64_t n_lost = 0;

    for (int i = 0; i < PP_LOSS_COUNT; i++)
        n_lost += pp_recorded_loss_is_of_samples(i) ? atomic_load(&head->losses[i]) : 0;
    pp_buffer_printf(out, "<h2>");
    append_escaped(out, target->program, sizeof target->program);
    pp_buffer_printf(out, " <small>process %d</small></h2>\n<p><code>", target->pid);
    if (hides_command_line)
        pp_buffer_text(out, "(hidden)");
    else
        append_escaped(out, head->command, sizeof head->command);
    pp_buffer_printf(
        out,
        "</code></p>\n<p>%s at %g Hz; %.2f s of CPU; %llu lost; profiling cost "
        "%.2f s</p>\n<table>\n",
        state_name(head), (double)atomic_load(&head->rate_millihertz) / 1000,
        (double)atomic_load(&head->cpu_ns) / 1e9, (unsigned long long)n_lost,
        (double)(atomic_load(&head->helper_cpu_ns) + atomic_load(&head->handler_cpu_ns)) / 1e9);
    for (size_t i = 0; i < sizeof index_rows / sizeof index_rows[0]; i++) {
        const char *link = index_rows[i].link;
        if (is_left_out(link, target))
            continue;
        pp_buffer_printf(out, "<tr><td><a href=\"/debug/pprof/%s%spid=%d\">%.*s</a></td><td>%s",
                         link, strchr(link, '?') != NULL ? "&amp;" : "?", target->pid,
                         (int)strcspn(link, "?"), link, index_rows[i].about);
        if (is_of_heap(link))
            append_heap(out, target);
        append_unmeasured(out, link, target);
        pp_buffer_text(out, "</td></tr>\n");
    }
    pp_buffer_text(out, "</table>\n");
    append_missing(out, target);
}

void pp_route_index(struct pp_call *call)
{
    struct pp_buffer *out = &call->answer->body;

    call->answer->status = 200;
    call->answer->content_type = "text/html; charset=utf-8";
    call->answer->forbids_scripts = true;
    pp_buffer_text(out,
                   "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>pprof-c"
                   "</title><style>body{font:15px sans-serif;margin:2em;max-width:60em}"
                   "td{padding:.15em 1em .15em 0}:root{color-scheme:light dark}</style></head>"
                   "<body><h1>/debug/pprof/</h1>\n");
    for (size_t i = 0; i < call->service->n_targets; i++)
        append_target(out, call->service->targets[i], call->service->hides_command_line);
    pp_buffer_text(out,
                   "<p>For <code>go tool pprof http://HOST/debug/pprof/profile?seconds=5</code>"
                   " as for a Go program. <a href=\"/metrics\">/metrics</a></p>\n"
                   "</body></html>\n");
}

/* ---- the process ---- */

void pp_route_cmdline(struct pp_call *call)
{
    const struct pp_rec_header *head = pp_served_header(call->target);
    const size_t n_bytes = strnlen(head->command, sizeof head->command);
    struct pp_buffer *out = &call->answer->body;
    char path[40];
    char chunk[4096];

    if (call->service->hides_command_line) {
        pp_http_error(call->answer, 403, "the command line is hidden here (--hide-cmdline)");
        return;
    }
    call->answer->status = 200;
    call->answer->content_type = "text/plain; charset=utf-8";
    /* The kernel's text separates arguments as they are; the recording's by spaces. */
    (void)snprintf(path, sizeof path, "/proc/%d/cmdline", head->pid);
    pp_autoclose FILE *file = pp_recording_pid_is_ours(head) && pp_served_is_alive(call->target)
                                  ? fopen(path, "re")
                                  : NULL;
    for (size_t n; file != NULL && (n = fread(chunk, 1, sizeof chunk, file)) > 0;)
        pp_buffer_append(out, chunk, n);
    if (out->n_bytes == 0)
        pp_buffer_append(out, head->command, n_bytes);
    else
        out->n_bytes--; /* the last argument's end separates nothing */
}

/* Without those that are left out, as the server's own are.  Item 0 stands for what threads used
 * that nobody saw. */
static int count_threads(struct pp_served *target, int64_t *n_out, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    const struct pp_rec_thread *thread;
    const int status = pp_served_snapshot(target, PP_RECORDING_NO_EVENTS, &reader, err);

    if (status != 0)
        return status;
    *n_out = 0;
    for (uint32_t i = 1; (thread = pp_recording_thread(reader, i)) != NULL; i++)
        *n_out += atomic_load(&thread->tid) != 0 &&
                  (atomic_load(&thread->flags) & PP_THREAD_IGNORED) == 0;
    pp_recording_close(reader);
    return 0;
}

/* Every thread that was ever seen, on one root: where threads were made is not recorded. */
void pp_route_threadcreate(struct pp_call *call)
{
    struct pprofc_profile *profile;
    struct pprofc_error err;
    int64_t n_threads = 0;

    if (count_threads(call->target, &n_threads, &err) != 0) {
        pp_http_error(call->answer, 500, "Could not read the recording: %s", err.message);
        return;
    }
    profile = pp_profile_new();
    if (profile == NULL) {
        pp_http_error(call->answer, 500, "no memory for the profile");
        return;
    }
    (void)pp_profile_add_type(profile, "threadcreate", "count");
    profile->period_type = profile->types[0];
    profile->period = 1;
    profile->time_ns = pp_served_header(call->target)->start_realtime_ns;
    pp_profile_comment(profile, n_threads > 0
                                    ? "where threads were made is not recorded, only how many ran"
                                    : "no threads were seen: nothing was sampled yet");
    if (n_threads > 0) {
        const pp_id location =
            pp_profile_named_location(profile, "[threads seen]", strlen("[threads seen]"));
        pp_profile_add(profile, pp_profile_stack(profile, &location, 1), 0, 0, &n_threads);
    }
    pp_answer_profile(call, profile, pp_call_format(call), "pprof", "threadcreate");
}

/* ---- quality ---- */

void pp_route_quality(struct pp_call *call)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    const int status =
        pp_service_whole(call->service, call->target, PP_FAMILY_CPU, false, &profile, &err);
    const struct pp_quality *quality;
    struct pp_json json = {.out = &call->answer->body};
    char line[600];

    if (status != 0) {
        pp_http_error(call->answer, 500, "Could not read the recording: %s", err.message);
        return;
    }
    quality = &profile->quality;
    pp_profile_quality_line(profile, line, sizeof line);
    call->answer->status = 200;
    call->answer->content_type = "application/json";
    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "line", line);
    pp_json_integer(&json, "n_samples", quality->n_samples);
    pp_json_integer(&json, "n_lost", quality->n_lost);
    pp_json_integer(&json, "n_truncated", quality->n_truncated);
    pp_json_integer(&json, "n_unsymbolised", quality->n_unsymbolised);
    pp_json_integer(&json, "cpu_ns", quality->cpu_ns);
    pp_json_integer(&json, "sampled_ns", quality->sampled_ns);
    pp_json_integer(&json, "unsampled_ns", quality->unsampled_ns);
    pp_json_integer(&json, "own_cpu_ns", quality->own_cpu_ns);
    pp_json_fraction(&json, "own_cpu_percent", pp_percent(quality->own_cpu_ns, quality->cpu_ns));
    pp_json_text(&json, "delivery", pp_profile_chars(profile, quality->delivery));
    pp_json_text(&json, "delivery_reason", pp_profile_chars(profile, quality->delivery_reason));
    pp_json_text(&json, "missing_modules", pp_profile_chars(profile, quality->missing_modules));
    pp_profile_missing_line(profile, line, sizeof line);
    pp_json_text(&json, "names", line);
    pp_json_end_object(&json);
    pp_buffer_text(&call->answer->body, "\n");
    pprofc_profile_free(profile);
}

/* ---- the rest ---- */

void pp_route_healthz(struct pp_call *call)
{
    if (pp_served_is_alive(call->target))
        pp_http_text(call->answer, "ok\n");
    else
        pp_http_error(call->answer, 503, "%s (process %d) has ended; its recording is served",
                      call->target->program, call->target->pid);
}

void pp_route_trace(struct pp_call *call)
{
    pp_http_error(call->answer, 501,
                  "execution traces are of Go's runtime; /debug/pprof/profile has CPU time, with "
                  "time slices in format=json");
}

void pp_route_off(struct pp_call *call)
{
    struct pprofc_error err;
    const int status = pp_served_switch_off(call->target, &err);

    if (status != 0)
        pp_http_status_json(call->answer, pp_http_status_of(status), "%s", err.message);
    else
        pp_http_status_json(call->answer, 200, "Profiling of process %d is off", call->target->pid);
}
