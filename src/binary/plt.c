/* Names for the stubs through which a program calls other libraries: "malloc@plt".
 *
 * A stub is recognised by what it does, not by its place: linkers differ in the order and the kinds
 * of their stubs (.plt, .plt.sec with CET, .plt.got with -z now), but each jumps through a slot
 * that a relocation fills, or pushes that relocation's number. */
#include "binary/plt.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

enum { STUB_BYTES = 16 };

struct slot {
    uint64_t addr; /* of the slot in the global offset table */
    const char *name;
};

struct slots {
    struct slot *items;
    size_t n_items;
    size_t capacity;
};

static const char *name_of(const struct pp_elf_file *file, const GElf_Shdr *relocations,
                           const GElf_Rela *relocation, struct pp_symbol_table *resolvers)
{
    const struct pp_symbol *resolver;
    Elf_Scn *symbols = elf_getscn(file->elf, relocations->sh_link);
    GElf_Shdr header;
    GElf_Sym symbol;

    if (GELF_R_TYPE(relocation->r_info) == R_X86_64_IRELATIVE) {
        /* The resolver carries the function's name. */
        resolver = pp_symbol_table_find(resolvers, (uint64_t)relocation->r_addend);
        return resolver != NULL ? resolver->name : NULL;
    }
    if (symbols == NULL || gelf_getshdr(symbols, &header) == NULL ||
        GELF_R_SYM(relocation->r_info) > INT_MAX ||
        gelf_getsym(elf_getdata(symbols, NULL), (int)GELF_R_SYM(relocation->r_info), &symbol) ==
            NULL)
        return NULL;
    return elf_strptr(file->elf, header.sh_link, symbol.st_name);
}

/* The slots that the relocations in 'section_name' fill with addresses of functions. */
static int read_slots(const struct pp_elf_file *file, const char *section_name,
                      struct pp_symbol_table *resolvers, struct slots *slots)
{
    GElf_Shdr header;
    Elf_Scn *section = pp_elf_file_section(file, section_name, &header);
    Elf_Data *data = section != NULL ? elf_getdata(section, NULL) : NULL;
    const size_t n_entries = data != NULL ? data->d_size / sizeof(Elf64_Rela) : 0;
    GElf_Rela entry;

    for (size_t i = 0; i < n_entries && i < INT_MAX; i++) {
        struct slot slot = {0, NULL};

        if (gelf_getrela(data, (int)i, &entry) == NULL)
            return 0;
        switch (GELF_R_TYPE(entry.r_info)) {
        case R_X86_64_JUMP_SLOT:
        case R_X86_64_GLOB_DAT:
        case R_X86_64_IRELATIVE:
            slot = (struct slot){entry.r_offset, name_of(file, &header, &entry, resolvers)};
        }
        if (pp_array_reserve(&slots->items, &slots->capacity, slots->n_items + 1,
                             sizeof *slots->items) != 0)
            return -ENOMEM;
        slots->items[slots->n_items++] = slot;
    }
    return 0;
}

static int compare_slots(const void *left, const void *right)
{
    const struct slot *a = left;
    const struct slot *b = right;

    return a->addr < b->addr ? -1 : a->addr > b->addr;
}

static const char *name_of_slot(const struct slots *sorted, uint64_t addr)
{
    const struct slot wanted = {addr, NULL};
    const struct slot *found =
        sorted->n_items == 0
            ? NULL
            : bsearch(&wanted, sorted->items, sorted->n_items, sizeof wanted, compare_slots);

    return found != NULL ? found->name : NULL;
}

/* What the stub of 'n_bytes' at 'addr' leads to, or NULL. */
static const char *target_of_stub(const unsigned char *stub, size_t n_bytes, uint64_t addr,
                                  const struct slots *lazy, const struct slots *sorted)
{
    static const unsigned char ENDBR64[] = {0xf3, 0x0f, 0x1e, 0xfa};
    int32_t displacement;
    uint32_t number;
    size_t at = 0;

    if (n_bytes >= 4 && memcmp(stub, ENDBR64, 4) == 0)
        at = 4;
    if (at + 5 <= n_bytes && stub[at] == 0x68) { /* push $number */
        memcpy(&number, stub + at + 1, sizeof number);
        return number < lazy->n_items ? lazy->items[number].name : NULL;
    }
    at += at < n_bytes && stub[at] == 0xf2;                           /* bnd */
    if (at + 6 > n_bytes || stub[at] != 0xff || stub[at + 1] != 0x25) /* jmp *slot(%rip) */
        return NULL;
    memcpy(&displacement, stub + at + 2, sizeof displacement);
    return name_of_slot(sorted, addr + at + 6 + (uint64_t)(int64_t)displacement);
}

static int add_stub(struct pp_symbol_table *table, uint64_t addr, uint64_t size_bytes,
                    const char *target)
{
    const size_t n_bytes = strlen(target);
    struct pp_symbol symbol = {.addr = addr, .size_bytes = size_bytes, .limit = UINT64_MAX};
    char *name = pp_arena_alloc(&table->arena, n_bytes + sizeof "@plt");

    if (name == NULL)
        return -ENOMEM;
    memcpy(name, target, n_bytes);
    memcpy(name + n_bytes, "@plt", sizeof "@plt");
    symbol.name = name;
    return pp_symbol_table_add(table, &symbol);
}

static int read_stubs(struct pp_symbol_table *table, const struct pp_elf_file *file,
                      const char *section_name, const struct slots *lazy,
                      const struct slots *sorted)
{
    GElf_Shdr header;
    size_t n_bytes = 0;
    size_t stub_bytes;
    const unsigned char *bytes = pp_elf_file_section_bytes(file, section_name, &n_bytes);

    if (bytes == NULL || pp_elf_file_section(file, section_name, &header) == NULL)
        return 0;
    stub_bytes = header.sh_entsize == 8 ? 8 : STUB_BYTES; /* .plt.got without CET has 8 */
    for (size_t at = 0; at < n_bytes; at += stub_bytes) {
        const size_t n_here = n_bytes - at < stub_bytes ? n_bytes - at : stub_bytes;
        const char *target = target_of_stub(bytes + at, n_here, header.sh_addr + at, lazy, sorted);

        if (target != NULL && target[0] != '\0' &&
            add_stub(table, header.sh_addr + at, n_here, target) != 0)
            return -ENOMEM;
    }
    return 0;
}

int pp_plt_read(struct pp_symbol_table *stubs, struct pp_symbol_table *symbols,
                const struct pp_elf_file *file)
{
    static const char *const SECTIONS[] = {".plt", ".plt.sec", ".plt.got", ".iplt"};
    struct slots lazy = {0};
    struct slots sorted = {0};
    GElf_Ehdr header;
    int result;

    if (gelf_getehdr(file->elf, &header) == NULL || header.e_machine != EM_X86_64 ||
        gelf_getclass(file->elf) != ELFCLASS64)
        return 0;
    result = read_slots(file, ".rela.plt", symbols, &lazy);
    if (result == 0)
        result = read_slots(file, ".rela.plt", symbols, &sorted);
    if (result == 0)
        result = read_slots(file, ".rela.dyn", symbols, &sorted);
    if (sorted.n_items > 1)
        qsort(sorted.items, sorted.n_items, sizeof *sorted.items, compare_slots);
    for (size_t i = 0; i < sizeof SECTIONS / sizeof *SECTIONS && result == 0; i++)
        result = read_stubs(stubs, file, SECTIONS[i], &lazy, &sorted);
    free(lazy.items);
    free(sorted.items);
    return result;
}
