/* The parts of an ELF file that names come from, in memory of our own: whoever cuts the file short
 * or writes over it meanwhile cannot make us fault or change what was checked. */
#ifndef PP_BINARY_FILE_IMAGE_H
#define PP_BINARY_FILE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct pp_file_image {
    unsigned char *bytes; /* each part where it is in the file; what is not read is zero */
    size_t n_bytes;       /* of the file */
    uint64_t device, inode;
};

/* Read the ELF file at 'path', with its debug information or only what symbols come from.  Only
 * regular files are opened: a name found in a recording may be that of a pipe or a device.
 * -ENOEXEC: not an ELF file; -EFBIG: its symbols and debug information need more than half of the
 * memory there is; -EBADMSG: cut short while it was read; -ENOMEM; or another negative errno. */
int pp_file_image_read(const char *path, bool only_symbols, struct pp_file_image *image_out,
                       struct pprofc_error *err);
void pp_file_image_done(struct pp_file_image *image);

/* The checksum that .gnu_debuglink has of the file at 'path': 0, or a negative errno. */
int pp_file_checksum(const char *path, uint32_t *checksum_out);

#endif
