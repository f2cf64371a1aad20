/* Lines and inlined calls of a program by address: libdw reads the entries, the search is ours.
 *
 * libdw's own search by scopes walks the whole unit for each address and is 500 times slower.  Here
 * each unit is walked once, when an address first touches it. */
#ifndef PP_BINARY_DWARF_INDEX_H
#define PP_BINARY_DWARF_INDEX_H

#include <stddef.h>
#include <stdint.h>

#include "binary/dwarf_function.h"
#include "binary/dwarf_unit.h"
#include "binary/elf_file.h"
#include "binary/string_pool.h"

struct pp_dwarf_index;

struct pp_dwarf_frame {
    const struct pp_dwarf_function *function; /* NULL: only the line is known */
    const char *file;                         /* of the pool; "" when unknown */
    int64_t line;
};

/* Index the debug information in 'file'; 'alternate' (may be NULL) is the file that dwz moved parts
 * of it into.  Both, and 'strings', outlive the index.  Returns 0, -ENOENT when the file has none,
 * -EBADMSG when libdw cannot read it, -ETIME when it took too long, or -ENOMEM. */
int pp_dwarf_index_new(const struct pp_elf_file *file, const struct pp_elf_file *alternate,
                       struct pp_string_pool *strings, struct pp_dwarf_index **index_out);
void pp_dwarf_index_free(struct pp_dwarf_index *index);

/* The frames at 'addr', innermost first, the last one being the function itself, not inlined.  They
 * are valid until the next call.  Returns their number (0: nothing is known), -ETIME once the index
 * has spent its time, or -ENOMEM. */
int pp_dwarf_index_find(struct pp_dwarf_index *index, uint64_t addr,
                        const struct pp_dwarf_frame **frames_out);

#endif
