/* What the header of a living recording says of its own memory, as one JSON line.  Argument: the
 * recording's path, /dev/shm/pprofc.UID.PID. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "recording/layout.h"

int main(int argc, char **argv)
{
    const int fd = argc > 1 ? open(argv[1], O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
    const struct pp_rec_header *header;
    struct stat status;

    if (fd < 0 || fstat(fd, &status) != 0 || status.st_size < PP_REC_HEADER_BYTES) {
        (void)fprintf(stderr, "recording_facts: no recording is given\n");
        return 2;
    }
    header = mmap(NULL, PP_REC_HEADER_BYTES, PROT_READ, MAP_SHARED, fd, 0);
    if (header == MAP_FAILED)
        return 1;
    printf("{\"held_bytes\": %lld, \"reserved_bytes\": %llu, \"table_bytes\": %llu, "
           "\"n_threads\": %u, \"helper_cpu_ns\": %llu, \"cpu_ns\": %llu}\n",
           (long long)status.st_blocks * 512, (unsigned long long)atomic_load(&header->n_bytes),
           (unsigned long long)atomic_load(&header->table_bytes),
           atomic_load(&header->threads.n_items),
           (unsigned long long)atomic_load(&header->helper_cpu_ns),
           (unsigned long long)atomic_load(&header->cpu_ns));
    return 0;
}
