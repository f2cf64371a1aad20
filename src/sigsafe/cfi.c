/* Interpreting call frame information: DWARF 5 section 6.4, with the encodings of the LSB's
 * .eh_frame. */
#include "sigsafe/cfi.h"

#include <errno.h>

#include "sigsafe/arch.h"

enum { OMIT = 0xff, NO_REGISTER = 0xff };

struct fde {
    uint64_t start, limit;         /* pcs */
    uint64_t program, program_end; /* offsets */
};

enum outcome { GO_ON, ADVANCED, ENDED, BAD };
enum { IN_PROGRAM, AT_LIMIT, OVER };

static struct pp_sig_cursor cursor_at(const struct pp_sig_bytes *bytes, uint64_t offset,
                                      uint64_t end)
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

static uint64_t offset_of(const struct pp_sig_bytes *bytes, const struct pp_sig_cursor *c)
{
    return (uint64_t)(c->at - bytes->data);
}

/* A pointer encoded as 'encoding' says; what it is relative to other than its own place is
 * 'data_base'. */
static uint64_t encoded_pointer(const struct pp_sig_bytes *bytes, struct pp_sig_cursor *c,
                                uint8_t encoding, uint64_t data_base)
{
    enum { PC_RELATIVE = 0x10, DATA_RELATIVE = 0x30 };
    const uint64_t own_addr = bytes->addr + offset_of(bytes, c);
    uint64_t value;

    if (encoding == (PC_RELATIVE | 0x0b)) /* what all of them use */
        return own_addr + (uint64_t)(int64_t)(int32_t)pp_sig_cursor_fixed(c, 4);
    switch (encoding & 0x0f) {
    case 0x00:
    case 0x04:
    case 0x0c:
        value = pp_sig_cursor_fixed(c, 8);
        break;
    case 0x01:
        value = pp_sig_cursor_uleb(c);
        break;
    case 0x02:
        value = pp_sig_cursor_fixed(c, 2);
        break;
    case 0x03:
        value = pp_sig_cursor_fixed(c, 4);
        break;
    case 0x09:
        value = (uint64_t)pp_sig_cursor_sleb(c);
        break;
    case 0x0a:
        value = (uint64_t)(int64_t)(int16_t)pp_sig_cursor_fixed(c, 2);
        break;
    case 0x0b:
        value = (uint64_t)(int64_t)(int32_t)pp_sig_cursor_fixed(c, 4);
        break;
    default:
        c->is_short = true;
        return 0;
    }
    switch (encoding & 0x70) {
    case 0:
        return value;
    case PC_RELATIVE:
        return value + own_addr;
    case DATA_RELATIVE:
        return value + data_base;
    default:
        c->is_short = true;
        return 0;
    }
}

int pp_sig_cfi_read_header(struct pp_sig_bytes header, struct pp_sig_cfi *cfi,
                           uint64_t *eh_frame_addr_out)
{
    struct pp_sig_cursor c = cursor_at(&header, 0, header.n_bytes);
    const uint8_t version = pp_sig_cursor_u8(&c), frame_encoding = pp_sig_cursor_u8(&c);
    const uint8_t count_encoding = pp_sig_cursor_u8(&c), table_encoding = pp_sig_cursor_u8(&c);
    uint64_t n_fdes, eh_frame_addr;

    cfi->n_fdes = 0;
    *eh_frame_addr_out = 0;
    if (version != 1 || frame_encoding == OMIT)
        return -EBADMSG;
    eh_frame_addr = encoded_pointer(&header, &c, frame_encoding, header.addr);
    if (c.is_short)
        return -EBADMSG;
    *eh_frame_addr_out = eh_frame_addr;
    if (count_encoding == OMIT ||
        table_encoding != 0x3b) /* the one table that linkers write: 32 bits from the header */
        return -EBADMSG;
    n_fdes = encoded_pointer(&header, &c, count_encoding, header.addr);
    if (c.is_short || n_fdes == 0 || n_fdes > UINT32_MAX || n_fdes > (uint64_t)(c.end - c.at) / 8)
        return -EBADMSG;
    cfi->index.data = c.at;
    cfi->index.n_bytes = 8 * n_fdes;
    cfi->index.addr = header.addr + offset_of(&header, &c);
    cfi->index_base = header.addr;
    cfi->n_fdes = (uint32_t)n_fdes;
    return 0;
}

static uint64_t index_word(const struct pp_sig_cfi *cfi, uint64_t i)
{
    int32_t value;
    __builtin_memcpy(&value, cfi->index.data + 4 * i, sizeof value);
    return cfi->index_base + (uint64_t)(int64_t)value;
}

uint64_t pp_sig_cfi_index_pc(const struct pp_sig_cfi *cfi, uint32_t i)
{
    return index_word(cfi, 2 * (uint64_t)i);
}

uint64_t pp_sig_cfi_index_fde(const struct pp_sig_cfi *cfi, uint32_t i)
{
    return index_word(cfi, 2 * (uint64_t)i + 1) - cfi->frames.addr;
}

/* The extent of the record at 'offset': where its id is and where it ends.  False at the end or in
 * garbage. */
static bool read_extent(const struct pp_sig_cfi *cfi, uint64_t offset, uint64_t *id_out,
                        uint64_t *end_out)
{
    struct pp_sig_cursor c = cursor_at(&cfi->frames, offset, cfi->frames.n_bytes);
    uint64_t n_bytes = pp_sig_cursor_fixed(&c, 4);

    if (n_bytes == UINT32_MAX)
        n_bytes = pp_sig_cursor_fixed(&c, 8);
    if (c.is_short || n_bytes < 4 || n_bytes > (uint64_t)(c.end - c.at))
        return false;
    *id_out = offset_of(&cfi->frames, &c);
    *end_out = *id_out + n_bytes;
    return true;
}

static void read_augmentation(const struct pp_sig_cfi *cfi, struct pp_sig_cursor letters,
                              struct pp_sig_cursor *data, struct pp_sig_cie *cie)
{
    for (uint8_t letter; (letter = pp_sig_cursor_u8(&letters)) != 0 && !data->is_short;) {
        if (letter == 'R') {
            cie->pointer_encoding = pp_sig_cursor_u8(data);
        } else if (letter == 'P') {
            const uint8_t encoding = pp_sig_cursor_u8(data);
            (void)encoded_pointer(&cfi->frames, data, encoding & 0x7f, 0);
        } else if (letter == 'L') {
            (void)pp_sig_cursor_u8(data);
        } else if (letter == 'S') {
            cie->is_signal_frame = true;
        } else {
            data->is_short = true;
        }
    }
}

static bool read_cie(const struct pp_sig_cfi *cfi, uint64_t offset, struct pp_sig_cie *cie)
{
    struct pp_sig_cursor c, letters;
    uint64_t id, end, n_augmentation;
    uint8_t version, letter;

    if (!read_extent(cfi, offset, &id, &end))
        return false;
    c = cursor_at(&cfi->frames, id, end);
    if (pp_sig_cursor_fixed(&c, 4) != 0)
        return false;
    version = pp_sig_cursor_u8(&c);
    if (version != 1 && version != 3)
        return false;
    letters = c;
    while ((letter = pp_sig_cursor_u8(&c)) != 0)
        ;
    cie->code_factor = pp_sig_cursor_uleb(&c);
    cie->data_factor = pp_sig_cursor_sleb(&c);
    if ((version == 1 ? pp_sig_cursor_u8(&c) : pp_sig_cursor_uleb(&c)) != PP_ARCH_RETURN_ADDRESS)
        return false;
    cie->pointer_encoding = 0;
    cie->is_signal_frame = false;
    cie->has_augmentation = *letters.at == 'z';
    cie->program = offset_of(&cfi->frames, &c);
    if (cie->has_augmentation) {
        struct pp_sig_cursor data;
        letters.at++;
        n_augmentation = pp_sig_cursor_uleb(&c);
        if (n_augmentation > (uint64_t)(c.end - c.at))
            return false;
        data = c;
        data.end = c.at + n_augmentation;
        cie->program = offset_of(&cfi->frames, &c) + n_augmentation;
        read_augmentation(cfi, letters, &data, cie);
        c.is_short |= data.is_short;
    } else if (*letters.at != 0) {
        return false;
    }
    cie->program_end = end;
    cie->offset = offset;
    return !c.is_short && cie->code_factor != 0 && cie->code_factor < 256 &&
           cie->data_factor > -256 && cie->data_factor < 256;
}

/* 'cie' is read again only if the FDE names another one; then *is_new_cie says that its program has
 * to run. */
static bool read_fde(const struct pp_sig_cfi *cfi, uint64_t offset, struct pp_sig_cie *cie,
                     struct fde *fde, bool *is_new_cie)
{
    struct pp_sig_cursor c;
    uint64_t id, end, distance, n_augmentation;

    if (!read_extent(cfi, offset, &id, &end))
        return false;
    c = cursor_at(&cfi->frames, id, end);
    distance = pp_sig_cursor_fixed(&c, 4);
    if (distance == 0 || distance > id)
        return false;
    *is_new_cie = cie->offset != id - distance;
    if (*is_new_cie && !read_cie(cfi, id - distance, cie)) {
        cie->offset = ~(uint64_t)0;
        return false;
    }
    fde->start = encoded_pointer(&cfi->frames, &c, cie->pointer_encoding, 0);
    fde->limit = fde->start + encoded_pointer(&cfi->frames, &c, cie->pointer_encoding & 0x0f, 0);
    if (cie->has_augmentation) {
        n_augmentation = pp_sig_cursor_uleb(&c);
        if (n_augmentation > (uint64_t)(c.end - c.at))
            return false;
        c.at += n_augmentation;
    }
    fde->program = offset_of(&cfi->frames, &c);
    fde->program_end = end;
    return !c.is_short && fde->start < fde->limit;
}

int pp_sig_cfi_next(const struct pp_sig_cfi *cfi, uint64_t *offset, uint64_t *fde_offset_out,
                    uint64_t *pc_out)
{
    struct pp_sig_cie cie = {.offset = ~(uint64_t)0};
    struct fde fde;
    const uint64_t own_offset = *offset;
    uint64_t id, end;
    bool is_new_cie;

    if (!read_extent(cfi, own_offset, &id, &end))
        return -ENOENT;
    *offset = end;
    if (!read_fde(cfi, own_offset, &cie, &fde, &is_new_cie))
        return 0;
    *fde_offset_out = own_offset;
    *pc_out = fde.start;
    return 1;
}

static uint64_t current_rule(const struct pp_sig_cfi_run *run)
{
    struct pp_sig_cursor expression = {NULL, NULL, false};

    if (pp_sig_arch_is_plain(&run->row) && !run->cie->is_signal_frame)
        return pp_sig_arch_register_rule(run->row.cfa_register, run->row.cfa_offset,
                                         run->row.saved);
    if (run->row.cfa_expression != 0) {
        expression =
            cursor_at(&run->cfi->frames, run->row.cfa_expression, run->cfi->frames.n_bytes);
        const uint64_t n_bytes = pp_sig_cursor_uleb(&expression);
        if (n_bytes > (uint64_t)(expression.end - expression.at))
            return PP_RULE_STOP;
        expression.end = expression.at + n_bytes;
    }
    return pp_sig_arch_rule(&run->row, expression, run->cie->is_signal_frame);
}

static enum outcome move_to(struct pp_sig_cfi_run *run, uint64_t pc)
{
    if (pc < run->pc)
        return BAD;
    run->next_pc = pc;
    return pc == run->pc ? GO_ON : ADVANCED;
}

static enum outcome advance(struct pp_sig_cfi_run *run, uint64_t n)
{
    return move_to(run, run->pc + n * run->cie->code_factor);
}

static void set_saved(struct pp_sig_cfi_row *row, int i, unsigned where)
{
    row->saved = (row->saved & ~((uint32_t)31 << (5 * i))) | (uint32_t)where << (5 * i);
}

static void save_at_offset(struct pp_sig_cfi_run *run, uint64_t reg, int64_t offset)
{
    const int i = pp_sig_arch_saved_index(reg);

    if (i >= 0) {
        set_saved(&run->row, i, pp_sig_arch_saved_at_cfa(offset));
    } else if (reg == PP_ARCH_RETURN_ADDRESS) {
        const bool fits = offset >= INT16_MIN && offset <= INT16_MAX;
        run->row.return_address = fits ? PP_CFI_RA_AT_OFFSET : PP_CFI_RA_OTHER;
        run->row.return_address_offset = fits ? (int16_t)offset : 0;
    }
}

static void lose(struct pp_sig_cfi_run *run, uint64_t reg, uint8_t return_address)
{
    const int i = pp_sig_arch_saved_index(reg);

    if (i >= 0)
        set_saved(&run->row, i, PP_SAVED_LOST);
    else if (reg == PP_ARCH_RETURN_ADDRESS)
        run->row.return_address = return_address;
}

static void restore(struct pp_sig_cfi_run *run, uint64_t reg)
{
    const int i = pp_sig_arch_saved_index(reg);

    if (i >= 0) {
        set_saved(&run->row, i, (run->initial.saved >> (5 * i)) & 31);
    } else if (reg == PP_ARCH_RETURN_ADDRESS) {
        run->row.return_address = run->initial.return_address;
        run->row.return_address_offset = run->initial.return_address_offset;
    }
}

static void set_cfa_register(struct pp_sig_cfi_run *run, uint64_t reg)
{
    run->row.cfa_register = reg < NO_REGISTER ? (uint8_t)reg : NO_REGISTER;
    run->row.cfa_expression = 0;
}

static void set_cfa_offset(struct pp_sig_cfi_run *run, int64_t offset)
{
    if (offset < INT32_MIN || offset > INT32_MAX)
        run->row.cfa_register = NO_REGISTER;
    else
        run->row.cfa_offset = (int32_t)offset;
}

/* Step over a block (length first); the cursor over its inside is the result. */
static struct pp_sig_cursor take_block(struct pp_sig_cfi_run *run)
{
    const uint64_t n_bytes = pp_sig_cursor_uleb(&run->at);
    struct pp_sig_cursor block = {run->at.at, run->at.at, false};

    if (n_bytes > (uint64_t)(run->at.end - run->at.at)) {
        run->at.is_short = true;
        run->at.at = run->at.end;
        return block;
    }
    run->at.at += n_bytes;
    block.end = run->at.at;
    return block;
}

/* A register saved where an expression says: compilers that realign the stack say "rbp + offset".
 */
static void save_at_expression(struct pp_sig_cfi_run *run, uint64_t reg, struct pp_sig_cursor block)
{
    const int i = pp_sig_arch_saved_index(reg);

    if (i >= 0 && pp_sig_cursor_u8(&block) == 0x70 + PP_ARCH_FP) {
        const int64_t offset = pp_sig_cursor_sleb(&block);
        if (block.at == block.end && !block.is_short) {
            set_saved(&run->row, i, pp_sig_arch_saved_at_fp(offset));
            return;
        }
    }
    lose(run, reg, PP_CFI_RA_OTHER);
}

/* The instructions that have their operands behind them. */
static enum outcome run_extended(struct pp_sig_cfi_run *run, uint8_t op)
{
    struct pp_sig_cursor *c = &run->at;
    const int64_t factor = run->cie->data_factor;
    uint64_t reg;

    switch (op) {
    case 0x00: /* nop */
        return GO_ON;
    case 0x01: /* set_loc */
        return move_to(run, encoded_pointer(&run->cfi->frames, c, run->cie->pointer_encoding, 0));
    case 0x02: /* advance_loc1, 2, 4 */
        return advance(run, pp_sig_cursor_u8(c));
    case 0x03:
        return advance(run, pp_sig_cursor_fixed(c, 2));
    case 0x04:
        return advance(run, pp_sig_cursor_fixed(c, 4));
    case 0x05: /* offset_extended */
        reg = pp_sig_cursor_uleb(c);
        save_at_offset(run, reg, (int64_t)(pp_sig_cursor_uleb(c) & INT32_MAX) * factor);
        return GO_ON;
    case 0x06: /* restore_extended */
        restore(run, pp_sig_cursor_uleb(c));
        return GO_ON;
    case 0x07: /* undefined */
        lose(run, pp_sig_cursor_uleb(c), PP_CFI_RA_UNDEFINED);
        return GO_ON;
    case 0x08: /* same_value */
        reg = pp_sig_cursor_uleb(c);
        if (pp_sig_arch_saved_index(reg) >= 0)
            set_saved(&run->row, pp_sig_arch_saved_index(reg), PP_SAVED_IN_PLACE);
        else
            lose(run, reg, PP_CFI_RA_OTHER);
        return GO_ON;
    case 0x09: /* register */
        reg = pp_sig_cursor_uleb(c);
        (void)pp_sig_cursor_uleb(c);
        lose(run, reg, PP_CFI_RA_OTHER);
        return GO_ON;
    case 0x0a: /* remember_state */
        if (run->n_remembered == PP_CFI_MAX_REMEMBERED)
            return BAD;
        run->remembered[run->n_remembered++] = run->row;
        return GO_ON;
    case 0x0b: /* restore_state */
        if (run->n_remembered == 0)
            return BAD;
        run->row = run->remembered[--run->n_remembered];
        return GO_ON;
    case 0x0c: /* def_cfa */
        set_cfa_register(run, pp_sig_cursor_uleb(c));
        set_cfa_offset(run, (int64_t)(pp_sig_cursor_uleb(c) & INT64_MAX));
        return GO_ON;
    case 0x0d: /* def_cfa_register */
        set_cfa_register(run, pp_sig_cursor_uleb(c));
        return GO_ON;
    case 0x0f: /* def_cfa_expression */
        reg = offset_of(&run->cfi->frames, c);
        (void)take_block(run);
        run->row.cfa_expression = reg <= UINT32_MAX ? (uint32_t)reg : UINT32_MAX;
        return GO_ON;
    case 0x10: /* expression */
        reg = pp_sig_cursor_uleb(c);
        save_at_expression(run, reg, take_block(run));
        return GO_ON;
    case 0x11: /* offset_extended_sf */
        reg = pp_sig_cursor_uleb(c);
        save_at_offset(run, reg, (int64_t)(int32_t)pp_sig_cursor_sleb(c) * factor);
        return GO_ON;
    case 0x12: /* def_cfa_sf */
        set_cfa_register(run, pp_sig_cursor_uleb(c));
        set_cfa_offset(run, (int64_t)(int32_t)pp_sig_cursor_sleb(c) * factor);
        return GO_ON;
    case 0x13: /* def_cfa_offset_sf */
        set_cfa_offset(run, (int64_t)(int32_t)pp_sig_cursor_sleb(c) * factor);
        return GO_ON;
    case 0x14: /* val_offset, val_offset_sf */
    case 0x15:
        reg = pp_sig_cursor_uleb(c);
        (void)pp_sig_cursor_uleb(c);
        lose(run, reg, PP_CFI_RA_OTHER);
        return GO_ON;
    case 0x16: /* val_expression */
        reg = pp_sig_cursor_uleb(c);
        (void)take_block(run);
        lose(run, reg, PP_CFI_RA_OTHER);
        return GO_ON;
    case 0x2e: /* GNU_args_size */
        (void)pp_sig_cursor_uleb(c);
        return GO_ON;
    case 0x2f: /* GNU_negative_offset_extended */
        reg = pp_sig_cursor_uleb(c);
        save_at_offset(run, reg, -(int64_t)(pp_sig_cursor_uleb(c) & INT32_MAX) * factor);
        return GO_ON;
    default:
        return BAD;
    }
}

static void begin_program(struct pp_sig_cfi_run *run, uint64_t program, uint64_t program_end)
{
    run->at = cursor_at(&run->cfi->frames, program, program_end);
    run->n_remembered = 0;
}

/* Run up to where the row is complete: the program goes on at another pc, or ends. */
static enum outcome complete_row(struct pp_sig_cfi_run *run)
{
    enum outcome outcome = GO_ON;

    while (outcome == GO_ON) {
        uint8_t op, low;
        if (run->at.at == run->at.end)
            return ENDED;
        op = *run->at.at++;
        low = op & 0x3f;
        switch (op >> 6) {
        case 1:
            outcome = advance(run, low);
            break;
        case 2:
            save_at_offset(run, low,
                           (int64_t)(pp_sig_cursor_uleb(&run->at) & INT32_MAX) *
                               run->cie->data_factor);
            break;
        case 3:
            restore(run, low);
            break;
        default:
            if (op == 0x0e) /* def_cfa_offset, the most frequent one */
                set_cfa_offset(run, (int64_t)(pp_sig_cursor_uleb(&run->at) & INT64_MAX));
            else
                outcome = run_extended(run, op);
        }
        if (run->at.is_short)
            return BAD;
    }
    return outcome;
}

/* Ready 'run' for the program of a function: with what the CIE's own program says. */
static bool run_cie(struct pp_sig_cfi_run *run, struct pp_sig_cie *cie, bool is_new_cie)
{
    static const struct pp_sig_cfi_row nothing = {.cfa_register = NO_REGISTER};

    run->cie = cie;
    run->pc = 0;
    if (is_new_cie) {
        run->row = run->initial = nothing;
        begin_program(run, cie->program, cie->program_end);
        if (complete_row(run) != ENDED) {
            cie->offset = ~(uint64_t)0;
            return false;
        }
        cie->initial = run->row;
    }
    run->row = run->initial = cie->initial;
    return true;
}

bool pp_sig_cfi_rows(const struct pp_sig_cfi *cfi, uint64_t fde_offset, struct pp_sig_cie *cie,
                     struct pp_sig_cfi_run *run)
{
    struct fde fde;
    bool is_new_cie;

    run->cfi = cfi;
    run->phase = OVER;
    if (!read_fde(cfi, fde_offset, cie, &fde, &is_new_cie) || !run_cie(run, cie, is_new_cie))
        return false;
    begin_program(run, fde.program, fde.program_end);
    run->pc = fde.start;
    run->limit = fde.limit;
    run->phase = IN_PROGRAM;
    return true;
}

bool pp_sig_cfi_next_row(struct pp_sig_cfi_run *run, uint64_t *pc_out, uint64_t *rule_out)
{
    enum outcome outcome;

    if (run->phase != IN_PROGRAM) {
        *pc_out = run->limit;
        *rule_out = PP_RULE_NONE;
        return run->phase++ == AT_LIMIT;
    }
    outcome = complete_row(run);
    *pc_out = run->pc;
    *rule_out = outcome == BAD ? (uint64_t)PP_RULE_NONE : current_rule(run);
    if (outcome == ADVANCED && run->next_pc < run->limit)
        run->pc = run->next_pc;
    else
        run->phase = AT_LIMIT;
    return true;
}

uint64_t pp_sig_cfi_find(const struct pp_sig_cfi *cfi, uint64_t pc)
{
    struct pp_sig_cie cie = {.offset = ~(uint64_t)0};
    struct pp_sig_cfi_run run;
    uint32_t low = 0, high = cfi->n_fdes;
    enum outcome outcome;

    if (high == 0 || pp_sig_cfi_index_pc(cfi, 0) > pc)
        return PP_RULE_NONE;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (pp_sig_cfi_index_pc(cfi, middle) <= pc)
            low = middle;
        else
            high = middle;
    }
    if (!pp_sig_cfi_rows(cfi, pp_sig_cfi_index_fde(cfi, low), &cie, &run) || pc < run.pc ||
        pc >= run.limit)
        return PP_RULE_NONE;
    while ((outcome = complete_row(&run)) == ADVANCED && run.next_pc <= pc)
        run.pc = run.next_pc;
    return outcome == BAD ? (uint64_t)PP_RULE_NONE : current_rule(&run);
}
