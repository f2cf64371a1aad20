/* One compile unit of DWARF, walked once: which functions and inlined calls cover which addresses.
 */
#include "binary/dwarf_unit.h"

#include <errno.h>
#include <stdlib.h>

#include <dwarf.h>

#include "base/memory.h"

/* One entry that is open during the walk, and the call that its children are part of. */
struct level {
    Dwarf_Die die;
    uint32_t call;
};

struct walk {
    struct pp_dwarf_unit *unit;
    const struct pp_elf_file *file;
    struct pp_deadline *deadline;
    const unsigned char *end;
    struct level levels[PP_DWARF_MAX_DEPTH];
    int depth;
};

void pp_dwarf_unit_done(struct pp_dwarf_unit *unit)
{
    free(unit->calls);
    pp_interval_map_done(&unit->map);
    *unit = (struct pp_dwarf_unit){0};
}

/* Functions hide in types (Rust's methods, lambdas), namespaces, and in subprograms that have no
 * code themselves. */
static bool can_hold_functions(int tag)
{
    switch (tag) {
    case DW_TAG_subprogram:
    case DW_TAG_inlined_subroutine:
    case DW_TAG_lexical_block:
    case DW_TAG_namespace:
    case DW_TAG_module:
    case DW_TAG_structure_type:
    case DW_TAG_class_type:
    case DW_TAG_union_type:
    case DW_TAG_interface_type:
    case DW_TAG_enumeration_type:
    case DW_TAG_try_block:
    case DW_TAG_catch_block:
    case DW_TAG_with_stmt:
        return true;
    default:
        return false;
    }
}

static bool unit_has_room(const struct pp_dwarf_unit *unit)
{
    return unit->n_calls < PP_NO_CALL / 64;
}

static uint32_t number_of(Dwarf_Die *die, unsigned name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;

    if (dwarf_formudata(dwarf_attr(die, name, &attribute), &value) != 0 || value > INT32_MAX)
        return 0;
    return (uint32_t)value;
}

static int add_call(struct pp_dwarf_unit *unit, Dwarf_Die *die, uint32_t parent)
{
    if (pp_array_reserve(&unit->calls, &unit->calls_capacity, unit->n_calls + 1,
                         sizeof *unit->calls) != 0)
        return -ENOMEM;
    unit->calls[unit->n_calls++] = (struct pp_dwarf_call){
        .die_offset = dwarf_dieoffset(die),
        .parent = parent,
        .call_file = parent == PP_NO_CALL ? 0 : number_of(die, DW_AT_call_file),
        .call_line = parent == PP_NO_CALL ? 0 : number_of(die, DW_AT_call_line),
    };
    return 0;
}

/* Take in a function or an inlined call, if it has code; '*call_out' is what its children are part
 * of. */
static int visit_code(struct walk *walk, Dwarf_Die *die, int tag, uint32_t outer,
                      uint32_t *call_out)
{
    const uint32_t parent = tag == DW_TAG_inlined_subroutine ? outer : PP_NO_CALL;
    struct pp_dwarf_unit *unit = walk->unit;
    const uint32_t call = (uint32_t)unit->n_calls;
    Dwarf_Addr base = 0;
    Dwarf_Addr low, high;
    ptrdiff_t offset = 0;
    bool is_added = false;

    *call_out = parent;
    if (tag == DW_TAG_inlined_subroutine && outer == PP_NO_CALL)
        return 0; /* inlined into a function without code: a template for copies */
    while ((offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
        if (pp_deadline_passed(walk->deadline))
            return -ETIME;
        if (low >= high || !pp_elf_file_is_executable(walk->file, low))
            continue;
        if (!is_added && add_call(unit, die, parent) != 0)
            return -ENOMEM;
        is_added = true;
        if (pp_interval_map_add(&unit->map, low, high, (uint32_t)walk->depth, call) != 0)
            return -ENOMEM;
    }
    if (is_added)
        *call_out = call;
    return 0;
}

/* Step from 'die' to the entry behind it and its children: 1, or 0 at the end of the unit.
 *
 * The last sibling's successor says where the list of siblings ended, and there its parent's
 * successor begins: asking libdw for that one would walk over all children again, on every level.
 */
static int step_over(struct walk *walk, Dwarf_Die *die)
{
    Dwarf_Die next = {0};
    int result = dwarf_siblingof(die, &next);

    while (result == 1) {
        if (walk->depth-- == 0)
            return 0;
        if (next.addr == NULL) {
            result = dwarf_siblingof(&walk->levels[walk->depth].die, &next);
            continue;
        }
        next.addr = (unsigned char *)next.addr + 1;
        if ((const unsigned char *)next.addr >= walk->end)
            return 0;
        if (*(const unsigned char *)next.addr != 0) {
            next = (Dwarf_Die){.addr = next.addr, .cu = die->cu};
            result = 0;
        }
    }
    if (result != 0 || (const unsigned char *)next.addr <= (const unsigned char *)die->addr)
        return 0; /* broken, or a hostile file that leads in a circle */
    *die = next;
    return 1;
}

static int walk_children(struct walk *walk, Dwarf_Die *root)
{
    Dwarf_Die die, child;
    int result = dwarf_child(root, &die) == 0;

    walk->depth = 0;
    while (result > 0 && unit_has_room(walk->unit)) {
        const int tag = dwarf_tag(&die);
        const uint32_t outer = walk->depth == 0 ? PP_NO_CALL : walk->levels[walk->depth - 1].call;
        uint32_t call = outer;

        if (pp_deadline_passed(walk->deadline))
            return -ETIME;
        if (tag == DW_TAG_subprogram || tag == DW_TAG_inlined_subroutine) {
            result = visit_code(walk, &die, tag, outer, &call);
            if (result < 0)
                return result;
        }
        if (walk->depth < PP_DWARF_MAX_DEPTH && can_hold_functions(tag) &&
            dwarf_child(&die, &child) == 0) {
            walk->levels[walk->depth++] = (struct level){die, call};
            die = child;
            result = 1;
        } else {
            result = step_over(walk, &die);
        }
    }
    return 0;
}

int pp_dwarf_unit_load(struct pp_dwarf_unit *unit, Dwarf *dwarf, uint64_t die_offset,
                       uint64_t end_offset, const struct pp_elf_file *file,
                       struct pp_deadline *deadline)
{
    pp_autofree struct walk *walk = malloc(sizeof *walk);
    int result;

    if (walk == NULL)
        return -ENOMEM;
    if (dwarf_offdie(dwarf, die_offset, &unit->die) == NULL)
        return 0;
    walk->unit = unit;
    walk->file = file;
    walk->deadline = deadline;
    walk->end = (const unsigned char *)unit->die.addr + (end_offset - die_offset);
    result = walk_children(walk, &unit->die);
    return result == 0 ? pp_interval_map_finish(&unit->map) : result;
}
