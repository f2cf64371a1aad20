/* Interpreting call frame information: DWARF 5 section 6.4. */
#include "sigsafe/cfi.h"

#include "sigsafe/arch.h"
#include "sigsafe/cfi_records.h"

enum { NO_REGISTER = 0xff };

enum outcome { GO_ON, ADVANCED, ENDED, BAD };
enum { IN_PROGRAM, AT_LIMIT, OVER };

static uint64_t current_rule(const struct pp_sig_cfi_run *run)
{
    struct pp_sig_cursor expression = {NULL, NULL, false};

    if (pp_sig_arch_is_plain(&run->row) && !run->cie->is_signal_frame)
        return pp_sig_arch_register_rule(run->row.cfa_register, run->row.cfa_offset,
                                         run->row.saved);
    if (run->row.cfa_expression != 0) {
        expression =
            pp_sig_cfi_cursor(&run->cfi->frames, run->row.cfa_expression, run->cfi->frames.n_bytes);
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
        return move_to(run,
                       pp_sig_cfi_pointer(&run->cfi->frames, c, run->cie->pointer_encoding, 0));
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
        reg = pp_sig_cfi_offset(&run->cfi->frames, c);
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
    run->at = pp_sig_cfi_cursor(&run->cfi->frames, program, program_end);
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
    struct pp_sig_fde fde;
    bool is_new_cie;

    run->cfi = cfi;
    run->phase = OVER;
    if (!pp_sig_cfi_read_fde(cfi, fde_offset, cie, &fde, &is_new_cie) ||
        !run_cie(run, cie, is_new_cie))
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

    if (high == 0 || pp_sig_cfi_index_word(cfi, 0) > pc)
        return PP_RULE_NONE;
    while (high - low > 1) {
        const uint32_t middle = low + (high - low) / 2;
        if (pp_sig_cfi_index_word(cfi, 2 * (uint64_t)middle) <= pc)
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
