/* Arithmetic on profiles: merge, blocklist, top, the quality line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <errno.h>
#include <stdio.h>

#include "profile/top.h"
#include "sample_profiles.h"

/* ---- top ---- */

static const struct pp_top_row *row_of(const struct pp_top *top, const char *name)
{
    for (uint32_t i = 0; i < top->n_rows; i++) {
        if (strcmp(top->rows[i].name, name) == 0)
            return &top->rows[i];
    }
    return NULL;
}

static void assert_row(const struct pp_top *top, const char *name, int64_t flat, int64_t cum)
{
    const struct pp_top_row *row = row_of(top, name);

    assert_non_null(row);
    assert_int_equal(row->flat, flat);
    assert_int_equal(row->cum, cum);
}

/* Many samples on one deep stack are walked by node instead of by sample, with the same result. */
static void test_both_walks(void **state)
{
    struct pprofc_profile *profile = new_counting();
    const int64_t value = 3;
    pp_id node = 0;

    (void)state;
    add_folded(profile, "main;a;b", 5);
    for (int i = 0; i < 25; i++) {
        node = pp_profile_child(profile, node, pp_profile_named_location(profile, "a", 1));
        node = pp_profile_child(profile, node, pp_profile_named_location(profile, "b", 1));
    }
    for (uint32_t n_slices = 1; n_slices <= 100; n_slices++) {
        struct pp_top top;
        pp_profile_add(profile, node, 0, n_slices, &value);
        assert_int_equal(pp_top_make(profile, 0, PP_BY_FUNCTION, &top, NULL), 0);
        assert_row(&top, "a", 0, 5 + 3 * (int64_t)n_slices);
        assert_row(&top, "b", 5 + 3 * (int64_t)n_slices, 5 + 3 * (int64_t)n_slices);
        assert_row(&top, "main", 0, 5);
        assert_int_equal(row_of(&top, "a")->n_cum_samples, 5 + 3 * (int64_t)n_slices);
        pp_top_done(&top);
    }
    pprofc_profile_free(profile);
}

/* A function counts once per sample, however often and however intertwined it recurs. */
static void test_recursion(void **state)
{
    struct pprofc_profile *profile = new_counting();
    struct pp_top top;

    (void)state;
    add_folded(profile, "main;a;b;a;b", 4);
    add_folded(profile, "main;a;a", 2);
    add_folded(profile, "b;a", 1);
    add_folded(profile, "main", 3);
    assert_int_equal(pp_top_make(profile, 0, PP_BY_FUNCTION, &top, NULL), 0);
    assert_int_equal(top.total, 10);
    assert_int_equal(top.n_rows, 3);
    assert_row(&top, "main", 3, 9);
    assert_row(&top, "a", 3, 7);
    assert_row(&top, "b", 4, 5);
    assert_string_equal(top.rows[0].name, "b"); /* flat first, then cum: main before a */
    assert_string_equal(top.rows[1].name, "main");
    pp_top_done(&top);
    pprofc_profile_free(profile);
}

/* A stack of 100 000 frames is ranked without recursion and in linear time, with samples all along
 * it. */
static void test_deep(void **state)
{
    struct pprofc_profile *profile = new_counting();
    const pp_id location = pp_profile_named_location(profile, "deep", 4);
    const int64_t one = 1;
    struct pp_top top;
    pp_id node = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        node = pp_profile_child(profile, node, location);
        pp_profile_add(profile, node, 0, 0, &one);
    }
    assert_int_equal(pp_top_make(profile, 0, PP_BY_FUNCTION, &top, NULL), 0);
    assert_row(&top, "deep", 100000, 100000);
    pp_top_done(&top);
    pprofc_profile_free(profile);
}

/* main calls outer, into which inner was inlined: one address, two lines. */
static struct pprofc_profile *with_inlining(void)
{
    struct pprofc_profile *profile = new_counting();
    const struct pp_mapping mapping = {.start = 0x1000,
                                       .path = pp_profile_text(profile, "/usr/bin/prog")};
    const struct pp_function inner = {.name = pp_profile_text(profile, "inner"),
                                      .file = pp_profile_text(profile, "in.h")};
    const struct pp_function outer = {.name = pp_profile_text(profile, "outer"),
                                      .file = pp_profile_text(profile, "out.c")};
    const pp_id inner_id = pp_profile_function(profile, &inner),
                outer_id = pp_profile_function(profile, &outer);
    const struct pp_line hot[] = {{inner_id, 7}, {outer_id, 70}},
                         cold[] = {{inner_id, 8}, {outer_id, 71}};
    const struct pp_line plain[] = {{outer_id, 72}};
    struct pp_location location = {
        .address = 0x1100, .mapping = pp_profile_mapping(profile, &mapping), .n_lines = 2};
    const int64_t five = 5, two = 2, one = 1;

    pp_profile_add(profile,
                   pp_profile_child(profile, 0, pp_profile_location(profile, &location, hot)), 0, 0,
                   &five);
    location.address = 0x1200;
    pp_profile_add(profile,
                   pp_profile_child(profile, 0, pp_profile_location(profile, &location, cold)), 0,
                   0, &two);
    location.address = 0x1300;
    location.n_lines = 1;
    pp_profile_add(profile,
                   pp_profile_child(profile, 0, pp_profile_location(profile, &location, plain)), 0,
                   0, &one);
    return profile;
}

/* Self time belongs to the innermost inlined function, shown at its hottest line; its caller gets
 * it as total. */
static void test_inlined(void **state)
{
    struct pprofc_profile *profile = with_inlining();
    struct pp_top top;

    (void)state;
    assert_int_equal(pp_top_make(profile, 0, PP_BY_FUNCTION, &top, NULL), 0);
    assert_row(&top, "inner", 7, 7);
    assert_row(&top, "outer", 1, 8);
    assert_true(row_of(&top, "inner")->is_inlined);
    assert_false(row_of(&top, "outer")->is_inlined);
    assert_int_equal(row_of(&top, "inner")->line, 7);
    assert_int_equal(row_of(&top, "outer")->line, 72);
    assert_string_equal(row_of(&top, "inner")->file, "in.h");
    assert_string_equal(row_of(&top, "inner")->module, "/usr/bin/prog");
    pp_top_done(&top);
    pprofc_profile_free(profile);
}

/* Lines, files, modules and addresses are other groupings of the same samples. */
static void test_groups(void **state)
{
    struct pprofc_profile *profile = with_inlining();
    struct pp_top top;

    (void)state;
    assert_int_equal(pp_top_make(profile, 0, PP_BY_LINE, &top, NULL), 0);
    assert_int_equal(top.n_rows, 5);
    assert_int_equal(top.rows[0].line, 7);
    assert_int_equal(top.rows[0].flat, 5);
    pp_top_done(&top);
    assert_int_equal(pp_top_make(profile, 0, PP_BY_FILE, &top, NULL), 0);
    assert_row(&top, "in.h", 7, 7);
    assert_row(&top, "out.c", 1, 8);
    pp_top_done(&top);
    assert_int_equal(pp_top_make(profile, 0, PP_BY_MODULE, &top, NULL), 0);
    assert_row(&top, "prog", 8, 8);
    pp_top_done(&top);
    assert_int_equal(pp_top_make(profile, 0, PP_BY_ADDRESS, &top, NULL), 0);
    assert_row(&top, "0x0000000000001100 inner", 5, 5);
    pp_top_done(&top);
    pprofc_profile_free(profile);
}

/* By thread, samples go by their labels, and those without any are one row. */
static void test_threads(void **state)
{
    struct pprofc_profile *profile = new_counting();
    const struct pp_label labels[] = {{.key = pp_profile_text(profile, "thread_id"), .number = 42},
                                      {.key = pp_profile_text(profile, "thread_name"),
                                       .text = pp_profile_text(profile, "worker")}};
    const pp_id stack = pp_profile_child(profile, 0, pp_profile_named_location(profile, "f", 1));
    const int64_t six = 6, four = 4;
    struct pp_top top;

    (void)state;
    pp_profile_add(profile, stack, pp_profile_label_set(profile, labels, 2), 0, &six);
    pp_profile_add(profile, stack, 0, 0, &four);
    assert_int_equal(pp_top_make(profile, 0, PP_BY_THREAD, &top, NULL), 0);
    assert_int_equal(top.n_rows, 2);
    assert_row(&top, "worker (42)", 6, 6);
    assert_row(&top, "<unknown>", 4, 4);
    pp_top_done(&top);
    assert_int_equal(pp_top_make(profile, 1, PP_BY_THREAD, &top, NULL), -EINVAL);
    pprofc_profile_free(profile);
}

/* ---- merge ---- */

/* Stacks are recognised by what they say: the ids of two profiles that met their frames in another
 * order differ. */
static void test_merge(void **state)
{
    struct pprofc_profile *one = new_counting(), *two = new_counting();
    struct pp_top top;

    (void)state;
    add_folded(one, "main;a", 1);
    add_folded(one, "main;b", 2);
    add_folded(two, "main;b", 10);
    add_folded(two, "main;a;c", 20);
    one->time_ns = 5000;
    two->time_ns = 4000;
    one->duration_ns = two->duration_ns = 100;
    assert_int_equal(pp_profile_merge(one, two, NULL), 0);
    assert_int_equal(one->n_samples, 3);
    assert_int_equal(pp_profile_total(one, 0), 33);
    assert_int_equal(one->time_ns, 4000);
    assert_int_equal(one->duration_ns, 200);
    assert_int_equal(pp_top_make(one, 0, PP_BY_FUNCTION, &top, NULL), 0);
    assert_row(&top, "a", 1, 21);
    assert_row(&top, "b", 12, 12);
    assert_row(&top, "main", 0, 33);
    pp_top_done(&top);
    pprofc_profile_free(one);
    pprofc_profile_free(two);
}

/* Samples of different types are never added up, and the target is as before. */
static void add_command(struct pprofc_profile *sum, const char *command)
{
    struct pprofc_profile *one = new_counting();

    add_folded(one, "main", 1);
    one->command = pp_profile_text(one, command);
    assert_int_equal(pp_profile_merge(sum, one, NULL), 0);
    pprofc_profile_free(one);
}

/* The command of the first, as long as there is no other; once, whatever is added and how. */
static void test_merge_commands(void **state)
{
    static const struct {
        const char *command, *sum;
    } steps[] = {{"", ""},
                 {"nginx", "nginx"},
                 {"nginx", "nginx"},
                 {"", "nginx"},
                 {"jq .", "nginx, and others"},
                 {"nginx", "nginx, and others"},
                 {"jq ., and others", "nginx, and others"}};
    struct pprofc_profile *sum = new_counting(), *again = new_counting();

    (void)state;
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        add_command(sum, steps[i].command);
        assert_string_equal(pp_profile_chars(sum, sum->command), steps[i].sum);
    }
    add_command(again, "nginx");
    assert_int_equal(pp_profile_merge(again, sum, NULL), 0);
    assert_string_equal(pp_profile_chars(again, again->command), "nginx, and others");
    pprofc_profile_free(sum);
    pprofc_profile_free(again);
}

static void test_merge_types(void **state)
{
    struct pprofc_profile *one = new_counting(), *two = pp_profile_new();
    struct pprofc_error err;

    (void)state;
    (void)pp_profile_add_type(two, "alloc_space", "bytes");
    add_folded(one, "main", 1);
    assert_int_equal(pp_profile_merge(one, two, &err), -EINVAL);
    assert_string_equal(err.message,
                        "cannot merge sample type samples/count with alloc_space/bytes");
    assert_int_equal(pp_profile_total(one, 0), 1);
    pprofc_profile_free(one);
    pprofc_profile_free(two);
}

/* An empty target becomes the source; quality figures add up, and what one side does not know
 * nobody knows. */
static void test_merge_quality(void **state)
{
    struct pprofc_profile *sum = pp_profile_new(), *one = new_counting();

    (void)state;
    add_folded(one, "main", 7);
    one->kind = pp_profile_text(one, "cpu");
    one->quality = (struct pp_quality){
        .is_known = true, .n_samples = 7, .n_lost = 2, .cpu_ns = 70, .own_cpu_ns = -1};
    one->quality.losses[0].cause = pp_profile_text(one, "no_space");
    one->quality.losses[0].n = 2;
    one->quality.n_losses = 1;
    assert_int_equal(pp_profile_merge(sum, one, NULL), 0);
    assert_string_equal(pp_profile_chars(sum, sum->kind), "cpu");
    assert_int_equal(pp_profile_merge(sum, one, NULL), 0);
    assert_int_equal(pp_profile_total(sum, 0), 14);
    assert_true(sum->quality.is_known);
    assert_int_equal(sum->quality.n_samples, 14);
    assert_int_equal(sum->quality.n_losses, 1);
    assert_int_equal(sum->quality.losses[0].n, 4);
    assert_string_equal(pp_profile_chars(sum, sum->quality.losses[0].cause), "no_space");
    assert_int_equal(sum->quality.own_cpu_ns, -1);
    pprofc_profile_free(sum);
    pprofc_profile_free(one);
}

/* Where two profiles have no time axis in common the sum has none, and samples that differed in
 * their time only are one. */
static void test_merge_drops_slices(void **state)
{
    struct pprofc_profile *sliced = new_counting(), *plain = new_counting();
    const int64_t two = 2;

    (void)state;
    sliced->slice_ns = 100;
    add_folded(sliced, "main;a", 1);
    for (uint32_t slice = 1; slice <= 5; slice++)
        pp_profile_add(sliced, sliced->sample_stack[0], 0, slice, &two);
    assert_int_equal(sliced->n_samples, 6);
    add_folded(plain, "main;b", 4);
    add_folded(plain, "main;a", 8);
    assert_int_equal(pp_profile_merge(sliced, plain, NULL), 0);
    assert_int_equal(sliced->slice_ns, 0);
    assert_int_equal(sliced->n_samples, 2);
    assert_int_equal(sliced->sample_values[0], 1 + 5 * 2 + 8);
    assert_int_equal(pp_profile_total(sliced, 0), 23);
    pp_profile_add(sliced, sliced->sample_stack[0], 0, 0, &two); /* known by what it is now */
    assert_int_equal(sliced->n_samples, 2);
    pprofc_profile_free(sliced);
    pprofc_profile_free(plain);
}

/* Two profiles on one time axis: the slices of the later one move behind, whichever is merged into
 * which. */
static void test_merge_slices(void **state)
{
    for (int swapped = 0; swapped < 2; swapped++) {
        struct pprofc_profile *early = new_counting(), *late = new_counting();
        struct pprofc_profile *target = swapped ? late : early, *source = swapped ? early : late;
        const int64_t one = 1, two = 2;
        int64_t at_0 = 0, at_13 = 0;

        (void)state;
        early->slice_ns = late->slice_ns = 100;
        early->time_ns = 1000;
        late->time_ns = 2000;
        pp_profile_add(early, 0, 0, 0, &one);
        pp_profile_add(late, 0, 0, 3, &two);
        assert_int_equal(pp_profile_merge(target, source, NULL), 0);
        assert_int_equal(target->time_ns, 1000);
        assert_int_equal(target->n_samples, 2);
        for (uint32_t i = 0; i < 2; i++) {
            at_0 += target->sample_slice[i] == 0 ? target->sample_values[i] : 0;
            at_13 += target->sample_slice[i] == 13 ? target->sample_values[i] : 0;
        }
        assert_int_equal(at_0, 1);
        assert_int_equal(at_13, 2);
        pp_profile_add(target, 0, 0, 13, &two); /* still known by its new slice */
        assert_int_equal(target->n_samples, 2);
        pprofc_profile_free(early);
        pprofc_profile_free(late);
    }
}

/* ---- blocklist ---- */

/* Whether "libc" takes the frame of the module at 'path' out of main -> module. */
static bool blocks(const char *libraries, const char *path)
{
    struct pprofc_profile *profile = new_counting();
    const int64_t one = 1;
    const pp_id main_frame = frame_in(profile, "/usr/bin/prog", 0x1000);
    const pp_id leaf = frame_in(profile, path, 0x2000);
    bool is_blocked;

    pp_profile_add(profile,
                   pp_profile_child(profile, pp_profile_child(profile, 0, main_frame), leaf), 0, 0,
                   &one);
    assert_int_equal(pp_profile_block(profile, libraries, false, NULL), 0);
    assert_int_equal(pp_profile_total(profile, 0), 1);
    is_blocked = profile->node_location[profile->sample_stack[0]] == main_frame;
    pprofc_profile_free(profile);
    return is_blocked;
}

/* An entry is a module's own name, whatever its version: libc is not libcap, and libpthread counts
 * as libc. */
static void test_block_names(void **state)
{
    (void)state;
    assert_true(blocks("libc", "/lib/x86_64-linux-gnu/libc.so.6"));
    assert_true(blocks("libc", "/lib/libc-2.36.so"));
    assert_true(blocks("libc", "/lib/libc.so.6 (deleted)"));
    assert_true(blocks("libc", "/lib/libpthread.so.0"));
    assert_true(blocks("libm, libc", "/lib/libc.so.6"));
    assert_true(blocks("libstdc++", "/usr/lib/libstdc++.so.6.0.30"));
    assert_true(blocks("libstdc++.so.6", "/usr/lib/libstdc++.so.6.0.30"));
    assert_true(blocks("ld-linux-x86-64", "/lib64/ld-linux-x86-64.so.2"));
    assert_false(blocks("libc", "/lib/libcap.so.2"));
    assert_false(blocks("libc", "/lib/libcrypto.so.3"));
    assert_false(blocks("libcap", "/lib/libc.so.6"));
    assert_false(blocks("libm", "/lib/libpthread.so.0"));
    assert_false(blocks("lib", "/lib/libc.so.6"));
    assert_false(blocks("", "/lib/libc.so.6"));
    assert_false(blocks(",", "/lib/libc.so.6"));
    assert_false(blocks("libc", ""));
}

/* Blocked frames go to their caller, in the middle too; a stack of nothing else keeps one frame; no
 * sample is lost. */
static void test_block_folds(void **state)
{
    struct pprofc_profile *profile = new_counting();
    const pp_id prog = frame_in(profile, "/bin/prog", 0x10),
                callback = frame_in(profile, "/bin/prog", 0x20);
    const pp_id sort = frame_in(profile, "/lib/libc.so.6", 0x30),
                copy = frame_in(profile, "/lib/libc.so.6", 0x40);
    const pp_id through[] = {callback, sort, prog}, on_leaf[] = {copy, prog},
                alone[] = {copy, sort};
    const int64_t one = 1, two = 2, four = 4;
    pp_id node;
    char scratch[64];

    (void)state;
    pp_profile_add(profile, pp_profile_stack(profile, through, 3), 0, 0, &one);
    pp_profile_add(profile, pp_profile_stack(profile, on_leaf, 2), 0, 0, &two);
    pp_profile_add(profile, pp_profile_stack(profile, alone, 2), 0, 0, &four);
    assert_int_equal(pp_profile_block(profile, "libc", false, NULL), 0);
    assert_int_equal(profile->n_samples, 3);
    node = profile->sample_stack[0];
    assert_int_equal(profile->node_location[node], callback);
    assert_int_equal(profile->node_location[profile->node_parent[node]], prog);
    assert_int_equal(profile->node_location[profile->sample_stack[1]], prog);
    node = profile->sample_stack[2];
    assert_int_equal(profile->node_parent[node], 0);
    assert_string_equal(
        pp_profile_frame_name(profile, profile->node_location[node], 0, scratch, sizeof scratch),
        "[libc]");
    assert_int_equal(pp_profile_total(profile, 0), 7);
    assert_int_equal(profile->quality.n_dropped, 0);
    pprofc_profile_free(profile);
}

/* Dropping leaves out the samples whose leaf is blocked and says how many those were. */
static void test_block_drops(void **state)
{
    struct pprofc_profile *profile = new_counting();
    const pp_id prog = frame_in(profile, "/bin/prog", 0x10),
                sort = frame_in(profile, "/lib/libc.so.6", 0x30);
    const pp_id through[] = {prog, sort, prog}, on_leaf[] = {sort, prog};
    const int64_t three = 3, five = 5;

    (void)state;
    pp_profile_add(profile, pp_profile_stack(profile, through, 3), 0, 0, &three);
    pp_profile_add(profile, pp_profile_stack(profile, on_leaf, 2), 0, 0, &five);
    assert_int_equal(pp_profile_block(profile, "libc", true, NULL), 0);
    assert_int_equal(pp_profile_total(profile, 0), 3);
    assert_int_equal(profile->quality.n_dropped, 5);
    assert_int_equal(profile->node_location[profile->node_parent[profile->sample_stack[0]]], sort);
    pprofc_profile_free(profile);
}

/* ---- quality ---- */

static void assert_quality_line(const struct pp_quality *quality, const char *kind,
                                const char *wanted)
{
    struct pprofc_profile *profile = pp_profile_new();
    char line[256];

    profile->quality = *quality;
    profile->kind = pp_profile_text(profile, kind);
    pp_profile_quality_line(profile, line, sizeof line);
    assert_string_equal(line, wanted);
    pprofc_profile_free(profile);
}

/* The line says what is known, in the words of the interface; shares are rounded down, never up to
 * 100 %. */
static void test_quality_line(void **state)
{
    struct pp_quality quality = {.is_known = true,
                                 .n_samples = 1229,
                                 .n_lost = 0,
                                 .n_truncated = 3,
                                 .cpu_ns = 12310000000,
                                 .sampled_ns = 12285400000,
                                 .own_cpu_ns = 25851000};

    (void)state;
    assert_quality_line(
        &quality, "cpu",
        "1 229 cpu samples = 12.29 s of 12.31 s CPU (99.8 %), 0 lost, 3 truncated, cost 0.21 %");
    quality.sampled_ns = 12309999999;
    assert_quality_line(
        &quality, "cpu",
        "1 229 cpu samples = 12.31 s of 12.31 s CPU (99.9 %), 0 lost, 3 truncated, cost 0.21 %");
    /* A program that has waited nearly all the time. */
    quality.cpu_ns = quality.sampled_ns = 600000;
    quality.own_cpu_ns = 8860000;
    assert_quality_line(&quality, "cpu",
                        "1 229 cpu samples = 600 us of 600 us CPU (100.0 %), 0 lost, 3 truncated, "
                        "cost 8.86 ms CPU");
    quality = (struct pp_quality){.is_known = true,
                                  .n_samples = 1234567,
                                  .n_lost = 1000,
                                  .n_truncated = -1,
                                  .n_dropped = 12,
                                  .cpu_ns = -1,
                                  .own_cpu_ns = -1};
    assert_quality_line(&quality, "", "1 234 567 samples, 1 000 lost, 12 dropped");
    quality.is_known = false;
    assert_quality_line(&quality, "cpu", "");
}

/* However small the room, the line ends inside it. */
static void test_quality_line_capacity(void **state)
{
    struct pprofc_profile *profile = pp_profile_new();
    char line[64], whole[256];

    (void)state;
    profile->quality =
        (struct pp_quality){.is_known = true, .n_samples = 1229, .cpu_ns = 1, .sampled_ns = 1};
    pp_profile_quality_line(profile, whole, sizeof whole);
    for (size_t capacity = 1; capacity < sizeof line; capacity++) {
        memset(line, '#', sizeof line);
        pp_profile_quality_line(profile, line, capacity);
        assert_true(strlen(line) < capacity);
        assert_memory_equal(line, whole, strlen(line));
        assert_int_equal(line[capacity], '#');
    }
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_recursion),
        cmocka_unit_test(test_both_walks),
        cmocka_unit_test(test_deep),
        cmocka_unit_test(test_inlined),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_merge_types),
        cmocka_unit_test(test_merge_commands),
        cmocka_unit_test(test_merge_quality),
        cmocka_unit_test(test_merge_drops_slices),
        cmocka_unit_test(test_merge_slices),
        cmocka_unit_test(test_block_names),
        cmocka_unit_test(test_block_folds),
        cmocka_unit_test(test_block_drops),
        cmocka_unit_test(test_quality_line),
        cmocka_unit_test(test_quality_line_capacity),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
