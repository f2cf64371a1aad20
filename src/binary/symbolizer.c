/* Names for addresses: puts symbol tables and DWARF together, and keeps the modules. */
#include "binary/symbolizer.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "binary/module.h"
#include "binary/symbol_name.h"

/* A hostile recording may name a hundred thousand. */
enum { N_BUCKETS = 4096 };

struct pp_symbolizer {
    pthread_mutex_t lock;                 /* guards the list of modules, never while one is read */
    struct pp_module *modules[N_BUCKETS]; /* by path and build id */
    char *debug_path;                     /* may be NULL */
    bool no_inlines, only_symbols;
};

int pp_symbolizer_new(const struct pp_symbolizer_options *options,
                      struct pp_symbolizer **symbolizer_out, struct pprofc_error *err)
{
    struct pp_symbolizer *symbolizer = calloc(1, sizeof *symbolizer);

    if (symbolizer != NULL && options != NULL) {
        symbolizer->no_inlines = options->no_inlines;
        symbolizer->only_symbols = options->only_symbols;
        if (options->debug_path != NULL &&
            (symbolizer->debug_path = strdup(options->debug_path)) == NULL) {
            free(symbolizer);
            symbolizer = NULL;
        }
    }
    if (symbolizer == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory to name functions");
    (void)pthread_mutex_init(&symbolizer->lock, NULL);
    *symbolizer_out = symbolizer;
    return 0;
}

void pp_symbolizer_free(struct pp_symbolizer *symbolizer)
{
    if (symbolizer == NULL)
        return;
    for (size_t i = 0; i < N_BUCKETS; i++) {
        while (symbolizer->modules[i] != NULL) {
            struct pp_module *module = symbolizer->modules[i];
            symbolizer->modules[i] = module->next;
            pp_module_free(module);
        }
    }
    (void)pthread_mutex_destroy(&symbolizer->lock);
    free(symbolizer->debug_path);
    free(symbolizer);
}

static struct pp_module **bucket_of(struct pp_symbolizer *symbolizer, const char *path,
                                    const char *build_id)
{
    uint64_t hash = 0xcbf29ce484222325u; /* FNV-1a */

    for (; *path != '\0'; path++)
        hash = (hash ^ (unsigned char)*path) * 0x100000001b3u;
    for (; *build_id != '\0'; build_id++) /* in either case of letters */
        hash = (hash ^ ((unsigned char)*build_id | 0x20)) * 0x100000001b3u;
    return &symbolizer->modules[(hash ^ (hash >> 32)) % N_BUCKETS];
}

static struct pp_module *find_module(struct pp_module *first, const char *path,
                                     const char *build_id)
{
    while (first != NULL &&
           (strcmp(first->path, path) != 0 || strcasecmp(first->build_id, build_id) != 0))
        first = first->next;
    return first;
}

int pp_symbolizer_module(struct pp_symbolizer *symbolizer, const char *path, const char *build_id,
                         const void *memory, size_t n_memory_bytes, struct pp_module **module_out,
                         struct pprofc_error *err)
{
    struct pp_module **bucket, *module, *other;

    path = path != NULL ? path : "";
    build_id = build_id != NULL ? build_id : "";
    bucket = bucket_of(symbolizer, path, build_id);
    (void)pthread_mutex_lock(&symbolizer->lock);
    module = find_module(*bucket, path, build_id);
    (void)pthread_mutex_unlock(&symbolizer->lock);
    if (module != NULL) {
        *module_out = module;
        return 0;
    }
    /* Files are opened without the lock: they may be on a disk that takes its time. */
    if (pp_module_new(path, build_id, memory, n_memory_bytes, symbolizer->only_symbols, &module) !=
        0)
        return pp_fail(err, -ENOMEM, 0, "no memory for the names of '%s'", path);
    module->debug_path = symbolizer->debug_path;
    module->no_inlines = symbolizer->no_inlines;
    (void)pthread_mutex_lock(&symbolizer->lock);
    other = find_module(*bucket, path, build_id);
    if (other == NULL) {
        module->next = *bucket;
        *bucket = module;
    }
    (void)pthread_mutex_unlock(&symbolizer->lock);
    *module_out = other != NULL ? other : module;
    if (other != NULL) /* another thread was faster */
        pp_module_free(module);
    return 0;
}

static int name_from_symbol(struct pp_module *module, uint64_t vaddr, struct pp_frame *frame)
{
    struct pp_symbol *symbol = pp_symbol_table_find(&module->symbols, vaddr);

    if (symbol == NULL)
        symbol = pp_symbol_table_find(&module->stubs, vaddr);
    if (symbol == NULL)
        return 0;
    if (symbol->shown_name == NULL &&
        pp_symbol_name(&module->strings, symbol->name, &symbol->shown_name, &symbol->system_name) !=
            0)
        return -ENOMEM;
    frame->name = symbol->shown_name;
    frame->system_name = symbol->system_name;
    frame->is_named = true;
    return 0;
}

static int name_from_offset(struct pp_module *module, uint64_t vaddr, struct pp_frame *frame)
{
    char text[300];

    /* Of its function, so that a function is one name and not one for each sample. */
    (void)snprintf(text, sizeof text, "%.256s+0x%llx", module->name,
                   (unsigned long long)pp_function_start(&module->starts, vaddr));
    frame->name = pp_string_pool_add(&module->strings, text);
    return frame->name != NULL ? 0 : -ENOMEM;
}

static void name_from_dwarf(const struct pp_dwarf_frame *source, struct pp_frame *frame)
{
    const struct pp_dwarf_function *function = source->function;

    frame->file = source->file;
    frame->line = source->line;
    if (function == NULL)
        return;
    frame->start_line = function->start_line;
    if (function->name[0] == '\0')
        return;
    frame->name = function->name;
    frame->system_name = function->system_name;
    frame->is_named = true;
}

/* The last frame is the function as the linker knows it: the symbol table names it, so that clones
 * and aliases are what other tools call them; what is inlined into it only DWARF knows. */
static int finish_frame(struct pp_module *module, uint64_t vaddr, bool is_last,
                        struct pp_frame *frame)
{
    if (is_last && name_from_symbol(module, vaddr, frame) != 0)
        return -ENOMEM;
    frame->is_inlined = !is_last;
    if (frame->name != NULL)
        return 0;
    if (!is_last) {
        frame->name = "[inlined]";
        return 0;
    }
    return name_from_offset(module, vaddr, frame);
}

static int find_in_dwarf(struct pp_module *module, uint64_t vaddr,
                         const struct pp_dwarf_frame **frames_out)
{
    int n_frames;

    if (module->dwarf == NULL)
        return 0;
    n_frames = pp_dwarf_index_find(module->dwarf, vaddr - module->dwarf_bias, frames_out);
    if (n_frames >= 0)
        return n_frames;
    if (module->shortcoming[0] == '\0')
        (void)snprintf(module->shortcoming, sizeof module->shortcoming,
                       "the debug information of %.200s was given up (%s): some lines and inlined "
                       "calls are missing",
                       module->name,
                       n_frames == -ETIME ? "it took too long" : "no memory, or damaged");
    return 0;
}

static int find_frames(struct pp_module *module, uint64_t vaddr, struct pp_frame *frames_out,
                       size_t capacity)
{
    const struct pp_dwarf_frame *known = NULL;
    size_t n_known, n_frames;

    if (capacity == 0 || pp_module_load(module) != 0)
        return -ENOMEM;
    n_known = (size_t)find_in_dwarf(module, vaddr, &known);
    n_frames = n_known < 1 || module->no_inlines ? 1 : n_known;
    n_frames = n_frames < capacity ? n_frames : capacity;
    for (size_t i = 0; i < n_frames; i++) {
        const bool is_last = i + 1 == n_frames;
        struct pp_frame frame = {.system_name = "", .file = ""};

        /* When there are too many, the middle is left out, never the function itself. */
        if (n_known > 0)
            name_from_dwarf(&known[is_last ? n_known - 1 : i], &frame);
        if (finish_frame(module, vaddr, is_last, &frame) != 0)
            return -ENOMEM;
        frames_out[i] = frame;
    }
    return (int)n_frames;
}

int pp_module_frames(struct pp_module *module, uint64_t vaddr, struct pp_frame *frames_out,
                     size_t capacity)
{
    int n_frames;

    (void)pthread_mutex_lock(&module->lock);
    n_frames = find_frames(module, vaddr, frames_out, capacity);
    (void)pthread_mutex_unlock(&module->lock);
    return n_frames;
}

int pp_build_id_of_file(const char *path, char *hex_out, size_t capacity, struct pprofc_error *err)
{
    struct pp_elf_file *file;
    const int result = pp_elf_file_open(path, true, &file, err);
    size_t n_chars;

    if (result != 0)
        return result;
    n_chars = strlen(file->build_id);
    if (n_chars > 0 && n_chars < capacity)
        memcpy(hex_out, file->build_id, n_chars + 1);
    pp_elf_file_close(file);
    if (n_chars == 0 || n_chars >= capacity)
        return pp_fail(err, n_chars == 0 ? -ENOENT : -ENOSPC, 0, "'%s' has no build id%s", path,
                       n_chars == 0 ? "" : " of the usual length");
    return 0;
}
