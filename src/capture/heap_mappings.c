/* The list of mappings: address space that is memory only where it is touched, and empty in a
 * child. */
#include "capture/heap_mappings.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/mman.h>

#include "capture/heap_memory.h"
#include "capture/hook_mappings.h"
#include "capture/own_memory.h"
#include "capture/session.h"
#include "sigsafe/heap_mappings.h"

enum {
    MOST_MAPPINGS = 1 << 20, /* neighbours are one to the kernel, which allows 65 530 by default */
    FEW_MAPPINGS = 1 << 14,  /* where address space counts as memory */
};

static struct pp_sig_range *ranges;
static struct pp_sig_mapping *mappings;
static uint32_t capacity;

/* Whether there are any to follow: of a static program only where its linker wraps; and whether its
 * allocator's are among them. */
static bool are_found, are_told_apart;

static uint64_t bytes_for(uint32_t n)
{
    return n * (uint64_t)(sizeof *ranges + sizeof *mappings);
}

int pp_heap_mappings_prepare(void)
{
    uint32_t n = pp_is_overcommit_strict() ? FEW_MAPPINGS : MOST_MAPPINGS;

    are_found = pp_mappings_find_real();
    are_told_apart = are_found && pp_mappings_are_told_apart();
    if (ranges != NULL)
        return 0;
    while (n > FEW_MAPPINGS && bytes_for(n) > pp_address_space_share())
        n /= 2;
    ranges = pp_reserve_wiped(bytes_for(n));
    if (ranges == NULL)
        return -ENOMEM;
    mappings = (struct pp_sig_mapping *)(ranges + n);
    capacity = n;
    return 0;
}

/* Nothing beyond what was used was ever touched. */
static void clear(void)
{
    (void)madvise(ranges, bytes_for(capacity), MADV_DONTNEED);
    pp_sig_mappings_clear(ranges, mappings, capacity);
}

void pp_heap_mappings_begin(struct pp_session *session)
{
    if (!session->settings.heap_follows_mappings)
        return;
    if (!are_found || !are_told_apart) {
        pp_session_message(session->header, "%s",
                           are_found ? "the program brings a malloc of its own, whose mappings "
                                       "cannot be told from others: none are followed"
                                     : "no mmap to be found: a static program has its mappings "
                                       "followed when it is linked with the options of pkg-config "
                                       "--static pprofc");
        return;
    }
    clear();
    atomic_store(&session->header->heap.mappings.are_followed, 1);
    atomic_store(&pp_sig_mappings.state, PP_MAPPINGS_FOLLOWED);
}

void pp_heap_mappings_count(struct pp_heap_mapping_counts *counts_out)
{
    *counts_out = (struct pp_heap_mapping_counts){
        .n_maps = atomic_load(&pp_sig_mappings.n_maps),
        .mapped_bytes = atomic_load(&pp_sig_mappings.mapped_bytes),
        .n_others = atomic_load(&pp_sig_mappings.n_others),
        .other_bytes = atomic_load(&pp_sig_mappings.other_bytes),
        .n_unmaps = atomic_load(&pp_sig_mappings.n_unmaps),
        .unmapped_bytes = atomic_load(&pp_sig_mappings.unmapped_bytes),
    };
}

uint64_t pp_heap_mappings_bytes(void)
{
    return ranges == NULL ? 0 : pp_bytes_in_memory(ranges, bytes_for(capacity));
}

void pp_heap_mappings_sum_up(struct pp_session *session)
{
    struct pp_rec_mappings *sums = &session->header->heap.mappings;
    struct pp_heap_mapping_counts counts;

    if (atomic_load(&sums->are_followed) == 0)
        return;
    pp_heap_mappings_count(&counts);
    atomic_store(&sums->n_maps, counts.n_maps);
    atomic_store(&sums->mapped_bytes, counts.mapped_bytes);
    atomic_store(&sums->n_others, counts.n_others);
    atomic_store(&sums->other_bytes, counts.other_bytes);
    atomic_store(&sums->n_unmaps, counts.n_unmaps);
    atomic_store(&sums->unmapped_bytes, counts.unmapped_bytes);
}

void pp_heap_mappings_end(void)
{
    atomic_store(&pp_sig_mappings.state, PP_MAPPINGS_OFF);
}

void pp_heap_mappings_forget_parent(void)
{
    pp_heap_mappings_end();
    if (ranges != NULL) /* which are wiped */
        pp_sig_mappings_clear(ranges, mappings, capacity);
}

void pp_heap_mappings_each(void (*visit)(void *context, uint64_t start,
                                         const struct pp_sig_heap_object *object),
                           void *context)
{
    const uint32_t n = __atomic_load_n(&pp_sig_mappings.n_used, __ATOMIC_RELAXED);

    if (atomic_load(&pp_sig_mappings.state) != PP_MAPPINGS_FOLLOWED)
        return;
    for (uint32_t i = PP_MAPPING_OTHER + 1; i < n; i++) {
        const struct pp_sig_mapping mapping = mappings[i];
        if (mapping.known.size_bytes != 0 && mapping.is_thinned_out == 0)
            visit(context, 0, &mapping.known);
    }
}
