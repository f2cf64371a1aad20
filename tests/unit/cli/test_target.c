/* What kind of program a command is.  The programs are made here: small ELF files written byte by
 * byte, scripts, and the system's own shell. */
#include "cmocka_includes.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/find_program.h"
#include "cli/target.h"

static char folder[64];

static int enter_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pprofc-unit-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int leave_folder(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") != 0 || system(command) != 0;
}

static void put(const char *path, const void *bytes, size_t n_bytes, mode_t mode)
{
    const int descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

    assert_true(descriptor >= 0);
    assert_int_equal(write(descriptor, bytes, n_bytes), n_bytes);
    assert_int_equal(close(descriptor), 0);
    assert_int_equal(chmod(path, mode), 0);
}

static void put_script(const char *path, const char *text)
{
    put(path, text, strlen(text), 0755);
}

/* A program of headers only: what matters is what they say. */
struct image {
    Elf64_Ehdr header;
    Elf64_Phdr segments[4];
    char interpreter[64];
    char note[64];
    Elf64_Dyn dynamic[4];
    char names[128];
};

enum { SEGMENT_LOAD, SEGMENT_INTERPRETER, SEGMENT_NOTE, SEGMENT_DYNAMIC };

static void use_segment(struct image *image, int number, uint32_t type, size_t offset,
                        size_t n_bytes)
{
    image->segments[number] = (Elf64_Phdr){.p_type = type,
                                           .p_offset = offset,
                                           .p_vaddr = offset,
                                           .p_filesz = n_bytes,
                                           .p_memsz = n_bytes};
}

/* A static program for this machine. */
static struct image make_image(void)
{
    struct image image = {.header = {.e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64,
                                                 ELFDATA2LSB, EV_CURRENT},
                                     .e_type = ET_EXEC,
                                     .e_machine = EM_X86_64,
                                     .e_phoff = offsetof(struct image, segments),
                                     .e_phentsize = sizeof(Elf64_Phdr),
                                     .e_phnum = 4}};

    use_segment(&image, SEGMENT_LOAD, PT_LOAD, 0, sizeof image);
    return image;
}

static void set_interpreter(struct image *image, const char *path)
{
    (void)snprintf(image->interpreter, sizeof image->interpreter, "%s", path);
    use_segment(image, SEGMENT_INTERPRETER, PT_INTERP, offsetof(struct image, interpreter),
                strlen(path) + 1);
}

static void set_names(struct image *image, const char *names, size_t n_bytes)
{
    memcpy(image->names, names, n_bytes);
    image->dynamic[0] =
        (Elf64_Dyn){.d_tag = DT_STRTAB, .d_un.d_ptr = offsetof(struct image, names)};
    image->dynamic[1] = (Elf64_Dyn){.d_tag = DT_STRSZ, .d_un.d_val = n_bytes};
    use_segment(image, SEGMENT_DYNAMIC, PT_DYNAMIC, offsetof(struct image, dynamic),
                sizeof image->dynamic);
}

static void assert_refused(const struct image *image, size_t n_bytes, const char *says)
{
    struct pp_target target;

    put("prog", image, n_bytes, 0755);
    assert_int_equal(pp_target_find("./prog", &target), 0);
    assert_false(target.can_preload);
    if (strstr(target.shortcoming, says) == NULL)
        fail_msg("'%s' does not say '%s'", target.shortcoming, says);
}

static void assert_accepted(const struct image *image)
{
    struct pp_target target;

    put("prog", image, sizeof *image, 0755);
    assert_int_equal(pp_target_find("./prog", &target), 0);
    assert_string_equal(target.shortcoming, "");
    assert_true(target.can_preload);
}

#define GLIBC_LOADER "/lib64/ld-linux-x86-64.so.2"

/* The system's shell can be preloaded, found through PATH. */
static void a_dynamic_program(void **state)
{
    struct pp_target target;
    struct image image = make_image();

    (void)state;
    assert_int_equal(pp_target_find("sh", &target), 0);
    assert_true(target.can_preload);
    assert_false(target.is_script);
    assert_string_equal(pp_base_name(target.path), "sh");
    set_interpreter(&image, GLIBC_LOADER);
    assert_accepted(&image);
}

/* A static program is told to link the library; one that has it linked starts by itself. */
static void a_static_program(void **state)
{
    struct image image = make_image();
    struct pp_target target;

    (void)state;
    assert_refused(&image, sizeof image,
                   "prog is statically linked, so it cannot be preloaded; link it with -lpprofc");
    memcpy(image.note, "PPROFC_RUN_ID", 14);
    put("linked", &image, sizeof image, 0755);
    assert_int_equal(pp_target_find("./linked", &target), 0);
    assert_true(target.links_capture);
    assert_false(target.can_preload);
    assert_string_equal(target.shortcoming, "");
}

/* A static Go program is told of Go's own profiler; a dynamic one can be preloaded. */
static void a_go_program(void **state)
{
    struct image image = make_image();
    const Elf64_Nhdr note = {.n_namesz = 4, .n_descsz = 4, .n_type = 4};

    (void)state;
    memcpy(image.note, &note, sizeof note);
    memcpy(image.note + sizeof note, "Go\0\0abcd", 8);
    use_segment(&image, SEGMENT_NOTE, PT_NOTE, offsetof(struct image, note), sizeof note + 8);
    assert_refused(&image, sizeof image, "Go program");
    set_interpreter(&image, GLIBC_LOADER);
    assert_accepted(&image);
}

/* musl's loader, the sanitizers' libraries and their linked-in entries, other machines, 32 bits. */
static void others_are_named(void **state)
{
    struct image image = make_image();

    (void)state;
    set_interpreter(&image, "/lib/ld-musl-x86_64.so.1");
    assert_refused(&image, sizeof image, "musl");
    set_interpreter(&image, GLIBC_LOADER);
    set_names(&image, "\0libasan.so.8\0libc.so.6", 24);
    assert_refused(&image, sizeof image, "AddressSanitizer");
    set_names(&image, "\0main\0__tsan_init\0x", 20);
    assert_refused(&image, sizeof image, "ThreadSanitizer");
    set_names(&image, "\0my__asan_init\0__asan_initial\0", 30);
    assert_accepted(&image);
    image.header.e_machine = EM_AARCH64;
    assert_refused(&image, sizeof image, "built for aarch64");
    image.header.e_machine = EM_386;
    image.header.e_ident[EI_CLASS] = ELFCLASS32;
    assert_refused(&image, sizeof image, "32-bit");
}

/* The loader run as a program ("ld.so ./prog") has no PT_INTERP and preloads all the same. */
static void the_loader_itself(void **state)
{
    struct image image = make_image();

    (void)state;
    set_names(&image, "\0ld-linux-x86-64.so.2", 22);
    assert_accepted(&image);
}

/* A program of another user with its set-user-ID bit is in secure mode; one of ours is not. */
static void a_setuid_program(void **state)
{
    struct image image = make_image();
    struct pp_target target;

    (void)state;
    set_interpreter(&image, GLIBC_LOADER);
    put("prog", &image, sizeof image, 04755);
    assert_int_equal(pp_target_find("./prog", &target), 0);
    assert_true(target.can_preload);
    if (getuid() != 0)
        return;
    assert_int_equal(chown("prog", 65534, 65534), 0);
    assert_int_equal(chmod("prog", 04755), 0);
    assert_int_equal(pp_target_find("./prog", &target), 0);
    assert_false(target.can_preload);
    assert_non_null(strstr(target.shortcoming, "setuid"));
}

/* A script is its interpreter, also through env, through a second script, and without a first line.
 */
static void scripts(void **state)
{
    struct pp_target target;

    (void)state;
    put_script("plain", "#!/bin/sh -e\necho\n");
    put_script("env", "#!/usr/bin/env -S FOO=1 sh\n");
    put_script("second", "#! ./plain\n");
    put_script("bare", "echo\n");
    assert_int_equal(pp_target_find("./plain", &target), 0);
    assert_true(target.is_script && target.can_preload);
    assert_string_equal(target.inspected, "/bin/sh");
    assert_string_equal(target.path, "./plain");
    assert_int_equal(pp_target_find("./env", &target), 0);
    assert_true(target.is_script && target.can_preload);
    assert_string_equal(pp_base_name(target.inspected), "sh");
    assert_int_equal(pp_target_find("./second", &target), 0);
    assert_string_equal(target.inspected, "/bin/sh");
    assert_int_equal(pp_target_find("./bare", &target), 0);
    assert_true(target.is_script && target.can_preload);
    assert_string_equal(target.inspected, "/bin/sh");
    put_script("loop", "#!./loop\n");
    assert_int_equal(pp_target_find("./loop", &target), 0); /* and it comes back */
}

/* Cut at every byte, and with each byte of its headers changed, a program is judged without harm.
 */
static void damaged_programs(void **state)
{
    struct image image = make_image();
    struct pp_target target;

    (void)state;
    set_interpreter(&image, GLIBC_LOADER);
    set_names(&image, "\0libc.so.6", 11);
    for (size_t n_bytes = 1; n_bytes < sizeof image; n_bytes += 3) {
        put("prog", &image, n_bytes, 0755);
        assert_int_equal(pp_target_find("./prog", &target), 0);
    }
    for (size_t i = 4; i < sizeof image; i++) {
        struct image damaged = image;
        ((unsigned char *)&damaged)[i] ^= 0xff;
        put("prog", &damaged, sizeof damaged, 0755);
        assert_int_equal(pp_target_find("./prog", &target), 0);
    }
}

/* Missing is -ENOENT; a folder and a file that is not executable are -EACCES, also in PATH. */
static void not_there_or_not_executable(void **state)
{
    struct pp_target target;
    char path[PATH_MAX];

    (void)state;
    put("text", "hello\n", 6, 0644);
    assert_int_equal(pp_target_find("./none", &target), -ENOENT);
    assert_int_equal(pp_target_find("no-such-program-at-all", &target), -ENOENT);
    assert_int_equal(pp_target_find("", &target), -ENOENT);
    assert_int_equal(pp_target_find("./text", &target), -EACCES);
    assert_int_equal(pp_target_find("/tmp", &target), -EACCES);
    assert_int_equal(setenv("PATH", "/nowhere::/bin", 1), 0);
    assert_int_equal(pp_find_program("text", path), -EACCES);
    assert_int_equal(chmod("text", 0755), 0);
    assert_int_equal(pp_find_program("text", path), 0);
    assert_string_equal(path, "text");
    assert_int_equal(pp_find_program("sh", path), 0);
    assert_string_equal(path, "/bin/sh");
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(a_dynamic_program),
        IN_FOLDER(a_static_program),
        IN_FOLDER(a_go_program),
        IN_FOLDER(others_are_named),
        IN_FOLDER(the_loader_itself),
        IN_FOLDER(a_setuid_program),
        IN_FOLDER(scripts),
        IN_FOLDER(damaged_programs),
        IN_FOLDER(not_there_or_not_executable),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
