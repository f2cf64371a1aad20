/* Fragmentation of a heap. */
#include "profile/fragmentation.h"

static const int64_t WORTH_A_WORD_BYTES = 16 << 20;
static const double HIGH_RATIO = 0.5;

static int64_t at_least_zero(int64_t value)
{
    return value < 0 ? 0 : value;
}

bool pp_fragmentation_make(const struct pp_heap_memory *memory,
                           struct pp_fragmentation *fragmentation_out)
{
    const bool counts_objects = memory->object_bytes >= 0;
    struct pp_fragmentation made = {
        .internal = -1, .internal_error = -1, .retained = memory->retained_bytes};

    made.in_objects = counts_objects ? memory->object_bytes : memory->live_bytes;
    if (memory->resident_bytes <= 0 || made.in_objects < 0)
        return false;
    made.external = at_least_zero(memory->resident_bytes - made.in_objects);
    if (counts_objects && memory->live_bytes >= 0) {
        made.internal = at_least_zero(memory->object_bytes - memory->live_bytes);
        made.internal_error = memory->live_error_bytes;
    }
    made.ratio = (double)made.external / (double)memory->resident_bytes;
    made.is_high = made.ratio >= HIGH_RATIO && memory->resident_bytes >= WORTH_A_WORD_BYTES;
    *fragmentation_out = made;
    return true;
}
