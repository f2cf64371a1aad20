/* The memory that a recording lies in. */
#include "capture/memory_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/environment.h"
#include "capture/own_mapping.h"
#include "capture/own_memory.h"
#include "capture/proc_file.h"
#include "recording/layout.h"

enum { PAGE_BYTES = 4096, MAX_NAMES = 64 };

static const uint64_t ADDRESS_SPACES[] = {UINT64_C(1) << 28, UINT64_C(1) << 26, UINT64_C(1) << 24,
                                          UINT64_C(1) << 22};

static uint64_t page_up(uint64_t n_bytes)
{
    return (n_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

uint64_t pp_process_start_ticks(void)
{
    char text[1024];
    const char *at;

    if (pp_proc_read("/proc/self/stat", text, sizeof text) <= 0)
        return 0;
    at = strrchr(text, ')'); /* the name may hold spaces and parentheses */
    for (int field = 2; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    return at == NULL ? 0 : strtoull(at + 1, NULL, 10);
}

/* Whether the file at 'path' was left by another process that had this pid: then its name is free.
 * A process of another pid namespace with the same number may live, which its lock tells, and the
 * command fetches those of its run later. */
static bool is_stale(const char *path, uint64_t start_ticks)
{
    struct pp_rec_header *header;
    struct stat status;
    bool stale = false;
    /* Anybody may put a pipe there, whose opening would wait for a writer. */
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0)
        return false;
    if (fstat(fd, &status) == 0 && S_ISREG(status.st_mode) && status.st_uid == geteuid() &&
        status.st_size >= (off_t)sizeof *header) {
        header = pp_own_mmap(NULL, sizeof *header, PROT_READ, MAP_SHARED, fd, 0);
        if (header != MAP_FAILED) {
            stale = header->process_start_ticks != start_ticks &&
                    !(pp_environment.has_run_id &&
                      memcmp(header->run_id, pp_environment.run_id, sizeof header->run_id) == 0) &&
                    flock(fd, LOCK_EX | LOCK_NB) == 0;
            (void)pp_own_munmap(header, sizeof *header);
        }
    }
    (void)close(fd);
    return stale;
}

static int open_named(struct pp_memory_file *file)
{
    const uint64_t start_ticks = pp_process_start_ticks();

    for (uint32_t n = 0; n < MAX_NAMES; n++) {
        int fd;
        if (n == 0)
            (void)snprintf(file->path, sizeof file->path, "/dev/shm/pprofc.%u.%d", geteuid(),
                           getpid());
        else
            (void)snprintf(file->path, sizeof file->path, "/dev/shm/pprofc.%u.%d.%u", geteuid(),
                           getpid(), n);
        if (is_stale(file->path, start_ticks))
            (void)unlink(file->path);
        fd = open(file->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd >= 0) {
            (void)flock(fd, LOCK_EX | LOCK_NB);
            file->sequence = n;
            return fd;
        }
        if (errno != EEXIST)
            break;
    }
    return -1;
}

/* Reserve the first bytes, less and less of them while there is no room.  0 when even 'n_least' are
 * not to be had. */
static uint64_t reserve(int fd, uint64_t n_bytes, uint64_t n_least)
{
    for (n_bytes = page_up(n_bytes); n_bytes >= n_least; n_bytes = page_up(n_bytes / 2)) {
        if (fallocate(fd, 0, 0, (off_t)n_bytes) == 0)
            return n_bytes;
        (void)ftruncate(fd, 0);
        if (n_bytes <= PAGE_BYTES)
            break;
    }
    return 0;
}

static int map(struct pp_memory_file *file)
{
    const uint64_t share = pp_address_space_share();
    const size_t n = sizeof ADDRESS_SPACES / sizeof *ADDRESS_SPACES;

    for (size_t i = 0; i < n; i++) {
        /* Beyond the file's end: address space to grow into; nothing there is touched before it is
         * reserved. */
        if (ADDRESS_SPACES[i] < file->n_bytes)
            break;
        if (ADDRESS_SPACES[i] > share && i + 1 < n)
            continue;
        file->base = pp_own_mmap(NULL, ADDRESS_SPACES[i], PROT_READ | PROT_WRITE,
                                 MAP_SHARED | MAP_NORESERVE, file->fd, 0);
        if (file->base != MAP_FAILED) {
            file->n_mapped = ADDRESS_SPACES[i];
            (void)madvise(file->base, file->n_mapped, MADV_DONTDUMP);
            (void)madvise(file->base, file->n_mapped, MADV_DONTFORK);
            return 0;
        }
    }
    file->base = NULL;
    return -ENOMEM;
}

int pp_memory_file_create(struct pp_memory_file *file, uint64_t n_bytes, uint64_t n_least,
                          uint64_t n_max, struct pprofc_error *err)
{
    memset(file, 0, sizeof *file);
    file->n_max = n_max;
    file->fd = open_named(file);
    /* By name only when there is all the room: a memfd is not bound by the size of /dev/shm. */
    if (file->fd >= 0)
        file->n_bytes = reserve(file->fd, n_bytes, n_bytes);
    if (file->n_bytes == 0) {
        if (file->fd >= 0) {
            (void)close(file->fd);
            (void)unlink(file->path);
        }
        file->path[0] = '\0';
        file->fd = memfd_create("pprofc", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        if (file->fd >= 0)
            file->n_bytes = reserve(file->fd, n_bytes, n_least);
        if (file->n_bytes != 0)
            (void)fcntl(file->fd, F_ADD_SEALS, F_SEAL_SHRINK);
    }
    if (file->n_bytes == 0 || map(file) != 0) {
        const int code = file->n_bytes == 0 && errno != 0 ? -errno : -ENOMEM;
        pp_memory_file_close(file, true);
        return pp_fail(err, code, 0, "no shared memory for the recording: %s%s", strerror(-code),
                       code == -EFBIG    ? "; raise RLIMIT_FSIZE (ulimit -f) to 512 KiB or more"
                       : code == -ENOMEM ? "; raise RLIMIT_AS (ulimit -v) or free some"
                                         : "");
    }
    return 0;
}

static uint64_t growth_left(const struct pp_memory_file *file)
{
    const uint64_t limit = file->n_max < file->n_mapped ? file->n_max : file->n_mapped;

    return file->fd < 0 || file->n_bytes > limit ? 0 : limit - file->n_bytes;
}

uint64_t pp_memory_file_room(const struct pp_memory_file *file)
{
    uint64_t most = growth_left(file);

    for (uint32_t i = 0; i < file->n_free; i++)
        most = file->free[i].n_bytes > most ? file->free[i].n_bytes : most;
    return most;
}

static bool grow(struct pp_memory_file *file, uint64_t n_bytes)
{
    if (n_bytes > growth_left(file))
        return false;
    if (fallocate(file->fd, 0, (off_t)file->n_bytes, (off_t)n_bytes) != 0)
        return false;
    file->n_bytes += n_bytes;
    /* Readers are told before anything in it is published. */
    atomic_store_explicit(&((struct pp_rec_header *)file->base)->n_bytes, file->n_bytes,
                          memory_order_release);
    return true;
}

uint64_t pp_memory_file_alloc(struct pp_memory_file *file, uint64_t n_bytes)
{
    uint64_t offset;

    n_bytes = page_up(n_bytes);
    for (uint32_t i = 0; i < file->n_free; i++) {
        struct pp_extent *extent = &file->free[i];
        if (extent->n_bytes < n_bytes)
            continue;
        /* Its pages went back to the kernel when it was freed: reserve them again before anyone
         * writes. */
        if (fallocate(file->fd, 0, (off_t)extent->offset, (off_t)n_bytes) != 0)
            return 0;
        offset = extent->offset;
        extent->offset += n_bytes;
        extent->n_bytes -= n_bytes;
        if (extent->n_bytes == 0) {
            memmove(extent, extent + 1, (file->n_free - i - 1) * sizeof *extent);
            file->n_free--;
        }
        return offset;
    }
    offset = file->n_bytes;
    return grow(file, n_bytes) ? offset : 0;
}

void pp_memory_file_free(struct pp_memory_file *file, uint64_t offset, uint64_t n_bytes)
{
    n_bytes = page_up(n_bytes);
    if (fallocate(file->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, (off_t)offset,
                  (off_t)n_bytes) != 0)
        memset(file->base + offset, 0, n_bytes);
    pp_memory_file_give(file, offset, n_bytes);
}

void pp_memory_file_give(struct pp_memory_file *file, uint64_t offset, uint64_t n_bytes)
{
    uint32_t i = 0;

    while (i < file->n_free && file->free[i].offset < offset)
        i++;
    if (i > 0 && file->free[i - 1].offset + file->free[i - 1].n_bytes == offset) {
        file->free[i - 1].n_bytes += n_bytes;
        if (i < file->n_free && offset + n_bytes == file->free[i].offset) {
            file->free[i - 1].n_bytes += file->free[i].n_bytes;
            memmove(&file->free[i], &file->free[i + 1],
                    (file->n_free - i - 1) * sizeof *file->free);
            file->n_free--;
        }
    } else if (i < file->n_free && offset + n_bytes == file->free[i].offset) {
        file->free[i].offset = offset;
        file->free[i].n_bytes += n_bytes;
    } else if (file->n_free < PP_MAX_EXTENTS) {
        memmove(&file->free[i + 1], &file->free[i], (file->n_free - i) * sizeof *file->free);
        file->free[i] = (struct pp_extent){offset, n_bytes};
        file->n_free++;
    }
}

void pp_memory_file_close(struct pp_memory_file *file, bool unlink_name)
{
    if (file->base != NULL)
        (void)pp_own_munmap(file->base, file->n_mapped);
    if (file->fd >= 0)
        (void)close(file->fd);
    if (unlink_name && file->path[0] != '\0')
        (void)unlink(file->path);
    file->base = NULL;
    file->fd = -1;
}
