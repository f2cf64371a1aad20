/* JSON, the top table and the last lines of a run, letter by letter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "formats/formats.h"
#include "views/top_table.h"

/* main at main.c:5 calls parse, into which next was inlined at lexer.h:7; 3 samples there, 1 in
 * main. */
static struct pprofc_profile *make_profile(void)
{
    struct pprofc_profile *profile = pp_profile_new();
    const struct pp_mapping mapping = {.start = 0x1000,
                                       .path = pp_profile_text(profile, "/bin/prog")};
    const pp_id source = pp_profile_text(profile, "src/main.c");
    const struct pp_function main_function = {.name = pp_profile_text(profile, "main"),
                                              .file = source};
    const struct pp_function parse = {.name = pp_profile_text(profile, "parse"), .file = source};
    const struct pp_function next = {.name = pp_profile_text(profile, "next\x1b[31m"),
                                     .file = pp_profile_text(profile, "lexer.h")};
    const struct pp_line in_main[] = {{pp_profile_function(profile, &main_function), 5}};
    const struct pp_line in_parse[] = {{pp_profile_function(profile, &next), 7},
                                       {pp_profile_function(profile, &parse), 40}};
    struct pp_location location = {
        .address = 0x1010, .n_lines = 1, .mapping = pp_profile_mapping(profile, &mapping)};
    const struct pp_label label = {.key = pp_profile_text(profile, "thread_id"), .number = 42};
    const int64_t one[] = {1, 10000000}, three[] = {3, 30000000};
    pp_id node;

    (void)pp_profile_add_type(profile, "samples", "count");
    (void)pp_profile_add_type(profile, "cpu", "nanoseconds");
    profile->default_type = 1;
    profile->time_ns = 1700000000123456789;
    profile->duration_ns = 50000000;
    profile->command = pp_profile_text(profile, "prog -x");
    profile->kind = pp_profile_text(profile, "cpu");
    node = pp_profile_child(profile, 0, pp_profile_location(profile, &location, in_main));
    pp_profile_add(profile, node, 0, 0, one);
    location.address = 0x1020;
    location.n_lines = 2;
    node = pp_profile_child(profile, node, pp_profile_location(profile, &location, in_parse));
    pp_profile_add(profile, node, pp_profile_label_set(profile, &label, 1), 0, three);
    return profile;
}

/* The document is as json.c describes it. */
static void test_json(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = make_profile();

    (void)state;
    profile->n_types = 1; /* one top is enough to see */
    profile->default_type = 0;
    profile->n_samples = 1;
    assert_int_equal(pp_json_write(profile, &out, NULL), 0);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(
        out.bytes,
        "{\"version\":1,\"tool\":\"pprof-c\",\"command\":\"prog -x\",\"kind\":\"cpu\","
        "\"time\":\"2023-11-14T22:13:20Z\",\"time_ns\":1700000000123456789,\"duration_ns\":50000000,"
        "\"period\":{\"type\":\"\",\"unit\":\"\",\"value\":0},\"default_type\":\"samples\",\"comments\":[],"
        "\"quality\":null,\"heap\":null,\"types\":[{\"type\":\"samples\",\"unit\":\"count\",\"total\":1,\"n_samples\":1,"
        "\"functions\":[{\"name\":\"main\",\"file\":\"src/main.c\",\"line\":5,\"module\":\"/bin/prog\","
        "\"inlined\":false,\"flat\":1,\"cum\":1,\"flat_percent\":100.0000,\"cum_percent\":100.0000,"
        "\"n_flat_samples\":1,\"n_cum_samples\":1}]}],"
        "\"frames\":[{\"name\":\"main\",\"file\":\"src/main.c\",\"line\":5,\"module\":\"/bin/prog\","
        "\"address\":\"0x1010\",\"inlined\":false},"
        "{\"name\":\"next\\u001b[31m\",\"file\":\"lexer.h\",\"line\":7,\"module\":\"/bin/prog\","
        "\"address\":\"0x1020\",\"inlined\":true},"
        "{\"name\":\"parse\",\"file\":\"src/main.c\",\"line\":40,\"module\":\"/bin/prog\","
        "\"address\":\"0x1020\",\"inlined\":false}],"
        "\"stacks\":{\"parent\":[-1,0,1],\"frame\":[0,2,1]},\"label_sets\":[{},{\"thread_id\":42}],"
        "\"samples\":{\"stack\":[0],\"labels\":[0],\"values\":[[1]]}}\n");
    pprofc_profile_free(profile);
}

/* The table begins with what the profile is, shares are of the whole, and no name can command the
 * terminal. */
static void test_table(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = make_profile();
    struct pp_top_table_options options = {.type = 1, .n_rows = 2, .group = PP_BY_FUNCTION};

    (void)state;
    profile->quality = (struct pp_quality){
        .is_known = true, .n_samples = 4, .cpu_ns = 40000000, .sampled_ns = 40000000};
    assert_int_equal(pp_top_table_write(profile, &options, &out, NULL), 0);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(
        out.bytes,
        "Command  prog -x\n"
        "Date     2023-11-14 22:13:20 UTC\n"
        "Total    40 ms of cpu in 4 samples during 50 ms\n"
        "Quality  4 cpu samples = 40 ms of 40 ms CPU (100.0 %), 0 lost, 0 truncated, cost 0.00 %\n"
        "\n"
        "   samples        flat   flat %         cum    cum %  function\n"
        "         3       30 ms   75.0 %       30 ms   75.0 %  next?[31m  lexer.h:7 (inlined)\n"
        "         1       10 ms   25.0 %       40 ms  100.0 %  main       main.c:5\n"
        "           and 1 more\n");
    options.type = 2;
    assert_int_equal(pp_top_table_write(profile, &options, &out, NULL), -EINVAL);
    pprofc_profile_free(profile);
}

/* A run ends with its hottest functions; those without a share of their own are not among them. */
static void test_lines(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = make_profile();

    (void)state;
    assert_int_equal(pp_top_lines_write(profile, 1, 5, &out, NULL), 0);
    pp_buffer_append(&out, "", 1);
    assert_string_equal(out.bytes, "  75.0 %  next?[31m   lexer.h:7 (inlined)\n"
                                   "  25.0 %  main        main.c:5\n");
    pprofc_profile_free(profile);
}

/* A profile without samples is no reason to divide by nothing. */
static void test_empty(void **state)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = pp_profile_new();
    const struct pp_top_table_options options = {.type = 0};

    (void)state;
    (void)pp_profile_add_type(profile, "samples", "count");
    assert_int_equal(pp_top_table_write(profile, &options, &out, NULL), 0);
    pp_buffer_append(&out, "", 1);
    assert_non_null(strstr(out.bytes, "Total    0 of samples in 0 samples\n"));
    assert_int_equal(pp_json_write(profile, &out, NULL), 0);
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
