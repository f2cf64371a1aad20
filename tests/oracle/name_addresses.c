/* Names random code addresses of one ELF file, cold, and prints as JSON how long that took and what
 * share got a function's name, a line, and an inlined call.  Arguments: file, number of
 * random addresses, further addresses in hexadecimal. */
#include <elf.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "binary/symbolizer.h"

enum { MAX_RANGES = 16, MAX_FRAMES = 1024 };

struct range {
    uint64_t start, n_bytes;
};

/* Where code is: the sections with instructions, or without sections the executable segments.
 * Returns the number of bytes in all. */
static uint64_t find_code(const char *path, struct range ranges[MAX_RANGES], size_t *n_out)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    const char *bytes;
    const Elf64_Ehdr *head;
    const Elf64_Shdr *sections;
    const Elf64_Phdr *segments;
    uint64_t n_all = 0;
    size_t n = 0;

    if (fd < 0 || fstat(fd, &status) != 0)
        return 0;
    bytes = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    (void)close(fd);
    if (bytes == MAP_FAILED)
        return 0;
    head = (const Elf64_Ehdr *)(const void *)bytes;
    sections = (const Elf64_Shdr *)(const void *)(bytes + head->e_shoff);
    segments = (const Elf64_Phdr *)(const void *)(bytes + head->e_phoff);
    for (size_t i = 0; i < head->e_shnum && n < MAX_RANGES; i++)
        if ((sections[i].sh_flags & SHF_EXECINSTR) != 0)
            ranges[n++] = (struct range){sections[i].sh_addr, sections[i].sh_size};
    for (size_t i = 0; head->e_shnum == 0 && i < head->e_phnum && n < MAX_RANGES; i++)
        if (segments[i].p_type == PT_LOAD && (segments[i].p_flags & PF_X) != 0)
            ranges[n++] = (struct range){segments[i].p_vaddr, segments[i].p_memsz};
    for (size_t i = 0; i < n; i++)
        n_all += ranges[i].n_bytes;
    (void)munmap((void *)(uintptr_t)bytes, (size_t)status.st_size);
    *n_out = n;
    return n_all;
}

static uint64_t address_at(const struct range *ranges, uint64_t position)
{
    size_t i = 0;

    for (; position >= ranges[i].n_bytes; i++)
        position -= ranges[i].n_bytes;
    return ranges[i].start + position;
}

static double seconds_of(clockid_t clock)
{
    struct timespec now;

    (void)clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

struct found {
    long n_named, n_lines, n_inlined, most_frames;
};

static bool name_one(struct pp_module *module, uint64_t address, struct found *found)
{
    static struct pp_frame frames[MAX_FRAMES];
    const int n_frames = pp_module_frames(module, address, frames, MAX_FRAMES);

    if (n_frames < 1)
        return false;
    found->n_named += frames[n_frames - 1].is_named;
    found->n_lines += frames[0].line != 0;
    found->n_inlined += n_frames > 1;
    found->most_frames = n_frames > found->most_frames ? n_frames : found->most_frames;
    return true;
}

int main(int argc, char **argv)
{
    const long n_addresses = argc > 2 ? atol(argv[2]) : 0;
    struct found found = {0, 0, 0, 0};
    struct range ranges[MAX_RANGES];
    struct pp_symbolizer *symbolizer = NULL;
    struct pp_module *module = NULL;
    uint64_t random = 88172645463325252u, n_bytes;
    size_t n_ranges = 0;
    double wall_s;

    if (argc < 3 || (n_bytes = find_code(argv[1], ranges, &n_ranges)) == 0)
        return 2;
    wall_s = seconds_of(CLOCK_MONOTONIC);
    if (pp_symbolizer_new(&(struct pp_symbolizer_options){.debug_path = NULL}, &symbolizer, NULL) !=
            0 ||
        pp_symbolizer_module(symbolizer, argv[1], NULL, NULL, 0, &module, NULL) != 0)
        return 1;
    for (long i = 0; i < n_addresses + argc - 3; i++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        if (!name_one(module,
                      i < n_addresses ? address_at(ranges, random % n_bytes)
                                      : strtoull(argv[3 + i - n_addresses], NULL, 16),
                      &found))
            return 1;
    }
    wall_s = seconds_of(CLOCK_MONOTONIC) - wall_s;
    printf("{\"addresses\": %ld, \"wall_s\": %.3f, \"cpu_s\": %.3f, \"named\": %ld, "
           "\"lines\": %ld, \"inlined\": %ld, \"most_frames\": %ld, \"shortcoming\": %d}\n",
           n_addresses, wall_s, seconds_of(CLOCK_PROCESS_CPUTIME_ID), found.n_named, found.n_lines,
           found.n_inlined, found.most_frames, pp_module_shortcoming(module)[0] != '\0');
    pp_symbolizer_free(symbolizer);
    return 0;
}
