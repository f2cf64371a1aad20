/* The modules that frames come from: the program and its libraries, how hot each is, and its
 * colour. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "views/flamegraph_parts.h"

static int list_modules(struct pp_flame_modules *modules, const struct pprofc_profile *profile,
                        const struct pp_flame_tree *tree)
{
    uint32_t i;

    modules->items = calloc((size_t)profile->n_mappings + 2, sizeof *modules->items);
    modules->of_string = calloc((size_t)profile->n_strings + 1, sizeof *modules->of_string);
    if (modules->items == NULL || modules->of_string == NULL)
        return -ENOMEM;
    modules->n_items = 1;
    for (i = 0; i < tree->n_frames; i++) {
        const pp_id path = tree->frames[i].module;
        if (path == 0 || modules->of_string[path] != 0)
            continue;
        modules->of_string[path] = modules->n_items;
        modules->items[modules->n_items++].path = path;
    }
    for (i = 0; i < tree->n_frames; i++) {
        int64_t *self = &modules->items[modules->of_string[tree->frames[i].module]].self;
        if (__builtin_add_overflow(*self, tree->frames[i].self, self))
            *self = INT64_MAX;
    }
    return 0;
}

static bool is_library(const char *path)
{
    const char *name = pp_flame_base_name(path);
    const char *so = strstr(name, ".so");

    return (so != NULL && (so[3] == '\0' || so[3] == '.')) || path[0] == '[';
}

/* The program is the first mapping, as pprof has it; where that is a library, what is no library is
 * the program. */
static void find_program(struct pp_flame_modules *modules, const struct pprofc_profile *profile)
{
    const pp_id first = profile->n_mappings > 1 ? profile->mappings[1].path : 0;
    uint32_t i;

    modules->items[0].is_program = modules->n_items == 1;
    if (first != 0 && !is_library(pp_profile_chars(profile, first))) {
        if (modules->of_string[first] != 0)
            modules->items[modules->of_string[first]].is_program = true;
        return;
    }
    for (i = 1; i < modules->n_items; i++)
        modules->items[i].is_program =
            !is_library(pp_profile_chars(profile, modules->items[i].path));
}

/* A library's colour comes from its name, so that it is the same in the next picture; hotter ones
 * choose first. */
static void choose_colors(struct pp_flame_modules *modules, const struct pprofc_profile *profile)
{
    bool is_taken[PP_FLAME_MODULES] = {true};
    uint32_t n_free = PP_FLAME_MODULES - 1, round, i;

    for (i = 0; i < modules->n_items; i++)
        modules->items[i].color = modules->items[i].is_program ? 0 : PP_FLAME_MODULES;
    for (round = 0; round < modules->n_items && n_free > 0; round++) {
        struct pp_flame_module *hottest = NULL;
        const char *name;
        uint32_t color;
        for (i = 0; i < modules->n_items; i++)
            if (modules->items[i].color == PP_FLAME_MODULES &&
                (hottest == NULL || modules->items[i].self > hottest->self))
                hottest = &modules->items[i];
        if (hottest == NULL)
            break;
        name = pp_flame_base_name(pp_profile_chars(profile, hottest->path));
        color = pp_flame_hash(name, strlen(name)) % PP_FLAME_MODULES;
        while (is_taken[color])
            color = (color + 1) % PP_FLAME_MODULES;
        is_taken[color] = true;
        hottest->color = (uint8_t)color;
        n_free--;
    }
    for (i = 0; i < modules->n_items; i++)
        if (modules->items[i].color == PP_FLAME_MODULES) /* more modules than colours */
            modules->items[i].color = (uint8_t)(1 + i % (PP_FLAME_MODULES - 1));
}

int pp_flame_modules_init(struct pp_flame_modules *modules, const struct pprofc_profile *profile,
                          const struct pp_flame_tree *tree, struct pprofc_error *err)
{
    *modules = (struct pp_flame_modules){0};
    if (list_modules(modules, profile, tree) != 0) {
        pp_flame_modules_done(modules);
        return pp_fail(err, -ENOMEM, 0, "no memory for a flame graph's modules");
    }
    find_program(modules, profile);
    choose_colors(modules, profile);
    return 0;
}

void pp_flame_modules_done(struct pp_flame_modules *modules)
{
    free(modules->items);
    free(modules->of_string);
    *modules = (struct pp_flame_modules){0};
}
