/* An .eh_frame of one CIE and one FDE, with its index, made by hand. */
#ifndef PP_TESTS_HAND_MADE_H
#define PP_TESTS_HAND_MADE_H

#include <stdint.h>
#include <string.h>

#include "sigsafe/cfi.h"

#define HAND_MADE_PC 0x401000ull
#define HAND_MADE_FRAMES 0x400000ull
#define HAND_MADE_INDEX 0x3ff000ull

struct hand_made {
    uint8_t frames[256], index[8];
    struct pp_sig_cfi cfi;
};

static inline void put32(uint8_t *to, uint32_t value)
{
    memcpy(to, &value, sizeof value);
}

/* The CIE says CFA = rsp + 8 and that the return address is at CFA - 8; factors are 1 and -8. */
static inline void hand_make(struct hand_made *m, const uint8_t *program, size_t n_program,
                             uint32_t n_code, const char *augmentation)
{
    static const uint8_t cie_program[] = {0x0c, 7, 8, 0x90, 1};
    uint8_t *at = m->frames + 4, *fde;

    memset(m, 0, sizeof *m);
    put32(at, 0);
    at += 4;
    *at++ = 1;
    memcpy(at, augmentation, strlen(augmentation) + 1);
    at += strlen(augmentation) + 1;
    *at++ = 1;    /* code factor */
    *at++ = 0x78; /* data factor -8 */
    *at++ = 16;   /* return address */
    *at++ = 1;    /* bytes of augmentation */
    *at++ = 0x1b; /* pointers: relative, 32 bits */
    memcpy(at, cie_program, sizeof cie_program);
    at += sizeof cie_program;
    put32(m->frames, (uint32_t)(at - m->frames - 4));
    fde = at;
    at += 4;
    put32(at, (uint32_t)(at - m->frames));
    at += 4;
    put32(at, (uint32_t)(HAND_MADE_PC - (HAND_MADE_FRAMES + (uint64_t)(at - m->frames))));
    at += 4;
    put32(at, n_code);
    at += 4;
    *at++ = 0;
    memcpy(at, program, n_program);
    at += n_program;
    put32(fde, (uint32_t)(at - fde - 4));
    put32(m->index, (uint32_t)(HAND_MADE_PC - HAND_MADE_INDEX));
    put32(m->index + 4,
          (uint32_t)(HAND_MADE_FRAMES + (uint64_t)(fde - m->frames) - HAND_MADE_INDEX));
    m->cfi.frames = (struct pp_sig_bytes){m->frames, (uint64_t)(at - m->frames), HAND_MADE_FRAMES};
    m->cfi.index = (struct pp_sig_bytes){m->index, sizeof m->index, HAND_MADE_INDEX + 12};
    m->cfi.index_base = HAND_MADE_INDEX;
    m->cfi.n_fdes = 1;
}

#endif
