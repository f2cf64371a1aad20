/* The last lines of a run about the heap. */
#include "cli/run_heap.h"

#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "cli/messages.h"
#include "cli/run_summary.h"
#include "profile/top.h"
#include "views/heap_facts.h"

enum { FEW_SAMPLES = 20 };

/* When the memory was in use that the profile shows. */
static const char *moment(const struct pp_run *run, const struct pp_rec_header *header)
{
    if (atomic_load(&header->heap.peak_mark) != 0)
        return "at the peak";
    if (!run->child.has_ended)
        return "then";
    return atomic_load(&header->state) == PP_REC_ENDED ? "at the end" : "when it died";
}

static void put_sizes(const struct pprofc_profile *profile, const char *moment,
                      struct pp_buffer *out)
{
    const struct pp_heap_value in_use = pp_heap_value(profile, "inuse_space");
    const struct pp_heap_value allocated = pp_heap_value(profile, "alloc_space");
    const struct pp_heap_totals *totals = &profile->heap;
    char bytes[PP_NUMBER_TEXT_BYTES], count[PP_NUMBER_TEXT_BYTES];

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
        pp_buffer_printf(out, " by %s samples",
                         pp_count_text((int64_t)(in_use.estimate.n_sampled + 0.5), count));
    if (profile->quality.n_lost > 0)
        pp_buffer_printf(out, ", %s lost", pp_count_text(profile->quality.n_lost, count));
    if (profile->quality.n_truncated > 0)
        pp_buffer_printf(out, ", %s truncated", pp_count_text(profile->quality.n_truncated, count));
    pp_buffer_text(out, "");
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
    if (who != NULL) {
        pp_say("%s: %s", who, sizes.bytes);
    } else {
        pp_run_say_common_hints(run, profile);
        pp_run_end_text(run, end, sizeof end);
        pp_say("%s; %s", end, sizes.bytes);
    }
    if (who == NULL || strcmp(who, "heap") == 0)
        pp_run_say_hot_lines(profile);
    if (pp_heap_memory_append(&memory, profile)) {
        pp_buffer_text(&memory, "");
        if (!memory.failed)
            pp_say("%s", memory.bytes);
    }
    if (profile->quality.n_samples < FEW_SAMPLES && profile->period > 64 * 1024)
        pp_say("only %d samples of the heap; for more: --heap-interval 64K",
               (int)profile->quality.n_samples);
}
