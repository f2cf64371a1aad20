/* Names for addresses of data: what a program calls the lock that its threads wait for. */
#include <errno.h>
#include <pthread.h>

#include "binary/module.h"
#include "binary/symbol_name.h"

/* As for functions: .dynsym too, and the debug file's where the program is stripped. */
static int read_variables(struct pp_module *module)
{
    struct pp_symbol_table *table = &module->variables;
    int n_full, n_debug = 0;

    if (module->has_variables)
        return 0;
    if (pp_module_load(module) != 0)
        return -ENOMEM;
    n_full = pp_symbol_table_read_data(table, module->file, SHT_SYMTAB, 0);
    if (n_full == 0 && module->debug != NULL)
        n_debug = pp_symbol_table_read_data(table, module->debug, SHT_SYMTAB, module->debug_bias);
    if (n_full < 0 || n_debug < 0 ||
        pp_symbol_table_read_data(table, module->file, SHT_DYNSYM, 0) < 0 ||
        pp_symbol_table_finish(table) != 0) {
        pp_symbol_table_done(table);
        return -ENOMEM;
    }
    module->has_variables = true;
    return 0;
}

static int find(struct pp_module *module, uint64_t vaddr, const char **name_out,
                uint64_t *offset_out)
{
    struct pp_symbol *symbol;

    if (module->file == NULL || vaddr < module->file->first_load_vaddr ||
        vaddr >= module->file->end_vaddr)
        return -ENOENT;
    if (read_variables(module) != 0)
        return -ENOMEM;
    symbol = pp_symbol_table_find(&module->variables, vaddr);
    if (symbol == NULL)
        return -ENOENT;
    if (symbol->shown_name == NULL &&
        pp_symbol_name(&module->strings, symbol->name, &symbol->shown_name, &symbol->system_name) !=
            0)
        return -ENOMEM;
    *name_out = symbol->shown_name;
    *offset_out = vaddr - symbol->addr;
    return 0;
}

int pp_module_variable(struct pp_module *module, uint64_t vaddr, const char **name_out,
                       uint64_t *offset_out)
{
    int status;

    (void)pthread_mutex_lock(&module->lock);
    status = find(module, vaddr, name_out, offset_out);
    (void)pthread_mutex_unlock(&module->lock);
    return status;
}
