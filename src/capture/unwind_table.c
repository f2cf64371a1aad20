/* From call frame information to a table of rules. */
#include "capture/unwind_table.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

#include "capture/own_memory.h"
#include "sigsafe/arch.h"

enum { MAX_RULES = 65535, MIN_HASH_BITS = 11, MAX_HASH_BITS = 17, MIN_PAGE_SHIFT = 10 };

struct fde_entry {
    uint64_t pc, fde;
};

int pp_room_reserve(struct pp_room *room, uint64_t n_bytes)
{
    uint64_t n_wanted = room->n_bytes != 0 ? room->n_bytes : 65536;
    void *memory;

    if (n_bytes <= room->n_bytes)
        return 0;
    while (n_wanted < n_bytes)
        n_wanted *= 2;
    memory = pp_map_anonymous(n_wanted);
    if (memory == NULL)
        return -ENOMEM;
    if (room->memory != NULL) {
        memcpy(memory, room->memory, room->n_bytes);
        pp_unmap(room->memory, room->n_bytes);
    }
    room->memory = memory;
    room->n_bytes = n_wanted;
    return 0;
}

void pp_room_free(struct pp_room *room)
{
    if (room->memory != NULL)
        pp_unmap(room->memory, room->n_bytes);
    room->memory = NULL;
    room->n_bytes = 0;
}

void pp_table_builder_done(struct pp_table_builder *builder)
{
    pp_room_free(&builder->pcs);
    pp_room_free(&builder->numbers);
    pp_room_free(&builder->rules);
    pp_room_free(&builder->hash);
    pp_room_free(&builder->fdes);
}

static inline struct pp_table_builder *room_of(struct pp_table_build *b)
{
    return (struct pp_table_builder *)((char *)b - offsetof(struct pp_table_builder, build));
}

static inline uint32_t first_slot_of(const struct pp_table_build *b, uint64_t rule)
{
    return (uint32_t)(rule * 0x9e3779b97f4a7c15ull >> (64 - b->hash_bits));
}

/* Where 'rule' is in the hash, or would be. */
static uint32_t slot_of(const struct pp_table_build *b, uint64_t rule)
{
    const uint32_t mask = (1u << b->hash_bits) - 1;
    uint32_t slot = first_slot_of(b, rule);

    while (b->hash[slot] != 0 && b->rules[b->hash[slot] - 1] != rule)
        slot = (slot + 1) & mask;
    return slot;
}

static void clear_hash(struct pp_table_build *b, uint32_t bits)
{
    b->hash_bits = bits;
    memset(b->hash, 0, sizeof *b->hash << bits);
    for (uint32_t i = 0; i < b->n_rules; i++)
        b->hash[slot_of(b, b->rules[i])] = i + 1;
}

/* Give a rule a number that is not where it would be at once. */
static __attribute__((noinline)) uint16_t find_or_add(struct pp_table_build *b, uint64_t rule)
{
    uint32_t slot = slot_of(b, rule);

    if (b->hash[slot] != 0)
        return (uint16_t)(b->hash[slot] - 1);
    if (b->n_rules == MAX_RULES)
        return (uint16_t)(b->hash[slot_of(b, PP_RULE_STOP)] - 1); /* put there at the begin */
    if (b->hash_bits < MAX_HASH_BITS && b->n_rules >= 1u << (b->hash_bits - 1)) {
        clear_hash(b, b->hash_bits + 1);
        slot = slot_of(b, rule);
    }
    b->rules[b->n_rules] = rule;
    b->hash[slot] = ++b->n_rules;
    return (uint16_t)(b->n_rules - 1);
}

static inline uint16_t number_of(struct pp_table_build *b, uint64_t rule)
{
    const uint32_t number = b->hash[first_slot_of(b, rule)];

    if (number != 0 && b->rules[number - 1] == rule)
        return (uint16_t)(number - 1);
    return find_or_add(b, rule);
}

static void push_row(struct pp_table_build *b, uint64_t pc, uint64_t rule)
{
    const uint32_t offset = (uint32_t)(pc - b->start);

    while (b->n_rows > 0 &&
           b->pcs[b->n_rows - 1] >= offset) { /* functions that overlap: the later one is right */
        b->n_rows--;
        b->last_number = b->n_rows > 0 ? b->numbers[b->n_rows - 1] : 0;
        b->last_rule = b->rules[b->last_number];
    }
    if (b->n_rows > 0 && b->last_rule == rule)
        return;
    if (b->n_rows == b->row_capacity) {
        const uint64_t n_rows = b->row_capacity != 0 ? 2 * (uint64_t)b->row_capacity : 16384;
        if (n_rows > UINT32_MAX || pp_room_reserve(&room_of(b)->pcs, n_rows * sizeof *b->pcs) < 0 ||
            pp_room_reserve(&room_of(b)->numbers, n_rows * sizeof *b->numbers) < 0) {
            b->error = -ENOMEM;
            return;
        }
        b->row_capacity = (uint32_t)n_rows;
        b->pcs = room_of(b)->pcs.memory;
        b->numbers = room_of(b)->numbers.memory;
    }
    b->last_rule = rule;
    b->last_number = number_of(b, rule);
    b->pcs[b->n_rows] = offset;
    b->numbers[b->n_rows++] = b->last_number;
}

static void add_row(struct pp_table_build *b, uint64_t pc, uint64_t rule)
{
    if (b->error != 0 || pc >= b->limit)
        return;
    if (pc < b->start)
        pc = b->start;
    push_row(b, pc, rule);
}

/* A function ends with PP_RULE_NONE, which the next one often overwrites at once: wait for it. */
static void add_row_or_gap(struct pp_table_build *b, uint64_t pc, uint64_t rule)
{
    if (b->gap_at != ~(uint64_t)0) {
        if (pc > b->gap_at)
            add_row(b, b->gap_at, PP_RULE_NONE);
        b->gap_at = ~(uint64_t)0;
    }
    if (rule == PP_RULE_NONE)
        b->gap_at = pc;
    else
        add_row(b, pc, rule);
}

static void expand(struct pp_table_build *b, const struct pp_sig_cfi *cfi, uint64_t fde,
                   struct pp_sig_cie *cie)
{
    struct pp_sig_cfi_run run;
    uint64_t pc, rule;

    if (!pp_sig_cfi_rows(cfi, fde, cie, &run))
        return;
    while (pp_sig_cfi_next_row(&run, &pc, &rule))
        add_row_or_gap(b, pc, rule);
}

/* Returns whether there is more. */
static bool add_by_index(struct pp_table_build *b, uint32_t n_fdes)
{
    const struct pp_sig_cfi *cfi = &b->cfi;

    for (; b->next < cfi->n_fdes && b->error == 0; b->next++) {
        const uint32_t i = (uint32_t)b->next;
        if (pp_sig_cfi_index_pc(cfi, i) >= b->limit)
            return false;
        if (i + 1 < cfi->n_fdes && pp_sig_cfi_index_pc(cfi, i + 1) <= b->start)
            continue;
        if (n_fdes-- == 0)
            return true;
        expand(b, cfi, pp_sig_cfi_index_fde(cfi, i), &b->cie);
    }
    return false;
}

static void sift_down(struct fde_entry *entries, uint64_t root, uint64_t n)
{
    const struct fde_entry moved = entries[root];

    for (uint64_t child; (child = 2 * root + 1) < n; root = child) {
        if (child + 1 < n && entries[child + 1].pc > entries[child].pc)
            child++;
        if (entries[child].pc <= moved.pc)
            break;
        entries[root] = entries[child];
    }
    entries[root] = moved;
}

/* Heap sort: qsort may allocate. */
static void sort_entries(struct fde_entry *entries, uint64_t n)
{
    uint64_t i = 1;

    while (i < n && entries[i - 1].pc <= entries[i].pc)
        i++;
    if (i >= n)
        return;
    for (i = n / 2; i > 0; i--)
        sift_down(entries, i - 1, n);
    for (i = n - 1; i > 0; i--) {
        const struct fde_entry first = entries[0];
        entries[0] = entries[i];
        entries[i] = first;
        sift_down(entries, 0, i);
    }
}

/* Note the FDEs that concern the mapping.  Returns whether there are more. */
static bool scan(struct pp_table_build *b, uint32_t n_fdes)
{
    struct fde_entry entry;
    int result;

    for (; n_fdes > 0; n_fdes--) {
        result = pp_sig_cfi_next(&b->cfi, &b->scan_offset, &entry.fde, &entry.pc);
        if (result < 0)
            return false;
        if (result == 0 || entry.pc >= b->limit)
            continue;
        if (pp_room_reserve(&room_of(b)->fdes, (b->n_entries + 1) * sizeof entry) < 0) {
            b->error = -ENOMEM;
            return false;
        }
        ((struct fde_entry *)room_of(b)->fdes.memory)[b->n_entries++] = entry;
    }
    return true;
}

/* Returns whether there is more. */
static bool add_by_scan(struct pp_table_build *b, uint32_t n_fdes)
{
    struct fde_entry *entries;

    if (!b->is_sorted) {
        if (scan(b, n_fdes))
            return true;
        sort_entries(room_of(b)->fdes.memory, b->n_entries);
        b->is_sorted = true;
    }
    entries = room_of(b)->fdes.memory;
    for (; b->next < b->n_entries && b->error == 0; b->next++) {
        if (n_fdes-- == 0)
            return true;
        if (b->next + 1 >= b->n_entries || entries[b->next + 1].pc > b->start)
            expand(b, &b->cfi, entries[b->next].fde, &b->cie);
    }
    return false;
}

/* One block of memory with all of it. */
static int pack(const struct pp_table_build *b, struct pp_sig_rule_table **table_out)
{
    const uint64_t span = b->limit - b->start;
    struct pp_sig_rule_table table = {
        .base = b->start, .span = span, .n_rows = b->n_rows, .n_rules = b->n_rules};
    uint64_t n_pages, n_head = (sizeof table + 63) & ~(uint64_t)63;
    uint32_t *pages;
    char *block;

    table.page_shift = MIN_PAGE_SHIFT;
    while (table.page_shift < 31 && (span >> table.page_shift) > b->n_rows / 4)
        table.page_shift++;
    n_pages = (span >> table.page_shift) + 2;
    table.n_bytes = n_head + b->n_rules * sizeof *table.rules + n_pages * sizeof *pages +
                    b->n_rows * (sizeof *table.pcs + sizeof *table.rule_numbers);
    block = pp_map_anonymous(table.n_bytes);
    if (block == NULL)
        return -ENOMEM;
    table.rules = memcpy(block + n_head, b->rules, b->n_rules * sizeof *table.rules);
    pages = (uint32_t *)(block + n_head + b->n_rules * sizeof *table.rules);
    table.pages = pages;
    table.pcs = memcpy(pages + n_pages, b->pcs, b->n_rows * sizeof *table.pcs);
    table.rule_numbers =
        memcpy(pages + n_pages + b->n_rows, b->numbers, b->n_rows * sizeof *table.rule_numbers);
    for (uint64_t page = 0, row = 0; page < n_pages; page++) {
        while (row + 1 < b->n_rows && b->pcs[row + 1] <= page << table.page_shift)
            row++;
        pages[page] = (uint32_t)row;
    }
    *table_out = memcpy(block, &table, sizeof table);
    return 0;
}

int pp_unwind_table_begin(struct pp_table_builder *builder, const struct pp_sig_cfi *cfi,
                          uint64_t start, uint64_t limit)
{
    struct pp_table_build *b = &builder->build;

    if (limit <= start || limit - start > UINT32_MAX)
        return -ENOENT;
    *b = (struct pp_table_build){.cfi = *cfi,
                                 .cie = {.offset = ~(uint64_t)0},
                                 .start = start,
                                 .limit = limit,
                                 .gap_at = ~(uint64_t)0};
    if (pp_room_reserve(&builder->rules, (MAX_RULES + 1) * sizeof *b->rules) < 0 ||
        pp_room_reserve(&builder->hash, sizeof *b->hash << MAX_HASH_BITS) < 0)
        return -ENOMEM;
    b->rules = builder->rules.memory;
    b->hash = builder->hash.memory;
    clear_hash(b, MIN_HASH_BITS);
    (void)number_of(b, PP_RULE_NONE);
    (void)number_of(b, PP_RULE_STOP);
    push_row(b, b->start, PP_RULE_NONE);
    return b->error;
}

int pp_unwind_table_go_on(struct pp_table_builder *builder, uint32_t n_fdes,
                          struct pp_sig_rule_table **table_out)
{
    struct pp_table_build *b = &builder->build;

    if (b->cfi.n_fdes > 0 ? add_by_index(b, n_fdes) : add_by_scan(b, n_fdes))
        return 1;
    if (b->gap_at != ~(uint64_t)0)
        add_row(b, b->gap_at, PP_RULE_NONE);
    if (b->error != 0)
        return b->error;
    if (b->n_rows <= 1)
        return -ENOENT;
    return pack(b, table_out);
}

int pp_unwind_table_build(struct pp_table_builder *builder, const struct pp_sig_cfi *cfi,
                          uint64_t start, uint64_t limit, struct pp_sig_rule_table **table_out)
{
    int result = pp_unwind_table_begin(builder, cfi, start, limit);

    if (result != 0)
        return result;
    do
        result = pp_unwind_table_go_on(builder, UINT32_MAX, table_out);
    while (result > 0);
    return result;
}

void pp_unwind_table_free(struct pp_sig_rule_table *table)
{
    if (table != NULL)
        pp_unmap(table, table->n_bytes);
}
