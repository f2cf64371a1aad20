/* Names of functions in DWARF, looked up once for all their inlined copies. */
#include "binary/dwarf_function.h"

#include <errno.h>
#include <stdlib.h>

#include <dwarf.h>

#include "binary/symbol_name.h"

enum { FIRST_SLOTS = 256 };

void pp_dwarf_functions_done(struct pp_dwarf_functions *functions)
{
    free(functions->slots);
    pp_arena_done(&functions->arena);
    *functions = (struct pp_dwarf_functions){0};
}

static size_t slot_of(struct pp_dwarf_function *const *slots, size_t n_slots, const void *key)
{
    size_t i = (size_t)(((uintptr_t)key * 0x9e3779b97f4a7c15u) >> 20) & (n_slots - 1);

    while (slots[i] != NULL && slots[i]->key != key)
        i = (i + 1) & (n_slots - 1);
    return i;
}

static int grow(struct pp_dwarf_functions *functions)
{
    const size_t n_slots = functions->n_slots == 0 ? FIRST_SLOTS : 2 * functions->n_slots;
    struct pp_dwarf_function **slots = calloc(n_slots, sizeof *slots);

    if (slots == NULL)
        return -ENOMEM;
    for (size_t i = 0; i < functions->n_slots; i++)
        if (functions->slots[i] != NULL)
            slots[slot_of(slots, n_slots, functions->slots[i]->key)] = functions->slots[i];
    free(functions->slots);
    functions->slots = slots;
    functions->n_slots = n_slots;
    return 0;
}

/* An inlined or out-of-line copy points at the entry that all copies share. */
static void find_origin(Dwarf_Die *die, Dwarf_Die *origin_out)
{
    Dwarf_Attribute attribute;

    *origin_out = *die;
    if (dwarf_attr(die, DW_AT_abstract_origin, &attribute) == NULL ||
        dwarf_formref_die(&attribute, origin_out) == NULL)
        *origin_out = *die;
}

static const char *string_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;

    return dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));
}

static int describe(struct pp_dwarf_functions *functions, Dwarf_Die *die,
                    struct pp_dwarf_function *function)
{
    const char *raw = string_of(die, DW_AT_linkage_name);
    int line;

    if (raw == NULL)
        raw = string_of(die, DW_AT_MIPS_linkage_name);
    if (raw == NULL)
        raw = string_of(die, DW_AT_name);
    if (pp_symbol_name(functions->strings, raw != NULL ? raw : "", &function->name,
                       &function->system_name) != 0)
        return -ENOMEM;
    if (dwarf_decl_line(die, &line) == 0 && line > 0)
        function->start_line = line;
    return 0;
}

const struct pp_dwarf_function *pp_dwarf_function_of(struct pp_dwarf_functions *functions,
                                                     Dwarf_Die *die)
{
    struct pp_dwarf_function *function;
    Dwarf_Die origin;
    size_t i;

    if (2 * functions->n_functions >= functions->n_slots && grow(functions) != 0)
        return NULL;
    find_origin(die, &origin);
    i = slot_of(functions->slots, functions->n_slots, origin.addr);
    if (functions->slots[i] != NULL)
        return functions->slots[i];
    function = pp_arena_alloc(&functions->arena, sizeof *function);
    if (function == NULL || describe(functions, &origin, function) != 0)
        return NULL;
    function->key = origin.addr;
    functions->slots[i] = function;
    functions->n_functions++;
    return function;
}
