/* Where the debug information of a stripped program lies. */
#ifndef PP_BINARY_DEBUG_FILE_H
#define PP_BINARY_DEBUG_FILE_H

#include "binary/elf_file.h"

/* Look for the separate debug file of 'file' (NULL when there is none; then 'build_id' says what to
 * look for) below the roots in 'debug_path' (separated by ':', may be NULL) and /usr/lib/debug: by
 * build id, then by .gnu_debuglink, whose file must have the same build id or, without one, the
 * checksum that the link names.  'only_symbols' as for pp_elf_file_open().  Returns 0, -ENOENT or
 * -ENOMEM. */
int pp_debug_file_find(const struct pp_elf_file *file, const char *build_id, const char *debug_path,
                       bool only_symbols, struct pp_elf_file **debug_out);

/* Look for the file that dwz moved common parts of 'file' into (.gnu_debugaltlink), likewise. */
int pp_debug_file_find_alternate(const struct pp_elf_file *file, const char *debug_path,
                                 struct pp_elf_file **alternate_out);

#endif
