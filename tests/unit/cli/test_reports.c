/* The verbs that read profiles: what they exit with, and what they leave. */
#include "cmocka_includes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/environment.h"
#include "cli/messages.h"
#include "cli/unnamed.h"
#include "cli/verbs.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pprofc-unit-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") != 0 || system(command) != 0;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static int run_verb(int (*verb)(char **words), const char *first, const char *second,
                    const char *third, const char *fourth)
{
    char *words[] = {first != NULL ? strdup(first) : NULL, second != NULL ? strdup(second) : NULL,
                     third != NULL ? strdup(third) : NULL, fourth != NULL ? strdup(fourth) : NULL,
                     NULL};
    const int code = verb(words);

    for (size_t i = 0; i < 4; i++)
        free(words[i]);
    return code;
}

#define CONVERT(a, b, c, d) run_verb(pp_cmd_convert, a, b, c, d)
#define REPORT(a, b, c, d) run_verb(pp_cmd_report, a, b, c, d)

/* Each format is made from folded stacks, and what can be read again gives the same again. */
static void formats_go_round(void **state)
{
    static const char *const names[] = {"x.pb.gz", "x.pb",   "x.pprof",
                                        "x.svg",   "x.json", "x.txt",
                                        "x.csv",   "x.otlp", "x.speedscope.json"};
    static const char *const readable[] = {"x.pb.gz", "x.pb", "x.otlp", "x.speedscope.json"};
    char line[64] = "";
    FILE *file;

    (void)state;
    put("in.folded", "main;heavy 2\nmain;light 1\n");
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        assert_int_equal(CONVERT("in.folded", names[i], NULL, NULL), 0);
        assert_int_equal(access(names[i], F_OK), 0);
    }
    for (size_t i = 0; i < sizeof readable / sizeof readable[0]; i++) {
        assert_int_equal(CONVERT("-f", readable[i], "out.folded", NULL), 0);
        file = fopen("out.folded", "r");
        assert_non_null(file);
        assert_non_null(fgets(line, sizeof line, file));
        assert_string_equal(line, "main;heavy 2\n");
        assert_non_null(fgets(line, sizeof line, file));
        assert_string_equal(line, "main;light 1\n");
        (void)fclose(file);
    }
}

/* An existing OUT is kept without -f; a wrong name of either side is usage or failure. */
static void convert_codes(void **state)
{
    (void)state;
    put("in.folded", "main 2\n");
    put("there.svg", "precious");
    assert_int_equal(CONVERT("in.folded", "there.svg", NULL, NULL), PP_EXIT_FAILED);
    assert_int_equal(CONVERT("-f", "in.folded", "there.svg", NULL), 0);
    assert_int_equal(CONVERT("in.folded", NULL, NULL, NULL), PP_EXIT_USAGE);
    assert_int_equal(CONVERT("in.folded", "out.gif", NULL, NULL), PP_EXIT_USAGE);
    assert_int_equal(CONVERT("in.folded", "out.html", NULL, NULL), PP_EXIT_USAGE);
    assert_int_equal(CONVERT("in.folded", "a.pb", "b.pb", NULL), PP_EXIT_USAGE);
    assert_int_equal(CONVERT("none.folded", "a.pb", NULL, NULL), PP_EXIT_FAILED);
    assert_int_equal(CONVERT("--sample=heap", "in.folded", "a.pb", NULL), PP_EXIT_USAGE);
    assert_int_equal(CONVERT("in.folded", "/no/such/folder/a.pb", NULL, NULL), PP_EXIT_FAILED);
    assert_int_equal(access("a.pb", F_OK), -1);
}

/* A report exits 0, 1 for what it cannot read, 2 for usage, 4 when there are no samples. */
static void report_codes(void **state)
{
    (void)state;
    put("in.folded", "main;heavy 2\nmain;light 1\n");
    put("bad.pb.gz", "\x1f\x8b\x08 no gzip");
    put("zero.folded", "main 0\n");
    assert_int_equal(REPORT("in.folded", "-o", "out.txt", NULL), 0);
    assert_int_equal(REPORT("in.folded", "-o", "out.txt", NULL), PP_EXIT_FAILED);
    assert_int_equal(REPORT("in.folded", "-f", "-o", "out.txt"), 0);
    assert_int_equal(REPORT("in.folded", "--by=module", "-fo", "out.txt"), 0);
    assert_int_equal(REPORT("in.folded", "--json", "-fo", "out.txt"), 0);
    assert_int_equal(REPORT("bad.pb.gz", NULL, NULL, NULL), PP_EXIT_FAILED);
    assert_int_equal(REPORT("none", NULL, NULL, NULL), PP_EXIT_FAILED);
    assert_int_equal(REPORT(NULL, NULL, NULL, NULL), PP_EXIT_USAGE);
    assert_int_equal(REPORT("--by", "color", "in.folded", NULL), PP_EXIT_USAGE);
    assert_int_equal(REPORT("--top", "0", "in.folded", NULL), PP_EXIT_USAGE);
    assert_int_equal(REPORT("--focus", "(", "in.folded", NULL), PP_EXIT_USAGE);
    assert_int_equal(REPORT("--focus", "x", "in.folded", NULL), PP_EXIT_NO_SAMPLES);
    assert_int_equal(REPORT("in.folded", "in.folded", NULL, NULL), 0);
}

/* The share without names is counted over samples, and the module is the one with most of them. */
static void unnamed_samples(void **state)
{
    struct pprofc_profile *profile = pp_profile_new();
    struct pp_unnamed unnamed;
    struct pp_function function;
    struct pp_mapping mapping = {.start = 0x1000, .limit = 0x2000};
    struct pp_location location = {.n_lines = 1};
    struct pp_line line;

    (void)state;
    assert_non_null(profile);
    assert_int_equal(pp_profile_add_type(profile, "samples", "count"), 0);
    function = (struct pp_function){.name = pp_profile_text(profile, "main")};
    line.line = 0;
    line.function = pp_profile_function(profile, &function);
    mapping.path = pp_profile_text(profile, "/bin/app");
    location.mapping = pp_profile_mapping(profile, &mapping);
    location.address = 0x1010;
    location.address = pp_profile_location(profile, &location, &line);
    pp_profile_add(profile, pp_profile_stack(profile, (pp_id[]){(pp_id)location.address}, 1), 0, 0,
                   (int64_t[]){60});
    assert_true(pp_unnamed_find(profile, &unnamed) < 0);
    function = (struct pp_function){.name = pp_profile_text(profile, "libx.so.1+0x20")};
    line.function = pp_profile_function(profile, &function);
    mapping.start = 0x3000;
    mapping.limit = 0x4000;
    mapping.path = pp_profile_text(profile, "/lib/libx.so.1");
    location.mapping = pp_profile_mapping(profile, &mapping);
    location.address = 0x3020;
    location.address = pp_profile_location(profile, &location, &line);
    pp_profile_add(profile, pp_profile_stack(profile, (pp_id[]){(pp_id)location.address}, 1), 0, 0,
                   (int64_t[]){40});
    assert_int_equal(pp_unnamed_find(profile, &unnamed), 0);
    assert_true(unnamed.share > 0.399 && unnamed.share < 0.401);
    assert_string_equal(unnamed.module, "libx.so.1");
    pprofc_profile_free(profile);
}

/* Setting a variable replaces it, the preload comes before the user's own, and others stay. */
static void environments(void **state)
{
    struct pp_child_environment environment;
    bool has_preload = false, has_kinds = false;

    (void)state;
    assert_int_equal(setenv("LD_PRELOAD", "/old.so", 1), 0);
    assert_int_equal(setenv("PPROFC", "on", 1), 0);
    pp_child_environment_init(&environment);
    assert_int_equal(unsetenv("LD_PRELOAD"), 0);
    assert_int_equal(unsetenv("PPROFC"), 0);
    pp_child_environment_preload(&environment, "/new.so");
    pp_child_environment_set(&environment, "PPROFC", "cpu");
    pp_child_environment_set(&environment, "PPROFC_RUN_ID", "00");
    pp_child_environment_remove(&environment, "PPROFC_RUN_ID");
    assert_false(environment.failed);
    for (size_t i = 0; environment.entries[i] != NULL; i++) {
        const char *entry = environment.entries[i];
        assert_null(strstr(entry, "RUN_ID"));
        assert_string_not_equal(entry, "PPROFC=on");
        has_preload |= strcmp(entry, "LD_PRELOAD=/new.so:/old.so") == 0;
        has_kinds |= strcmp(entry, "PPROFC=cpu") == 0;
    }
    assert_true(has_preload && has_kinds);
    pp_child_environment_done(&environment);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(formats_go_round),       IN_FOLDER(convert_codes),       IN_FOLDER(report_codes),
        cmocka_unit_test(unnamed_samples), cmocka_unit_test(environments),
    };

    pp_messages_set_loudness(PP_QUIET);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
