/* A profile's addresses are looked up in the files that were mapped there. */
#include "formats/symbolize.h"

#include <string.h>

#include "base/buffer.h"

enum { MAX_FRAMES = 64 };

struct naming {
    struct pp_symbolizer *symbolizer;
    uint32_t n_named;
};

/* "[vdso]" and the like are no files. */
static bool is_file(const char *path)
{
    return path[0] == '/';
}

static struct pp_module *module_of(struct naming *naming, const struct pprofc_profile *source,
                                   const struct pp_mapping *mapping)
{
    const char *build_id = pp_profile_chars(source, mapping->build_id);
    const char *path = pp_profile_chars(source, mapping->path);
    struct pp_module *module = NULL;

    if (!is_file(path) ||
        pp_symbolizer_module(naming->symbolizer, path, build_id[0] != '\0' ? build_id : NULL, NULL,
                             0, &module, NULL) != 0)
        return NULL;
    return module;
}

static void add_line(struct pprofc_profile *target, const struct pp_frame *frame,
                     struct pp_line *line)
{
    const struct pp_function function = {
        .name = pp_profile_text(target, frame->name),
        .system_name = pp_profile_text(target, frame->system_name),
        .file = pp_profile_text(target, frame->file),
        .start_line = frame->start_line,
    };

    *line = (struct pp_line){pp_profile_function(target, &function), frame->line};
}

static pp_id rename_location(void *context, struct pprofc_profile *target,
                             const struct pprofc_profile *source, pp_id location, pp_id mapping)
{
    struct naming *naming = context;
    struct pp_location named = source->locations[location];
    const struct pp_mapping *mapped = &source->mappings[named.mapping];
    struct pp_frame frames[MAX_FRAMES];
    struct pp_line lines[MAX_FRAMES];
    struct pp_module *module;
    uint64_t vaddr;
    int n;

    if (named.mapping == 0 || named.address < mapped->start || named.address >= mapped->limit)
        return 0;
    module = module_of(naming, source, mapped);
    if (module == NULL || pp_module_vaddr_of_offset(
                              module, named.address - mapped->start + mapped->offset, &vaddr) != 0)
        return 0;
    n = pp_module_frames(module, vaddr, frames, MAX_FRAMES);
    if (n <= 0 || !frames[n - 1].is_named)
        return 0;
    for (int i = 0; i < n; i++)
        add_line(target, &frames[i], &lines[i]);
    target->mappings[mapping].has_functions = true;
    target->mappings[mapping].has_filenames |= frames[0].file[0] != '\0';
    target->mappings[mapping].has_lines |= frames[0].line != 0;
    target->mappings[mapping].has_inlines |= n > 1;
    named.mapping = mapping;
    named.n_lines = (uint32_t)n;
    named.is_folded = false;
    naming->n_named++;
    return pp_profile_location(target, &named, lines);
}

/* ---- what was said to have no names ---- */

static bool has_names(const struct pprofc_profile *profile, const char *name, size_t n_bytes)
{
    for (uint32_t i = 1; i < profile->n_mappings; i++) {
        const char *path = profile->strings[profile->mappings[i].path];
        const char *base = pp_profile_base_name(path);
        if (profile->mappings[i].has_functions && strlen(base) == n_bytes &&
            memcmp(base, name, n_bytes) == 0)
            return true;
    }
    return false;
}

/* Comments about 'name', and the one about all of them, which is said anew. */
static void forget_comments(struct pprofc_profile *profile, const char *name, size_t n_bytes)
{
    static const char behind[] = " has no names: ", of_all[] = "no files here of ";
    uint32_t n = 0;

    for (uint32_t i = 0; i < profile->n_comments; i++) {
        const char *comment = profile->strings[profile->comments[i]];
        const bool is_about = strncmp(comment, name, n_bytes) == 0 &&
                              strncmp(comment + n_bytes, behind, strlen(behind)) == 0;
        if (!is_about && strncmp(comment, of_all, strlen(of_all)) != 0)
            profile->comments[n++] = profile->comments[i];
    }
    profile->n_comments = n;
}

static void forget_found(struct pprofc_profile *profile)
{
    const char *at = profile->strings[profile->quality.missing_modules];
    pp_autobuffer struct pp_buffer rest = PP_BUFFER_INIT;
    char line[600];
    bool is_changed = false;

    for (size_t n_bytes; *at != '\0'; at += n_bytes + strspn(at + n_bytes, ", ")) {
        n_bytes = strcspn(at, ",");
        if (has_names(profile, at, n_bytes)) {
            forget_comments(profile, at, n_bytes);
            is_changed = true;
        } else {
            pp_buffer_text(&rest, rest.n_bytes > 0 ? ", " : "");
            pp_buffer_append(&rest, at, n_bytes);
        }
    }
    if (!is_changed || rest.failed)
        return;
    profile->quality.missing_modules = pp_profile_text(profile, rest.bytes);
    pp_profile_missing_line(profile, line, sizeof line);
    if (line[0] != '\0')
        pp_profile_comment(profile, "%s", line);
}

int pp_profile_symbolize(const struct pprofc_profile *source, struct pp_symbolizer *symbolizer,
                         struct pprofc_profile **profile_out, uint32_t *n_named_out,
                         struct pprofc_error *err)
{
    struct naming naming = {.symbolizer = symbolizer};
    const struct pp_renaming renaming = {rename_location, &naming};
    const int status = pp_profile_rename(source, &renaming, profile_out, err);

    if (status == 0 && naming.n_named > 0)
        forget_found(*profile_out);
    if (status == 0 && n_named_out != NULL)
        *n_named_out = naming.n_named;
    return status;
}
