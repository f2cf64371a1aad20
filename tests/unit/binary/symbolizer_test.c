/* The names and lines of one small program, built in the ways that programs are built.
 *
 * argv[1] is the folder with inline_chain.cpp.  Compilers and tools that are not installed are said
 * and skipped. */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../skip_because.h"
#include "binary/symbolizer.h"
#include "commands.h"

enum { MAX_FRAMES = 32 };

static const char *source_folder;

/* One way of building the program, and what is known of it then. */
struct variant {
    const char *name;
    const char *tool;    /* what must be installed besides g++ */
    const char *command; /* makes ./NAME from inline_chain.cpp */
    bool no_dwarf;       /* no lines and no inlined calls are to be had, only names */
    bool no_inlines;     /* lines, but no inlined calls */
    bool no_oracle;      /* addr2line is wrong here */
};

#define GXX "g++ -O2 -g inline_chain.cpp -o "
#define CLANG "clang++ -O2 -g inline_chain.cpp -o "

static const struct variant VARIANTS[] = {
    {"pie", "g++", GXX "pie -pie -fPIE", false, false, false},
    {"non_pie", "g++", GXX "non_pie -no-pie -fno-pie", false, false, false},
    {"static", "g++", GXX "static -static", false, false, false},
    {"static_pie", "g++", GXX "static_pie -static-pie -fPIE", false, false, false},
    {"dwarf_4", "g++", GXX "dwarf_4 -gdwarf-4", false, false, false},
    {"dwarf_5", "g++", GXX "dwarf_5 -gdwarf-5", false, false, false},
    {"unoptimised", "g++", "g++ -O0 -g inline_chain.cpp -o unoptimised", false, false, false},
    {"relative", "g++",
     "mkdir -p below && cp inline_chain.cpp below && g++ -O2 -g below/inline_chain.cpp -o relative",
     false, false, false},
    {"lto", "g++", GXX "lto -flto", false, false, true},
    {"sections", "g++", GXX "sections -ffunction-sections -Wl,--gc-sections", false, false, false},
    {"separate_code", "g++", GXX "separate_code -Wl,-z,separate-code", false, false, false},
    {"one_segment", "g++", GXX "one_segment -Wl,-z,noseparate-code", false, false, false},
    {"prelinked", "g++", GXX "prelinked -pie -Wl,-Ttext-segment=0x3500000000", false, false, false},
    {"cet", "g++", GXX "cet -fcf-protection=full -Wl,-z,ibtplt", false, false, false},
    {"zlib", "g++", GXX "zlib -gz=zlib", false, false, false},
    {"zlib_gnu", "g++", GXX "zlib_gnu -gz=zlib-gnu", false, false, false},
    {"zstd", "g++", GXX "plain && objcopy --compress-debug-sections=zstd plain zstd", true, false,
     false},
    {"split", "g++", GXX "split -gsplit-dwarf", false, true, true},
    {"dwz", "dwz", GXX "dwz && cp dwz dwz_2 && dwz -m dwz.common dwz dwz_2", false, false, true},
    {"lld", "ld.lld", GXX "lld -fuse-ld=lld", false, false, false},
    {"lld_sections", "ld.lld",
     GXX "lld_sections -fuse-ld=lld -ffunction-sections -Wl,--gc-sections", false, false, false},
    {"clang", "clang++", CLANG "clang", false, false, false},
    {"clang_dwarf_4", "clang++", CLANG "clang_dwarf_4 -gdwarf-4", false, false, false},
    {"clang_non_pie", "clang++", CLANG "clang_non_pie -no-pie", false, false, false},
    {"clang_zlib", "clang++", CLANG "clang_zlib -gz=zlib", false, false, false},
    {"no_debug", "g++", "g++ -O2 inline_chain.cpp -o no_debug", true, false, false},
};

/* A path in the test's directory; the last one given. */
static const char *path_of(const char *name)
{
    static char path[256];

    (void)snprintf(path, sizeof path, "%s/%s", test_directory(), name);
    return path;
}

static struct pp_symbolizer *new_symbolizer(void)
{
    const struct pp_symbolizer_options options = {.debug_path = path_of("debug")};
    struct pp_symbolizer *symbolizer = NULL;

    assert_int_equal(pp_symbolizer_new(&options, &symbolizer, NULL), 0);
    return symbolizer;
}

static struct pp_module *open_module(struct pp_symbolizer *symbolizer, const char *name,
                                     const char *build_id)
{
    struct pp_module *module = NULL;

    assert_int_equal(
        pp_symbolizer_module(symbolizer, path_of(name), build_id, NULL, 0, &module, NULL), 0);
    assert_non_null(module);
    return module;
}

static void assert_frame(const struct pp_frame *frame, const char *name, int64_t line,
                         bool is_inlined)
{
    const char *slash = strrchr(frame->file, '/');

    assert_string_equal(frame->name, name);
    assert_int_equal(frame->line, line);
    assert_int_equal(frame->is_inlined, is_inlined);
    assert_true(frame->is_named);
    if (line != 0) {
        assert_int_equal(frame->file[0], '/');
        assert_string_equal(slash + 1, "inline_chain.cpp");
    }
}

/* The chain of calls at the instruction that the source labels: the numbers are those of its lines.
 */
static void check_chain(struct pp_module *module, uint64_t addr, const struct variant *variant)
{
    struct pp_frame frames[MAX_FRAMES];
    const int n_frames = pp_module_frames(module, addr, frames, MAX_FRAMES);
    /* Without inlined calls the function is shown where the instruction is. */
    const int64_t plain_line = variant->no_dwarf ? 0 : 8;

    if (variant->no_dwarf || variant->no_inlines) {
        assert_int_equal(n_frames, 1);
        assert_frame(&frames[0], "chain::Runner<long>::run", plain_line, false);
        return;
    }
    assert_int_equal(n_frames, 5);
    assert_frame(&frames[0], "chain::fourth", 8, true);
    assert_frame(&frames[1], "chain::third", 13, true);
    assert_frame(&frames[2], "chain::second", 17, true);
    assert_frame(&frames[3], "chain::first", 21, true);
    assert_frame(&frames[4], "chain::Runner<long>::run", 26, false);
    assert_int_equal(frames[0].start_line, 6);
    assert_int_equal(frames[1].start_line, 11);
    assert_int_equal(frames[4].start_line, 24);
    assert_string_equal(frames[0].system_name, "_ZN5chain6fourthEl");
    assert_non_null(strstr(frames[4].system_name, "_ZN5chain6RunnerIlE3runEl"));
}

/* A call that ends its function returns behind it: one byte less blames the caller, at the line of
 * the call. */
static void check_last_call(struct pp_module *module, const struct variant *variant)
{
    struct pp_frame frames[MAX_FRAMES];
    uint64_t size_bytes = 0;
    const uint64_t addr = address_of(variant->name, "ends_in_call", &size_bytes);
    const uint64_t behind = addr + size_bytes;

    assert_int_not_equal(size_bytes, 0);
    assert_true(pp_module_frames(module, behind - 1, frames, MAX_FRAMES) >= 1);
    assert_frame(&frames[0], "ends_in_call", variant->no_dwarf ? 0 : 37, false);
    assert_true(pp_module_frames(module, behind, frames, MAX_FRAMES) >= 1);
    assert_string_not_equal(frames[0].name, "ends_in_call");
}

/* Of three names for one function the global one without underscores is shown. */
static void check_alias(struct pp_module *module, const struct variant *variant)
{
    struct pp_frame frames[MAX_FRAMES];
    const uint64_t addr = address_of(variant->name, "the_real_name", NULL);

    assert_int_equal(pp_module_frames(module, addr, frames, MAX_FRAMES), 1);
    assert_string_equal(frames[0].name, "the_real_name");
}

/* Each function of the program, at its first and last byte, has one of the names that nm gives to
 * its range, without parameter lists (c++filt -p). */
static void check_names(struct pp_module *module, const char *name)
{
    char *lines = output_of("nm -S --defined-only %s | grep -i ' [tw] ' | grep -v '\\.' | "
                            "c++filt -p -i | sort | head -400",
                            name);
    char *save_line = NULL;
    int n_checked = 0;

    assert_non_null(lines);
    for (char *line = strtok_r(lines, "\n", &save_line); line != NULL;
         line = strtok_r(NULL, "\n", &save_line)) {
        char range[34], wanted[8192], first[8300];
        uint64_t addr, size_bytes;
        struct pp_frame frames[MAX_FRAMES];
        int n_frames;
        if (sscanf(line, "%" SCNx64 " %" SCNx64 " %*c %8191[^\n]", &addr, &size_bytes, wanted) != 3)
            continue;
        n_frames = pp_module_frames(module, addr, frames, MAX_FRAMES);
        assert_true(n_frames >= 1);
        (void)snprintf(range, sizeof range, "%.33s", line);
        (void)snprintf(first, sizeof first, "%s", frames[n_frames - 1].name);
        n_frames = pp_module_frames(module, addr + size_bytes - 1, frames, MAX_FRAMES);
        assert_true(n_frames >= 1);
        assert_string_equal(first, frames[n_frames - 1].name);
        if (strcmp(first, wanted) != 0 &&
            !run("nm -S %s | grep '^%016" PRIx64 " ' | c++filt -p -i | grep -F -- ' %s'", name,
                 addr, first))
            fail_msg("%s: '%s' at 0x%" PRIx64 " is called '%s'", name, wanted, addr, first);
        n_checked++;
    }
    free(lines);
    assert_true(n_checked >= 5);
}

/* Depth, file and line of every frame in main() are what addr2line -f -i says. */
static void check_against_addr2line(struct pp_module *module, const char *name)
{
    uint64_t size_bytes = 0;
    const uint64_t begin = address_of(name, "main", &size_bytes);
    char *theirs = output_of("seq -f %%.0f %" PRIu64 " %" PRIu64 " | xargs printf '%%x\\n' | "
                             "addr2line -a -f -i -e %s | awk '/^0x/ { print; n = 0; next } "
                             "++n %% 2 == 0 { sub(\" [(]discriminator.*\", \"\"); "
                             "sub(\".*/\", \"\"); sub(\":[?]\", \":0\"); print }'",
                             begin, begin + size_bytes - 1, name);
    char *ours = NULL;
    size_t n_bytes = 0;
    FILE *stream = open_memstream(&ours, &n_bytes);

    assert_non_null(stream);
    for (uint64_t at = begin; at < begin + size_bytes; at++) {
        struct pp_frame frames[MAX_FRAMES];
        const int n_frames = pp_module_frames(module, at, frames, MAX_FRAMES);
        (void)fprintf(stream, "0x%016" PRIx64 "\n", at);
        for (int i = 0; i < n_frames; i++) {
            const char *slash = strrchr(frames[i].file, '/');
            (void)fprintf(stream, "%s:%" PRId64 "\n", slash != NULL ? slash + 1 : frames[i].file,
                          frames[i].line);
        }
    }
    (void)fclose(stream);
    assert_non_null(theirs);
    assert_true(size_bytes > 16);
    assert_string_equal(ours, theirs);
    free(ours);
    free(theirs);
}

/* Calls through the linkage table are named after the function that is called. */
static void check_stub(struct pp_module *module, const char *name)
{
    char *stubs = output_of("objdump -d %s | grep -o '^[0-9a-f]* <printf@plt>:$' | head -1", name);
    struct pp_frame frames[MAX_FRAMES];

    if (stubs != NULL && stubs[0] != '\0') {
        assert_int_equal(
            pp_module_frames(module, strtoull(stubs, NULL, 16) + 4, frames, MAX_FRAMES), 1);
        assert_string_equal(frames[0].name, "printf@plt");
    }
    free(stubs);
}

/* The offset of an address in the file is found back, as readelf tells where the code lies. */
static void check_offset(struct pp_module *module, const char *name)
{
    char *line =
        output_of("readelf -lW %s | awk '$1 == \"LOAD\" && / E /{print $2, $3; exit}'", name);
    const uint64_t addr = address_of(name, "fourth_pc", NULL);
    uint64_t offset, vaddr, result = 0;

    assert_non_null(line);
    assert_int_equal(sscanf(line, "%" SCNx64 " %" SCNx64, &offset, &vaddr), 2);
    free(line);
    assert_int_equal(pp_module_vaddr_of_offset(module, addr - vaddr + offset, &result), 0);
    assert_int_equal(result, addr);
    /* The page that the mapping begins with, also when the segment begins inside of it. */
    assert_int_equal(pp_module_vaddr_of_offset(module, offset & ~(uint64_t)4095, &result), 0);
    assert_int_equal(result, vaddr & ~(uint64_t)4095);
    assert_int_equal(pp_module_vaddr_of_offset(module, (uint64_t)1 << 40, &result), -2);
}

/* However the program is built, its names, its lines and its inlined calls are right. */
static void test_variant(void **state)
{
    const struct variant *variant = *state;
    struct pp_symbolizer *symbolizer;
    struct pp_module *module;

    if (!is_there(variant->tool) || !is_there("nm")) {
        skip_because("%s is not installed", variant->tool);
    }
    if (!run("%s", variant->command)) {
        skip_because("cannot be built here: %s", variant->command);
    }
    symbolizer = new_symbolizer();
    module = open_module(symbolizer, variant->name, NULL);
    check_chain(module, address_of(variant->name, "fourth_pc", NULL), variant);
    check_last_call(module, variant);
    check_alias(module, variant);
    check_names(module, variant->name);
    check_stub(module, variant->name);
    check_offset(module, variant->name);
    if (!variant->no_dwarf && !variant->no_oracle)
        check_against_addr2line(module, variant->name);
    pp_symbolizer_free(symbolizer);
}

static const struct variant WHOLE = {.name = "whole"};

/* Make ./whole with everything, ./stripped with nothing, and ./whole.debug with the rest. */
static uint64_t build_stripped(char build_id[129])
{
    assert_true(run(GXX "whole -pie -fPIE -Wl,--build-id && cp whole stripped && "
                        "objcopy --only-keep-debug whole whole.debug && strip stripped"));
    assert_int_equal(pp_build_id_of_file(path_of("whole"), build_id, 129, NULL), 0);
    return address_of("whole", "fourth_pc", NULL);
}

/* Each function of the stripped program has one name, at its first byte, its last and between:
 * where its unwind information says that it begins.  An address before all of them keeps its own.
 */
static void check_function_starts(struct pp_module *module)
{
    static const char *const FUNCTIONS[] = {"_ZN5chain6RunnerIlE3runEl", "the_real_name",
                                            "ends_in_call", "main"};
    struct pp_frame frames[MAX_FRAMES];
    char expected[200];

    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++) {
        uint64_t n_bytes;
        const uint64_t start = address_of("whole", FUNCTIONS[i], &n_bytes);
        (void)snprintf(expected, sizeof expected, "stripped+0x%" PRIx64, start);
        for (int part = 0; part <= 2; part++) {
            const uint64_t addr = start + (n_bytes - 1) * (uint64_t)part / 2;
            assert_int_equal(pp_module_frames(module, addr, frames, MAX_FRAMES), 1);
            assert_string_equal(frames[0].name, expected);
        }
    }
    assert_int_equal(pp_module_frames(module, 0x10, frames, MAX_FRAMES), 1);
    assert_string_equal(frames[0].name, "stripped+0x10");
}

/* A stripped program without its debug file has offsets for names, and says what is missing. */
static void test_stripped(void **state)
{
    char build_id[129], expected[200];
    const uint64_t addr = build_stripped(build_id);
    const uint64_t start = address_of("whole", "_ZN5chain6RunnerIlE3runEl", NULL);
    struct pp_symbolizer *symbolizer = new_symbolizer();
    struct pp_module *module = open_module(symbolizer, "stripped", build_id);
    struct pp_frame frames[MAX_FRAMES];

    (void)state;
    assert_int_equal(pp_module_frames(module, addr, frames, MAX_FRAMES), 1);
    (void)snprintf(expected, sizeof expected, "stripped+0x%" PRIx64, start);
    assert_string_equal(frames[0].name, expected);
    check_function_starts(module);
    assert_false(frames[0].is_named);
    assert_string_equal(frames[0].system_name, "");
    assert_string_equal(frames[0].file, "");
    assert_non_null(strstr(pp_module_shortcoming(module), "stripped"));
    assert_non_null(strstr(pp_module_shortcoming(module), build_id));
    pp_symbolizer_free(symbolizer);
}

/* The debug file is found by build id below the roots given, and by the link in the program beside
 * it and in .debug. */
static void test_debug_file(void **state)
{
    char build_id[129];
    char places[3][300];
    const uint64_t addr = build_stripped(build_id);

    (void)state;
    (void)snprintf(places[0], sizeof places[0], "debug/.build-id/%.2s/%s.debug", build_id,
                   build_id + 2);
    (void)strcpy(places[1], "linked.debug");
    (void)strcpy(places[2], ".debug/linked.debug");
    assert_true(run("cp whole.debug linked.debug && "
                    "objcopy --add-gnu-debuglink=linked.debug stripped && rm linked.debug"));
    for (size_t i = 0; i < 3; i++) {
        struct pp_symbolizer *symbolizer;

        assert_true(run("mkdir -p $(dirname %s) && cp whole.debug %s", places[i], places[i]));
        symbolizer = new_symbolizer();
        check_chain(open_module(symbolizer, "stripped", build_id), addr, &WHOLE);
        assert_string_equal(pp_module_shortcoming(open_module(symbolizer, "stripped", build_id)),
                            "");
        pp_symbolizer_free(symbolizer);
        assert_true(run("rm -rf debug .debug linked.debug"));
    }
}

/* A debug file with another build id is not used, nor, for a program without one, a file with
 * another checksum. */
static void test_wrong_debug_file(void **state)
{
    char build_id[129];
    struct pp_frame frames[MAX_FRAMES];
    uint64_t addr = build_stripped(build_id);
    struct pp_symbolizer *symbolizer = new_symbolizer();

    (void)state;
    assert_true(run("mkdir -p debug/.build-id/%.2s && g++ -g -pie -fPIE -DOTHER=1 -Wl,--build-id "
                    "-Wl,-Ttext-segment=0x100000 inline_chain.cpp -o debug/.build-id/%.2s/%s.debug",
                    build_id, build_id, build_id + 2));
    assert_int_equal(
        pp_module_frames(open_module(symbolizer, "stripped", build_id), addr, frames, MAX_FRAMES),
        1);
    assert_false(frames[0].is_named);
    assert_true(run("rm -rf debug"));

    assert_true(run(GXX "bare -Wl,--build-id=none && cp bare bare_2 && "
                        "objcopy --only-keep-debug bare bare.debug && strip bare bare_2 && "
                        "objcopy --add-gnu-debuglink=bare.debug bare && "
                        "objcopy --add-gnu-debuglink=bare.debug bare_2 && "
                        "cp bare.debug kept.debug"));
    addr = address_of("kept.debug", "fourth_pc", NULL);
    check_chain(open_module(symbolizer, "bare", NULL), addr, &WHOLE);
    assert_true(run("printf x >> bare.debug"));
    assert_int_equal(
        pp_module_frames(open_module(symbolizer, "bare_2", NULL), addr, frames, MAX_FRAMES), 1);
    assert_false(frames[0].is_named);
    pp_symbolizer_free(symbolizer);
}

/* A program replaced since the recording is not used, but the debug file of the recorded one is. */
static void test_replaced(void **state)
{
    char build_id[129];
    struct pp_frame frames[MAX_FRAMES];
    const uint64_t addr = build_stripped(build_id);
    struct pp_symbolizer *symbolizer = new_symbolizer();
    uint64_t vaddr;

    (void)state;
    assert_true(run("g++ -g -DOTHER=2 inline_chain.cpp -o replaced -Wl,--build-id=0x1234567890"));
    assert_int_equal(
        pp_module_frames(open_module(symbolizer, "replaced", build_id), addr, frames, MAX_FRAMES),
        1);
    assert_false(frames[0].is_named);
    assert_non_null(
        strstr(pp_module_shortcoming(open_module(symbolizer, "replaced", build_id)), "1234567890"));
    assert_int_equal(
        pp_module_vaddr_of_offset(open_module(symbolizer, "replaced", build_id), addr, &vaddr),
        -2 /* ENOENT */);
    pp_symbolizer_free(symbolizer);

    assert_true(run("mkdir -p debug/.build-id/%.2s && "
                    "cp whole.debug debug/.build-id/%.2s/%s.debug",
                    build_id, build_id, build_id + 2));
    symbolizer = new_symbolizer();
    check_chain(open_module(symbolizer, "replaced", build_id), addr, &WHOLE);
    pp_symbolizer_free(symbolizer);
    assert_true(run("rm -rf debug"));
}

/* What is no program has offsets for names, and the reason is told. */
static void test_no_program(void **state)
{
    static const char *const NAMES[] = {"missing", "directory", "text", "empty", "pipe"};
    struct pp_symbolizer *symbolizer = new_symbolizer();
    struct pp_module *module = NULL;
    struct pp_frame frames[1];

    (void)state;
    assert_true(run("mkdir -p directory && echo hello > text && : > empty && mkfifo pipe"));
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        char expected[64];
        module = open_module(symbolizer, NAMES[i], NULL);
        (void)snprintf(expected, sizeof expected, "%s+0x1234", NAMES[i]);
        assert_int_equal(pp_module_frames(module, 0x1234, frames, 1), 1);
        assert_string_equal(frames[0].name, expected);
        assert_false(frames[0].is_named);
        assert_non_null(strstr(pp_module_shortcoming(module), NAMES[i]));
    }
    assert_int_equal(pp_symbolizer_module(symbolizer, NULL, NULL, NULL, 0, &module, NULL), 0);
    assert_int_equal(pp_module_frames(module, 16, frames, 1), 1);
    assert_string_equal(frames[0].name, "[unknown]+0x10");
    pp_symbolizer_free(symbolizer);
}

/* An image in memory is read like a file: here a program's bytes, and the vdso of this process. */
static void test_memory(void **state)
{
    char build_id[129];
    const uint64_t addr = build_stripped(build_id);
    struct pp_symbolizer *symbolizer = new_symbolizer();
    struct pp_module *module = NULL;
    uint64_t begin = 0, end = 0;
    char line[512];
    bool is_found = false;
    long n_bytes;
    FILE *file = fopen(path_of("whole"), "re");
    char *bytes;

    (void)state;
    assert_non_null(file);
    (void)fseek(file, 0, SEEK_END);
    n_bytes = ftell(file);
    rewind(file);
    bytes = malloc((size_t)n_bytes);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, (size_t)n_bytes, file), n_bytes);
    (void)fclose(file);
    assert_int_equal(
        pp_symbolizer_module(symbolizer, "[image]", NULL, bytes, (size_t)n_bytes, &module, NULL),
        0);
    memset(bytes, 0, (size_t)n_bytes); /* the module keeps its own copy */
    check_chain(module, addr, &WHOLE);
    free(bytes);

    file = fopen("/proc/self/maps", "re");
    assert_non_null(file);
    while (begin == 0 && fgets(line, sizeof line, file) != NULL)
        if (strstr(line, "[vdso]") != NULL)
            (void)sscanf(line, "%" SCNx64 "-%" SCNx64, &begin, &end);
    (void)fclose(file);
    if (begin != 0) {
        assert_int_equal(pp_symbolizer_module(symbolizer, "[vdso]", NULL, (void *)begin,
                                              end - begin, &module, NULL),
                         0);
        for (uint64_t at = 0; at < end - begin; at += 16) {
            struct pp_frame frame;
            assert_int_equal(pp_module_frames(module, at, &frame, 1), 1);
            is_found = is_found || strcmp(frame.name, "__vdso_clock_gettime") == 0;
        }
        assert_true(is_found);
        assert_string_equal(pp_module_shortcoming(module), "");
    }
    pp_symbolizer_free(symbolizer);
}

/* Where there is too little room for the frames, the leaf and the function itself are kept;
 * no_inlines gives the function alone, at the line where it makes the call. */
static void test_few_frames(void **state)
{
    const struct pp_symbolizer_options options = {.no_inlines = true};
    char build_id[129];
    const uint64_t addr = build_stripped(build_id);
    struct pp_symbolizer *symbolizer = new_symbolizer();
    struct pp_frame frames[MAX_FRAMES];

    (void)state;
    assert_int_equal(pp_module_frames(open_module(symbolizer, "whole", NULL), addr, frames, 2), 2);
    assert_frame(&frames[0], "chain::fourth", 8, true);
    assert_frame(&frames[1], "chain::Runner<long>::run", 26, false);
    assert_int_equal(pp_module_frames(open_module(symbolizer, "whole", NULL), addr, frames, 1), 1);
    assert_frame(&frames[0], "chain::Runner<long>::run", 26, false);
    pp_symbolizer_free(symbolizer);
    assert_int_equal(pp_symbolizer_new(&options, &symbolizer, NULL), 0);
    assert_int_equal(
        pp_module_frames(open_module(symbolizer, "whole", NULL), addr, frames, MAX_FRAMES), 1);
    assert_frame(&frames[0], "chain::Runner<long>::run", 26, false);
    pp_symbolizer_free(symbolizer);
}

/* A module is opened once for its path and build id; another build id is another module. */
static void test_module_cache(void **state)
{
    char build_id[129], other[129];
    struct pp_symbolizer *symbolizer = new_symbolizer();
    struct pp_module *module;

    (void)state;
    (void)build_stripped(build_id);
    (void)strcpy(other, build_id);
    other[0] = other[0] == '0' ? '1' : '0';
    module = open_module(symbolizer, "whole", build_id);
    assert_ptr_equal(open_module(symbolizer, "whole", build_id), module);
    assert_ptr_not_equal(open_module(symbolizer, "whole", other), module);
    pp_symbolizer_free(symbolizer);
}

/* The build id is the one that readelf prints; without one there is an error that says so. */
static void test_build_id(void **state)
{
    char build_id[129];
    struct pprofc_error err = {0};
    char *expected;

    (void)state;
    (void)build_stripped(build_id);
    expected = output_of("readelf -n whole | sed -n 's/.*Build ID: //p' | tr -d '\\n'");
    assert_non_null(expected);
    assert_string_equal(build_id, expected);
    free(expected);
    assert_true(run(GXX "no_id -Wl,--build-id=none"));
    assert_int_equal(pp_build_id_of_file(path_of("no_id"), build_id, sizeof build_id, &err), -2);
    assert_non_null(strstr(err.message, "no build id"));
    assert_int_equal(pp_build_id_of_file(path_of("missing"), build_id, sizeof build_id, &err), -2);
    assert_non_null(strstr(err.message, "missing"));
}

enum { N_VARIANTS = sizeof VARIANTS / sizeof *VARIANTS };

int main(int argc, char **argv)
{
    static const struct CMUnitTest others[] = {
        cmocka_unit_test(test_stripped),         cmocka_unit_test(test_debug_file),
        cmocka_unit_test(test_wrong_debug_file), cmocka_unit_test(test_replaced),
        cmocka_unit_test(test_no_program),       cmocka_unit_test(test_memory),
        cmocka_unit_test(test_few_frames),       cmocka_unit_test(test_module_cache),
        cmocka_unit_test(test_build_id),
    };
    struct CMUnitTest variants[N_VARIANTS];

    if (argc != 2 || !is_there("g++")) {
        (void)fprintf(stderr, "usage: %s SOURCE-FOLDER; needs g++\n", argv[0]);
        return argc != 2 ? 2 : 77; /* Meson: skipped */
    }
    source_folder = argv[1];
    if (!run("cp '%s/inline_chain.cpp' .", source_folder))
        return 2;
    for (size_t i = 0; i < N_VARIANTS; i++)
        variants[i] = (struct CMUnitTest){VARIANTS[i].name, test_variant, NULL, NULL,
                                          (void *)(uintptr_t)&VARIANTS[i]};
    return cmocka_run_group_tests_name("builds", variants, NULL, NULL) +
           cmocka_run_group_tests_name("files", others, NULL, NULL);
}
