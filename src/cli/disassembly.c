/* Instructions with what each of them cost.
 *
 * A sampled address is that of an instruction, or of a caller the return address less one, which
 * lies within the call: each counts for the last instruction that begins at it or before. */
#include "cli/disassembly.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "binary/function_starts.h"
#include "binary/symbol_table.h"
#include "cli/tool_output.h"
#include "profile/tables.h"
#include "views/clean_text.h"

/* An address that was sampled, of a function that is wanted. */
struct spot {
    pp_id mapping, location;
    uint64_t vaddr;    /* in the file's own address space */
    uint64_t start;    /* of the function there; spots of one start are one function */
    uint64_t end;      /* 0: not known */
    const char *where; /* "NAME", of the physical function */
    int64_t flat, cum;
};

struct spots {
    struct spot *items;
    size_t n, capacity;
};

/* ---- what each location weighs ---- */

struct load {
    int64_t flat, cum;
    uint32_t seen; /* the sample that met it last, and one more */
};

static void add_sample(const struct pprofc_profile *profile, uint32_t sample, uint32_t type,
                       struct load *loads)
{
    const int64_t value = profile->sample_values[(size_t)sample * profile->n_types + type];
    const pp_id leaf = profile->sample_stack[sample];

    for (pp_id node = leaf; node != 0; node = profile->node_parent[node]) {
        struct load *load = &loads[profile->node_location[node]];
        if (node == leaf)
            load->flat = pp_add_values(load->flat, value);
        if (load->seen != sample + 1)
            load->cum = pp_add_values(load->cum, value);
        load->seen = sample + 1;
    }
}

/* ---- which are wanted ---- */

static bool is_wanted(const struct pprofc_profile *profile, pp_id id, struct pp_pattern *pattern)
{
    const struct pp_location *location = &profile->locations[id];
    char scratch[512];

    for (uint32_t i = 0; i < location->n_lines || (i == 0 && location->n_lines == 0); i++)
        if (pp_pattern_matches(pattern,
                               pp_profile_frame_name(profile, id, i, scratch, sizeof scratch)))
            return true;
    return false;
}

static const char *physical_name(const struct pprofc_profile *profile, pp_id id)
{
    const struct pp_location *location = &profile->locations[id];

    return location->n_lines == 0
               ? "code without a name"
               : pp_profile_chars(
                     profile,
                     profile
                         ->functions[profile->lines[location->first_line + location->n_lines - 1]
                                         .function]
                         .name);
}

/* The addresses of functions that match; -ENOENT when none does, -ENODATA without addresses. */
static int find_spots(const struct pprofc_profile *profile,
                      const struct pp_disassembly_options *options, struct spots *spots)
{
    pp_autofree struct load *loads = calloc(profile->n_locations, sizeof *loads);
    bool has_any = false;

    if (loads == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++)
        add_sample(profile, i, options->scope.type, loads);
    for (pp_id id = 1; id < profile->n_locations; id++) {
        const struct pp_location *location = &profile->locations[id];
        const struct pp_mapping *mapping = &profile->mappings[location->mapping];
        if (loads[id].seen == 0 || !is_wanted(profile, id, options->pattern))
            continue;
        has_any = true;
        if (location->mapping == 0 || location->address < mapping->start ||
            location->address >= mapping->limit)
            continue;
        if (pp_array_reserve(&spots->items, &spots->capacity, spots->n + 1, sizeof *spots->items) !=
            0)
            return -ENOMEM;
        spots->items[spots->n++] = (struct spot){.mapping = location->mapping,
                                                 .location = id,
                                                 .vaddr = location->address - mapping->start +
                                                          mapping->offset, /* of the file so far */
                                                 .where = physical_name(profile, id),
                                                 .flat = loads[id].flat,
                                                 .cum = loads[id].cum};
    }
    return spots->n > 0 ? 0 : has_any ? -ENODATA : -ENOENT;
}

static int order_spots(const void *left, const void *right)
{
    const struct spot *a = left, *b = right;

    if (a->mapping != b->mapping)
        return a->mapping < b->mapping ? -1 : 1;
    if (a->start != b->start)
        return a->start < b->start ? -1 : 1;
    return (a->vaddr > b->vaddr) - (a->vaddr < b->vaddr);
}

/* ---- the program ---- */

struct program {
    struct pp_elf_file *file;
    struct pp_symbol_table symbols;
    struct pp_function_starts starts;
};

static void program_done(struct program *program)
{
    pp_symbol_table_done(&program->symbols);
    pp_elf_file_close(program->file);
}

static int open_program(struct program *program, const struct pprofc_profile *profile,
                        const struct pp_mapping *mapping, struct pprofc_error *err)
{
    const char *path = pp_profile_chars(profile, mapping->path);
    const char *build_id = pp_profile_chars(profile, mapping->build_id);
    int rc = path[0] == '/' ? pp_elf_file_open(path, true, &program->file, err)
                            : pp_fail(err, -ENOENT, 0, "'%s' is no file", path);

    if (rc < 0)
        return rc;
    if (build_id[0] != '\0' && program->file->build_id[0] != '\0' &&
        strcmp(build_id, program->file->build_id) != 0)
        return pp_fail(err, -ESTALE, 0,
                       "%s is not the program that was profiled: its build id differs", path);
    if (pp_symbol_table_read(&program->symbols, program->file, SHT_SYMTAB, 0) < 0 ||
        pp_symbol_table_read(&program->symbols, program->file, SHT_DYNSYM, 0) < 0 ||
        pp_symbol_table_finish(&program->symbols) != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory for the symbols of %s", path);
    pp_function_starts_find(program->file, &program->starts);
    return 0;
}

/* From an offset of the file to the address that its code has there. */
static uint64_t vaddr_of(const struct pp_elf_file *file, uint64_t offset)
{
    for (size_t i = 0; i < file->n_executable; i++) {
        const struct pp_segment_load *load = &file->executable[i];
        if (offset >= load->file_offset && offset - load->file_offset < load->file_bytes)
            return offset - load->file_offset + load->vaddr;
    }
    return offset;
}

/* Where the function begins and ends by its symbol; without one where unwind information says. */
static void place(struct program *program, struct spot *spot)
{
    const struct pp_symbol *symbol;

    spot->vaddr = vaddr_of(program->file, spot->vaddr);
    symbol = pp_symbol_table_find(&program->symbols, spot->vaddr);
    if (symbol != NULL && symbol->size_bytes > 0) {
        spot->start = symbol->addr;
        spot->end = symbol->addr + symbol->size_bytes;
    } else {
        spot->start =
            symbol != NULL ? symbol->addr : pp_function_start(&program->starts, spot->vaddr);
    }
}

/* ---- writing ---- */

struct writing {
    const struct pprofc_profile *profile;
    const struct pp_disassembly_options *options;
    struct pp_buffer *out;
};

static void put_value(const struct writing *writing, int64_t value)
{
    char text[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(
        writing->out, "%11s ",
        value == 0 ? "." : pp_view_value(writing->profile, &writing->options->scope, value, text));
}

/* "main.c:118" of the innermost line, which the instruction was made of. */
static void put_place(const struct writing *writing, const struct spot *spot)
{
    const struct pp_location *location = &writing->profile->locations[spot->location];
    const struct pp_line *line =
        location->n_lines > 0 ? &writing->profile->lines[location->first_line] : NULL;

    if (line == NULL || line->line == 0)
        return;
    pp_buffer_text(writing->out, "  ; ");
    pp_clean_text_append(writing->out,
                         pp_profile_base_name(pp_profile_chars(
                             writing->profile, writing->profile->functions[line->function].file)));
    pp_buffer_printf(writing->out, ":%" PRId64, line->line);
}

/* One instruction, "  401136:\tpush   %rbp", and the spots that lie before the next one. */
static size_t put_instruction(const struct writing *writing, uint64_t addr, const char *text,
                              size_t n_bytes, uint64_t next, const struct spot *spots, size_t n)
{
    pp_autofree char *copy = strndup(text, n_bytes);
    int64_t flat = 0, cum = 0;
    size_t n_here = 0;

    while (n_here < n && spots[n_here].vaddr < next) {
        flat = pp_add_values(flat, spots[n_here].flat);
        cum = pp_add_values(cum, spots[n_here].cum);
        n_here++;
    }
    put_value(writing, flat);
    put_value(writing, cum);
    pp_buffer_printf(writing->out, "%10" PRIx64 ":  ", addr);
    for (size_t i = 0; copy != NULL && copy[i] != '\0'; i++)
        copy[i] = copy[i] == '\t' ? ' ' : copy[i];
    writing->out->failed |= copy == NULL;
    pp_clean_text_append(writing->out, copy != NULL ? copy : "");
    if (n_here > 0)
        put_place(writing, &spots[0]);
    pp_buffer_text(writing->out, "\n");
    return n_here;
}

/* The instruction at the beginning of a line; false for all other lines of objdump's. */
static bool read_instruction(const char *line, const char *end, uint64_t *addr_out,
                             const char **text_out)
{
    char digits[20];
    const char *colon;
    size_t n;

    while (line < end && *line == ' ')
        line++;
    colon = memchr(line, ':', (size_t)(end - line));
    n = colon != NULL ? (size_t)(colon - line) : 0;
    if (n == 0 || n >= sizeof digits || strspn(line, "0123456789abcdef") != n || colon + 1 >= end ||
        colon[1] != '\t')
        return false;
    memcpy(digits, line, n);
    digits[n] = '\0';
    *addr_out = strtoull(digits, NULL, 16);
    *text_out = colon + 2;
    return true;
}

/* Each instruction waits for the next one, which says where it ends. */
static void put_listing(const struct writing *writing, const struct pp_buffer *listing,
                        const struct spot *spots, size_t n_spots)
{
    const char *at = listing->bytes, *end = listing->bytes + listing->n_bytes, *text = NULL;
    size_t n_bytes = 0;
    uint64_t addr = 0;

    while (at < end) {
        const char *newline = memchr(at, '\n', (size_t)(end - at));
        const char *stop = newline != NULL ? newline : end, *next_text;
        uint64_t next;
        if (read_instruction(at, stop, &next, &next_text)) {
            if (text != NULL) {
                const size_t n =
                    put_instruction(writing, addr, text, n_bytes, next, spots, n_spots);
                spots += n;
                n_spots -= n;
            }
            addr = next;
            text = next_text;
            n_bytes = (size_t)(stop - next_text);
        }
        at = stop + 1;
    }
    if (text != NULL)
        (void)put_instruction(writing, addr, text, n_bytes, UINT64_MAX, spots, n_spots);
}

static int run_objdump(const char *path, uint64_t start, uint64_t end, bool is_intel,
                       struct pp_buffer *listing, struct pprofc_error *err)
{
    char from[48], to[48];
    pp_autofree char *file = strdup(path);
    char *const words[] = {(char[]){"objdump"},
                           (char[]){"-dwC"},
                           (char[]){"--no-show-raw-insn"},
                           from,
                           to,
                           is_intel ? (char[]){"--disassembler-options=intel"} : file,
                           is_intel ? file : NULL,
                           NULL};
    int rc;

    (void)snprintf(from, sizeof from, "--start-address=0x%" PRIx64, start);
    (void)snprintf(to, sizeof to, "--stop-address=0x%" PRIx64, end);
    rc = file == NULL ? -ENOMEM : pp_tool_run(words, NULL, true, listing);
    if (rc == -ENOENT)
        return pp_fail(err, rc, 0,
                       "instructions are listed by objdump, and there is no such program here; "
                       "install binutils, or see --addresses");
    if (rc < 0)
        return pp_fail(err, rc, 0, "cannot run objdump: %s", strerror(-rc));
    return rc == 0 ? 0
                   : pp_fail(err, -EIO, 0, "objdump ended with status %d",
                             WIFEXITED(rc) ? WEXITSTATUS(rc) : 128 + WTERMSIG(rc));
}

/* Spots of one function.  Without a symbol its end is not known: a little behind the last spot. */
static int put_function(const struct writing *writing, const struct spot *spots, size_t n,
                        struct pprofc_error *err)
{
    const struct pprofc_profile *profile = writing->profile;
    const char *path = pp_profile_chars(profile, profile->mappings[spots[0].mapping].path);
    const uint64_t end = spots[0].end != 0 ? spots[0].end : spots[n - 1].vaddr + 32;
    pp_autobuffer struct pp_buffer listing = PP_BUFFER_INIT;
    struct pp_buffer *out = writing->out;
    int64_t flat = 0, cum = 0;
    int rc;

    for (size_t i = 0; i < n; i++) {
        flat = pp_add_values(flat, spots[i].flat);
        cum = pp_add_values(cum, spots[i].cum);
    }
    rc = run_objdump(path, spots[0].start, end, writing->options->is_intel, &listing, err);
    if (rc < 0)
        return rc;
    pp_clean_text_append(out, spots[0].where);
    pp_buffer_text(out, "  in ");
    pp_clean_text_append(out, path);
    pp_buffer_text(out, "\n");
    put_value(writing, flat);
    put_value(writing, cum);
    pp_buffer_printf(out, "       (flat, cum) %.1f %% of the total\n",
                     pp_percent(cum, pp_view_whole(profile, &writing->options->scope)));
    put_listing(writing, &listing, spots, n);
    pp_buffer_text(out, "\n");
    return 0;
}

/* Spots of one file: placed in it, then function by function. */
static int put_program(const struct writing *writing, struct spot *spots, size_t n,
                       struct pprofc_error *err)
{
    const struct pp_mapping *mapping = &writing->profile->mappings[spots[0].mapping];
    __attribute__((cleanup(program_done))) struct program program = {.file = NULL};
    struct pprofc_error reason;
    int rc = open_program(&program, writing->profile, mapping, &reason);

    if (rc < 0) {
        pp_clean_text_append(writing->out, reason.message);
        pp_buffer_text(writing->out, "\n\n");
        return 0;
    }
    for (size_t i = 0; i < n; i++)
        place(&program, &spots[i]);
    qsort(spots, n, sizeof *spots, order_spots);
    for (size_t first = 0, end; first < n && rc == 0; first = end) {
        for (end = first + 1; end < n && spots[end].start == spots[first].start;)
            end++;
        rc = put_function(writing, spots + first, end - first, err);
    }
    return rc;
}

int pp_disassembly_write(const struct pprofc_profile *profile,
                         const struct pp_disassembly_options *options, struct pp_buffer *out,
                         struct pprofc_error *err)
{
    const struct writing writing = {profile, options, out};
    struct spots spots = {.items = NULL};
    int rc = find_spots(profile, options, &spots);

    if (rc == -ENOENT)
        rc = pp_fail(err, rc, 0, "no function matches '%s'", pp_pattern_text(options->pattern));
    else if (rc == -ENODATA)
        rc = pp_fail(err, rc, 0, "the profile has no addresses of what matches '%s'",
                     pp_pattern_text(options->pattern));
    else if (rc == 0)
        pp_profile_head_write(profile, &options->scope, out);
    if (spots.n > 1)
        qsort(spots.items, spots.n, sizeof *spots.items, order_spots);
    for (size_t first = 0, end; rc == 0 && first < spots.n; first = end) {
        for (end = first + 1;
             end < spots.n && spots.items[end].mapping == spots.items[first].mapping;)
            end++;
        rc = put_program(&writing, spots.items + first, end - first, err);
    }
    free(spots.items);
    return rc == -ENOMEM || out->failed
               ? pp_fail(err, -ENOMEM, 0, "cannot list instructions: out of memory")
               : rc;
}
