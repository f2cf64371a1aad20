/* Names for addresses: .symtab, .dynsym, DWARF lines and inlined calls, by an index of our own over
 * libdw. One symbolizer serves many modules and any number of threads: who asks for names of a
 * module waits while it is being read, and nobody else does.  Nothing here ever takes
 * longer than 20 s for a module or brings the caller down on a hostile file: it gives
 * module+0xoffset instead. */
#ifndef PP_BINARY_SYMBOLIZER_H
#define PP_BINARY_SYMBOLIZER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct pp_symbolizer;
struct pp_module; /* one binary, opened once per (path, build id) */

/* One source-level frame of an address; strings belong to the symbolizer and live as long as it
 * does. */
struct pp_frame {
    const char *name;        /* demangled; never NULL */
    const char *system_name; /* as in the symbol table, "" when there is none */
    const char *file;        /* "" when unknown */
    int64_t line;            /* 0: unknown */
    int64_t start_line;      /* of the function, 0: unknown */
    bool is_inlined;         /* into the frame behind it */
    bool is_named;           /* false: only module+0xADDRESS, of the function's begin if known */
};

struct pp_symbolizer_options {
    const char *debug_path; /* more roots, before /usr/lib/debug, separated by ':'; may be NULL */
    bool no_inlines;        /* only the physical function of an address */
    bool only_symbols; /* no DWARF: symbol tables are a few per cent of it in time and memory */
};

int pp_symbolizer_new(const struct pp_symbolizer_options *options,
                      struct pp_symbolizer **symbolizer_out, struct pprofc_error *err);
void pp_symbolizer_free(struct pp_symbolizer *symbolizer);

/* Open the module that was mapped from 'path'.  'build_id' (may be NULL) is what the recording saw:
 * a file at 'path' with another build id is not used (its separate debug file still is).  'memory'
 * with 'n_memory_bytes' is an ELF image for modules without a file (the vdso), else NULL.  Always
 * gives a module, if only one that knows offsets. Returns 0 or -ENOMEM. */
int pp_symbolizer_module(struct pp_symbolizer *symbolizer, const char *path, const char *build_id,
                         const void *memory, size_t n_memory_bytes, struct pp_module **module_out,
                         struct pprofc_error *err);

/* The frames of file-virtual address 'vaddr' (run-time pc less the load bias), innermost first. For
 * a caller pass the return address less one.  Writes at most 'capacity' frames; returns their
 * number, at least 1, or -ENOMEM. */
int pp_module_frames(struct pp_module *module, uint64_t vaddr, struct pp_frame *frames_out,
                     size_t capacity);

/* The variable that file-virtual address 'vaddr' lies in: its demangled name, which lives as long
 * as the symbolizer, and how far behind its begin.  0; -ENOENT where no symbol says; -ENOMEM. */
int pp_module_variable(struct pp_module *module, uint64_t vaddr, const char **name_out,
                       uint64_t *offset_out);

/* The virtual address (in the file's own address space) of file offset 'offset', by its PT_LOAD
 * headers; -ENOENT when no executable segment covers it.  Serves readers that only know mappings
 * (start, limit, offset). */
int pp_module_vaddr_of_offset(const struct pp_module *module, uint64_t offset, uint64_t *vaddr_out);

/* Whether neither the file that was recorded nor its debug file is here: nothing of it has a name.
 */
bool pp_module_is_missing(struct pp_module *module);

/* Why names are missing so far, for a person ("myprog is stripped; no debug file for build id
 * 1f3a..."), or "" when nothing is. */
const char *pp_module_shortcoming(struct pp_module *module);

/* Lower-case hexadecimal build id of the ELF file at 'path' into 'hex_out' (at least 129 bytes);
 * -ENOENT without one. */
int pp_build_id_of_file(const char *path, char *hex_out, size_t capacity, struct pprofc_error *err);

#endif
