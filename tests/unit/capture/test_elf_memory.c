/* ELF headers in memory: of objects that are there, and of what only looks like one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/elf_memory.h"

enum { PAGE_BYTES = 4096, N_PHDRS = 3 };

/* An object of two pages whose headers each test spoils in its own way. */
struct object {
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdrs[N_PHDRS]; /* PT_LOAD, PT_NOTE, PT_GNU_EH_FRAME */
    struct {
        Elf64_Nhdr head;
        char name[4];
        uint8_t id[20];
    } note;
};

static struct object *object;

static void make_object(void)
{
    memset(object, 0, 2 * PAGE_BYTES);
    memcpy(object->ehdr.e_ident, ELFMAG, SELFMAG);
    object->ehdr.e_ident[EI_CLASS] = ELFCLASS64;
    object->ehdr.e_machine = EM_X86_64;
    object->ehdr.e_phentsize = sizeof(Elf64_Phdr);
    object->ehdr.e_phnum = N_PHDRS;
    object->ehdr.e_phoff = offsetof(struct object, phdrs);
    object->phdrs[0] = (Elf64_Phdr){.p_type = PT_LOAD,
                                    .p_flags = PF_R | PF_X,
                                    .p_filesz = PAGE_BYTES,
                                    .p_memsz = 2 * PAGE_BYTES};
    object->phdrs[1] = (Elf64_Phdr){.p_type = PT_NOTE,
                                    .p_vaddr = offsetof(struct object, note),
                                    .p_filesz = sizeof object->note,
                                    .p_align = 4};
    object->phdrs[2] = (Elf64_Phdr){.p_type = PT_GNU_EH_FRAME, .p_vaddr = 1024, .p_filesz = 100};
    object->note.head = (Elf64_Nhdr){4, sizeof object->note.id, NT_GNU_BUILD_ID};
    memcpy(object->note.name, "GNU", 4);
    memset(object->note.id, 0xab, sizeof object->note.id);
}

static int read_object(struct pp_elf_image *image)
{
    const uint64_t start = (uint64_t)(uintptr_t)object;

    memset(image, 0, sizeof *image);
    return pp_elf_read_image(start, start, 0, image);
}

static int set_up(void **state)
{
    (void)state;
    object = mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    return object == MAP_FAILED;
}

static int fresh(void **state)
{
    (void)state;
    make_object();
    return 0;
}

/* All that is asked of an object that is as it should be. */
static void test_whole(void **state)
{
    const uint64_t start = (uint64_t)(uintptr_t)object;
    struct pp_elf_image image;

    (void)state;
    assert_int_equal(read_object(&image), 0);
    assert_int_equal(image.bias, start);
    assert_int_equal(image.start, start);
    assert_int_equal(image.limit, start + 2 * PAGE_BYTES);
    assert_int_equal(image.eh_frame_hdr, start + 1024);
    assert_int_equal(image.n_eh_frame_hdr_bytes, 100);
    assert_int_equal(image.n_build_id_bytes, sizeof object->note.id);
    assert_memory_equal(image.build_id, object->note.id, sizeof object->note.id);
    assert_int_equal(pp_elf_segment_limit(&image, start + 10), start + PAGE_BYTES);
    assert_int_equal(pp_elf_segment_limit(&image, start + PAGE_BYTES), 0);
    assert_int_equal(pp_elf_segment_limit(&image, start - 1), 0);
}

/* This program and libc, as the loader has mapped them. */
static void test_this_program(void **state)
{
    const uint64_t vdso = getauxval(AT_SYSINFO_EHDR);
    const uint64_t headers = getauxval(AT_PHDR) & ~(uint64_t)(PAGE_BYTES - 1);
    struct pp_elf_image image;
    uint64_t addr, n_bytes;

    (void)state;
    assert_int_equal(pp_elf_read_image(headers, headers, 0, &image), 0);
    assert_true(image.n_segments >= 2);
    assert_true(image.n_eh_frame_hdr_bytes > 0);
    assert_int_equal(pp_elf_find_eh_frame("/proc/self/exe", headers, &addr, &n_bytes), 0);
    assert_true(n_bytes > 0);
    assert_int_equal(pp_elf_find_eh_frame("/bin/sh", headers, &addr, &n_bytes), -ENOENT);
    assert_true(pp_elf_find_eh_frame("/no/such/file", headers, &addr, &n_bytes) < 0);
    if (vdso != 0)
        assert_int_equal(pp_elf_read_image(vdso, vdso, 0, &image), 0);
}

/* What is no object of this CPU, or says that its headers are elsewhere. */
static void test_not_an_object(void **state)
{
    struct pp_elf_image image;

    (void)state;
    object->ehdr.e_ident[0] = 'x';
    assert_int_equal(read_object(&image), -EBADMSG);
    make_object();
    object->ehdr.e_ident[EI_CLASS] = ELFCLASS32;
    assert_int_equal(read_object(&image), -EBADMSG);
    make_object();
    object->ehdr.e_machine = EM_AARCH64;
    assert_int_equal(read_object(&image), -EBADMSG);
    make_object();
    object->ehdr.e_phentsize = 8;
    assert_int_equal(read_object(&image), -EBADMSG);
    make_object();
    object->ehdr.e_phnum = 0;
    assert_int_equal(read_object(&image), -EBADMSG);
    object->ehdr.e_phnum = 60000;
    assert_int_equal(read_object(&image), -EBADMSG);
    make_object();
    object->ehdr.e_phoff = (uint64_t)-64;
    assert_int_equal(read_object(&image), -EBADMSG);
}

/* Memory that ends, or was never there, is told and not touched. */
static void test_cut_short(void **state)
{
    struct pp_elf_image image;
    char *pages =
        mmap(NULL, 2 * PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *end = pages + PAGE_BYTES;

    (void)state;
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(munmap(end, PAGE_BYTES), 0);
    for (size_t n = 8; n < offsetof(struct object, note); n += 8) {
        const uint64_t at = (uint64_t)(uintptr_t)(end - n);
        memcpy(end - n, object, n);
        assert_int_equal(pp_elf_read_image(at, at, 0, &image), -EFAULT);
    }
    assert_int_equal(pp_elf_read_image(0x1000, 0x1000, 0, &image), -EFAULT);
    (void)munmap(pages, PAGE_BYTES);
}

/* Sizes that go round the end of the address space, or are larger in the file than in memory: such
 * a segment bounds nothing. */
static void test_sizes(void **state)
{
    static const uint64_t ODD[] = {UINT64_MAX, UINT64_MAX - PAGE_BYTES, (uint64_t)1 << 63,
                                   3 * (uint64_t)PAGE_BYTES};
    struct pp_elf_image image;

    (void)state;
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++) {
        make_object();
        object->phdrs[0].p_filesz = ODD[i];
        assert_int_equal(read_object(&image), -EBADMSG);
        make_object();
        object->phdrs[0].p_offset = ODD[i];
        assert_int_equal(read_object(&image), -EBADMSG);
    }
    make_object();
    object->phdrs[0].p_memsz = UINT64_MAX - PAGE_BYTES;
    assert_int_equal(read_object(&image), -EBADMSG);
    make_object();
    object->phdrs[0].p_memsz = 0;
    assert_int_equal(read_object(&image), -EBADMSG);
}

/* Notes that overlap, claim more than is there, or have no end. */
static void test_notes(void **state)
{
    static const uint32_t ODD[] = {UINT32_MAX, UINT32_MAX - 3, 1 << 31, 64, 3};
    struct pp_elf_image image;

    (void)state;
    for (size_t i = 0; i < sizeof ODD / sizeof *ODD; i++) {
        make_object();
        object->note.head.n_namesz = ODD[i];
        assert_int_equal(read_object(&image), 0);
        assert_int_equal(image.n_build_id_bytes, 0);
    }
    make_object();
    object->note.head.n_descsz = UINT32_MAX;
    assert_int_equal(read_object(&image), 0);
    assert_int_equal(image.n_build_id_bytes, 0);
    make_object();
    object->phdrs[1].p_filesz = UINT64_MAX; /* at most so much of it is read as there is room */
    assert_int_equal(read_object(&image), 0);
    assert_int_equal(image.n_build_id_bytes, sizeof object->note.id);
    make_object();
    object->phdrs[1].p_vaddr = (uint64_t)-PAGE_BYTES;
    assert_int_equal(read_object(&image), 0);
    assert_int_equal(image.n_build_id_bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_whole, fresh),
        cmocka_unit_test(test_this_program),
        cmocka_unit_test_setup(test_not_an_object, fresh),
        cmocka_unit_test_setup(test_cut_short, fresh),
        cmocka_unit_test_setup(test_sizes, fresh),
        cmocka_unit_test_setup(test_notes, fresh),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
