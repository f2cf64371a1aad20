/* Reading the bytes of a recording, bounds-checked: from a file or from memory that others write.
 */
#include "recording/reader_private.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int pp_recording_measure_source(struct pp_recording_source *source, struct pprofc_error *err)
{
    struct stat status;

    if (fstat(source->fd, &status) != 0)
        return pp_fail(err, -errno, 0, "cannot look at '%s': %s", source->name, strerror(errno));
    if (!S_ISREG(status.st_mode))
        return pp_fail(err, -EINVAL, 0, "'%s' is not a regular file", source->name);
    source->n_bytes = (uint64_t)status.st_size;
    return 0;
}

static int read_file(const struct pp_recording_source *source, uint64_t offset, char *bytes,
                     uint64_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = pread(source->fd, bytes, n_bytes, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EBADMSG;
        bytes += n, offset += (uint64_t)n, n_bytes -= (uint64_t)n;
    }
    return 0;
}

/* Memory that others write: word by word, so that no state word is torn. */
static void read_memory(const unsigned char *from, void *bytes, uint64_t n_bytes)
{
    uint64_t i = 0;

    if (((uintptr_t)from | (uintptr_t)bytes) % sizeof(uint64_t) == 0) {
        for (; n_bytes - i >= sizeof(uint64_t); i += sizeof(uint64_t))
            *(uint64_t *)((char *)bytes + i) =
                __atomic_load_n((const uint64_t *)(from + i), __ATOMIC_RELAXED);
    }
    memcpy((char *)bytes + i, from + i, n_bytes - i);
}

int pp_recording_read_source(const struct pp_recording_source *source, uint64_t offset, void *bytes,
                             uint64_t n_bytes, struct pprofc_error *err)
{
    int status = 0;

    if (offset > source->n_bytes || n_bytes > source->n_bytes - offset)
        status = -EBADMSG;
    else if (source->fd >= 0)
        status = read_file(source, offset, bytes, n_bytes);
    else
        read_memory(source->bytes + offset, bytes, n_bytes);
    /* What is read next is read later. */
    atomic_thread_fence(memory_order_acquire);
    if (status == -EBADMSG)
        return pp_fail(err, status, offset, "'%s' is cut short: it ends before byte %llu",
                       source->name, (unsigned long long)(offset + n_bytes));
    if (status != 0)
        return pp_fail(err, status, offset, "cannot read '%s': %s", source->name,
                       strerror(-status));
    return 0;
}

int pp_recording_damaged(const struct pp_recording_source *source, struct pprofc_error *err,
                         uint64_t offset, const char *what)
{
    return pp_fail(err, -EBADMSG, offset, "'%s' is damaged: %s at byte %llu", source->name, what,
                   (unsigned long long)offset);
}

int pp_recording_check_header(const struct pp_recording_source *source,
                              const struct pp_rec_header *head, struct pprofc_error *err)
{
    if (memcmp(head->magic, PP_REC_MAGIC, sizeof head->magic) != 0)
        return pp_fail(err, -EBADMSG, 0, "'%s' is not a pprof-c recording", source->name);
    if (head->layout > PP_REC_LAYOUT)
        return pp_fail(
            err, -ENOTSUP, offsetof(struct pp_rec_header, layout),
            "'%s' was made by a newer pprof-c (layout %u, this one reads up to %d): use that one's pprofc",
            source->name, head->layout, PP_REC_LAYOUT);
    if (head->layout == 0)
        return pp_recording_damaged(source, err, offsetof(struct pp_rec_header, layout),
                                    "no layout number");
    if (head->header_bytes < sizeof *head || head->header_bytes > head->n_bytes)
        return pp_recording_damaged(source, err, offsetof(struct pp_rec_header, header_bytes),
                                    "a wrong header length");
    if (head->n_bytes > source->n_bytes)
        return pp_fail(err, -EBADMSG, source->n_bytes,
                       "'%s' is cut short: it has %llu of %llu bytes", source->name,
                       (unsigned long long)source->n_bytes, (unsigned long long)head->n_bytes);
    return 0;
}
