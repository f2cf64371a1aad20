/* Reading command lines. */
#include "cmocka_includes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/options.h"
#include "cli/run_options.h"
#include "cli/values.h"

static int read_run(struct pp_run_options *options, struct pprofc_error *err, char **words)
{
    return pp_run_options_read(words, options, err);
}

#define READ(...) read_run(&options, &err, (char *[]){__VA_ARGS__, NULL})

static int forget_environment(void **state)
{
    (void)state;
    (void)unsetenv("PPROFC_FREQUENCY");
    (void)unsetenv("PPROFC_MODE");
    (void)unsetenv("PPROFC_DURATION");
    return 0;
}

static char word_f[] = "-F", word_rate[] = "1000", word_dashes[] = "--", word_ls[] = "ls",
            word_l[] = "-l";

/* Without options: 100 Hz to the end, and the command is what stands there, its options included.
 */
static void defaults(void **state)
{
    struct pp_run_options options;
    struct pprofc_error err;

    (void)state;
    assert_int_equal(READ(word_ls, word_l, word_dashes), 0);
    assert_true(options.rate_hz == 100);
    assert_int_equal(options.duration_ns, 0);
    assert_null(options.output);
    assert_false(options.follows || options.is_strict || options.overwrites || options.block_drops);
    assert_string_equal(options.command[0], "ls");
    assert_string_equal(options.command[1], "-l");
    assert_string_equal(options.command[2], "--");
    pp_run_options_done(&options);
}

/* Values stand apart, joined to the letter, or behind '='; flags stand together. */
static void every_spelling(void **state)
{
    struct pp_run_options options;
    struct pprofc_error err;
    char joined[] = "-F250", equals[] = "--duration=2s", flags[] = "-fv", output[] = "-oout.svg",
         libc[] = "--block-lib=libc,libm", apart[] = "--block-lib", libz[] = "libz",
         follow[] = "--follow", strict[] = "--strict", signal[] = "--signal=sigusr1";

    (void)state;
    assert_int_equal(READ(joined, equals, flags, output, libc, apart, libz, follow, strict, signal,
                          word_dashes, word_l),
                     0);
    assert_true(options.rate_hz == 250);
    assert_int_equal(options.duration_ns, 2000000000);
    assert_string_equal(options.output, "out.svg");
    assert_true(options.overwrites && options.follows && options.is_strict);
    assert_int_equal(options.loudness, PP_VERBOSE);
    assert_int_equal(options.block.n_bytes, strlen("libc,libm,libz"));
    assert_memory_equal(options.block.bytes, "libc,libm,libz", options.block.n_bytes);
    assert_string_equal(options.signal, "USR1");
    assert_string_equal(options.command[0], "-l");
    pp_run_options_done(&options);
}

/* Kinds, and what is said of the heap. */
static void heap_options(void **state)
{
    struct pp_run_options options;
    struct pprofc_error err;
    char kinds[] = "-kcpu,heap", interval[] = "--heap-interval=64K", peak[] = "--heap-peak";
    char usable[] = "--heap-usable", lifetimes[] = "--heap-lifetimes";

    (void)state;
    assert_int_equal(READ(word_ls), 0);
    assert_int_equal(options.kinds, PP_KIND_CPU);
    assert_int_equal(options.heap_interval_bytes, 0);
    assert_false(options.counts_heap_usable || options.keeps_heap_lifetimes);
    assert_int_equal(READ(kinds, interval, peak, usable, lifetimes, word_ls), 0);
    assert_int_equal(options.kinds, PP_KIND_CPU | PP_KIND_HEAP);
    assert_int_equal(options.heap_interval_bytes, 65536);
    assert_true(options.keeps_heap_peak && options.counts_heap_usable);
    assert_true(options.keeps_heap_lifetimes);
}

/* The environment's rate holds when no option gives one, and loses when one does. */
static void environment_fills_in(void **state)
{
    struct pp_run_options options;
    struct pprofc_error err;

    (void)state;
    (void)setenv("PPROFC_MODE", "high", 1);
    (void)setenv("PPROFC_DURATION", "3s", 1);
    assert_int_equal(READ(word_ls), 0);
    assert_true(options.rate_hz == 1000);
    assert_int_equal(options.duration_ns, 3000000000);
    (void)setenv("PPROFC_FREQUENCY", "50", 1);
    assert_int_equal(READ(word_ls), 0);
    assert_true(options.rate_hz == 50);
    assert_int_equal(READ(word_f, word_rate, word_ls), 0);
    assert_true(options.rate_hz == 1000);
    (void)setenv("PPROFC_FREQUENCY", "much", 1);
    assert_int_equal(READ(word_ls), -EINVAL);
}

/* Every wrong command line is refused, and the message names the culprit. */
static void wrong_ones_name_the_culprit(void **state)
{
    static const struct {
        const char *words[4], *says;
    } cases[] = {
        {{"--frequenzy", "9", "ls"}, "--frequency?"},
        {{"--outptu=x", "ls"}, "did you mean --output?"},
        {{"-z", "ls"}, "unknown option -z"},
        {{"-F"}, "-F needs a value"},
        {{"--mode", "high"}, "no program"},
        {{"--follow=yes", "ls"}, "takes no value"},
        {{"--heap-interval", "4K", "ls"}, "--heap-interval needs -k heap"},
        {{"--heap-peak", "-kcpu", "ls"}, "--heap-peak needs -k heap"},
        {{"--heap-usable", "ls"}, "--heap-usable needs -k heap"},
        {{"--heap-lifetimes", "ls"}, "--heap-lifetimes needs -k heap"},
        {{"-kheap", "--heap-interval", "much", "ls"}, "'much' is no number of bytes"},
        {{"-kcpu,heap", "-o", "-", "ls"}, "-o - holds one profile"},
        {{"--http"}, "--http needs a value"},
        {{"-F1", "--mode=low", "ls"}, "one of -F and --mode"},
        {{"--block-drop", "ls"}, "needs --block-lib"},
        {{"--block-lib", "/lib/x.so", "ls"}, "/lib/x.so"},
        {{"-k", "sleep", "ls"}, "sleep"},
        {{"-kall", "-o", "-", "ls"}, "several kinds were asked for"},
        {{"--ignore-idle", "-klock", "ls"}, "--ignore-idle needs -k offcpu"},
        {{"--"}, "no program"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pp_run_options options;
        struct pprofc_error err = {0};
        char *words[5] = {NULL};
        for (size_t k = 0; k < 4 && cases[i].words[k] != NULL; k++)
            words[k] = strdup(cases[i].words[k]);
        assert_true(pp_run_options_read(words, &options, &err) < 0);
        if (strstr(err.message, cases[i].says) == NULL)
            fail_msg("'%s' does not say '%s'", err.message, cases[i].says);
        pp_run_options_done(&options);
        for (size_t k = 0; k < 4; k++)
            free(words[k]);
    }
}

/* Where words and options mix, "--" ends the options, "-" is a word, and pprof's single dash works.
 */
static void words_between_options(void **state)
{
    static const struct pp_option known[] = {{"sample_index", 0, true, false},
                                             {"force", 'f', false, false}};
    char one[] = "in", sample[] = "-sample_index=cpu", dash[] = "-", force[] = "-f";
    char *words[] = {one, sample, dash, force, word_dashes, word_l, NULL};
    struct pp_option_reader reader = {
        .options = known, .n_options = 2, .verb = "convert", .words = words};
    struct pprofc_error err;

    (void)state;
    assert_int_equal(pp_option_next(&reader, &err), PP_OPTION_WORD);
    assert_string_equal(reader.value, "in");
    assert_int_equal(pp_option_next(&reader, &err), 0);
    assert_string_equal(reader.value, "cpu");
    assert_int_equal(pp_option_next(&reader, &err), PP_OPTION_WORD);
    assert_string_equal(reader.value, "-");
    assert_int_equal(pp_option_next(&reader, &err), 1);
    assert_int_equal(pp_option_next(&reader, &err), PP_OPTION_WORD);
    assert_string_equal(reader.value, "-l");
    assert_int_equal(pp_option_next(&reader, &err), PP_OPTION_END);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(defaults, forget_environment),
        cmocka_unit_test_setup(every_spelling, forget_environment),
        cmocka_unit_test_setup(heap_options, forget_environment),
        cmocka_unit_test_setup_teardown(environment_fills_in, forget_environment,
                                        forget_environment),
        cmocka_unit_test_setup(wrong_ones_name_the_culprit, forget_environment),
        cmocka_unit_test(words_between_options),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
