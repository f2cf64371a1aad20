/* Files that change while names are read from them, and names of things that are no files: nothing
 * faults, hangs or takes memory for it.
 *
 * argv[1] is the folder with inline_chain.cpp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../skip_because.h"
#include "binary/symbolizer.h"
#include "commands.h"

enum { MAX_FRAMES = 16, N_CHAIN = 5, HANG_S = 60 };

static uint64_t addr;

static const char *path_of(const char *name)
{
    static char path[300];

    (void)snprintf(path, sizeof path, "%s/%s", test_directory(), name);
    return path;
}

static struct pp_symbolizer *new_symbolizer(const char *debug_path)
{
    const struct pp_symbolizer_options options = {.debug_path = debug_path};
    struct pp_symbolizer *symbolizer = NULL;

    assert_int_equal(pp_symbolizer_new(&options, &symbolizer, NULL), 0);
    return symbolizer;
}

static struct pp_module *open_module(struct pp_symbolizer *symbolizer, const char *path,
                                     const char *build_id)
{
    struct pp_module *module = NULL;

    assert_int_equal(pp_symbolizer_module(symbolizer, path, build_id, NULL, 0, &module, NULL), 0);
    return module;
}

static void assert_chain(struct pp_module *module)
{
    struct pp_frame frames[MAX_FRAMES];

    assert_int_equal(pp_module_frames(module, addr, frames, MAX_FRAMES), N_CHAIN);
    assert_string_equal(frames[N_CHAIN - 1].name, "chain::Runner<long>::run");
}

static void assert_offset_only(struct pp_module *module)
{
    struct pp_frame frames[MAX_FRAMES];

    assert_int_equal(pp_module_frames(module, addr, frames, MAX_FRAMES), 1);
    assert_false(frames[0].is_named);
}

/* A program that is cut to nothing after it was opened still has its names. */
static void test_cut_short(void **state)
{
    struct pp_symbolizer *symbolizer = new_symbolizer(NULL);
    struct pp_module *module;

    (void)state;
    assert_true(run("cp changing cut"));
    module = open_module(symbolizer, path_of("cut"), NULL);
    assert_int_equal(truncate(path_of("cut"), 100), 0);
    assert_chain(module);
    pp_symbolizer_free(symbolizer);
}

/* One that is written over in place gives the names that it had. */
static void test_written_over(void **state)
{
    struct pp_symbolizer *symbolizer = new_symbolizer(NULL);
    struct pp_module *module;

    (void)state;
    assert_true(run("cp changing over"));
    module = open_module(symbolizer, path_of("over"), NULL);
    assert_true(run("head -c $(stat -c %%s over) /dev/urandom | dd of=over conv=notrunc 2>&1"));
    assert_chain(module);
    pp_symbolizer_free(symbolizer);
}

/* A pipe, a device or a folder where a program, its debug file by build id or the one that its link
 * names should be: offsets, at once. */
static void test_no_files(void **state)
{
    static const char *const places[] = {"/dev/zero", "/dev/tty", "/dev", "/proc/self/mem"};
    char debug_path[300];
    struct pp_symbolizer *symbolizer;

    (void)state;
    assert_true(
        run("mkfifo pipe && mkdir -p debug/.build-id/ab stripped.d && mkfifo "
            "debug/.build-id/ab/cdef.debug && objcopy --only-keep-debug changing "
            "stripped.d/its.debug && objcopy -g --remove-section=.note.gnu.build-id "
            "--strip-all --add-gnu-debuglink=stripped.d/its.debug changing "
            "stripped.d/program && rm stripped.d/its.debug && mkfifo stripped.d/its.debug"));
    (void)snprintf(debug_path, sizeof debug_path, "%s", path_of("debug"));
    symbolizer = new_symbolizer(debug_path);
    (void)alarm(HANG_S);
    assert_offset_only(open_module(symbolizer, path_of("pipe"), NULL));
    assert_offset_only(open_module(symbolizer, "/gone/program", "abcdef"));
    assert_offset_only(open_module(symbolizer, path_of("stripped.d/program"), NULL));
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++)
        assert_offset_only(open_module(symbolizer, places[i], NULL));
    (void)alarm(0);
    pp_symbolizer_free(symbolizer);
}

/* A link to a debug file is followed when the checksum is right, and only then. */
static void test_debug_link(void **state)
{
    struct pp_symbolizer *symbolizer = new_symbolizer(NULL);

    (void)state;
    assert_true(run("mkdir linked wrong && objcopy --only-keep-debug changing linked/its.debug && "
                    "objcopy -g --strip-all --remove-section=.note.gnu.build-id "
                    "--add-gnu-debuglink=linked/its.debug changing linked/program && "
                    "objcopy --remove-section=.note.gnu.build-id linked/its.debug wrong/its.debug "
                    "&& cp linked/program wrong/program"));
    assert_offset_only(open_module(symbolizer, path_of("wrong/program"), NULL));
    assert_true(run("objcopy --remove-section=.note.gnu.build-id linked/its.debug && "
                    "objcopy --remove-section=.gnu_debuglink linked/program && "
                    "objcopy --add-gnu-debuglink=linked/its.debug linked/program"));
    assert_chain(open_module(symbolizer, path_of("linked/program"), NULL));
    pp_symbolizer_free(symbolizer);
}

/* A file of terabytes of nothing, with sections that claim them, costs no memory. */
static void test_holes(void **state)
{
    Elf64_Ehdr header = {.e_type = ET_EXEC,
                         .e_machine = EM_X86_64,
                         .e_version = 1,
                         .e_ehsize = sizeof header,
                         .e_shoff = sizeof header,
                         .e_shentsize = sizeof(Elf64_Shdr),
                         .e_shnum = 1000};
    struct pp_symbolizer *symbolizer = new_symbolizer(NULL);
    struct rusage before, after;
    const off_t n_bytes = (off_t)1 << 40;
    const int descriptor = open(path_of("holes"), O_CREAT | O_RDWR | O_CLOEXEC, 0600);

    (void)state;
    memcpy(header.e_ident, ELFMAG "\2\1\1", 7);
    assert_int_equal(write(descriptor, &header, sizeof header), sizeof header);
    for (int i = 0; i < 1000; i++) {
        const Elf64_Shdr section = {.sh_type = i % 2 == 0 ? SHT_STRTAB : SHT_SYMTAB,
                                    .sh_offset = (uint64_t)i << 20,
                                    .sh_size = (uint64_t)n_bytes,
                                    .sh_entsize = sizeof(Elf64_Sym)};
        assert_int_equal(write(descriptor, &section, sizeof section), sizeof section);
    }
    if (ftruncate(descriptor, n_bytes) != 0) {
        (void)close(descriptor);
        pp_symbolizer_free(symbolizer);
        skip_because("the file system takes no file of that size");
    }
    (void)close(descriptor);
    (void)getrusage(RUSAGE_SELF, &before);
    assert_offset_only(open_module(symbolizer, path_of("holes"), NULL));
    (void)getrusage(RUSAGE_SELF, &after);
    assert_true(after.ru_maxrss - before.ru_maxrss < 64 * 1024); /* KiB */
    pp_symbolizer_free(symbolizer);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_short), cmocka_unit_test(test_written_over),
        cmocka_unit_test(test_no_files),  cmocka_unit_test(test_debug_link),
        cmocka_unit_test(test_holes),
    };

    if (argc != 2)
        return 2;
    if (!run("cp '%s/inline_chain.cpp' . && g++ -O1 -g inline_chain.cpp -o changing", argv[1]))
        return 77; /* Meson: skipped, there is no g++ */
    addr = address_of("changing", "fourth_pc", NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
