/* Where functions begin in a program without symbols: its unwind information says.
 *
 * .eh_frame_hdr is a sorted table of the functions that have unwind information (LSB Core
 * specification, "Exception Frames"), which stripping leaves, as exceptions need it. */
#ifndef PP_BINARY_FUNCTION_STARTS_H
#define PP_BINARY_FUNCTION_STARTS_H

#include "binary/elf_file.h"

struct pp_function_starts {
    const unsigned char *rows; /* in the file's image; NULL: it has no table that we read */
    size_t n;
    uint64_t base; /* what rows are relative to */
};

/* Find the table of 'file', which outlives 'starts_out'. */
void pp_function_starts_find(const struct pp_elf_file *file, struct pp_function_starts *starts_out);

/* The beginning of the function that holds 'vaddr', or of the last one before it; 'vaddr' itself
 * when none is known.  The table has no ends, so code without unwind information behind a function
 * counts as a part of it. */
uint64_t pp_function_start(const struct pp_function_starts *starts, uint64_t vaddr);

#endif
