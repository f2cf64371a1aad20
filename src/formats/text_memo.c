/* From a piece of text to a number. */
#include "formats/text_memo.h"

#include "base/memory.h"

void pp_text_memo_done(struct pp_text_memo *memo)
{
    pp_id_table_done(&memo->table);
    free(memo->words);
    *memo = (struct pp_text_memo)PP_TEXT_MEMO_INIT;
}

int pp_text_memo_put(struct pp_text_memo *memo, const char *bytes, size_t n_bytes, uint64_t hash,
                     uint32_t id)
{
    const size_t begin = memo->n_words > 0 ? memo->n_words : 1; /* 0 is a free slot of the table */
    const size_t n_words =
        (offsetof(struct pp_text_memo_entry, bytes) + n_bytes) / sizeof(uint64_t) + 1;
    struct pp_text_memo_entry *entry;

    if (n_bytes >= UINT32_MAX || begin + n_words >= UINT32_MAX)
        return -E2BIG;
    if (pp_array_reserve(&memo->words, &memo->capacity, begin + n_words, sizeof *memo->words) !=
            0 ||
        pp_id_table_put(&memo->table, hash, (uint32_t)begin) != 0)
        return -ENOMEM;
    entry = (struct pp_text_memo_entry *)&memo->words[begin];
    entry->id = id;
    entry->n_bytes = (uint32_t)n_bytes;
    memcpy(entry->bytes, bytes, n_bytes);
    memo->n_words = begin + n_words;
    return 0;
}
