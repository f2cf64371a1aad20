/* One program or library whose addresses are named: its files and its tables. */
#include "binary/module.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "binary/debug_file.h"
#include "binary/plt.h"

static const uint64_t PAGE_BYTES = 4096;

static int fail_without_memory(struct pp_module *module)
{
    pp_module_free(module);
    return -ENOMEM;
}

/* A recording's build id is compared in lower case; anything else in it finds nothing. */
static void lower(char *text)
{
    for (; *text != '\0'; text++)
        if (*text >= 'A' && *text <= 'F')
            *text = (char)(*text - 'A' + 'a');
}

static int open_file(struct pp_module *module, const void *memory, size_t n_memory_bytes)
{
    struct pprofc_error why = {0};
    int result;

    if (memory != NULL)
        result = pp_elf_file_from_memory(memory, n_memory_bytes, &module->file, &why);
    else
        result = pp_elf_file_open(module->path, module->only_symbols, &module->file, &why);
    if (result == -ENOMEM)
        return -ENOMEM;
    if (result != 0) {
        memcpy(module->shortcoming, why.message, sizeof module->shortcoming);
    } else if (module->build_id[0] != '\0' &&
               strcmp(module->build_id, module->file->build_id) != 0) {
        (void)snprintf(
            module->shortcoming, sizeof module->shortcoming,
            "%.200s was replaced since it was recorded: its build id is %.40s, not %.40s",
            module->name, module->file->build_id[0] != '\0' ? module->file->build_id : "gone",
            module->build_id);
        pp_elf_file_close(module->file);
        module->file = NULL;
    }
    return 0;
}

int pp_module_new(const char *path, const char *build_id, const void *memory, size_t n_memory_bytes,
                  bool only_symbols, struct pp_module **module_out)
{
    struct pp_module *module = calloc(1, sizeof *module);
    const char *slash;

    if (module == NULL)
        return -ENOMEM;
    (void)pthread_mutex_init(&module->lock, NULL);
    module->only_symbols = only_symbols;
    if ((module->path = strdup(path != NULL ? path : "")) == NULL ||
        (module->build_id = strdup(build_id != NULL ? build_id : "")) == NULL)
        return fail_without_memory(module);
    lower(module->build_id);
    slash = strrchr(module->path, '/');
    module->name = slash != NULL ? slash + 1 : module->path;
    if (module->name[0] == '\0')
        module->name = "[unknown]";
    if (open_file(module, memory, n_memory_bytes) != 0)
        return fail_without_memory(module);
    *module_out = module;
    return 0;
}

void pp_module_free(struct pp_module *module)
{
    if (module == NULL)
        return;
    pp_dwarf_index_free(module->dwarf);
    pp_symbol_table_done(&module->variables);
    pp_symbol_table_done(&module->stubs);
    pp_symbol_table_done(&module->symbols);
    pp_elf_file_close(module->alternate);
    pp_elf_file_close(module->debug);
    pp_elf_file_close(module->file);
    pp_string_pool_done(&module->strings);
    (void)pthread_mutex_destroy(&module->lock);
    free(module->build_id);
    free(module->path);
    free(module);
}

static int find_debug_file(struct pp_module *module)
{
    const char *build_id = module->file != NULL ? module->file->build_id : module->build_id;
    int result = pp_debug_file_find(module->file, build_id, module->debug_path,
                                    module->only_symbols, &module->debug);

    if (result == -ENOMEM)
        return -ENOMEM;
    if (result == 0 && module->file != NULL)
        module->debug_bias = module->file->first_load_vaddr - module->debug->first_load_vaddr;
    return 0;
}

/* All tables together: .dynsym has names that a stripped program keeps, and costs little where
 * .symtab has them too. */
static int read_symbols(struct pp_module *module)
{
    int n_full = 0;
    int n_debug = 0;

    if (module->file != NULL) {
        n_full = pp_symbol_table_read(&module->symbols, module->file, SHT_SYMTAB, 0);
        if (n_full < 0 || pp_symbol_table_read(&module->symbols, module->file, SHT_DYNSYM, 0) < 0)
            return -ENOMEM;
    }
    if (module->debug != NULL && n_full == 0)
        n_debug =
            pp_symbol_table_read(&module->symbols, module->debug, SHT_SYMTAB, module->debug_bias);
    if (n_debug < 0 || pp_symbol_table_finish(&module->symbols) != 0)
        return -ENOMEM;
    if (module->file != NULL && pp_plt_read(&module->stubs, &module->symbols, module->file) != 0)
        return -ENOMEM;
    if (module->file != NULL)
        pp_function_starts_find(module->file, &module->starts);
    if (n_full + n_debug == 0 && module->file != NULL && module->file->path[0] != '\0')
        (void)snprintf(module->shortcoming, sizeof module->shortcoming,
                       "%.200s is stripped; no debug file for build id %.40s", module->name,
                       module->file->build_id[0] != '\0' ? module->file->build_id
                                                         : "(it has none)");
    return pp_symbol_table_finish(&module->stubs);
}

static int open_dwarf_of(struct pp_module *module, const struct pp_elf_file *file)
{
    if (pp_debug_file_find_alternate(file, module->debug_path, &module->alternate) == -ENOMEM)
        return -ENOMEM;
    return pp_dwarf_index_new(file, module->alternate, &module->strings, &module->dwarf);
}

/* Without DWARF there are still names: nothing that goes wrong here is the caller's trouble. */
static void open_dwarf(struct pp_module *module)
{
    int result = -ENOENT;

    if (module->file != NULL)
        result = open_dwarf_of(module, module->file);
    if (result == -ENOENT && module->debug != NULL) {
        pp_elf_file_close(module->alternate);
        module->alternate = NULL;
        module->dwarf_bias = module->debug_bias;
        result = open_dwarf_of(module, module->debug);
    }
    if (result != 0 && result != -ENOENT && module->shortcoming[0] == '\0')
        (void)snprintf(module->shortcoming, sizeof module->shortcoming,
                       "the debug information of %.200s was not read (%s): no lines and no inlined "
                       "calls",
                       module->name,
                       result == -ETIME ? "it took too long"
                                        : "damaged, or packed in a way not known");
}

int pp_module_load(struct pp_module *module)
{
    if (module->is_loaded)
        return 0;
    if (find_debug_file(module) != 0 || read_symbols(module) != 0) {
        /* Another try begins afresh. */
        pp_symbol_table_done(&module->symbols);
        pp_symbol_table_done(&module->stubs);
        pp_elf_file_close(module->debug);
        module->debug = NULL;
        return -ENOMEM;
    }
    if (!module->only_symbols)
        open_dwarf(module);
    module->is_loaded = true;
    return 0;
}

int pp_module_vaddr_of_offset(const struct pp_module *module, uint64_t offset, uint64_t *vaddr_out)
{
    const struct pp_segment_load *near = NULL;

    for (size_t i = 0; module->file != NULL && i < module->file->n_executable; i++) {
        const struct pp_segment_load *load = &module->file->executable[i];
        const uint64_t first = load->file_offset & ~(PAGE_BYTES - 1);
        const bool begins_before = offset >= load->file_offset;

        if (begins_before && offset - load->file_offset < load->file_bytes) {
            near = load;
            break;
        }
        /* Whole pages are mapped: a mapping may begin before its segment and end behind it. */
        if (near == NULL && offset >= first &&
            (!begins_before ||
             offset - load->file_offset < ((load->file_bytes + PAGE_BYTES - 1) | (PAGE_BYTES - 1))))
            near = load;
    }
    if (near == NULL)
        return -ENOENT;
    *vaddr_out = near->vaddr + (offset - near->file_offset);
    return 0;
}

bool pp_module_is_missing(struct pp_module *module)
{
    bool is_missing;

    (void)pthread_mutex_lock(&module->lock);
    is_missing = module->is_loaded && module->file == NULL && module->debug == NULL;
    (void)pthread_mutex_unlock(&module->lock);
    return is_missing;
}

const char *pp_module_shortcoming(struct pp_module *module)
{
    const char *text;

    (void)pthread_mutex_lock(&module->lock);
    text = pp_string_pool_add(&module->strings, module->shortcoming);
    (void)pthread_mutex_unlock(&module->lock);
    return text != NULL ? text : "";
}
