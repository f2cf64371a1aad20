/* Of recording/layout.h: tables that grow while others read them. */
#ifndef PP_RECORDING_LAYOUT_TABLE_H
#define PP_RECORDING_LAYOUT_TABLE_H

#include <stdatomic.h>
#include <stdint.h>

enum { PP_REC_MAX_BLOCKS = 12 };

/* A table that grows by blocks: block k holds n_first << k items. */
struct pp_rec_table {
    _Atomic uint32_t n_items;
    uint32_t item_bytes, n_first, pad;
    _Atomic uint64_t blocks[PP_REC_MAX_BLOCKS]; /* offsets */
};

#endif
