/* Lines and inlined calls of a program by address: libdw reads the entries, the search is ours. */
#include "binary/dwarf_index.h"

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <dwarf.h>

#include "base/memory.h"

/* The promise of symbolizer.h, less what symbols and files take. */
static const uint64_t BUDGET_NS = UINT64_C(15000000000);

/* Units and their line tables are kept up to this much.  libdw gives line tables back only all at
 * once, so then all is dropped and what is touched next is read again: callers that ask in order of
 * addresses lose nothing. */
static const size_t MAX_LOADED_BYTES = 256u * 1024 * 1024;
enum { LIBDW_LINE_BYTES = 40 };

/* A section that claims to unpack to more than this is not unpacked: zlib cannot do better than
 * 1:1032. */
static const uint64_t MAX_UNPACK_RATIO = 1100;
static const uint64_t MAX_UNPACKED_BYTES = (uint64_t)8 << 30;

struct unit_slot {
    uint64_t die_offset;
    uint64_t end_offset;
    struct pp_dwarf_unit *unit; /* NULL until an address touches it */
};

struct pp_dwarf_index {
    const struct pp_elf_file *file;
    const struct pp_elf_file *alternate_file;
    struct pp_string_pool *strings;
    Dwarf *dwarf;
    Dwarf *alternate;
    struct unit_slot *slots;
    size_t n_slots;
    size_t slots_capacity;
    struct pp_interval_map map; /* to indices of slots */
    struct pp_dwarf_functions functions;
    size_t loaded_bytes;
    uint64_t spent_ns;
    int trouble; /* 0, or what every call returns from now on */
    struct pp_dwarf_frame frames[PP_DWARF_MAX_DEPTH + 1];
};

/* libdw ends the process when it finds no memory, unless its handler does not return. */
static _Thread_local jmp_buf *no_memory_exit;

__attribute__((noreturn)) static void leave_libdw(void)
{
    longjmp(*no_memory_exit, 1);
}

static bool may_unpack(const struct pp_elf_file *file)
{
    uint64_t n_total = 0;
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    GElf_Chdr packed;

    while ((section = elf_nextscn(file->elf, section)) != NULL) {
        if (gelf_getshdr(section, &header) == NULL || header.sh_type == SHT_NOBITS ||
            (header.sh_flags & SHF_COMPRESSED) == 0)
            continue;
        if (header.sh_size > file->n_image_bytes || gelf_getchdr(section, &packed) == NULL ||
            packed.ch_size / MAX_UNPACK_RATIO > header.sh_size ||
            packed.ch_size > MAX_UNPACKED_BYTES - n_total)
            return false;
        n_total += packed.ch_size;
    }
    return true;
}

static bool has_debug_info(const struct pp_elf_file *file)
{
    GElf_Shdr header;
    GElf_Ehdr elf_header;

    if (gelf_getehdr(file->elf, &elf_header) == NULL || elf_header.e_type == ET_REL)
        return false; /* objects that are not linked have no addresses yet */
    return pp_elf_file_section(file, ".debug_info", &header) != NULL ||
           pp_elf_file_section(file, ".zdebug_info", &header) != NULL;
}

static int open_dwarf(struct pp_dwarf_index *index)
{
    index->dwarf = dwarf_begin_elf(index->file->elf, DWARF_C_READ, NULL);
    if (index->dwarf == NULL)
        return -EBADMSG;
    (void)dwarf_new_oom_handler(index->dwarf, leave_libdw);
    if (index->alternate_file != NULL)
        index->alternate = dwarf_begin_elf(index->alternate_file->elf, DWARF_C_READ, NULL);
    if (index->alternate != NULL) {
        (void)dwarf_new_oom_handler(index->alternate, leave_libdw);
        dwarf_setalt(index->dwarf, index->alternate);
    }
    return 0;
}

static void drop_units(struct pp_dwarf_index *index)
{
    for (size_t i = 0; i < index->n_slots; i++) {
        if (index->slots[i].unit != NULL)
            pp_dwarf_unit_done(index->slots[i].unit);
        free(index->slots[i].unit);
        index->slots[i].unit = NULL;
    }
    index->loaded_bytes = 0;
}

static void close_dwarf(struct pp_dwarf_index *index)
{
    drop_units(index);
    (void)dwarf_end(index->dwarf);
    (void)dwarf_end(index->alternate);
    index->dwarf = index->alternate = NULL;
}

/* Where the unit has code, as its own entry says: .debug_aranges is not written by every compiler.
 */
static int index_unit(struct pp_dwarf_index *index, Dwarf_Die *die, uint64_t end_offset,
                      struct pp_deadline *deadline)
{
    const uint32_t slot = (uint32_t)index->n_slots;
    Dwarf_Addr base = 0;
    Dwarf_Addr low, high;
    ptrdiff_t offset = 0;
    bool has_code = false;

    while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
        if (pp_deadline_passed(deadline))
            return -ETIME;
        if (low >= high || !pp_elf_file_is_executable(index->file, low))
            continue;
        has_code = true;
        if (pp_interval_map_add(&index->map, low, high, 0, slot) != 0)
            return -ENOMEM;
    }
    if (!has_code || index->n_slots >= UINT32_MAX - 1)
        return 0;
    if (pp_array_reserve(&index->slots, &index->slots_capacity, index->n_slots + 1,
                         sizeof *index->slots) != 0)
        return -ENOMEM;
    index->slots[index->n_slots++] = (struct unit_slot){dwarf_dieoffset(die), end_offset, NULL};
    return 0;
}

static int index_units(struct pp_dwarf_index *index)
{
    const uint64_t begin_ns = pp_monotonic_ns();
    struct pp_deadline deadline = {begin_ns + BUDGET_NS, 0};
    Dwarf_Off offset = 0;
    Dwarf_Off next;
    size_t header_bytes;
    Dwarf_Die die;
    int result = 0;

    while (result == 0 &&
           dwarf_nextcu(index->dwarf, offset, &next, &header_bytes, NULL, NULL, NULL) == 0) {
        if (next <= offset)
            break;
        if (pp_deadline_passed(&deadline))
            result = -ETIME;
        else if (dwarf_offdie(index->dwarf, offset + header_bytes, &die) != NULL)
            result = index_unit(index, &die, next, &deadline);
        offset = next;
    }
    if (result == 0)
        result = pp_interval_map_finish(&index->map);
    index->spent_ns = pp_monotonic_ns() - begin_ns;
    return result == 0 && index->spent_ns >= BUDGET_NS ? -ETIME : result;
}

int pp_dwarf_index_new(const struct pp_elf_file *file, const struct pp_elf_file *alternate,
                       struct pp_string_pool *strings, struct pp_dwarf_index **index_out)
{
    struct pp_dwarf_index *index;
    jmp_buf exit_point;
    volatile int result = 0;

    if (!has_debug_info(file))
        return -ENOENT;
    if (!may_unpack(file) || (alternate != NULL && !may_unpack(alternate)))
        return -EBADMSG;
    index = calloc(1, sizeof *index);
    if (index == NULL)
        return -ENOMEM;
    index->file = file;
    index->alternate_file = alternate;
    index->strings = strings;
    index->functions.strings = strings;
    no_memory_exit = &exit_point;
    if (setjmp(exit_point) != 0) {
        result = -ENOMEM;
    } else {
        result = open_dwarf(index);
        if (result == 0)
            result = index_units(index);
    }
    no_memory_exit = NULL;
    if (result == 0)
        *index_out = index;
    else
        pp_dwarf_index_free(index);
    return result;
}

void pp_dwarf_index_free(struct pp_dwarf_index *index)
{
    if (index == NULL)
        return;
    close_dwarf(index);
    free(index->slots);
    pp_interval_map_done(&index->map);
    pp_dwarf_functions_done(&index->functions);
    free(index);
}

static size_t bytes_of_unit(const struct pp_dwarf_unit *unit)
{
    return sizeof *unit + unit->calls_capacity * sizeof *unit->calls +
           pp_interval_map_bytes(&unit->map);
}

static int load_unit(struct pp_dwarf_index *index, struct unit_slot *slot)
{
    const uint64_t begin_ns = pp_monotonic_ns();
    struct pp_deadline deadline = {begin_ns + (BUDGET_NS - index->spent_ns), 0};
    Dwarf_Lines *lines;
    size_t n_lines = 0;
    int result;

    if (index->loaded_bytes > MAX_LOADED_BYTES) {
        close_dwarf(index);
        result = open_dwarf(index);
        if (result != 0)
            return result;
    }
    slot->unit = calloc(1, sizeof *slot->unit);
    if (slot->unit == NULL)
        return -ENOMEM;
    result = pp_dwarf_unit_load(slot->unit, index->dwarf, slot->die_offset, slot->end_offset,
                                index->file, &deadline);
    if (result == 0 && dwarf_getsrclines(&slot->unit->die, &lines, &n_lines) == 0)
        index->loaded_bytes += n_lines * LIBDW_LINE_BYTES;
    index->loaded_bytes += bytes_of_unit(slot->unit);
    index->spent_ns += pp_monotonic_ns() - begin_ns;
    return index->spent_ns >= BUDGET_NS ? -ETIME : result;
}

/* Paths are relative to the directory that the unit was compiled in; libdw says so only for some.
 */
static const char *directory_of(struct pp_dwarf_unit *unit)
{
    Dwarf_Attribute attribute;
    const char *directory = dwarf_formstring(dwarf_attr(&unit->die, DW_AT_comp_dir, &attribute));

    return directory != NULL && directory[0] == '/' ? directory : NULL;
}

/* The place that libdw calls 'path'; it calls what it does not know "???". */
static int place(struct pp_dwarf_index *index, struct pp_dwarf_unit *unit, const char *path,
                 int64_t line, struct pp_dwarf_frame *frame)
{
    const char *directory = NULL;
    pp_autofree char *whole = NULL;

    if (path == NULL || strcmp(path, "???") == 0)
        path = "";
    if (path[0] != '/' && path[0] != '\0')
        directory = directory_of(unit);
    if (directory != NULL) {
        const size_t n_directory = strlen(directory);
        const size_t n_path = strlen(path);

        whole = malloc(n_directory + 1 + n_path + 1);
        if (whole == NULL)
            return -ENOMEM;
        memcpy(whole, directory, n_directory);
        whole[n_directory] = '/';
        memcpy(whole + n_directory + 1, path, n_path + 1);
    }
    frame->line = line;
    frame->file = pp_string_pool_add(index->strings, whole != NULL ? whole : path);
    return frame->file != NULL ? 0 : -ENOMEM;
}

static int place_of_addr(struct pp_dwarf_index *index, struct pp_dwarf_unit *unit, uint64_t addr,
                         struct pp_dwarf_frame *frame)
{
    Dwarf_Line *row = dwarf_getsrc_die(&unit->die, addr);
    int line = 0;

    if (row == NULL || dwarf_lineno(row, &line) != 0)
        return place(index, unit, NULL, 0, frame);
    return place(index, unit, dwarf_linesrc(row, NULL, NULL), line, frame);
}

static int place_of_call(struct pp_dwarf_index *index, struct pp_dwarf_unit *unit,
                         const struct pp_dwarf_call *call, struct pp_dwarf_frame *frame)
{
    Dwarf_Files *files;
    size_t n_files;
    const char *path = NULL;

    if (dwarf_getsrcfiles(&unit->die, &files, &n_files) == 0 && call->call_file < n_files)
        path = dwarf_filesrc(files, call->call_file, NULL, NULL);
    return place(index, unit, path, call->call_line, frame);
}

static int name_call(struct pp_dwarf_index *index, struct pp_dwarf_call *call,
                     struct pp_dwarf_frame *frame)
{
    Dwarf_Die die;

    if (call->function == NULL && dwarf_offdie(index->dwarf, call->die_offset, &die) != NULL &&
        (call->function = pp_dwarf_function_of(&index->functions, &die)) == NULL)
        return -ENOMEM;
    frame->function = call->function;
    return 0;
}

static int find_frames(struct pp_dwarf_index *index, uint64_t addr)
{
    const uint32_t slot = pp_interval_map_find(&index->map, addr);
    struct pp_dwarf_unit *unit;
    uint32_t call;
    int n_frames = 0;
    int result;

    if (slot == PP_NO_INTERVAL)
        return 0;
    if (index->slots[slot].unit == NULL) {
        result = load_unit(index, &index->slots[slot]);
        if (result != 0)
            return result;
    }
    unit = index->slots[slot].unit;
    index->frames[0] = (struct pp_dwarf_frame){0};
    result = place_of_addr(index, unit, addr, &index->frames[0]);
    call = pp_interval_map_find(&unit->map, addr);
    if (call == PP_NO_INTERVAL)
        return result == 0 && index->frames[0].file[0] != '\0' ? 1 : result;
    while (result == 0) {
        struct pp_dwarf_call *here = &unit->calls[call];

        result = name_call(index, here, &index->frames[n_frames++]);
        call = here->parent;
        if (call == PP_NO_CALL || n_frames > PP_DWARF_MAX_DEPTH)
            break;
        if (result == 0)
            result = place_of_call(index, unit, here, &index->frames[n_frames]);
    }
    return result == 0 ? n_frames : result;
}

int pp_dwarf_index_find(struct pp_dwarf_index *index, uint64_t addr,
                        const struct pp_dwarf_frame **frames_out)
{
    jmp_buf exit_point;
    volatile int result = index->trouble;

    if (result == 0) {
        no_memory_exit = &exit_point;
        result = setjmp(exit_point) != 0 ? -ENOMEM : find_frames(index, addr);
        no_memory_exit = NULL;
    }
    if (result < 0) {
        /* A unit that was left half-way must not be asked again. */
        if (index->trouble == 0)
            close_dwarf(index);
        index->trouble = result;
    }
    *frames_out = index->frames;
    return result;
}
