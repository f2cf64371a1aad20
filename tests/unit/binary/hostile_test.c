/* Damaged programs never bring the caller down: each is asked for names, and gives some.
 *
 * argv[1] is the folder with inline_chain.cpp. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "binary/symbolizer.h"
#include "commands.h"

enum { N_DAMAGED = 5000, MAX_FRAMES = 16 };

static char *original;
static size_t n_original_bytes;
static uint64_t interesting_addr;

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void ask(const void *bytes, size_t n_bytes)
{
    struct pp_symbolizer *symbolizer = NULL;
    struct pp_module *module = NULL;
    struct pp_frame frames[MAX_FRAMES];

    assert_int_equal(pp_symbolizer_new(NULL, &symbolizer, NULL), 0);
    assert_int_equal(
        pp_symbolizer_module(symbolizer, "[damaged]", NULL, bytes, n_bytes, &module, NULL), 0);
    for (uint64_t at = interesting_addr - 64; at < interesting_addr + 64; at += 4) {
        const int n_frames = pp_module_frames(module, at, frames, MAX_FRAMES);
        assert_in_range(n_frames, 1, MAX_FRAMES);
        for (int i = 0; i < n_frames; i++)
            assert_true(frames[i].name[0] != '\0' && frames[i].file != NULL);
    }
    pp_symbolizer_free(symbolizer);
}

/* Undamaged, the chain of five is found: the damage below is done to something that is read. */
static void test_undamaged(void **state)
{
    struct pp_symbolizer *symbolizer = NULL;
    struct pp_module *module = NULL;
    struct pp_frame frames[MAX_FRAMES];

    (void)state;
    assert_int_equal(pp_symbolizer_new(NULL, &symbolizer, NULL), 0);
    assert_int_equal(pp_symbolizer_module(symbolizer, "[whole]", NULL, original, n_original_bytes,
                                          &module, NULL),
                     0);
    assert_int_equal(pp_module_frames(module, interesting_addr, frames, MAX_FRAMES), 5);
    pp_symbolizer_free(symbolizer);
}

/* Cut off at any place. */
static void test_truncated(void **state)
{
    (void)state;
    for (size_t i = 0; i <= N_DAMAGED; i++)
        ask(original, n_original_bytes * i / N_DAMAGED);
    for (size_t n_bytes = 1; n_bytes < 80; n_bytes++)
        ask(original, n_bytes);
}

/* A few bytes anywhere turned into others; half of the time in the last quarter, where the section
 * headers lie. */
static void test_flipped(void **state)
{
    uint64_t seed = 0x2545f4914f6cdd1du;
    char *bytes = malloc(n_original_bytes);

    (void)state;
    assert_non_null(bytes);
    for (int i = 0; i < N_DAMAGED; i++) {
        memcpy(bytes, original, n_original_bytes);
        for (uint64_t k = 0; k <= next_random(&seed) % 20; k++) {
            size_t at = next_random(&seed) % n_original_bytes;
            if (k % 2 == 0)
                at = n_original_bytes - 1 - at / 4;
            bytes[at] = (char)(next_random(&seed) % 3 == 0 ? 0xff : next_random(&seed));
        }
        ask(bytes, n_original_bytes);
    }
    free(bytes);
}

/* Section headers full of the largest numbers. */
static void test_huge_sections(void **state)
{
    char *bytes = malloc(n_original_bytes);
    uint64_t table = 0;

    (void)state;
    assert_non_null(bytes);
    memcpy(&table, original + 40, sizeof table); /* e_shoff of a 64-bit file */
    for (size_t at = table; at + 64 <= n_original_bytes; at += 64) {
        memcpy(bytes, original, n_original_bytes);
        memset(bytes + at + 16, 0xff, 48);
        ask(bytes, n_original_bytes);
        memcpy(bytes, original, n_original_bytes);
        memset(bytes + at + 33, 0xff, 4); /* a size beyond the file */
        ask(bytes, n_original_bytes);
    }
    free(bytes);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_undamaged),
        cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_flipped),
        cmocka_unit_test(test_huge_sections),
    };
    char path[300];
    FILE *file;

    if (argc != 2)
        return 2;
    if (!run("cp '%s/inline_chain.cpp' . && g++ -O1 -g inline_chain.cpp -o damaged", argv[1]))
        return 77; /* Meson: skipped, there is no g++ */
    interesting_addr = address_of("damaged", "fourth_pc", NULL);
    (void)snprintf(path, sizeof path, "%s/damaged", test_directory());
    file = fopen(path, "re");
    original = calloc(1, 1024 * 1024);
    if (file == NULL || original == NULL)
        return 2;
    n_original_bytes = fread(original, 1, 1024 * 1024, file);
    (void)fclose(file);
    if (n_original_bytes < 4096 || interesting_addr == 0)
        return 2;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
