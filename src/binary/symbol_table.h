/* The functions that the symbol tables of a program name, by address. */
#ifndef PP_BINARY_SYMBOL_TABLE_H
#define PP_BINARY_SYMBOL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "binary/elf_file.h"
#include "binary/interval_map.h"

struct pp_symbol {
    uint64_t addr;
    uint64_t size_bytes;     /* 0: up to the next symbol or to 'limit' */
    uint64_t limit;          /* end of its section, UINT64_MAX when unknown */
    const char *name;        /* in the ELF image, or in the table's arena */
    const char *shown_name;  /* demangled, filled by the symbolizer at first use, else NULL */
    const char *system_name; /* likewise */
    uint32_t rank;           /* among symbols of one range the highest is taken */
};

struct pp_symbol_table {
    struct pp_arena arena;
    struct pp_symbol *symbols; /* after finish: those with a size, then those without, by address */
    size_t n_symbols;
    size_t capacity;
    size_t n_sized;
    struct pp_interval_map sized;
};

void pp_symbol_table_done(struct pp_symbol_table *table);

/* Add what 'file' has in its section of type SHT_SYMTAB or SHT_DYNSYM, 'bias' added to each
 * address; 'file' must outlive the table.  Returns the number of symbols or -ENOMEM. */
int pp_symbol_table_read(struct pp_symbol_table *table, const struct pp_elf_file *file,
                         uint32_t section_type, uint64_t bias);

/* The same of what names data: variables with a size, but for those that each thread has. */
int pp_symbol_table_read_data(struct pp_symbol_table *table, const struct pp_elf_file *file,
                              uint32_t section_type, uint64_t bias);

/* Add one symbol; 'name' must outlive the table.  Returns 0 or -ENOMEM. */
int pp_symbol_table_add(struct pp_symbol_table *table, const struct pp_symbol *symbol);

/* Make the table ready for look-ups.  Returns 0 or -ENOMEM. */
int pp_symbol_table_finish(struct pp_symbol_table *table);

/* The function at 'addr', or NULL.  Sizes are respected: behind a function's end is no function. */
struct pp_symbol *pp_symbol_table_find(struct pp_symbol_table *table, uint64_t addr);

#endif
