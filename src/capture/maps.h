/* /proc/self/maps, a line at a time, without malloc. */
#ifndef PP_CAPTURE_MAPS_H
#define PP_CAPTURE_MAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PP_MAPS_BUFFER_BYTES = 4096 };

struct pp_maps {
    int descriptor;
    bool is_at_end,
        is_within_line; /* within: the rest of a line that was too long is still to be skipped */
    size_t begin, end;  /* of what is in the buffer and not handed out yet */
    char buffer[PP_MAPS_BUFFER_BYTES];
};

struct pp_map_line {
    uint64_t start, limit, offset;
    uint64_t device, inode;
    bool is_readable, is_executable;
    const char *path; /* without " (deleted)"; "" for none; until the next call */
};

/* 0 or a negative errno. */
int pp_maps_open(struct pp_maps *maps);

/* The same, of a descriptor, which pp_maps_close closes. */
void pp_maps_open_descriptor(struct pp_maps *maps, int descriptor);

/* 1 and a line, 0 at the end, or a negative errno.  A path longer than the buffer is cut. */
int pp_maps_next(struct pp_maps *maps, struct pp_map_line *line_out);

void pp_maps_close(struct pp_maps *maps);

/* The mapping that holds 'address' now: bounds of the whole VMA.  -ENOENT when none. */
int pp_maps_find(uintptr_t address, uintptr_t *start_out, uintptr_t *limit_out);

/* The main thread's stack ("[stack]" in maps). */
int pp_maps_main_stack(uintptr_t *start_out, uintptr_t *limit_out);

#endif
