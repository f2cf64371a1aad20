/* The functions that the symbol tables of a program name, by address. */
#include "binary/symbol_table.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* What is known of a file's sections while its symbols are read. */
struct section_bounds {
    uint64_t end;
    bool is_known;
    bool is_executable;
};

typedef bool is_wanted(const GElf_Sym *symbol, const struct section_bounds *bounds,
                       size_t n_bounds);

void pp_symbol_table_done(struct pp_symbol_table *table)
{
    pp_interval_map_done(&table->sized);
    free(table->symbols);
    pp_arena_done(&table->arena);
    *table = (struct pp_symbol_table){0};
}

int pp_symbol_table_add(struct pp_symbol_table *table, const struct pp_symbol *symbol)
{
    if (table->n_symbols >= UINT32_MAX - 1)
        return 0;
    if (pp_array_reserve(&table->symbols, &table->capacity, table->n_symbols + 1,
                         sizeof *table->symbols) != 0)
        return -ENOMEM;
    table->symbols[table->n_symbols++] = *symbol;
    return 0;
}

/* Marks between code and data ($x, $d.1 ..) and the assembler's own labels are not functions. */
static bool is_mark(const char *name)
{
    return name[0] == '\0' || strncmp(name, ".L", 2) == 0 ||
           (name[0] == '$' && name[1] != '\0' && strchr("adtx", name[1]) != NULL &&
            (name[2] == '\0' || name[2] == '.'));
}

/* Aliases: the name that people call wins.  A function over a bare label, global over weak over
 * local, then fewer leading underscores (malloc over __libc_malloc). */
static uint32_t rank_of(const GElf_Sym *symbol, const char *name)
{
    const unsigned binding = GELF_ST_BIND(symbol->st_info);
    const uint32_t n_underscores = (uint32_t)strspn(name, "_");
    uint32_t rank = GELF_ST_TYPE(symbol->st_info) == STT_NOTYPE ? 0 : 64;

    if (binding == STB_WEAK)
        rank += 16;
    else if (binding != STB_LOCAL)
        rank += 32;
    return rank + (n_underscores > 15 ? 0 : 15 - n_underscores);
}

static int read_bounds(const struct pp_elf_file *file, struct section_bounds **bounds_out,
                       size_t *n_bounds_out)
{
    size_t n_sections = 0;
    struct section_bounds *bounds;
    GElf_Shdr header;

    if (elf_getshdrnum(file->elf, &n_sections) != 0)
        n_sections = 0;
    bounds = calloc(n_sections + 1, sizeof *bounds);
    if (bounds == NULL)
        return -ENOMEM;
    for (size_t i = 1; i < n_sections; i++) {
        if (gelf_getshdr(elf_getscn(file->elf, i), &header) == NULL ||
            header.sh_addr > UINT64_MAX - header.sh_size)
            continue;
        bounds[i].is_known = true;
        bounds[i].end = header.sh_addr + header.sh_size;
        bounds[i].is_executable = (header.sh_flags & SHF_EXECINSTR) != 0;
    }
    *bounds_out = bounds;
    *n_bounds_out = n_sections;
    return 0;
}

static bool is_function(const GElf_Sym *symbol, const struct section_bounds *bounds,
                        size_t n_bounds)
{
    const unsigned type = GELF_ST_TYPE(symbol->st_info);
    const unsigned section = symbol->st_shndx;
    const bool is_plain = section < SHN_LORESERVE && section < n_bounds && bounds[section].is_known;

    if (section == SHN_UNDEF || section == SHN_ABS || section == SHN_COMMON)
        return false;
    if (type == STT_NOTYPE)
        return is_plain && bounds[section].is_executable;
    if (type != STT_FUNC && type != STT_GNU_IFUNC)
        return false;
    return !is_plain || bounds[section].is_executable;
}

static bool is_variable(const GElf_Sym *symbol, const struct section_bounds *bounds,
                        size_t n_bounds)
{
    const unsigned type = GELF_ST_TYPE(symbol->st_info);
    const unsigned section = symbol->st_shndx;

    return (type == STT_OBJECT || type == STT_COMMON) && symbol->st_size > 0 &&
           section != SHN_UNDEF && section < SHN_LORESERVE && section < n_bounds &&
           bounds[section].is_known && !bounds[section].is_executable;
}

static int read_symbols(struct pp_symbol_table *table, const struct pp_elf_file *file,
                        Elf_Scn *section, const GElf_Shdr *header, uint64_t bias, is_wanted *wanted)
{
    pp_autofree struct section_bounds *bounds = NULL;
    size_t n_bounds = 0;
    Elf_Data *data = elf_getdata(section, NULL);
    const size_t entry_bytes = gelf_fsize(file->elf, ELF_T_SYM, 1, EV_CURRENT);
    const size_t n_entries = data != NULL && entry_bytes > 0 ? data->d_size / entry_bytes : 0;
    int n_added = 0;
    GElf_Sym entry;

    if (read_bounds(file, &bounds, &n_bounds) != 0)
        return -ENOMEM;
    for (size_t i = 0; i < n_entries && i < INT_MAX; i++) {
        struct pp_symbol symbol = {.limit = UINT64_MAX};

        if (gelf_getsym(data, (int)i, &entry) == NULL || !wanted(&entry, bounds, n_bounds))
            continue;
        symbol.name = elf_strptr(file->elf, header->sh_link, entry.st_name);
        if (symbol.name == NULL || is_mark(symbol.name))
            continue;
        symbol.addr = entry.st_value + bias;
        symbol.size_bytes = entry.st_size > UINT64_MAX - symbol.addr ? 0 : entry.st_size;
        if (entry.st_shndx < n_bounds && bounds[entry.st_shndx].is_known)
            symbol.limit = bounds[entry.st_shndx].end + bias;
        symbol.rank = rank_of(&entry, symbol.name);
        if (pp_symbol_table_add(table, &symbol) != 0)
            return -ENOMEM;
        n_added++;
    }
    return n_added;
}

static int read_wanted(struct pp_symbol_table *table, const struct pp_elf_file *file,
                       uint32_t section_type, uint64_t bias, is_wanted *wanted)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;

    while ((section = elf_nextscn(file->elf, section)) != NULL)
        if (gelf_getshdr(section, &header) != NULL && header.sh_type == section_type)
            return read_symbols(table, file, section, &header, bias, wanted);
    return 0;
}

int pp_symbol_table_read(struct pp_symbol_table *table, const struct pp_elf_file *file,
                         uint32_t section_type, uint64_t bias)
{
    return read_wanted(table, file, section_type, bias, is_function);
}

int pp_symbol_table_read_data(struct pp_symbol_table *table, const struct pp_elf_file *file,
                              uint32_t section_type, uint64_t bias)
{
    return read_wanted(table, file, section_type, bias, is_variable);
}

static int compare_symbols(const void *left, const void *right)
{
    const struct pp_symbol *a = left;
    const struct pp_symbol *b = right;

    if ((a->size_bytes == 0) != (b->size_bytes == 0))
        return a->size_bytes == 0 ? 1 : -1;
    if (a->addr != b->addr)
        return a->addr < b->addr ? -1 : 1;
    if (a->rank != b->rank)
        return a->rank < b->rank ? -1 : 1;
    return strcmp(b->name, a->name);
}

int pp_symbol_table_finish(struct pp_symbol_table *table)
{
    if (table->n_symbols > 1)
        qsort(table->symbols, table->n_symbols, sizeof *table->symbols, compare_symbols);
    for (size_t i = 0; i < table->n_symbols; i++) {
        const struct pp_symbol *symbol = &table->symbols[i];

        if (symbol->size_bytes == 0)
            break;
        table->n_sized = i + 1;
        /* Of equal ranges the last added is found: they are sorted by rank. */
        if (pp_interval_map_add(&table->sized, symbol->addr, symbol->addr + symbol->size_bytes,
                                symbol->rank, (uint32_t)i) != 0)
            return -ENOMEM;
    }
    return pp_interval_map_finish(&table->sized);
}

/* The last of symbols[first..last) at or before 'addr', or NULL. */
static struct pp_symbol *last_before(struct pp_symbol_table *table, size_t first, size_t last,
                                     uint64_t addr)
{
    size_t low = first;
    size_t high = last;

    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (table->symbols[middle].addr <= addr)
            low = middle + 1;
        else
            high = middle;
    }
    return low == first ? NULL : &table->symbols[low - 1];
}

struct pp_symbol *pp_symbol_table_find(struct pp_symbol_table *table, uint64_t addr)
{
    const uint32_t sized = pp_interval_map_find(&table->sized, addr);
    struct pp_symbol *label, *before;

    if (sized != PP_NO_INTERVAL)
        return &table->symbols[sized];
    /* A label without a size (hand-written assembly) reaches to the next function or the end of its
     * section. */
    label = last_before(table, table->n_sized, table->n_symbols, addr);
    if (label == NULL || addr >= label->limit)
        return NULL;
    before = last_before(table, 0, table->n_sized, addr);
    return before != NULL && before->addr + before->size_bytes > label->addr ? NULL : label;
}
