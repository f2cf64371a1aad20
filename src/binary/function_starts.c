/* Where functions begin in a program without symbols. */
#include "binary/function_starts.h"

#include <string.h>

enum {
    HDR_VERSION = 1,
    /* DW_EH_PE codes, as every linker writes them. */
    PCREL_SDATA4 = 0x1b,
    UDATA4 = 0x03,
    DATAREL_SDATA4 = 0x3b,
    HEAD_BYTES = 12, /* version, three codes, where .eh_frame is, how many rows */
    ROW_BYTES = 8,   /* a function's start, its description; both from the table's address */
};

void pp_function_starts_find(const struct pp_elf_file *file, struct pp_function_starts *starts_out)
{
    GElf_Shdr header;
    size_t n_bytes = 0;
    const unsigned char *bytes = pp_elf_file_section_bytes(file, ".eh_frame_hdr", &n_bytes);
    uint32_t n;

    *starts_out = (struct pp_function_starts){.rows = NULL};
    if (bytes == NULL || n_bytes < HEAD_BYTES || bytes[0] != HDR_VERSION ||
        bytes[1] != PCREL_SDATA4 || bytes[2] != UDATA4 || bytes[3] != DATAREL_SDATA4 ||
        pp_elf_file_section(file, ".eh_frame_hdr", &header) == NULL)
        return;
    memcpy(&n, bytes + HEAD_BYTES - sizeof n, sizeof n);
    starts_out->rows = bytes + HEAD_BYTES;
    starts_out->n = n < (n_bytes - HEAD_BYTES) / ROW_BYTES ? n : (n_bytes - HEAD_BYTES) / ROW_BYTES;
    starts_out->base = header.sh_addr;
}

static uint64_t start_at(const struct pp_function_starts *starts, size_t i)
{
    int32_t offset;

    memcpy(&offset, starts->rows + i * ROW_BYTES, sizeof offset);
    return starts->base + (uint64_t)(int64_t)offset;
}

uint64_t pp_function_start(const struct pp_function_starts *starts, uint64_t vaddr)
{
    size_t low = 0, high = starts->n; /* rows below 'low' begin at or before 'vaddr' */

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (start_at(starts, middle) <= vaddr)
            low = middle + 1;
        else
            high = middle;
    }
    return low > 0 ? start_at(starts, low - 1) : vaddr;
}
