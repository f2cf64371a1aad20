/* One compile unit of DWARF, walked once: which functions and inlined calls cover which addresses.
 */
#ifndef PP_BINARY_DWARF_UNIT_H
#define PP_BINARY_DWARF_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <elfutils/libdw.h>

#include "binary/deadline.h"
#include "binary/dwarf_function.h"
#include "binary/elf_file.h"
#include "binary/interval_map.h"

/* Entries nested more deeply are not looked at, so that a chain of calls has an end. */
enum { PP_DWARF_MAX_DEPTH = 256 };

#define PP_NO_CALL UINT32_MAX

/* A function with code of its own, or one inlined call of a function. */
struct pp_dwarf_call {
    uint64_t die_offset;
    const struct pp_dwarf_function *function; /* NULL until it is asked for */
    uint32_t parent;                          /* what it is inlined into; PP_NO_CALL: a function */
    uint32_t call_file;                       /* where 'parent' calls it; 0: unknown */
    uint32_t call_line;
};

struct pp_dwarf_unit {
    Dwarf_Die die;
    struct pp_dwarf_call *calls;
    size_t n_calls;
    size_t calls_capacity;
    struct pp_interval_map map; /* to indices of calls */
};

/* Walk the unit at 'die_offset' that ends at 'end_offset'.  Ranges that do not begin in executable
 * memory of 'file' are what linkers leave of dropped functions, and are left out.  Returns 0,
 * -ENOMEM, or -ETIME after the deadline; the unit is to be given back in each case. */
int pp_dwarf_unit_load(struct pp_dwarf_unit *unit, Dwarf *dwarf, uint64_t die_offset,
                       uint64_t end_offset, const struct pp_elf_file *file,
                       struct pp_deadline *deadline);

void pp_dwarf_unit_done(struct pp_dwarf_unit *unit);

#endif
