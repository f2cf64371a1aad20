/* From the lines of /proc/self/maps to the list of executable mappings and their objects. */
#include "capture/module_entry.h"

#include <errno.h>
#include <string.h>

#include "capture/elf_memory.h"
#include "capture/maps.h"
#include "sigsafe/arch.h"

/* What the lines of maps before this one said of the object it belongs to. */
struct object {
    uint64_t device, inode, header;
    bool has_header, has_image, failed;
    struct pp_elf_image image;
    char path[PP_MODULE_PATH_BYTES];
};

static void copy_path(char *to, const char *from)
{
    const size_t n = strnlen(from, PP_MODULE_PATH_BYTES - 1);

    memcpy(to, from, n);
    to[n] = '\0';
}

static void note_object(struct object *object, const struct pp_map_line *line)
{
    const bool is_same = object->device == line->device && object->inode == line->inode &&
                         strncmp(object->path, line->path, PP_MODULE_PATH_BYTES - 1) == 0;

    if (line->path[0] == '\0' || (is_same && line->offset != 0))
        return; /* anonymous memory between the segments, or a later segment */
    if (!is_same || line->offset == 0) {
        object->device = line->device;
        object->inode = line->inode;
        object->header = line->start;
        object->has_header = line->offset == 0;
        object->has_image = object->failed = false;
        copy_path(object->path, line->path);
    }
}

/* Is this anonymous mapping where the object's text should be (moved to huge pages, say)? */
static bool is_inside(const struct object *object, const struct pp_map_line *line)
{
    return object->has_image && line->path[0] == '\0' && line->start >= object->image.start &&
           line->limit <= ((object->image.limit + 4095) & ~(uint64_t)4095);
}

/* Read the object's headers once for all of its executable mappings. */
static bool has_image(struct object *object, const struct pp_map_line *line)
{
    if (!object->has_image && !object->failed) {
        object->failed = !object->has_header || pp_elf_read_image(object->header, line->start,
                                                                  line->offset, &object->image) < 0;
        object->has_image = !object->failed;
    }
    return object->has_image;
}

static void describe(struct pp_module_entry *entry, struct object *object,
                     const struct pp_map_line *line)
{
    const bool belongs = line->path[0] != '\0' || is_inside(object, line);

    memset(entry, 0, sizeof *entry);
    entry->shown.start = line->start;
    entry->shown.limit = line->limit;
    entry->shown.offset = line->offset;
    entry->device = line->device;
    entry->inode = line->inode;
    entry->has_no_table = true;
    if (!belongs)
        return;
    entry->has_name = true;
    copy_path(entry->shown.path, object->path);
    entry->shown.is_vdso = strcmp(object->path, "[vdso]") == 0;
    if (!has_image(object, line))
        return;
    for (uint32_t i = 0; i < object->image.n_segments && line->path[0] == '\0'; i++) {
        const struct pp_elf_segment *segment = &object->image.segments[i];
        if (line->start + 4096 > segment->start && line->start < segment->limit)
            entry->shown.offset = line->start - segment->start + segment->offset;
    }
    entry->header = object->header;
    entry->fingerprint = object->image.fingerprint;
    entry->shown.bias = object->image.bias;
    entry->shown.n_build_id_bytes = object->image.n_build_id_bytes;
    memcpy(entry->shown.build_id, object->image.build_id, sizeof entry->shown.build_id);
    entry->has_no_table = false;
}

/* Text that mprotect cut in pieces is one mapping again. */
static bool extends(const struct pp_module_entry *last, const struct pp_map_line *line)
{
    return line->path[0] != '\0' && last->shown.limit == line->start &&
           last->device == line->device && last->inode == line->inode &&
           last->shown.offset + (last->shown.limit - last->shown.start) == line->offset &&
           strncmp(last->shown.path, line->path, PP_MODULE_PATH_BYTES - 1) == 0;
}

static int add_line(struct pp_module_list *list, struct object *object,
                    const struct pp_map_line *line)
{
    note_object(object, line);
    if (!line->is_executable || line->start >= PP_ARCH_MAX_PC)
        return 0;
    if (list->n > 0 && extends(&pp_module_entries(list)[list->n - 1], line)) {
        pp_module_entries(list)[list->n - 1].shown.limit = line->limit;
        return 0;
    }
    if (pp_room_reserve(&list->room, (list->n + 1) * sizeof(struct pp_module_entry)) < 0)
        return -ENOMEM;
    describe(&pp_module_entries(list)[list->n++], object, line);
    return 0;
}

int pp_module_list_read(struct pp_module_list *list)
{
    struct pp_maps maps;
    struct pp_map_line line;
    struct object object;
    int result = pp_maps_open(&maps);

    if (result < 0)
        return result;
    memset(&object, 0, sizeof object);
    list->n = 0;
    while ((result = pp_maps_next(&maps, &line)) > 0 &&
           (result = add_line(list, &object, &line)) == 0)
        ;
    pp_maps_close(&maps);
    return result;
}
