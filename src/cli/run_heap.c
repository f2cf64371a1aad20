/* The last lines of a run about the heap. */
#include "cli/run_heap.h"

#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "cli/messages.h"
#include "cli/run_summary.h"
#include "profile/top.h"
#include "views/heap_facts.h"
#include "views/lifetime_facts.h"
#include "views/thread_name.h"

enum {
    FEW_SAMPLES = 20,
    MANY_SAMPLES_INTERVAL = 64 * 1024,
    WORTH_SAMPLING_BYTES = 100 * MANY_SAMPLES_INTERVAL,
    MAX_THREADS = 3,
};

/* When the memory was in use that the profile shows. */
static const char *moment(const struct pp_run *run, const struct pp_rec_header *header)
{
    if (atomic_load(&header->heap.peak_mark) != 0)
        return "at the peak";
    if (!run->child.has_ended)
        return "then";
    /* One that calls _exit() does not end its recording either, and did not die of anything. */
    return WIFSIGNALED(run->child.wait_status) && atomic_load(&header->state) != PP_REC_ENDED
               ? "when it died"
               : "at the end";
}

static void put_sizes(const struct pprofc_profile *profile, const char *moment,
                      struct pp_buffer *out)
{
    const struct pp_heap_value in_use = pp_heap_value(profile, "inuse_space");
    const struct pp_heap_value allocated = pp_heap_value(profile, "alloc_space");
    const struct pp_heap_totals *totals = &profile->heap;
    char bytes[PP_NUMBER_TEXT_BYTES], count[PP_NUMBER_TEXT_BYTES];

    if (totals->is_behind && profile->quality.n_samples == 0) {
        pp_buffer_text(out, "0 samples of the heap");
        return;
    }
    if (totals->is_behind) {
        pp_heap_value_append(out, &allocated);
        pp_buffer_text(out, " allocated, ");
    } else {
        pp_buffer_printf(out, "%s in %s allocations, ",
                         pp_bytes_text((double)totals->requested_bytes, bytes),
                         pp_count_text(totals->n_allocs, count));
    }
    pp_heap_value_append(out, &in_use);
    pp_buffer_printf(out, " in use %s", moment);
    if (in_use.estimate.n_sampled > 0)
        pp_buffer_printf(out, " by %s sample%s",
                         pp_count_text((int64_t)(in_use.estimate.n_sampled + 0.5), count),
                         in_use.estimate.n_sampled < 1.5 ? "" : "s");
    if (profile->quality.n_lost > 0)
        pp_buffer_printf(out, ", %s lost", pp_count_text(profile->quality.n_lost, count));
    if (profile->quality.n_truncated > 0)
        pp_buffer_printf(out, ", %s truncated", pp_count_text(profile->quality.n_truncated, count));
    pp_buffer_text(out, "");
}

/* Which threads asked for most, where there are several. */
static void say_threads(const struct pprofc_profile *profile)
{
    pp_autobuffer struct pp_buffer line = PP_BUFFER_INIT;
    struct pp_heap_thread threads[MAX_THREADS + 1];
    const uint32_t n = pp_heap_threads_pick(&profile->heap, MAX_THREADS, threads);
    char bytes[PP_NUMBER_TEXT_BYTES];

    for (uint32_t i = 0; i < n; i++) {
        pp_buffer_text(&line, i == 0 ? "" : ", ");
        pp_thread_name_append(&line, profile, &threads[i].who);
        pp_buffer_printf(&line, " %s", pp_bytes_text((double)threads[i].requested_bytes, bytes));
    }
    if (profile->heap.n_threads > 1 && !line.failed)
        pp_say("asked for by thread%s: %s", profile->heap.is_behind ? ", at least" : "",
               line.bytes);
}

static void say_usable(const struct pp_heap_totals *totals)
{
    pp_autobuffer struct pp_buffer line = PP_BUFFER_INIT;

    if (!totals->counts_usable)
        return;
    pp_heap_usable_append(&line, totals->usable_allocated_bytes, totals->usable_freed_bytes);
    if (!line.failed)
        pp_say("%s%s", totals->is_behind ? "at least " : "", line.bytes);
}

static void say_lifetimes(const struct pprofc_profile *profile)
{
    pp_autobuffer struct pp_buffer line = PP_BUFFER_INIT;

    if (pp_lifetime_facts_append(&line, profile) && !line.failed)
        pp_say("%s", line.bytes);
}

/* A smaller interval that gives some hundred samples, where that is not too small to be one. */
static void say_few(const struct pprofc_profile *profile)
{
    const int64_t n_samples = profile->quality.n_samples;
    const bool is_small = profile->heap.requested_bytes < WORTH_SAMPLING_BYTES;
    char bytes[PP_NUMBER_TEXT_BYTES];

    if (n_samples >= FEW_SAMPLES || profile->period <= MANY_SAMPLES_INTERVAL ||
        profile->heap.n_allocs == 0)
        return;
    pp_say("only %d sample%s of the heap in %s; for more: --heap-interval %s", (int)n_samples,
           n_samples == 1 ? "" : "s", pp_bytes_text((double)profile->heap.requested_bytes, bytes),
           is_small ? "1, which records every allocation" : "64K");
}

void pp_run_say_heap(const struct pp_run *run, const struct pprofc_profile *profile,
                     const struct pp_rec_header *header, const char *who)
{
    pp_autobuffer struct pp_buffer sizes = PP_BUFFER_INIT;
    pp_autobuffer struct pp_buffer memory = PP_BUFFER_INIT;
    char end[256];

    put_sizes(profile, moment(run, header), &sizes);
    if (sizes.failed)
        return;
    if (who == NULL || strcmp(who, "heap") == 0)
        say_few(profile);
    if (who != NULL) {
        pp_say("%s: %s", who, sizes.bytes);
    } else {
        pp_run_say_common_hints(run, profile);
        pp_run_end_text(run, end, sizeof end);
        pp_say("%s; %s", end, sizes.bytes);
    }
    if (who == NULL || strcmp(who, "heap") == 0) {
        pp_run_say_hot_lines(profile);
        say_usable(&profile->heap);
        say_threads(profile);
        say_lifetimes(profile);
    }
    if (pp_heap_memory_append(&memory, profile)) {
        pp_buffer_text(&memory, "");
        if (!memory.failed)
            pp_say("%s", memory.bytes);
    }
}
