/* Finds parking_lot's functions in the symbols of modules.
 *
 * Files are read by pread(), a piece at a time: a file that is cut short meanwhile does not fault.
 * What it says is believed only so far as it lies in the file, and in the mapping. */
#include "capture/lock_code.h"

#include <elf.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

#include "base/memory.h"
#include "capture/elf_memory.h"
#include "capture/own_memory.h"
#include "sigsafe/lock_code.h"

enum {
    PIECE_BYTES = 64 * 1024,
    MAX_NAME_BYTES = 1024, /* v0 names hold those of all type parameters */
    MAX_NAMES = 64,
    MAX_SECTIONS = 1024,
    MAX_SEGMENTS = 24,
};
#define MAX_TABLE_BYTES (UINT64_C(64) << 20)

static const char crate[] = "11parking_lot";

/* What is read of a file, and where in it the names are that we look for. */
struct search {
    int descriptor;
    const struct pp_mapped_module *module;
    Elf64_Shdr symbols, strings;
    struct {
        uint32_t at;
        enum pp_lock_code code;
    } names[MAX_NAMES];
    uint32_t n_names;
    char *piece; /* of PIECE_BYTES + 1 */
};

/* ---- names ---- */

/* What comes behind 'with', if the text begins so; else NULL, as of no text. */
static const char *behind(const char *text, const char *with)
{
    const size_t n = strlen(with);

    return text != NULL && strncmp(text, with, n) == 0 ? text + n : NULL;
}

/* In v0 "s", a number of letters and digits, and "_" may stand before a name. */
static const char *behind_number(const char *text)
{
    const char *end = text != NULL && *text == 's' ? strchr(text, '_') : NULL;

    return end != NULL ? end + 1 : text;
}

/* Of a function of a type of the crate's what comes behind the crate's name; NULL of another, and
 * of what only names them among its type parameters, as parking_lot_core's do. */
static const char *behind_crate(const char *symbol, bool *is_legacy_out, bool *is_generic_out)
{
    const char *rest = behind(symbol, "_ZN");
    const char *generic = behind(symbol, "_RINvM");

    *is_legacy_out = rest != NULL;
    *is_generic_out = generic != NULL;
    if (rest == NULL) {
        rest = generic != NULL ? generic : behind(symbol, "_RNvM");
        rest = behind_number(behind(behind_number(rest), "NtC"));
    }
    return behind(rest, crate);
}

/* Whether 'name', with its length before it, is in there; as the last, where that can be seen. */
static bool has_function(const char *text, const char *name, bool is_legacy)
{
    const char *found = strstr(text, name);

    return found != NULL && (found == text || found[-1] < '0' || found[-1] > '9') &&
           (!is_legacy || behind(found + strlen(name), "17h") != NULL);
}

enum pp_lock_code pp_lock_code_of_name(const char *symbol)
{
    /* Those that park a thread until it has the lock (raw_mutex.rs, raw_rwlock.rs); the last has a
     * closure for a parameter. */
    static const char *const FUNCTIONS[] = {
        "9lock_slow",     "16lock_shared_slow", "19lock_exclusive_slow", "20lock_upgradable_slow",
        "12upgrade_slow", "16wait_for_readers", "11lock_common"};
    enum { N_FUNCTIONS = sizeof FUNCTIONS / sizeof FUNCTIONS[0] };
    bool is_legacy, is_generic;
    const char *rest = behind_crate(symbol, &is_legacy, &is_generic);
    const char *of_mutex = behind(rest, "9raw_mutex"), *of_rwlock = behind(rest, "10raw_rwlock");
    const char *name = of_mutex != NULL ? of_mutex : of_rwlock;

    for (size_t i = is_generic ? N_FUNCTIONS - 1 : 0; name != NULL && i < N_FUNCTIONS; i++)
        if (has_function(name, FUNCTIONS[i], is_legacy))
            return of_mutex != NULL ? PP_LOCK_CODE_MUTEX : PP_LOCK_CODE_RWLOCK;
    return PP_LOCK_CODE_NONE;
}

/* ---- the file ---- */

static ssize_t read_at(int descriptor, void *to, size_t n_bytes, uint64_t offset)
{
    return offset > INT64_MAX - n_bytes ? -1 : pread(descriptor, to, n_bytes, (off_t)offset);
}

static bool read_whole(int descriptor, void *to, size_t n_bytes, uint64_t offset)
{
    return read_at(descriptor, to, n_bytes, offset) == (ssize_t)n_bytes;
}

/* Whether the file is the one that is mapped: its header lies where the module begins. */
static bool is_mapped_file(const struct search *search, const Elf64_Ehdr *header)
{
    Elf64_Phdr segment;
    Elf64_Ehdr mapped;

    for (unsigned i = 0; i < header->e_phnum && i < MAX_SEGMENTS; i++)
        if (read_whole(search->descriptor, &segment, sizeof segment,
                       header->e_phoff + i * sizeof segment) &&
            segment.p_type == PT_LOAD && segment.p_offset == 0)
            return pp_memory_read(search->module->bias + segment.p_vaddr, &mapped, sizeof mapped) ==
                       0 &&
                   memcmp(header, &mapped, sizeof mapped) == 0;
    return false;
}

static bool find_tables(struct search *search)
{
    Elf64_Ehdr header;
    Elf64_Shdr section;

    if (!read_whole(search->descriptor, &header, sizeof header, 0) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_ident[EI_CLASS] != ELFCLASS64 ||
        header.e_phentsize != sizeof(Elf64_Phdr) || header.e_shentsize != sizeof section ||
        header.e_shnum > MAX_SECTIONS || !is_mapped_file(search, &header))
        return false;
    for (unsigned i = 0; i < header.e_shnum; i++) {
        if (!read_whole(search->descriptor, &section, sizeof section,
                        header.e_shoff + i * sizeof section))
            return false;
        if (section.sh_type != SHT_SYMTAB)
            continue;
        search->symbols = section;
        return section.sh_entsize == sizeof(Elf64_Sym) && section.sh_link < header.e_shnum &&
               read_whole(search->descriptor, &search->strings, sizeof search->strings,
                          header.e_shoff + section.sh_link * sizeof section) &&
               search->strings.sh_size <= MAX_TABLE_BYTES &&
               search->symbols.sh_size <= MAX_TABLE_BYTES;
    }
    return false;
}

static void add_name(struct search *search, uint64_t at, enum pp_lock_code code)
{
    for (uint32_t i = 0; i < search->n_names; i++)
        if (search->names[i].at == at)
            return; /* where pieces overlap */
    if (code != PP_LOCK_CODE_NONE && search->n_names < MAX_NAMES) {
        search->names[search->n_names].at = (uint32_t)at;
        search->names[search->n_names++].code = code;
    }
}

/* Of a piece of the string table, which begins at 'at' in it, the names that it holds whole. */
static void look_for_names(struct search *search, uint64_t at, size_t n_bytes)
{
    const char *from = search->piece, *limit = from + n_bytes, *found;

    while ((found = memmem(from, (size_t)(limit - from), crate, sizeof crate - 1)) != NULL) {
        const char *begin = memrchr(search->piece, '\0', (size_t)(found - search->piece));
        const char *end = memchr(found, '\0', (size_t)(limit - found));
        if (end == NULL)
            return;
        if (begin != NULL)
            add_name(search, at + (uint64_t)(begin + 1 - search->piece),
                     pp_lock_code_of_name(begin + 1));
        from = end;
    }
}

static bool read_names(struct search *search)
{
    ssize_t n_bytes;

    /* Each overlaps the one before by a name. */
    for (uint64_t at = 0; at < search->strings.sh_size; at += PIECE_BYTES - MAX_NAME_BYTES) {
        const uint64_t left = search->strings.sh_size - at;
        n_bytes = read_at(search->descriptor, search->piece,
                          left < PIECE_BYTES ? left : PIECE_BYTES, search->strings.sh_offset + at);
        if (n_bytes <= 0)
            return false;
        search->piece[n_bytes] = '\0';
        look_for_names(search, at, (size_t)n_bytes);
    }
    return search->n_names > 0;
}

/* What the symbol is, by its name. */
static enum pp_lock_code code_of(const struct search *search, const Elf64_Sym *symbol)
{
    if (ELF64_ST_TYPE(symbol->st_info) != STT_FUNC || symbol->st_size == 0)
        return PP_LOCK_CODE_NONE;
    for (uint32_t i = 0; i < search->n_names; i++)
        if (search->names[i].at == symbol->st_name)
            return search->names[i].code;
    return PP_LOCK_CODE_NONE;
}

static void add(const struct search *search, const Elf64_Sym *symbol, enum pp_lock_code code)
{
    const uint64_t start = search->module->bias + symbol->st_value;

    if (code != PP_LOCK_CODE_NONE && start >= search->module->start &&
        start < search->module->limit && symbol->st_size <= search->module->limit - start)
        (void)pp_sig_lock_code_add(start, start + symbol->st_size, code);
}

static void read_symbols(struct search *search)
{
    const size_t piece_bytes = PIECE_BYTES / sizeof(Elf64_Sym) * sizeof(Elf64_Sym);
    Elf64_Sym symbol;

    for (uint64_t at = 0; at < search->symbols.sh_size; at += piece_bytes) {
        const uint64_t left = search->symbols.sh_size - at;
        const ssize_t n_bytes =
            read_at(search->descriptor, search->piece, left < piece_bytes ? left : piece_bytes,
                    search->symbols.sh_offset + at);
        for (ssize_t i = 0; i + (ssize_t)sizeof symbol <= n_bytes; i += sizeof symbol) {
            memcpy(&symbol, search->piece + i, sizeof symbol);
            add(search, &symbol, code_of(search, &symbol));
        }
        if (n_bytes <= 0)
            return;
    }
}

/* ---- modules ---- */

void pp_lock_code_forget(const struct pp_mapped_module *module)
{
    pp_sig_lock_code_forget(module->start, module->limit);
}

void pp_lock_code_learn(const struct pp_mapped_module *module)
{
    pp_autoclose_fd int descriptor =
        module->path[0] == '/' ? open(module->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK) : -1;
    struct search search = {.descriptor = descriptor, .module = module};

    pp_lock_code_forget(module);
    if (descriptor < 0 || !find_tables(&search))
        return;
    search.piece = pp_map_anonymous(PIECE_BYTES + 1);
    if (search.piece == NULL)
        return;
    if (read_names(&search))
        read_symbols(&search);
    pp_unmap(search.piece, PIECE_BYTES + 1);
}
