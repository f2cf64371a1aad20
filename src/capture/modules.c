/* The list of what is mapped, its tables, and the set that handlers see.
 *
 * One thread at a time (the helper; before it lives, the thread that starts the session) calls
 * these functions. */
#include "capture/modules.h"

#include <errno.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <time.h>

#include "capture/elf_memory.h"
#include "capture/maps.h"
#include "capture/own_memory.h"
#include "capture/unwind_table.h"
#include "sigsafe/arch.h"
#include "sigsafe/module_set.h"
#include "sigsafe/rule_cache.h"

/* One executable mapping. */
struct entry {
    struct pp_mapped_module shown;
    uint64_t device, inode, header, fingerprint;
    uint64_t eh_frame_hdr, n_eh_frame_hdr_bytes; /* 0: no index */
    uint64_t eh_frame, eh_frame_limit; /* 0: not known; by the index it ends before the limit */
    struct pp_sig_rule_table *table;
    bool has_name, stays, was_here, has_no_table, is_wanted, is_kept;
};

struct list {
    struct pp_room room;
    uint32_t n;
};

struct pp_modules {
    pp_module_seen_fn seen;
    pp_wait_for_handlers_fn wait;
    void *context;
    struct list now, next;
    struct pp_room header_copy, frames_copy;
    struct pp_table_builder builder;
    struct pp_sig_module_set *set;
    uint64_t generation, table_bytes;
    uint64_t first_changes; /* pp_sig_module_changes at the start */
    bool is_first;
};

/* What the lines of maps before this one said of the object it belongs to. */
struct object {
    uint64_t device, inode, header;
    bool has_header, has_image, failed;
    struct pp_elf_image image;
    char path[PP_MODULE_PATH_BYTES];
};

static struct entry *entries_of(const struct list *list)
{
    return list->room.memory;
}

static int64_t now_ns(void)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

static void copy_path(char *to, const char *from)
{
    const size_t n = strnlen(from, PP_MODULE_PATH_BYTES - 1);

    memcpy(to, from, n);
    to[n] = '\0';
}

/* ---- from maps to entries ---- */

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

static void describe_frames(struct entry *entry, const struct object *object)
{
    const struct pp_elf_image *image = &object->image;
    uint64_t virtual_address, n_bytes;

    if (image->eh_frame_hdr != 0 && pp_elf_segment_limit(image, image->eh_frame_hdr) != 0) {
        entry->eh_frame_hdr = image->eh_frame_hdr;
        entry->n_eh_frame_hdr_bytes = image->n_eh_frame_hdr_bytes;
    } else if (object->path[0] == '/' &&
               (pp_elf_find_eh_frame(object->path, object->header, &virtual_address, &n_bytes) ==
                    0 ||
                pp_elf_find_eh_frame("/proc/thread-self/exe", object->header, &virtual_address,
                                     &n_bytes) == 0)) {
        entry->eh_frame = image->bias + virtual_address;
        entry->eh_frame_limit = entry->eh_frame + n_bytes;
    } else {
        entry->has_no_table = true;
    }
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

static void describe(struct entry *entry, struct object *object, const struct pp_map_line *line)
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
static bool extends(const struct entry *last, const struct pp_map_line *line)
{
    return line->path[0] != '\0' && last->shown.limit == line->start &&
           last->device == line->device && last->inode == line->inode &&
           last->shown.offset + (last->shown.limit - last->shown.start) == line->offset &&
           strncmp(last->shown.path, line->path, PP_MODULE_PATH_BYTES - 1) == 0;
}

static int add_line(struct pp_modules *modules, struct object *object,
                    const struct pp_map_line *line)
{
    struct list *next = &modules->next;

    note_object(object, line);
    if (!line->is_executable || line->start >= PP_ARCH_MAX_PC)
        return 0;
    if (next->n > 0 && extends(&entries_of(next)[next->n - 1], line)) {
        entries_of(next)[next->n - 1].shown.limit = line->limit;
        return 0;
    }
    if (pp_room_reserve(&next->room, (next->n + 1) * sizeof(struct entry)) < 0)
        return -ENOMEM;
    describe(&entries_of(next)[next->n++], object, line);
    return 0;
}

static int read_maps(struct pp_modules *modules)
{
    struct pp_maps maps;
    struct pp_map_line line;
    struct object object;
    int result = pp_maps_open(&maps);

    if (result < 0)
        return result;
    memset(&object, 0, sizeof object);
    modules->next.n = 0;
    while ((result = pp_maps_next(&maps, &line)) > 0 &&
           (result = add_line(modules, &object, &line)) == 0)
        ;
    pp_maps_close(&maps);
    return result;
}

/* ---- what is new, what is gone ---- */

static bool is_same(const struct entry *a, const struct entry *b)
{
    return a->shown.start == b->shown.start && a->shown.limit == b->shown.limit &&
           a->shown.offset == b->shown.offset && a->device == b->device && a->inode == b->inode &&
           a->header == b->header && a->fingerprint == b->fingerprint &&
           strcmp(a->shown.path, b->shown.path) == 0;
}

static void find_frames(struct entry *entry)
{
    struct object object;

    if (entry->has_no_table)
        return;
    memset(&object, 0, sizeof object);
    entry->has_no_table = true;
    if (pp_elf_read_image(entry->header, entry->shown.start, entry->shown.offset, &object.image) <
            0 ||
        object.image.fingerprint != entry->fingerprint)
        return;
    object.header = entry->header;
    copy_path(object.path, entry->shown.path);
    entry->has_no_table = false;
    describe_frames(entry, &object);
}

/* The program, its loader, the vdso and libc are there to the end. */
static bool cannot_go(const struct entry *entry)
{
    const uint64_t program = getauxval(AT_ENTRY), loader = getauxval(AT_BASE);
    const uint64_t libc = (uint64_t)(uintptr_t)&getauxval;

    return entry->shown.is_vdso ||
           (program >= entry->shown.start && program < entry->shown.limit) ||
           (loader != 0 && entry->header == loader) ||
           (libc >= entry->shown.start && libc < entry->shown.limit);
}

/* Give the next list what is known of the entries that were there before.  Returns how many
 * differences there are. */
static uint32_t take_over(struct pp_modules *modules, uint64_t changes)
{
    struct entry *old = entries_of(&modules->now), *new = entries_of(&modules->next);
    uint32_t n_kept = 0, n_new = 0, at = 0;

    for (uint32_t i = 0; i < modules->next.n; i++) {
        while (at < modules->now.n && old[at].shown.start < new[i].shown.start)
            at++;
        if (at < modules->now.n && is_same(&old[at], &new[i])) {
            new[i] = old[at];
            new[i].is_kept = old[at].is_kept = true;
            if (!new[i].stays && changes != modules->first_changes)
                new[i].is_wanted = true; /* libraries go: read this one's memory no longer */
            n_kept++;
            continue;
        }
        n_new++;
        find_frames(&new[i]);
        new[i].was_here = modules->is_first;
        new[i].stays = modules->is_first &&cannot_go(&new[i]);
        if (!new[i].was_here ||
            new[i].eh_frame_hdr == 0) /* till there is a table, handlers know nothing of it */
            new[i].is_wanted = true;
    }
    return n_new + modules->now.n - n_kept;
}

static void tell_new(struct pp_modules *modules)
{
    struct entry *entries = entries_of(&modules->next);

    for (uint32_t i = 0; i < modules->next.n; i++) {
        if (!entries[i].is_kept && entries[i].has_name)
            modules->seen(modules->context, &entries[i].shown, true);
        entries[i].is_kept = false;
    }
}

/* After no handler can use them. */
static void drop_old(struct pp_modules *modules, bool tells)
{
    struct entry *entries = entries_of(&modules->now);

    for (uint32_t i = 0; i < modules->now.n; i++) {
        if (entries[i].is_kept)
            continue;
        if (tells && entries[i].has_name)
            modules->seen(modules->context, &entries[i].shown, false);
        if (entries[i].table != NULL)
            modules->table_bytes -= entries[i].table->n_bytes;
        pp_unwind_table_free(entries[i].table);
    }
    modules->now.n = 0;
}

/* ---- tables ---- */

/* What handlers interpret until there is a table. */
static int open_in_place(const struct entry *entry, struct pp_sig_cfi *cfi)
{
    uint8_t beginning[32] = {0}; /* all that is read of it here; a dlclose may come in between */
    const struct pp_sig_bytes header = {beginning, entry->n_eh_frame_hdr_bytes,
                                        entry->eh_frame_hdr};
    struct pp_elf_image image;
    uint64_t eh_frame, limit;

    memset(cfi, 0, sizeof *cfi);
    if (entry->eh_frame_hdr == 0 ||
        pp_elf_read_image(entry->header, entry->shown.start, entry->shown.offset, &image) < 0)
        return -ENOENT;
    limit = pp_elf_segment_limit(&image, entry->eh_frame_hdr);
    if (limit == 0 || limit - entry->eh_frame_hdr < header.n_bytes)
        return -ENOENT;
    if (pp_memory_read(entry->eh_frame_hdr, beginning,
                       header.n_bytes < sizeof beginning ? header.n_bytes : sizeof beginning) < 0 ||
        pp_sig_cfi_read_header(header, cfi, &eh_frame) < 0)
        return -ENOENT;
    cfi->index.data = (const uint8_t *)(uintptr_t)cfi->index.addr;
    limit = pp_elf_segment_limit(&image, eh_frame);
    if (limit == 0) {
        cfi->n_fdes = 0;
        return -ENOENT;
    }
    cfi->frames.data = (const uint8_t *)(uintptr_t)eh_frame;
    cfi->frames.addr = eh_frame;
    cfi->frames.n_bytes = limit - eh_frame;
    return 0;
}

/* The end of the last record that the index names: there is no other hint of how much to copy. */
static uint64_t indexed_limit(const struct pp_sig_cfi *cfi, uint64_t eh_frame,
                              uint64_t segment_limit)
{
    uint64_t last = 0;
    uint32_t n_bytes;

    for (uint32_t i = 0; i < cfi->n_fdes; i++) {
        const uint64_t fde = pp_sig_cfi_index_fde(cfi, i);
        if (fde > last && fde < segment_limit - eh_frame)
            last = fde;
    }
    if (pp_memory_read(eh_frame + last, &n_bytes, sizeof n_bytes) < 0)
        return 0;
    if (n_bytes > segment_limit - eh_frame - last - sizeof n_bytes)
        return segment_limit;
    return eh_frame + last + sizeof n_bytes + n_bytes;
}

static int copy_bytes(struct pp_room *room, uint64_t addr, uint64_t n_bytes,
                      struct pp_sig_bytes *copy_out)
{
    int result = pp_room_reserve(room, n_bytes);

    if (result == 0)
        result = pp_memory_read(addr, room->memory, n_bytes);
    copy_out->data = room->memory;
    copy_out->n_bytes = n_bytes;
    copy_out->addr = addr;
    return result;
}

static int copy_frames(struct pp_modules *modules, const struct entry *entry,
                       struct pp_sig_cfi *cfi)
{
    struct pp_elf_image image;
    struct pp_sig_bytes header;
    uint64_t eh_frame = entry->eh_frame, limit = entry->eh_frame_limit;
    int result;

    memset(cfi, 0, sizeof *cfi);
    if (eh_frame == 0) {
        result = pp_elf_read_image(entry->header, entry->shown.start, entry->shown.offset, &image);
        if (result == 0 && image.fingerprint != entry->fingerprint)
            result = -ENOENT;
        if (result == 0)
            result = copy_bytes(&modules->header_copy, entry->eh_frame_hdr,
                                entry->n_eh_frame_hdr_bytes, &header);
        if (result < 0)
            return result;
        (void)pp_sig_cfi_read_header(
            header, cfi, &eh_frame); /* without an index: everything to the segment's end */
        limit = pp_elf_segment_limit(&image, eh_frame);
        if (limit == 0)
            return -ENOENT;
        cfi->frames.addr = eh_frame;
        if (cfi->n_fdes > 0)
            limit = indexed_limit(cfi, eh_frame, limit);
    }
    if (limit <= eh_frame)
        return -ENOENT;
    return copy_bytes(&modules->frames_copy, eh_frame, limit - eh_frame, &cfi->frames);
}

static void build_table(struct pp_modules *modules, struct entry *entry)
{
    struct pp_sig_cfi cfi;

    entry->is_wanted = false;
    if (copy_frames(modules, entry, &cfi) < 0 ||
        pp_unwind_table_build(&modules->builder, &cfi, entry->shown.start, entry->shown.limit,
                              &entry->table) < 0) {
        entry->has_no_table = true;
        return;
    }
    modules->table_bytes += entry->table->n_bytes;
}

/* What handlers have missed since the set was published. */
static void collect_wanted(struct pp_modules *modules)
{
    struct entry *entries = entries_of(&modules->now);

    for (uint32_t i = 0; modules->set != NULL && i < modules->set->n_modules; i++)
        if (__atomic_load_n(&modules->set->modules[i].is_wanted, __ATOMIC_RELAXED) != 0)
            entries[i].is_wanted = true;
}

/* Build what is wanted in the next list.  *is_left_out: time was up before all was done. */
static uint32_t build_wanted(struct pp_modules *modules, int64_t budget_ns, bool *is_left_out)
{
    const int64_t start_ns = now_ns();
    struct entry *entries = entries_of(&modules->next);
    uint32_t n_built = 0;

    *is_left_out = false;
    for (uint32_t i = 0; i < modules->next.n; i++) {
        if (!entries[i].is_wanted || entries[i].has_no_table || entries[i].table != NULL)
            continue;
        if (n_built > 0 && now_ns() - start_ns >= budget_ns) {
            *is_left_out = true;
            break;
        }
        build_table(modules, &entries[i]);
        n_built++;
    }
    return n_built;
}

static void free_copies(struct pp_modules *modules)
{
    pp_room_free(&modules->header_copy);
    pp_room_free(&modules->frames_copy);
    pp_table_builder_done(&modules->builder);
}

/* ---- publishing ---- */

static struct pp_sig_module_set *allocate_set(uint32_t n_modules)
{
    const uint64_t n_bytes =
        sizeof(struct pp_sig_module_set) + n_modules * sizeof(struct pp_sig_module);
    struct pp_sig_module_set *set = pp_map_anonymous(n_bytes);

    if (set == NULL)
        return NULL;
    set->n_bytes = n_bytes;
    return set;
}

static void fill_set(struct pp_modules *modules, struct pp_sig_module_set *set, uint64_t changes)
{
    const struct entry *entries = entries_of(&modules->next);

    set->salt = ++modules->generation * 0xd6e8feb86659fd93ull;
    set->changes_seen = changes;
    set->n_modules = modules->next.n;
    for (uint32_t i = 0; i < modules->next.n; i++) {
        struct pp_sig_module *module = &set->modules[i];
        module->start = entries[i].shown.start;
        module->limit = entries[i].shown.limit;
        module->table = entries[i].table;
        if (entries[i].has_no_table)
            module->flags |= PP_MODULE_NO_TABLE;
        if (entries[i].was_here) {
            module->flags |=
                entries[i].stays ? PP_MODULE_STAYS | PP_MODULE_WAS_HERE : PP_MODULE_WAS_HERE;
            if (module->table == NULL && !entries[i].has_no_table)
                (void)open_in_place(&entries[i], &module->cfi);
        }
    }
}

static void publish(struct pp_modules *modules, struct pp_sig_module_set *set)
{
    struct pp_sig_module_set *old = modules->set;

    modules->set = set;
    __atomic_store_n(&pp_sig_module_set_current, set, __ATOMIC_SEQ_CST);
    if (old == NULL)
        return;
    modules->wait(modules->context);
    pp_unmap(old, old->n_bytes);
}

/* The next list becomes the list. */
static void turn_over(struct pp_modules *modules)
{
    const struct list old = modules->now;

    modules->now = modules->next;
    modules->next = old;
    modules->next.n = 0;
}

static void forget_kept_marks(struct list *list)
{
    for (uint32_t i = 0; i < list->n; i++)
        entries_of(list)[i].is_kept = false;
}

int pp_modules_refresh(struct pp_modules *modules, int64_t budget_ns)
{
    const uint64_t changes = __atomic_load_n(&pp_sig_module_changes, __ATOMIC_ACQUIRE);
    struct pp_sig_module_set *set;
    bool is_left_out;
    uint32_t n_changes;
    int result = read_maps(modules);

    if (result < 0)
        return result;
    set = allocate_set(modules->next.n);
    if (set == NULL)
        return -ENOMEM;
    collect_wanted(modules);
    n_changes = take_over(modules, changes);
    n_changes += build_wanted(modules, budget_ns, &is_left_out);
    free_copies(modules);
    if (n_changes == 0 && modules->set != NULL) {
        pp_unmap(set, set->n_bytes);
        forget_kept_marks(&modules->now);
        __atomic_store_n(&modules->set->changes_seen, changes, __ATOMIC_RELAXED);
        return is_left_out;
    }
    fill_set(modules, set, changes);
    tell_new(modules);
    publish(modules, set);
    drop_old(modules, true);
    turn_over(modules);
    return is_left_out;
}

struct pp_modules *pp_modules_new(pp_module_seen_fn seen, pp_wait_for_handlers_fn wait,
                                  void *context)
{
    struct pp_modules *modules = pp_map_anonymous(sizeof *modules);
    int result;

    if (modules == NULL) {
        errno = ENOMEM;
        return NULL;
    }
    modules->seen = seen;
    modules->wait = wait;
    modules->context = context;
    modules->is_first = true;
    pp_sig_rule_cache_prepare();
    modules->first_changes = __atomic_load_n(&pp_sig_module_changes, __ATOMIC_ACQUIRE);
    result = pp_modules_refresh(modules, 0);
    modules->is_first = false;
    if (result < 0) {
        pp_modules_free(modules);
        errno = -result;
        return NULL;
    }
    return modules;
}

uint64_t pp_modules_table_bytes(const struct pp_modules *modules)
{
    return modules->table_bytes;
}

void pp_modules_free(struct pp_modules *modules)
{
    if (modules == NULL)
        return;
    publish(modules, NULL);
    forget_kept_marks(&modules->now);
    drop_old(modules, false);
    free_copies(modules);
    pp_room_free(&modules->now.room);
    pp_room_free(&modules->next.room);
    pp_unmap(modules, sizeof *modules);
}

/* ---- single mappings ---- */

int pp_modules_find_mapping(uintptr_t address, uintptr_t *start_out, uintptr_t *limit_out)
{
    struct pp_maps maps;
    struct pp_map_line line;
    int result = pp_maps_open(&maps);

    if (result < 0)
        return result;
    while ((result = pp_maps_next(&maps, &line)) > 0 && line.limit <= address)
        ;
    pp_maps_close(&maps);
    if (result < 0)
        return result;
    if (result == 0 || line.start > address)
        return -ENOENT;
    *start_out = line.start;
    *limit_out = line.limit;
    return 0;
}

int pp_modules_main_stack(uintptr_t *start_out, uintptr_t *limit_out)
{
    struct pp_maps maps;
    struct pp_map_line line;
    int result = pp_maps_open(&maps);

    if (result < 0)
        return result;
    while ((result = pp_maps_next(&maps, &line)) > 0 && strcmp(line.path, "[stack]") != 0)
        ;
    pp_maps_close(&maps);
    if (result <= 0)
        return result < 0 ? result : -ENOENT;
    *start_out = line.start;
    *limit_out = line.limit;
    return 0;
}
