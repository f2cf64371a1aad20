/* Open-addressing table from a hash to an id: growth. */
#include "profile/id_table.h"

#include "base/pages.h"

enum { N_FIRST_SLOTS = 64 };

/* A large table is looked at all over: in huge pages, so that a look is one miss and not two. */
static uint64_t *new_slots(uint32_t n_slots)
{
    const size_t n_bytes = n_slots * sizeof(uint64_t);

    return n_bytes >= PP_PAGES_LEAST_BYTES ? pp_pages_resize(NULL, 0, n_bytes) : calloc(1, n_bytes);
}

static void free_slots(uint64_t *slots, uint32_t n_slots)
{
    const size_t n_bytes = n_slots * sizeof *slots;

    if (n_bytes >= PP_PAGES_LEAST_BYTES)
        pp_pages_free(slots, n_bytes);
    else
        free(slots);
}

int pp_id_table_grow(struct pp_id_table *table)
{
    const uint32_t n_slots = table->n_slots == 0 ? N_FIRST_SLOTS : table->n_slots * 2;
    uint64_t *slots;

    if (n_slots == 0)
        return -ENOMEM;
    slots = new_slots(n_slots);
    if (slots == NULL)
        return -ENOMEM;
    if (n_slots * sizeof *slots >= PP_PAGES_LEAST_BYTES)
        pp_pages_fill(slots, n_slots * sizeof *slots);
    for (uint32_t i = 0; i < table->n_slots; i++) {
        uint32_t slot = pp_id_table_start(table->slots[i] >> 32, n_slots);
        if ((uint32_t)table->slots[i] == 0)
            continue;
        while (slots[slot] != 0)
            slot = (slot + 1) & (n_slots - 1);
        slots[slot] = table->slots[i];
    }
    free_slots(table->slots, table->n_slots);
    table->slots = slots;
    table->n_slots = n_slots;
    return 0;
}

int pp_id_table_expect(struct pp_id_table *table, uint32_t n_ids)
{
    uint32_t n_slots = N_FIRST_SLOTS;

    if (table->n_used > 0)
        return 0;
    while (n_slots != 0 && (uint64_t)n_ids * 3 >= (uint64_t)n_slots * 2)
        n_slots *= 2;
    if (n_slots <= table->n_slots)
        return n_slots == 0 ? -ENOMEM : 0;
    pp_id_table_done(table);
    table->slots = new_slots(n_slots);
    table->n_slots = table->slots == NULL ? 0 : n_slots;
    return table->slots == NULL ? -ENOMEM : 0;
}

int pp_id_table_put(struct pp_id_table *table, uint64_t hash, uint32_t id)
{
    uint32_t slot;

    if (pp_id_table_reserve(table) != 0)
        return -ENOMEM;
    slot = pp_id_table_start(hash >> 32, table->n_slots);
    while (table->slots[slot] != 0)
        slot = (slot + 1) & (table->n_slots - 1);
    table->slots[slot] = hash >> 32 << 32 | id;
    table->n_used++;
    return 0;
}

void pp_id_table_done(struct pp_id_table *table)
{
    free_slots(table->slots, table->n_slots);
    *table = (struct pp_id_table){NULL, 0, 0};
}
