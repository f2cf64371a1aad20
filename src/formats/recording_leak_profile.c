/* From a recording's heap to a profile of what nothing leads to; trusts nothing that the recording
 * says. */
#include "formats/recording_leak_profile.h"

#include <errno.h>

#include "base/error.h"
#include "formats/recording_facts.h"
#include "formats/recording_sites.h"
#include "formats/recording_stacks.h"

enum { SUSPECT_OBJECTS, SUSPECT_SPACE, INUSE_OBJECTS, INUSE_SPACE, N_TYPES };

static int no_memory(struct pprofc_error *err)
{
    return pp_fail(err, -ENOMEM, 0, "no memory for the profile");
}

static int add_site(struct pprofc_profile *profile, struct pp_recorded_stacks *stacks,
                    const struct pp_recording_reader *reader, uint32_t index,
                    struct pprofc_error *err)
{
    const struct pp_rec_site *site = pp_recording_site(reader, index);
    const struct pp_site_amount suspects = pp_site_suspects(site), in_use = pp_site_in_use(site);
    const int64_t values[N_TYPES] = {suspects.objects, suspects.bytes, in_use.objects,
                                     in_use.bytes};
    const uint64_t birth_ns = pp_site_load(&site->oldest_birth_ns);
    const struct pp_recorded_stack *stack = NULL;
    struct pp_recorded_walk walk = {.key = index};
    int status;

    if (pp_site_load(&site->hash) == 0 ||
        (suspects.objects == 0 && in_use.objects == 0 && in_use.bytes == 0))
        return 0;
    walk.pcs = pp_recording_site_frames(reader, site, &walk.n_frames);
    if (walk.pcs == NULL)
        return pp_fail(err, -EBADMSG, 0, "the recording is damaged: a stack is missing");
    walk.time_ns = birth_ns != 0 ? birth_ns : pp_recorded_end_ns(pp_recording_header(reader));
    walk.is_truncated = (site->flags & PP_EVENT_TRUNCATED) != 0;
    status = pp_recorded_stacks_find(stacks, &walk, &stack, err);
    if (status == 0)
        pp_profile_add(profile, stack->node, 0, 0, values);
    return status;
}

static int add_sites(struct pprofc_profile *profile, struct pp_symbolizer *symbolizer,
                     const struct pp_recording_reader *reader, struct pprofc_error *err)
{
    struct pp_recorded_stacks stacks;
    int status = pp_recorded_stacks_init(&stacks, profile, symbolizer, reader);

    for (uint32_t i = 0; status == 0 && pp_recording_site(reader, i) != NULL; i++)
        status = add_site(profile, &stacks, reader, i, err);
    if (status == 0)
        status = pp_recorded_stacks_note_missing(&stacks);
    pp_recorded_stacks_done(&stacks);
    return status == -ENOMEM || pp_profile_failed(profile) ? no_memory(err) : status;
}

static void set_head(struct pprofc_profile *profile, const struct pp_rec_header *head)
{
    const struct pp_rec_leak_scan *look = &head->heap.leaks;
    const uint64_t interval_bytes = pp_site_load(&head->heap.interval_bytes);

    (void)pp_profile_add_type(profile, "suspect_objects", "count");
    profile->default_type = (uint32_t)pp_profile_add_type(profile, "suspect_space", "bytes");
    (void)pp_profile_add_type(profile, "inuse_objects", "count");
    if (atomic_load(&look->generation) != 0)
        (void)pp_profile_add_type(profile, "inuse_space", "bytes");
    else
        profile->default_type = (uint32_t)pp_profile_add_type(profile, "inuse_space", "bytes");
    pp_recorded_origin_set(profile, head);
    profile->kind = pp_profile_text(profile, "leak");
    profile->duration_ns = pp_site_bounded(pp_recorded_end_ns(head));
    profile->period_type.type = pp_profile_text(profile, "space");
    profile->period_type.unit = pp_profile_text(profile, "bytes");
    profile->period = interval_bytes > 1 ? pp_site_bounded(interval_bytes) : 1;
}

int pp_recording_leak_profile_fill(struct pp_recording_reader *reader,
                                   struct pp_symbolizer *symbolizer, struct pprofc_profile *profile,
                                   struct pprofc_error *err)
{
    const struct pp_rec_header *head = pp_recording_header(reader);
    int status;

    if (atomic_load(&head->heap.mode) == PP_HEAP_OFF)
        return pp_fail(err, -ENODATA, 0, "the heap was not profiled");
    if (atomic_load(&head->heap.leaks.generation) % 2 != 0)
        return pp_fail(err, -EAGAIN, 0, "the recording was being written; try again");
    set_head(profile, head);
    status = add_sites(profile, symbolizer, reader, err);
    if (status == 0 && pp_profile_estimate_heap(profile) != 0)
        status = no_memory(err);
    return status;
}
