/* From sampled addresses to a profile's locations. */
#include "formats/recording_frames.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/memory.h"
#include "formats/recording_vdso.h"

enum {
    MAX_INLINED = 64,
    MAX_MISSING = 16, /* modules without files that are named */
    /* Values below any code that stand for something else; sigsafe/unwind.h makes the first two,
     * and a test holds them together, as this room does not lean on that one. */
    PSEUDO_CUT = 1,
    PSEUDO_UNSAMPLED = 2,
    PSEUDO_FOLDED = PP_PC_FOLDED,
    PSEUDO_RUNNING = PP_PC_RUNNING,
    PSEUDO_WAITING = PP_PC_WAITING,
    FLAG_VDSO = 1, /* of struct pp_rec_module */
    FLAG_OURS = 2,
};

int pp_recorded_frames_init(struct pp_recorded_frames *frames, struct pprofc_profile *profile,
                            struct pp_symbolizer *symbolizer,
                            const struct pp_recorded_modules *modules)
{
    *frames = (struct pp_recorded_frames){
        .profile = profile, .symbolizer = symbolizer, .modules = modules};
    frames->opened = calloc(modules->n_modules + 1UL, sizeof(struct pp_module *));
    frames->mappings = calloc(modules->n_modules + 1UL, sizeof *frames->mappings);
    if (frames->opened == NULL || frames->mappings == NULL) {
        pp_recorded_frames_done(frames);
        return -ENOMEM;
    }
    return 0;
}

void pp_recorded_frames_done(struct pp_recorded_frames *frames)
{
    free(frames->opened);
    free(frames->mappings);
    free(frames->frames);
    pp_id_table_done(&frames->table);
    *frames = (struct pp_recorded_frames){0};
}

/* ---- modules ---- */

static size_t build_id_bytes(const struct pp_rec_module *module)
{
    return module->n_build_id_bytes <= sizeof module->build_id ? module->n_build_id_bytes : 0;
}

/* The build id in hexadecimal, "" without one. */
static void build_id_text(const struct pp_rec_module *module,
                          char text[2 * sizeof module->build_id + 1])
{
    static const char digits[] = "0123456789abcdef";
    const size_t n_bytes = build_id_bytes(module);

    for (size_t i = 0; i < n_bytes; i++) {
        text[2 * i] = digits[module->build_id[i] >> 4];
        text[2 * i + 1] = digits[module->build_id[i] & 15];
    }
    text[2 * n_bytes] = '\0';
}

static int open_module(struct pp_recorded_frames *frames, int64_t index)
{
    const struct pp_rec_module *module = frames->modules->modules[index].module;
    char path[sizeof module->path + 1], build_id[2 * sizeof module->build_id + 1];
    const size_t n_path = strnlen(module->path, sizeof module->path);
    const void *memory = NULL;
    size_t n_memory_bytes = 0;
    struct pp_mapping mapping = {
        .start = module->start, .limit = module->limit, .offset = module->offset};

    memcpy(path, module->path, n_path);
    path[n_path] = '\0';
    build_id_text(module, build_id);
    if ((module->flags & FLAG_VDSO) != 0)
        memory = pp_own_vdso(module->build_id, build_id_bytes(module), &n_memory_bytes);
    mapping.path = pp_profile_string(frames->profile, path, n_path);
    mapping.build_id = pp_profile_text(frames->profile, build_id);
    frames->mappings[index] = pp_profile_mapping(frames->profile, &mapping);
    return pp_symbolizer_module(frames->symbolizer, path, build_id[0] != '\0' ? build_id : NULL,
                                memory, n_memory_bytes, &frames->opened[index], NULL);
}

int pp_recorded_frames_begin_with(struct pp_recorded_frames *frames, const char *program)
{
    for (uint32_t i = 0; i < frames->modules->n_modules; i++) {
        const struct pp_rec_module *module = frames->modules->modules[i].module;
        if (strncmp(module->path, program, sizeof module->path) == 0)
            return frames->opened[i] != NULL ? 0 : open_module(frames, i);
    }
    return 0;
}

/* ---- names ---- */

static pp_id pseudo_location(struct pprofc_profile *profile, const char *name)
{
    return pp_profile_named_location(profile, name, strlen(name));
}

/* Code in no file that we know of: just-in-time compiled, or mapped and gone between two looks. */
static void name_unknown(struct pp_recorded_frames *frames, struct pp_recorded_frame *frame,
                         uint64_t address)
{
    static const char name[] = "[unknown code]";
    const struct pp_function function = {.name = pp_profile_text(frames->profile, name)};
    const struct pp_line line = {.function = pp_profile_function(frames->profile, &function)};
    const struct pp_location location = {.address = address, .n_lines = 1};

    frame->location = pp_profile_location(frames->profile, &location, &line);
    frame->is_named = false;
}

/* pprof looks no further where a mapping says that it has names. */
static void note_names(struct pp_mapping *mapping, const struct pp_frame *found, int n_found)
{
    for (int i = 0; i < n_found; i++) {
        mapping->has_functions |= found[i].is_named;
        mapping->has_filenames |= found[i].file[0] != '\0';
        mapping->has_lines |= found[i].line != 0;
        mapping->has_inlines |= found[i].is_inlined;
    }
}

static int name_code(struct pp_recorded_frames *frames, struct pp_recorded_frame *frame,
                     int64_t index, uint64_t address)
{
    struct pprofc_profile *profile = frames->profile;
    const struct pp_rec_module *module = frames->modules->modules[index].module;
    struct pp_frame found[MAX_INLINED];
    struct pp_line lines[MAX_INLINED];
    struct pp_location location = {.address = address};
    int n_found, status;

    if (frames->opened[index] == NULL && (status = open_module(frames, index)) != 0)
        return status;
    n_found = pp_module_frames(frames->opened[index], address - module->bias, found, MAX_INLINED);
    if (n_found < 0)
        return n_found;
    for (int i = 0; i < n_found; i++) {
        const struct pp_function function = {
            .name = pp_profile_text(profile, found[i].name),
            .system_name = pp_profile_text(profile, found[i].system_name),
            .file = pp_profile_text(profile, found[i].file),
            .start_line = found[i].start_line,
        };
        lines[i] = (struct pp_line){pp_profile_function(profile, &function), found[i].line};
    }
    location.mapping = frames->mappings[index];
    location.n_lines = (uint32_t)n_found;
    if (location.mapping != 0)
        note_names(&profile->mappings[location.mapping], found, n_found);
    frame->location = pp_profile_location(profile, &location, lines);
    frame->is_named = n_found > 0 && found[0].is_named;
    return 0;
}

static int name_frame(struct pp_recorded_frames *frames, struct pp_recorded_frame *frame,
                      uint64_t time_ns)
{
    static const char *const pseudo_names[] = {[PSEUDO_CUT] = "[truncated]",
                                               [PSEUDO_UNSAMPLED] = "[unsampled]",
                                               [PSEUDO_FOLDED] = "[folded]",
                                               [PSEUDO_RUNNING] = "[running]",
                                               [PSEUDO_WAITING] = "[waiting]"};
    const uint64_t address = frame->address;
    int64_t index;

    frame->is_named = true;
    if (address >= 1 && address < sizeof pseudo_names / sizeof pseudo_names[0]) {
        frame->location = pseudo_location(frames->profile, pseudo_names[address]);
        return 0;
    }
    index = pp_recorded_modules_find(frames->modules, address, time_ns);
    if (index < 0) {
        name_unknown(frames, frame, address);
        return 0;
    }
    /* Our own frames say nothing of the program: a thread's trampoline stands between start_thread
     * and what the program wanted run. */
    if ((frames->modules->modules[index].module->flags & FLAG_OURS) != 0)
        return 0;
    return name_code(frames, frame, index, address);
}

/* ---- variables ---- */

/* Only code is recorded as a module; its data lies behind it, before the next one's. */
int pp_recorded_variable(struct pp_recorded_frames *frames, uint64_t address, const char **name_out,
                         uint64_t *offset_out)
{
    const int64_t index = (int64_t)pp_recorded_modules_below(frames->modules, address) - 1;
    const struct pp_rec_module *module;

    if (index < 0)
        return -ENOENT;
    module = frames->modules->modules[index].module;
    if (frames->opened[index] == NULL && open_module(frames, index) != 0)
        return -ENOMEM;
    return pp_module_variable(frames->opened[index], address - module->bias, name_out, offset_out);
}

/* ---- names that nobody has ---- */

static bool is_in_list(const struct pp_buffer *list, const char *name)
{
    const size_t n_bytes = strlen(name);

    for (const char *at = list->bytes; at != NULL; at = strchr(at, ',')) {
        at += *at == ',' ? 2 : 0;
        if (strncmp(at, name, n_bytes) == 0 && (at[n_bytes] == ',' || at[n_bytes] == '\0'))
            return true;
    }
    return false;
}

int pp_recorded_frames_note_missing(const struct pp_recorded_frames *frames)
{
    struct pprofc_profile *profile = frames->profile;
    pp_autobuffer struct pp_buffer list = PP_BUFFER_INIT;
    char line[600];
    int n = 0;

    for (uint32_t i = 0; i < frames->modules->n_modules && n < MAX_MISSING; i++) {
        const char *path = profile->strings[profile->mappings[frames->mappings[i]].path];
        const char *name = pp_profile_base_name(path);
        if (frames->opened[i] == NULL || path[0] != '/' ||
            !pp_module_is_missing(frames->opened[i]) || is_in_list(&list, name))
            continue;
        pp_buffer_printf(&list, "%s%s", n > 0 ? ", " : "", name);
        pp_profile_comment(profile, "%s has no names: %s", name,
                           pp_module_shortcoming(frames->opened[i]));
        n++;
    }
    if (n == 0 || list.failed)
        return list.failed ? -ENOMEM : 0;
    profile->quality.missing_modules = pp_profile_text(profile, list.bytes);
    pp_profile_missing_line(profile, line, sizeof line);
    pp_profile_comment(profile, "%s", line);
    return 0;
}

/* ---- each address once ---- */

int pp_recorded_frame_find(struct pp_recorded_frames *frames, uint64_t address, uint64_t time_ns,
                           uint32_t epoch, const struct pp_recorded_frame **frame_out)
{
    uint32_t *recent = &frames->recent[pp_recorded_frame_slot(address)];
    const uint64_t hash = pp_hash_add(pp_hash_mix(address), epoch);
    struct pp_recorded_frame *frame;
    struct pp_id_probe probe;
    int status;

    for (probe = pp_id_table_first(&frames->table, hash); probe.id != 0;
         probe = pp_id_table_after(&frames->table, hash, probe)) {
        frame = &frames->frames[probe.id - 1];
        if (frame->address == address && frame->epoch == epoch) {
            *recent = probe.id;
            *frame_out = frame;
            return 0;
        }
    }
    if (frames->n_frames == UINT32_MAX - 1 ||
        pp_array_reserve(&frames->frames, &frames->capacity, frames->n_frames + 1UL,
                         sizeof *frames->frames) != 0)
        return -ENOMEM;
    frame = &frames->frames[frames->n_frames];
    *frame = (struct pp_recorded_frame){.address = address, .epoch = epoch};
    status = name_frame(frames, frame, time_ns);
    if (status == 0)
        status = pp_id_table_put(&frames->table, hash, frames->n_frames + 1);
    if (status != 0)
        return status;
    *recent = ++frames->n_frames;
    *frame_out = frame;
    return 0;
}
