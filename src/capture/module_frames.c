/* Where a module's unwind information is, in place and copied.  The module may be unloaded at any
 * moment: it is read by system calls only. */
#include "capture/module_entry.h"

#include <errno.h>
#include <string.h>

#include "capture/elf_memory.h"

static void describe_frames(struct pp_module_entry *entry, const struct pp_elf_image *image)
{
    uint64_t virtual_address, n_bytes;

    if (image->eh_frame_hdr != 0 && pp_elf_segment_limit(image, image->eh_frame_hdr) != 0) {
        entry->eh_frame_hdr = image->eh_frame_hdr;
        entry->n_eh_frame_hdr_bytes = image->n_eh_frame_hdr_bytes;
    } else if (entry->shown.path[0] == '/' &&
               (pp_elf_find_eh_frame(entry->shown.path, entry->header, &virtual_address,
                                     &n_bytes) == 0 ||
                pp_elf_find_eh_frame("/proc/thread-self/exe", entry->header, &virtual_address,
                                     &n_bytes) == 0)) {
        entry->eh_frame = image->bias + virtual_address;
        entry->eh_frame_limit = entry->eh_frame + n_bytes;
    } else {
        entry->has_no_table = true;
    }
}

void pp_module_find_frames(struct pp_module_entry *entry)
{
    struct pp_elf_image image;

    if (entry->has_no_table)
        return;
    entry->has_no_table = true;
    if (pp_elf_read_image(entry->header, entry->shown.start, entry->shown.offset, &image) < 0 ||
        image.fingerprint != entry->fingerprint)
        return;
    entry->has_no_table = false;
    describe_frames(entry, &image);
}

int pp_module_open_in_place(const struct pp_module_entry *entry, struct pp_sig_cfi *cfi)
{
    uint8_t beginning[32] = {0}; /* all that is read of it here; a dlclose may come in between */
    const struct pp_sig_bytes header = {beginning, entry->n_eh_frame_hdr_bytes,
                                        entry->eh_frame_hdr};
    struct pp_elf_image image;
    uint64_t eh_frame, limit;

    memset(cfi, 0, sizeof *cfi);
    if (entry->eh_frame_hdr == 0 ||
        pp_elf_read_image(entry->header, entry->shown.start, entry->shown.offset, &image) < 0)
        return -ENOENT;
    limit = pp_elf_segment_limit(&image, entry->eh_frame_hdr);
    if (limit == 0 || limit - entry->eh_frame_hdr < header.n_bytes)
        return -ENOENT;
    if (pp_memory_read(entry->eh_frame_hdr, beginning,
                       header.n_bytes < sizeof beginning ? header.n_bytes : sizeof beginning) < 0 ||
        pp_sig_cfi_read_header(header, cfi, &eh_frame) < 0)
        return -ENOENT;
    cfi->index.data = (const uint8_t *)(uintptr_t)cfi->index.addr;
    limit = pp_elf_segment_limit(&image, eh_frame);
    if (limit == 0) {
        cfi->n_fdes = 0;
        return -ENOENT;
    }
    cfi->frames.data = (const uint8_t *)(uintptr_t)eh_frame;
    cfi->frames.addr = eh_frame;
    cfi->frames.n_bytes = limit - eh_frame;
    return 0;
}

/* The end of the last record that the index names: there is no other hint of how much to copy. */
static uint64_t indexed_limit(const struct pp_sig_cfi *cfi, uint64_t eh_frame,
                              uint64_t segment_limit)
{
    uint64_t last = 0;
    uint32_t n_bytes;

    for (uint32_t i = 0; i < cfi->n_fdes; i++) {
        const uint64_t fde = pp_sig_cfi_index_fde(cfi, i);
        if (fde > last && fde < segment_limit - eh_frame)
            last = fde;
    }
    if (pp_memory_read(eh_frame + last, &n_bytes, sizeof n_bytes) < 0)
        return 0;
    if (n_bytes > segment_limit - eh_frame - last - sizeof n_bytes)
        return segment_limit;
    return eh_frame + last + sizeof n_bytes + n_bytes;
}

static int copy_bytes(struct pp_room *room, uint64_t addr, uint64_t n_bytes,
                      struct pp_sig_bytes *copy_out)
{
    int result = pp_room_reserve(room, n_bytes);

    if (result == 0)
        result = pp_memory_read(addr, room->memory, n_bytes);
    copy_out->data = room->memory;
    copy_out->n_bytes = n_bytes;
    copy_out->addr = addr;
    return result;
}

int pp_module_copy_frames(struct pp_module_copies *copies, const struct pp_module_entry *entry,
                          struct pp_sig_cfi *cfi)
{
    struct pp_elf_image image;
    struct pp_sig_bytes header;
    uint64_t eh_frame = entry->eh_frame, limit = entry->eh_frame_limit;
    int result;

    /* What cannot be unloaded is read where it is: a copy would take as much memory again. */
    if (entry->stays && pp_module_open_in_place(entry, cfi) == 0)
        return 0;
    memset(cfi, 0, sizeof *cfi);
    if (eh_frame == 0) {
        result = pp_elf_read_image(entry->header, entry->shown.start, entry->shown.offset, &image);
        if (result == 0 && image.fingerprint != entry->fingerprint)
            result = -ENOENT;
        if (result == 0)
            result = copy_bytes(&copies->header, entry->eh_frame_hdr, entry->n_eh_frame_hdr_bytes,
                                &header);
        if (result < 0)
            return result;
        (void)pp_sig_cfi_read_header(
            header, cfi, &eh_frame); /* without an index: everything to the segment's end */
        limit = pp_elf_segment_limit(&image, eh_frame);
        if (limit == 0)
            return -ENOENT;
        cfi->frames.addr = eh_frame;
        if (cfi->n_fdes > 0)
            limit = indexed_limit(cfi, eh_frame, limit);
    }
    if (limit <= eh_frame)
        return -ENOENT;
    return copy_bytes(&copies->frames, eh_frame, limit - eh_frame, &cfi->frames);
}
