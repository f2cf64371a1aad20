/* Finding the records of .eh_frame: the index of .eh_frame_hdr, CIEs and FDEs, with the encodings
 * of the LSB. */
#include "sigsafe/cfi_records.h"

#include <errno.h>

#include "sigsafe/arch.h"

enum { OMIT = 0xff };

uint64_t pp_sig_cfi_pointer(const struct pp_sig_bytes *bytes, struct pp_sig_cursor *c,
                            uint8_t encoding, uint64_t data_base)
{
    enum { PC_RELATIVE = 0x10, DATA_RELATIVE = 0x30 };
    const uint64_t own_addr = bytes->addr + pp_sig_cfi_offset(bytes, c);
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
    struct pp_sig_cursor c = pp_sig_cfi_cursor(&header, 0, header.n_bytes);
    const uint8_t version = pp_sig_cursor_u8(&c), frame_encoding = pp_sig_cursor_u8(&c);
    const uint8_t count_encoding = pp_sig_cursor_u8(&c), table_encoding = pp_sig_cursor_u8(&c);
    uint64_t n_fdes, eh_frame_addr;

    cfi->n_fdes = 0;
    *eh_frame_addr_out = 0;
    if (version != 1 || frame_encoding == OMIT)
        return -EBADMSG;
    eh_frame_addr = pp_sig_cfi_pointer(&header, &c, frame_encoding, header.addr);
    if (c.is_short)
        return -EBADMSG;
    *eh_frame_addr_out = eh_frame_addr;
    if (count_encoding == OMIT ||
        table_encoding != 0x3b) /* the one table that linkers write: 32 bits from the header */
        return -EBADMSG;
    n_fdes = pp_sig_cfi_pointer(&header, &c, count_encoding, header.addr);
    if (c.is_short || n_fdes == 0 || n_fdes > UINT32_MAX || n_fdes > (uint64_t)(c.end - c.at) / 8)
        return -EBADMSG;
    cfi->index.data = c.at;
    cfi->index.n_bytes = 8 * n_fdes;
    cfi->index.addr = header.addr + pp_sig_cfi_offset(&header, &c);
    cfi->index_base = header.addr;
    cfi->n_fdes = (uint32_t)n_fdes;
    return 0;
}

uint64_t pp_sig_cfi_index_pc(const struct pp_sig_cfi *cfi, uint32_t i)
{
    return pp_sig_cfi_index_word(cfi, 2 * (uint64_t)i);
}

uint64_t pp_sig_cfi_index_fde(const struct pp_sig_cfi *cfi, uint32_t i)
{
    return pp_sig_cfi_index_word(cfi, 2 * (uint64_t)i + 1) - cfi->frames.addr;
}

/* The extent of the record at 'offset': where its id is and where it ends.  False at the end or in
 * garbage. */
static bool read_extent(const struct pp_sig_cfi *cfi, uint64_t offset, uint64_t *id_out,
                        uint64_t *end_out)
{
    struct pp_sig_cursor c = pp_sig_cfi_cursor(&cfi->frames, offset, cfi->frames.n_bytes);
    uint64_t n_bytes = pp_sig_cursor_fixed(&c, 4);

    if (n_bytes == UINT32_MAX)
        n_bytes = pp_sig_cursor_fixed(&c, 8);
    if (c.is_short || n_bytes < 4 || n_bytes > (uint64_t)(c.end - c.at))
        return false;
    *id_out = pp_sig_cfi_offset(&cfi->frames, &c);
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
            (void)pp_sig_cfi_pointer(&cfi->frames, data, encoding & 0x7f, 0);
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
    c = pp_sig_cfi_cursor(&cfi->frames, id, end);
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
    cie->program = pp_sig_cfi_offset(&cfi->frames, &c);
    if (cie->has_augmentation) {
        struct pp_sig_cursor data;
        letters.at++;
        n_augmentation = pp_sig_cursor_uleb(&c);
        if (n_augmentation > (uint64_t)(c.end - c.at))
            return false;
        data = c;
        data.end = c.at + n_augmentation;
        cie->program = pp_sig_cfi_offset(&cfi->frames, &c) + n_augmentation;
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

bool pp_sig_cfi_read_fde(const struct pp_sig_cfi *cfi, uint64_t offset, struct pp_sig_cie *cie,
                         struct pp_sig_fde *fde, bool *is_new_cie)
{
    struct pp_sig_cursor c;
    uint64_t id, end, distance, n_augmentation;

    if (!read_extent(cfi, offset, &id, &end))
        return false;
    c = pp_sig_cfi_cursor(&cfi->frames, id, end);
    distance = pp_sig_cursor_fixed(&c, 4);
    if (distance == 0 || distance > id)
        return false;
    *is_new_cie = cie->offset != id - distance;
    if (*is_new_cie && !read_cie(cfi, id - distance, cie)) {
        cie->offset = ~(uint64_t)0;
        return false;
    }
    fde->start = pp_sig_cfi_pointer(&cfi->frames, &c, cie->pointer_encoding, 0);
    fde->limit = fde->start + pp_sig_cfi_pointer(&cfi->frames, &c, cie->pointer_encoding & 0x0f, 0);
    if (cie->has_augmentation) {
        n_augmentation = pp_sig_cursor_uleb(&c);
        if (n_augmentation > (uint64_t)(c.end - c.at))
            return false;
        c.at += n_augmentation;
    }
    fde->program = pp_sig_cfi_offset(&cfi->frames, &c);
    fde->program_end = end;
    return !c.is_short && fde->start < fde->limit;
}

int pp_sig_cfi_next(const struct pp_sig_cfi *cfi, uint64_t *offset, uint64_t *fde_offset_out,
                    uint64_t *pc_out)
{
    struct pp_sig_cie cie = {.offset = ~(uint64_t)0};
    struct pp_sig_fde fde;
    const uint64_t own_offset = *offset;
    uint64_t id, end;
    bool is_new_cie;

    if (!read_extent(cfi, own_offset, &id, &end))
        return -ENOENT;
    *offset = end;
    if (!pp_sig_cfi_read_fde(cfi, own_offset, &cie, &fde, &is_new_cie))
        return 0;
    *fde_offset_out = own_offset;
    *pc_out = fde.start;
    return 1;
}
