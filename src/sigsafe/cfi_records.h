/* The records of .eh_frame: what cfi_records.c finds and cfi.c runs. */
#ifndef PP_SIGSAFE_CFI_RECORDS_H
#define PP_SIGSAFE_CFI_RECORDS_H

#include <stdbool.h>
#include <stdint.h>

#include "sigsafe/cfi.h"

struct pp_sig_fde {
    uint64_t start, limit;         /* pcs */
    uint64_t program, program_end; /* offsets */
};

static inline struct pp_sig_cursor pp_sig_cfi_cursor(const struct pp_sig_bytes *bytes,
                                                     uint64_t offset, uint64_t end)
{
    struct pp_sig_cursor c = {bytes->data, bytes->data, true};

    if (end > bytes->n_bytes)
        end = bytes->n_bytes;
    if (offset <= end) {
        c.at = bytes->data + offset;
        c.end = bytes->data + end;
        c.is_short = false;
    }
    return c;
}

static inline uint64_t pp_sig_cfi_offset(const struct pp_sig_bytes *bytes,
                                         const struct pp_sig_cursor *c)
{
    return (uint64_t)(c->at - bytes->data);
}

/* A pointer encoded as 'encoding' says; what it is relative to other than its own place is
 * 'data_base'. */
PP_SIG uint64_t pp_sig_cfi_pointer(const struct pp_sig_bytes *bytes, struct pp_sig_cursor *c,
                                   uint8_t encoding, uint64_t data_base);

static inline uint64_t pp_sig_cfi_index_word(const struct pp_sig_cfi *cfi, uint64_t i)
{
    int32_t value;
    __builtin_memcpy(&value, cfi->index.data + 4 * i, sizeof value);
    return cfi->index_base + (uint64_t)(int64_t)value;
}

/* 'cie' is read again only if the FDE names another one; then *is_new_cie says that its program has
 * to run. */
PP_SIG bool pp_sig_cfi_read_fde(const struct pp_sig_cfi *cfi, uint64_t offset,
                                struct pp_sig_cie *cie, struct pp_sig_fde *fde, bool *is_new_cie);

#endif
