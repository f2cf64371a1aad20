/* One program or library whose addresses are named: its files, opened when the module is made, and
 * its tables, read when the first address is asked for. */
#ifndef PP_BINARY_MODULE_H
#define PP_BINARY_MODULE_H

#include <pthread.h>

#include "binary/symbolizer.h"

#include "binary/dwarf_index.h"
#include "binary/elf_file.h"
#include "binary/function_starts.h"
#include "binary/string_pool.h"
#include "binary/symbol_table.h"

struct pp_module {
    struct pp_module *next;
    pthread_mutex_t lock;          /* guards all that is loaded and looked up */
    struct pp_string_pool strings; /* of its names; they stay where they are */
    const char *debug_path;        /* the symbolizer's, may be NULL */
    bool no_inlines, only_symbols;
    char *path;
    char *build_id;                /* as it was asked for, "" when it was not known */
    const char *name;              /* the last part of the path */
    struct pp_elf_file *file;      /* NULL: not there, or another one than was recorded */
    struct pp_elf_file *debug;     /* the separate debug file, or NULL */
    struct pp_elf_file *alternate; /* what dwz moved out, or NULL */
    struct pp_symbol_table symbols;
    struct pp_symbol_table stubs;
    struct pp_symbol_table variables; /* read when the first is asked for */
    struct pp_function_starts starts; /* what is left where there are no symbols */
    uint64_t debug_bias; /* address in 'file' less address in 'debug': not 0 when prelinked */
    uint64_t dwarf_bias; /* the same for the file that 'dwarf' reads */
    struct pp_dwarf_index *dwarf; /* NULL: no lines and no inlined calls */
    bool is_loaded, has_variables;
    char shortcoming[PPROFC_ERROR_MESSAGE_BYTES];
};

/* Returns 0 or -ENOMEM. */
int pp_module_new(const char *path, const char *build_id, const void *memory, size_t n_memory_bytes,
                  bool only_symbols, struct pp_module **module_out);
void pp_module_free(struct pp_module *module);

/* Find the debug files and read the tables, once.  Returns 0 or -ENOMEM.  With the lock held. */
int pp_module_load(struct pp_module *module);

#endif
