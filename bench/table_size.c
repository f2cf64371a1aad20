/* How large the unwind tables of modules are.  Arguments: paths of ELF files; those that cannot be
 * opened are left out.  Prints one JSON list.  The files are mapped as the loader would, and not
 * run. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "capture/unwind_table.h"
#include "sigsafe/cfi.h"

static const uint64_t PAGE_MASK = 4095;

/* A module in memory: its addresses are 'bias' plus those in the file. */
struct image {
    uint64_t bias, n_bytes;
    uint64_t text_start, text_limit; /* its largest executable segment */
    uint64_t header, n_header_bytes; /* .eh_frame_hdr */
    const Elf64_Phdr *segments;
    uint32_t n_segments;
};

static double now_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static bool place(struct image *image, const Elf64_Phdr *segment, int fd)
{
    const uint64_t start = image->bias + (segment->p_vaddr & ~PAGE_MASK);
    const uint64_t shift = segment->p_vaddr & PAGE_MASK;

    if (segment->p_type == PT_GNU_EH_FRAME) {
        image->header = image->bias + segment->p_vaddr;
        image->n_header_bytes = segment->p_memsz;
    }
    if (segment->p_type != PT_LOAD || segment->p_filesz == 0)
        return true;
    if ((segment->p_flags & PF_X) != 0 &&
        segment->p_memsz > image->text_limit - image->text_start) {
        image->text_start = image->bias + segment->p_vaddr;
        image->text_limit = image->text_start + segment->p_memsz;
    }
    return mmap((void *)start, segment->p_filesz + shift, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd,
                (off_t)(segment->p_offset - shift)) != MAP_FAILED;
}

static bool load(const char *path, struct image *image)
{
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    struct stat status;
    const Elf64_Ehdr *file;
    uint64_t limit = 0;
    bool is_whole = true;

    if (fd < 0 || fstat(fd, &status) != 0)
        return false;
    file = mmap(NULL, (size_t)status.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED || memcmp(file->e_ident, ELFMAG, SELFMAG) != 0)
        return false;
    memset(image, 0, sizeof *image);
    image->segments = (const Elf64_Phdr *)((const char *)file + file->e_phoff);
    image->n_segments = file->e_phnum;
    for (uint32_t i = 0; i < image->n_segments; i++)
        if (image->segments[i].p_type == PT_LOAD)
            limit = image->segments[i].p_vaddr + image->segments[i].p_memsz;
    image->n_bytes = limit + PAGE_MASK;
    image->bias =
        (uint64_t)mmap(NULL, image->n_bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (uint32_t i = 0; i < image->n_segments; i++)
        is_whole = is_whole && place(image, &image->segments[i], fd);
    (void)close(fd);
    return is_whole && image->header != 0 && image->text_limit != 0;
}

static uint64_t limit_of(const struct image *image, uint64_t address)
{
    for (uint32_t i = 0; i < image->n_segments; i++) {
        const uint64_t start = image->bias + image->segments[i].p_vaddr;
        if (image->segments[i].p_type == PT_LOAD && address >= start &&
            address < start + image->segments[i].p_filesz)
            return start + image->segments[i].p_filesz;
    }
    return 0;
}

static void measure(const char *path, const struct image *image, const char *separator)
{
    const struct pp_sig_bytes header = {(const uint8_t *)(uintptr_t)image->header,
                                        image->n_header_bytes, image->header};
    const char *slash = strrchr(path, '/');
    struct pp_table_builder builder = {0};
    struct pp_sig_rule_table *table = NULL;
    struct pp_sig_cfi cfi = {0};
    uint64_t eh_frame = 0;
    double before_ms, took_ms;

    (void)pp_sig_cfi_read_header(header, &cfi, &eh_frame);
    cfi.frames = (struct pp_sig_bytes){(const uint8_t *)(uintptr_t)eh_frame,
                                       limit_of(image, eh_frame) - eh_frame, eh_frame};
    /* The first time touches the file's pages. */
    for (int i = 0; i < 2; i++) {
        pp_unwind_table_free(table);
        before_ms = now_ms();
        if (pp_unwind_table_build(&builder, &cfi, image->text_start, image->text_limit, &table) !=
            0)
            return;
        took_ms = now_ms() - before_ms;
    }
    printf("%s{\"name\": \"%s\", \"n_rows\": %u, \"n_rules\": %u, \"kilobytes\": %llu, "
           "\"text_mb\": %.2f, \"row_bytes\": %.2f, \"build_ms\": %.2f}",
           separator, slash == NULL ? path : slash + 1, table->n_rows, table->n_rules,
           (unsigned long long)table->n_bytes / 1000,
           (double)(image->text_limit - image->text_start) / 1e6,
           (double)table->n_bytes / table->n_rows, took_ms);
    pp_unwind_table_free(table);
    pp_table_builder_done(&builder);
}

int main(int argc, char **argv)
{
    bool is_first = true;

    printf("[");
    for (int i = 1; i < argc; i++) {
        struct image image;
        if (!load(argv[i], &image))
            continue;
        measure(argv[i], &image, is_first ? "" : ", ");
        is_first = false;
    }
    printf("]\n");
    return 0;
}
