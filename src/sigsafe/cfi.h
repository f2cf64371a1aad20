/* Call frame information (.eh_frame, .eh_frame_hdr) as rules: the one interpreter that handlers use
 * for one pc and that the builder of tables uses for all.  It reads the bytes it is given and no
 * others, however wrong they are. */
#ifndef PP_SIGSAFE_CFI_H
#define PP_SIGSAFE_CFI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sigsafe/sigsafe.h"

/* Bytes, and the address they have (or had, if this is a copy) in the program. */
struct pp_sig_bytes {
    const uint8_t *data;
    uint64_t n_bytes;
    uint64_t addr;
};

/* Reading front to back; a read past the end gives 0 and is remembered. */
struct pp_sig_cursor {
    const uint8_t *at, *end;
    bool is_short;
};

static inline uint8_t pp_sig_cursor_u8(struct pp_sig_cursor *c)
{
    if (c->at < c->end)
        return *c->at++;
    c->is_short = true;
    return 0;
}

static inline uint64_t pp_sig_cursor_uleb(struct pp_sig_cursor *c)
{
    uint64_t value = 0;

    for (unsigned shift = 0;; shift += 7) {
        const uint8_t byte = pp_sig_cursor_u8(c);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80)
            return value;
    }
}

static inline int64_t pp_sig_cursor_sleb(struct pp_sig_cursor *c)
{
    uint64_t value = 0;
    unsigned shift = 0;
    uint8_t byte;

    do {
        byte = pp_sig_cursor_u8(c);
        if (shift < 64)
            value |= (uint64_t)(byte & 0x7f) << shift;
        shift += 7;
    } while (byte >= 0x80);
    if (shift < 64 && (byte & 0x40) != 0)
        value |= ~(uint64_t)0 << shift;
    return (int64_t)value;
}

/* 2, 4 or 8 bytes of little endian. */
static inline uint64_t pp_sig_cursor_fixed(struct pp_sig_cursor *c, unsigned n_bytes)
{
    uint16_t two;
    uint32_t four;
    uint64_t eight;

    if ((uint64_t)(c->end - c->at) < n_bytes) {
        c->is_short = true;
        c->at = c->end;
        return 0;
    }
    c->at += n_bytes;
    switch (n_bytes) {
    case 2:
        __builtin_memcpy(&two, c->at - 2, 2);
        return two;
    case 4:
        __builtin_memcpy(&four, c->at - 4, 4);
        return four;
    default:
        __builtin_memcpy(&eight, c->at - 8, 8);
        return eight;
    }
}

enum { PP_CFI_RA_DEFAULT, PP_CFI_RA_UNDEFINED, PP_CFI_RA_AT_OFFSET, PP_CFI_RA_OTHER };

/* What the program of a function has said so far.  Small, because a handler holds a stack of them.
 */
struct pp_sig_cfi_row {
    int32_t cfa_offset;
    uint32_t cfa_expression; /* where its block (length first) begins in .eh_frame; 0: register +
                                offset */
    uint32_t saved;          /* five bits a register, see arch */
    int16_t return_address_offset;
    uint8_t cfa_register;
    uint8_t return_address; /* PP_CFI_RA_ */
};

struct pp_sig_cie {
    uint64_t offset; /* in .eh_frame; ~0: none read yet */
    uint64_t code_factor;
    int64_t data_factor;
    uint64_t program, program_end; /* offsets */
    struct pp_sig_cfi_row initial; /* what its program leaves a function with */
    uint8_t pointer_encoding;
    bool has_augmentation, is_signal_frame;
};

struct pp_sig_cfi {
    struct pp_sig_bytes frames; /* .eh_frame */
    struct pp_sig_bytes
        index; /* the sorted pairs of .eh_frame_hdr: pc, FDE, 32 bits each, from 'index_base' */
    uint64_t index_base;
    uint32_t n_fdes; /* 0: no index */
};

/* Understand .eh_frame_hdr: set the index of 'cfi' and tell where .eh_frame is.  -EBADMSG when it
 * is not one or has no table that can be searched (then *eh_frame_addr_out is still set if it could
 * be read, else 0). */
PP_SIG int pp_sig_cfi_read_header(struct pp_sig_bytes header, struct pp_sig_cfi *cfi,
                                  uint64_t *eh_frame_addr_out);

/* The rule at 'pc' by way of the index; PP_RULE_NONE when there is none. */
PP_SIG uint64_t pp_sig_cfi_find(const struct pp_sig_cfi *cfi, uint64_t pc);

/* Entry 'i' of the index. */
PP_SIG uint64_t pp_sig_cfi_index_pc(const struct pp_sig_cfi *cfi, uint32_t i);
PP_SIG uint64_t pp_sig_cfi_index_fde(const struct pp_sig_cfi *cfi, uint32_t i);

/* The next record of .eh_frame from '*offset', which moves behind it.  1: an FDE, whose own offset
 * and first pc are told; 0: something else; -ENOENT: the end. */
PP_SIG int pp_sig_cfi_next(const struct pp_sig_cfi *cfi, uint64_t *offset, uint64_t *fde_offset_out,
                           uint64_t *pc_out);

enum { PP_CFI_MAX_REMEMBERED = 8 };

/* A program being run. */
struct pp_sig_cfi_run {
    const struct pp_sig_cfi *cfi;
    const struct pp_sig_cie *cie;
    struct pp_sig_cursor at;
    struct pp_sig_cfi_row row, initial;
    uint64_t pc, next_pc, limit; /* 'row' holds from pc on; next_pc: where the program goes on */
    uint32_t n_remembered, phase;
    struct pp_sig_cfi_row remembered[PP_CFI_MAX_REMEMBERED];
};

/* Begin the rows of the FDE at 'fde_offset'.  False when it makes no sense.  'cie' carries the last
 * CIE from call to call (set its offset to ~0 before the first) and must stay while rows are read.
 */
PP_SIG bool pp_sig_cfi_rows(const struct pp_sig_cfi *cfi, uint64_t fde_offset,
                            struct pp_sig_cie *cie, struct pp_sig_cfi_run *run);

/* The next row: rising pcs, at last a PP_RULE_NONE where the function ends.  False: no more. */
PP_SIG bool pp_sig_cfi_next_row(struct pp_sig_cfi_run *run, uint64_t *pc_out, uint64_t *rule_out);

#endif
