/* The memory that a recording lies in: a file in /dev/shm, found by name, or a memfd where that
 * cannot be had. Created and grown by the helper's side only; no malloc. */
#ifndef PP_CAPTURE_MEMORY_FILE_H
#define PP_CAPTURE_MEMORY_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "pprofc/error.h"

enum { PP_MAX_EXTENTS = 256 };

struct pp_extent {
    uint64_t offset, n_bytes;
};

struct pp_memory_file {
    int fd;     /* in the helper's descriptor table once it runs; -1: cannot grow */
    char *base; /* mapped address space of n_mapped bytes; only the first n_bytes may be touched */
    uint64_t n_mapped;
    uint64_t n_bytes;                      /* reserved */
    uint64_t n_max;                        /* bound on n_bytes */
    char path[64];                         /* "" for a memfd */
    struct pp_extent free[PP_MAX_EXTENTS]; /* sorted by offset, never adjacent */
    uint32_t n_free;
    uint32_t sequence; /* how many recordings of this pid were there before (exec) */
};

/* Make it with 'n_bytes' reserved, or in a memfd with as much as there is memory for down to
 * 'n_least'.  Returns 0 or a negative errno. */
int pp_memory_file_create(struct pp_memory_file *file, uint64_t n_bytes, uint64_t n_least,
                          uint64_t n_max, struct pprofc_error *err);

/* Offset of 'n_bytes' (rounded up to pages) of zeroed, reserved memory, or 0 when there is none to
 * be had. */
uint64_t pp_memory_file_alloc(struct pp_memory_file *file, uint64_t n_bytes);

/* The most that one pp_memory_file_alloc() could get by the bound of the file; the kernel may still
 * refuse it. */
uint64_t pp_memory_file_room(const struct pp_memory_file *file);

/* Give memory back for reuse; the kernel gets its pages at once. */
void pp_memory_file_free(struct pp_memory_file *file, uint64_t offset, uint64_t n_bytes);

/* Let pp_memory_file_alloc() hand out these zeroed, reserved bytes. */
void pp_memory_file_give(struct pp_memory_file *file, uint64_t offset, uint64_t n_bytes);

/* Unmap; unlink the name too when 'unlink_name'. */
void pp_memory_file_close(struct pp_memory_file *file, bool unlink_name);

/* Field 22 of /proc/self/stat: when this process began, in clock ticks since boot. */
uint64_t pp_process_start_ticks(void);

#endif
