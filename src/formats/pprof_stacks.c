/* From the bytes of a sample's frames to their stack. */
#include "formats/pprof_stacks.h"

#include "base/pages.h"

enum {
    FIRST_SLOTS = 8192,  /* 128 KiB */
    TRIAL_STACKS = 8192, /* of so many, one in LEAST_FOUND must have come again */
    LEAST_FOUND = 64,
};

void pp_pprof_stacks_done(struct pp_pprof_stacks *stacks)
{
    pp_pages_free(stacks->slots, stacks->n_slots * sizeof *stacks->slots);
    stacks->slots = NULL;
    stacks->n_slots = 0;
}

static void put(struct pp_pprof_stack *slots, uint32_t n_slots, struct pp_pprof_stack stack)
{
    uint32_t slot = (uint32_t)((uint64_t)stack.tag * n_slots >> 32);

    while (slots[slot].node != 0)
        slot = (slot + 1) & (n_slots - 1);
    slots[slot] = stack;
}

/* False when it is not worth it, or there is no memory for it: stacks are then found frame by
 * frame, as new ones are. */
static bool grow(struct pp_pprof_stacks *stacks)
{
    const uint32_t n_slots = stacks->n_slots == 0 ? FIRST_SLOTS : stacks->n_slots * 2;
    const bool is_tried = stacks->n_stacks >= TRIAL_STACKS;
    struct pp_pprof_stack *slots = NULL;

    if (n_slots != 0 && (!is_tried || stacks->n_found * LEAST_FOUND >= stacks->n_stacks))
        slots = pp_pages_resize(NULL, 0, n_slots * sizeof *slots);
    if (slots == NULL) {
        if (is_tried)
            pp_pprof_stacks_done(stacks);
        stacks->is_off = true;
        return false;
    }
    pp_pages_fill(slots, n_slots * sizeof *slots);
    for (uint32_t i = 0; i < stacks->n_slots; i++)
        if (stacks->slots[i].node != 0)
            put(slots, n_slots, stacks->slots[i]);
    pp_pages_free(stacks->slots, stacks->n_slots * sizeof *stacks->slots);
    stacks->slots = slots;
    stacks->n_slots = n_slots;
    return true;
}

void pp_pprof_stacks_put(struct pp_pprof_stacks *stacks, struct pp_digest digest, uint32_t node)
{
    if (stacks->is_off || node == 0)
        return;
    if ((uint64_t)stacks->n_stacks * 3 >= (uint64_t)stacks->n_slots * 2 && !grow(stacks))
        return;
    put(stacks->slots, stacks->n_slots,
        (struct pp_pprof_stack){
            .proof = digest.proof, .tag = (uint32_t)(digest.place >> 32), .node = node});
    stacks->n_stacks++;
}
