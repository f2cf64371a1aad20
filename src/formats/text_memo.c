/* From a piece of text to a number. */
#include "formats/text_memo.h"

#include "base/memory.h"

void pp_text_memo_done(struct pp_text_memo *memo)
{
    pp_arena_done(&memo->arena);
    pp_id_table_done(&memo->table);
    free(memo->entries);
    *memo = (struct pp_text_memo)PP_TEXT_MEMO_INIT;
}

int pp_text_memo_put(struct pp_text_memo *memo, const char *bytes, size_t n_bytes, uint64_t hash,
                     uint32_t id)
{
    const size_t index = memo->n_entries + 1; /* id 0 is a free slot of the table */
    const char *copy;

    if (n_bytes >= UINT32_MAX || index >= UINT32_MAX)
        return -E2BIG;
    if (pp_array_reserve(&memo->entries, &memo->capacity, index + 1, sizeof *memo->entries) != 0)
        return -ENOMEM;
    copy = pp_arena_copy(&memo->arena, bytes, n_bytes);
    if (copy == NULL || pp_id_table_put(&memo->table, hash, (uint32_t)index) != 0)
        return -ENOMEM;
    memo->entries[index] = (struct pp_text_memo_entry){copy, (uint32_t)n_bytes, id};
    memo->n_entries = index;
    return 0;
}
