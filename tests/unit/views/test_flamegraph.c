/* The drawn tree, what is gathered, what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "views/flamegraph.h"
#include "views/flamegraph_parts.h"

/* ---- allocations that fail on request (linked with --wrap) ---- */
static long n_left = -1; /* allocations until one fails; negative: never */

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n, size_t n_bytes);
void *__real_reallocarray(void *old, size_t n, size_t n_bytes);
void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n, size_t n_bytes);
void *__wrap_reallocarray(void *old, size_t n, size_t n_bytes);

static bool fails_now(void)
{
    return n_left >= 0 && n_left-- == 0;
}

void *__wrap_malloc(size_t n_bytes)
{
    return fails_now() ? NULL : __real_malloc(n_bytes);
}

void *__wrap_calloc(size_t n, size_t n_bytes)
{
    return fails_now() ? NULL : __real_calloc(n, n_bytes);
}

void *__wrap_reallocarray(void *old, size_t n, size_t n_bytes)
{
    return fails_now() ? NULL : __real_reallocarray(old, n, n_bytes);
}

/* ---- profiles to draw ---- */
static struct pprofc_profile *new_profile(void)
{
    struct pprofc_profile *profile = pp_profile_new();

    assert_non_null(profile);
    assert_true(pp_profile_add_type(profile, "samples", "count") >= 0);
    return profile;
}

/* Add "main;foo;bar". */
static void add(struct pprofc_profile *profile, const char *stack, int64_t value)
{
    pp_id node = 0;

    while (*stack != '\0') {
        const size_t n_bytes = strcspn(stack, ";");
        node = pp_profile_child(profile, node, pp_profile_named_location(profile, stack, n_bytes));
        stack += n_bytes + (stack[n_bytes] == ';');
    }
    pp_profile_add(profile, node, 0, 0, &value);
}

static struct pp_flame_tree build(struct pprofc_profile *profile)
{
    struct pp_flame_tree tree;

    assert_false(pp_profile_failed(profile));
    assert_int_equal(pp_flame_tree_build(profile, 0, &tree, NULL), 0);
    return tree;
}

static void assert_node(const struct pp_flame_tree *tree, uint32_t node, uint32_t level,
                        const char *name, int64_t self, int64_t total)
{
    const struct pp_flame_frame *frame = &tree->frames[tree->nodes[node].frame];

    assert_int_equal(tree->nodes[node].level, level);
    assert_int_equal(frame->n_bytes, strlen(name));
    assert_memory_equal(frame->name, name, frame->n_bytes);
    assert_int_equal(tree->nodes[node].self, self);
    assert_int_equal(tree->nodes[node].total, total);
}

/* Every node's total is its self and its children's totals; every subtree ends where the next
 * begins. */
static void assert_sums(const struct pp_flame_tree *tree)
{
    uint32_t i, child;

    for (i = 0; i < tree->n_nodes; i++) {
        int64_t sum = tree->nodes[i].self;
        for (child = i + 1; child < tree->nodes[i].end; child = tree->nodes[child].end) {
            assert_int_equal(tree->nodes[child].parent, i);
            assert_int_equal(tree->nodes[child].level, tree->nodes[i].level + 1);
            sum += tree->nodes[child].total;
        }
        assert_int_equal(child, tree->nodes[i].end);
        assert_int_equal(sum, tree->nodes[i].total);
    }
}

static void draw(const struct pprofc_profile *profile, struct pp_buffer *svg)
{
    const struct pp_flamegraph_options options = {0};
    struct pprofc_error err;

    assert_int_equal(pp_flamegraph_write(profile, &options, svg, &err), 0);
    pp_buffer_text(svg, "");
}

static size_t count(const struct pp_buffer *text, const char *what)
{
    const char *at = text->bytes;
    size_t n = 0;

    while ((at = strstr(at, what)) != NULL)
        n++, at++;
    return n;
}

/* xmllint finds 'svg' well-formed; where there is no xmllint this says so. */
static void assert_well_formed(const struct pp_buffer *svg)
{
    FILE *xmllint;

    if (system("command -v xmllint >/dev/null") != 0) {
        print_message("xmllint is not installed: well-formedness was not looked at\n");
        return;
    }
    xmllint = popen("xmllint --noout --huge -", "we");
    assert_non_null(xmllint);
    assert_int_equal(fwrite(svg->bytes, 1, svg->n_bytes, xmllint), svg->n_bytes);
    assert_int_equal(pclose(xmllint), 0);
}

/* ---- the tree ---- */

/* A path and a name are one box, also where a sort of whole lines would tear it ("foo 500" < "foo2"
 * < "foo;bar"). */
static void test_one_box_per_path_and_name(void **state)
{
    struct pprofc_profile *profile = new_profile();
    struct pp_flame_tree tree;

    (void)state;
    add(profile, "main;foo", 500);
    add(profile, "main;foo2;x", 100);
    add(profile, "main;foo;bar", 400);
    tree = build(profile);
    assert_int_equal(tree.n_nodes, 6);
    assert_int_equal(tree.n_levels, 3);
    assert_int_equal(tree.nodes[0].total, 1000);
    assert_node(&tree, 1, 1, "main", 0, 1000);
    assert_node(&tree, 2, 2, "foo", 500, 900);
    assert_node(&tree, 3, 3, "bar", 400, 400);
    assert_node(&tree, 4, 2, "foo2", 0, 100);
    assert_node(&tree, 5, 3, "x", 100, 100);
    assert_sums(&tree);
    pp_flame_tree_done(&tree);
    pprofc_profile_free(profile);
}

/* Siblings are in the order of their names' bytes, in whatever order they came. */
static void test_siblings_are_alphabetical(void **state)
{
    struct pprofc_profile *profile = new_profile();
    struct pp_flame_tree tree;

    (void)state;
    add(profile, "b;z", 1);
    add(profile, "\xff", 1);
    add(profile, "a", 1);
    add(profile, "b;y", 1);
    add(profile, "B", 1);
    tree = build(profile);
    assert_int_equal(tree.n_nodes, 7);
    assert_node(&tree, 1, 1, "B", 1, 1);
    assert_node(&tree, 2, 1, "a", 1, 1);
    assert_node(&tree, 3, 1, "b", 0, 2);
    assert_node(&tree, 4, 2, "y", 1, 1);
    assert_node(&tree, 5, 2, "z", 1, 1);
    assert_node(&tree, 6, 1, "\xff", 1, 1);
    pp_flame_tree_done(&tree);
    pprofc_profile_free(profile);
}

static pp_id location(struct pprofc_profile *profile, uint64_t address, const char *inner,
                      const char *outer)
{
    const struct pp_mapping mapping = {.start = 0x1000,
                                       .limit = 0x9000,
                                       .offset = 0x200,
                                       .path = pp_profile_text(profile, "/bin/app")};
    const struct pp_function a = {.name = pp_profile_text(profile, inner),
                                  .file = pp_profile_text(profile, "a.c"),
                                  .start_line = 10};
    const struct pp_function b = {.name = pp_profile_text(profile, outer), .start_line = 20};
    const struct pp_line lines[2] = {{pp_profile_function(profile, inner ? &a : &b), 12},
                                     {pp_profile_function(profile, &b), 25}};
    const struct pp_location at = {.address = address,
                                   .mapping = pp_profile_mapping(profile, &mapping),
                                   .n_lines = inner && outer   ? 2
                                              : inner || outer ? 1
                                                               : 0};

    return pp_profile_location(profile, &at, lines);
}

/* Two addresses of a function are one box; what was inlined stands on its physical function. */
static void test_addresses_become_functions(void **state)
{
    struct pprofc_profile *profile = new_profile();
    const int64_t three = 3, four = 4;
    pp_id leaf_first[2];
    struct pp_flame_tree tree;

    (void)state;
    leaf_first[0] = location(profile, 0x1010, "hash", "find");
    leaf_first[1] = location(profile, 0x1100, NULL, "main");
    pp_profile_add(profile, pp_profile_stack(profile, leaf_first, 2), 0, 0, &three);
    leaf_first[0] = location(profile, 0x1020, NULL, "find");
    leaf_first[1] = location(profile, 0x1104, NULL, "main");
    pp_profile_add(profile, pp_profile_stack(profile, leaf_first, 2), 0, 0, &four);
    tree = build(profile);
    assert_int_equal(tree.n_nodes, 4);
    assert_node(&tree, 1, 1, "main", 0, 7);
    assert_node(&tree, 2, 2, "find", 4, 7);
    assert_node(&tree, 3, 3, "hash", 3, 3);
    assert_false(tree.nodes[2].is_inlined);
    assert_true(tree.nodes[3].is_inlined);
    assert_int_equal(tree.frames[tree.nodes[3].frame].start_line, 10);
    assert_string_equal(pp_profile_chars(profile, tree.frames[tree.nodes[3].frame].file), "a.c");
    assert_string_equal(pp_profile_chars(profile, tree.frames[tree.nodes[3].frame].module),
                        "/bin/app");
    pp_flame_tree_done(&tree);
    pprofc_profile_free(profile);
}

/* Without a name a frame is module and file offset, or the address, or [unknown]. */
static void test_unnamed_frames(void **state)
{
    struct pprofc_profile *profile = new_profile();
    const struct pp_location bare = {.address = 0xabc}, nothing = {.address = 0};
    const int64_t one = 1;
    struct pp_flame_tree tree;

    (void)state;
    pp_profile_add(profile, pp_profile_child(profile, 0, location(profile, 0x1010, NULL, NULL)), 0,
                   0, &one);
    pp_profile_add(profile, pp_profile_child(profile, 0, pp_profile_location(profile, &bare, NULL)),
                   0, 0, &one);
    pp_profile_add(profile,
                   pp_profile_child(profile, 0, pp_profile_location(profile, &nothing, NULL)), 0, 0,
                   &one);
    tree = build(profile);
    assert_int_equal(tree.n_nodes, 4);
    assert_node(&tree, 1, 1, "0xabc", 1, 1);
    assert_node(&tree, 2, 1, "[unknown]", 1, 1);
    assert_node(&tree, 3, 1, "app+0x210", 1, 1);
    pp_flame_tree_done(&tree);
    pprofc_profile_free(profile);
}

/* Sums stop at the largest value instead of wrapping; negative values count as nothing. */
static void test_extreme_values(void **state)
{
    struct pprofc_profile *profile = new_profile();
    pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT;
    struct pp_flame_tree tree;

    (void)state;
    add(profile, "a;b", INT64_MAX);
    add(profile, "a;c", INT64_MAX);
    add(profile, "a;d", -5);
    tree = build(profile);
    assert_int_equal(tree.n_nodes, 4);
    assert_true(tree.nodes[0].total == INT64_MAX);
    draw(profile, &svg);
    assert_well_formed(&svg);
    pp_flame_tree_done(&tree);
    pprofc_profile_free(profile);
}

/* A sample type that the profile does not have is refused by name. */
static void test_unknown_type(void **state)
{
    struct pprofc_profile *profile = new_profile();
    const struct pp_flamegraph_options options = {.type = 1};
    pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT;
    struct pprofc_error err;

    (void)state;
    assert_int_equal(pp_flamegraph_write(profile, &options, &svg, &err), -EINVAL);
    assert_non_null(strstr(err.message, "sample type 1"));
    assert_int_equal(svg.n_bytes, 0);
    pprofc_profile_free(profile);
}

/* ---- gathering ---- */

/* Narrow siblings become one box at the end that says how many they were, and every sum stays. */
static void test_other_sums_exactly(void **state)
{
    struct pprofc_profile *profile = new_profile();
    struct pp_flame_tree tree, gathered;
    char stack[64];
    int i;

    (void)state;
    for (i = 0; i < 1000; i++) {
        snprintf(stack, sizeof stack, "main;part%d;leaf%d;x", i % 10, i);
        add(profile, stack, i % 100 == 0 ? 1000 : i % 7);
    }
    add(profile, "main;tiny;tinier", 3);
    tree = build(profile);
    assert_int_equal(pp_flame_gather(&tree, 1000, UINT32_MAX, &gathered, NULL), 0);
    assert_int_equal(gathered.nodes[0].total, tree.nodes[0].total);
    assert_sums(&gathered);
    /* all, main, part0 with ten leaves of 1000 and their x, its other, and main's other for the
     * rest. */
    assert_int_equal(gathered.n_nodes, 1 + 1 + 1 + 10 * 2 + 1 + 1);
    assert_int_equal(gathered.nodes[gathered.n_nodes - 1].kind, PP_FLAME_OTHER);
    assert_int_equal(gathered.nodes[gathered.n_nodes - 1].n_gathered,
                     10); /* part1 to part9 and tiny */
    assert_int_equal(gathered.nodes[gathered.n_nodes - 2].kind, PP_FLAME_OTHER);
    assert_int_equal(gathered.nodes[gathered.n_nodes - 2].level, 3);
    pp_flame_tree_done(&gathered);
    pp_flame_tree_done(&tree);
    pprofc_profile_free(profile);
}

/* The threshold leaves at most as many nodes as asked, and does nothing when there are no more. */
static void test_threshold(void **state)
{
    struct pprofc_profile *profile = new_profile();
    struct pp_flame_tree tree;
    char stack[64];
    uint32_t max_nodes;
    int i;

    (void)state;
    for (i = 1; i <= 1000; i++) {
        snprintf(stack, sizeof stack, "f%d", i);
        add(profile, stack, i);
    }
    tree = build(profile);
    assert_int_equal(pp_flame_threshold(&tree, 1, UINT32_MAX, 1001), 1);
    assert_int_equal(pp_flame_threshold(&tree, 17, UINT32_MAX, 1001), 17);
    for (max_nodes = 1; max_nodes < 1000; max_nodes += 37) {
        const int64_t threshold = pp_flame_threshold(&tree, 1, UINT32_MAX, max_nodes);
        uint32_t n_kept = 0, node;
        for (node = 0; node < tree.n_nodes; node++)
            n_kept += tree.nodes[node].total >= threshold;
        assert_true(n_kept <= max_nodes);
        assert_true(n_kept + 64 + 1 >
                    max_nodes); /* short of it by less than a bin: an eighth of 512 */
    }
    pp_flame_tree_done(&tree);
    pprofc_profile_free(profile);
}

/* Depth 100 000 needs no stack, and the static picture says how many levels it leaves out. */
static void test_depth(void **state)
{
    enum { DEPTH = 100000 };
    struct pprofc_profile *profile = new_profile();
    pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT;
    struct pp_flame_tree tree;
    const int64_t one = 1;
    pp_id node = 0;
    int i;

    (void)state;
    for (i = 0; i < DEPTH; i++)
        node = pp_profile_child(profile, node,
                                pp_profile_named_location(profile, i % 2 ? "f" : "g", 1));
    pp_profile_add(profile, node, 0, 0, &one);
    tree = build(profile);
    assert_int_equal(tree.n_levels, DEPTH);
    assert_int_equal(tree.n_nodes, DEPTH + 1);
    draw(profile, &svg);
    assert_int_equal(count(&svg, "99 760 deeper levels"), 2); /* its title and its text */
    assert_true(svg.n_bytes < 1000000);
    assert_well_formed(&svg);
    pp_flame_tree_done(&tree);
    pprofc_profile_free(profile);
}

/* ---- text ---- */

/* Any byte in a name leaves the file well-formed, shown, and free of scripts that are not ours. */
static void test_every_byte(void **state)
{
    static const char *const evil[] = {"<script>alert(1)</script>",
                                       "</script><script>x</script>",
                                       "]]>",
                                       "<!--",
                                       "--><b>",
                                       "\"'&amp;",
                                       "a\xe2\x80",
                                       "\xed\xa0\x80",
                                       "\xc0\x80",
                                       ("\xe2\x80\xae"
                                        "flipped"),
                                       "\xef\xbf\xbf",
                                       "${x}`\\u003c"};
    struct pprofc_profile *plain = new_profile(), *profile = new_profile();
    pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT, plain_svg = PP_BUFFER_INIT;
    char name[4] = "x";
    size_t i;

    (void)state;
    add(plain, "main", 1);
    draw(plain, &plain_svg);
    for (i = 1; i < 256; i++) {
        const int64_t one = 1;
        name[1] = (char)i;
        name[2] = 'y';
        pp_profile_add(profile,
                       pp_profile_child(profile, 0, pp_profile_named_location(profile, name, 3)), 0,
                       0, &one);
    }
    for (i = 0; i < sizeof evil / sizeof evil[0]; i++)
        add(profile, evil[i], 10);
    profile->command = pp_profile_text(profile, "app '<script>' \x01 ]]> \xff");
    draw(profile, &svg);
    assert_well_formed(&svg);
    assert_int_equal(count(&svg, "<script"), count(&plain_svg, "<script"));
    assert_int_equal(count(&svg, "</script"), count(&plain_svg, "</script"));
    assert_int_equal(count(&svg, "]]>"), count(&plain_svg, "]]>"));
    assert_int_equal(count(&svg, "<!--"), 0);
    assert_true(count(&svg, "x\\x01y") > 0 && count(&svg, "x\\xFFy") > 0);
    for (i = 0; i < svg.n_bytes; i++)
        assert_true((unsigned char)svg.bytes[i] >= 0x20 || svg.bytes[i] == '\n');
    pprofc_profile_free(plain);
    pprofc_profile_free(profile);
}

static void assert_clean(const char *bytes, const char *shown)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    pp_flame_clean(&text, bytes, strlen(bytes), 1000);
    pp_buffer_text(&text, "");
    assert_string_equal(text.bytes, shown);
}

/* Valid UTF-8 stays; what is not, and what cannot be seen, is spelled out. */
static void test_clean(void **state)
{
    (void)state;
    assert_clean("größe", "größe");
    assert_clean("\U0001F525", "\U0001F525");
    assert_clean("a\tb\x7f", "a\\x09b\\x7F");
    assert_clean("\xe2\x80", "\\xE2\\x80");
    assert_clean("\xf8z", "\\xF8z");
    assert_clean("\xed\xa0\x80", "\\xED\\xA0\\x80");
    assert_clean("\xf4\x90\x80\x80", "\\xF4\\x90\\x80\\x80");
    assert_clean("\xe2\x80\xae", "\\u{202E}");
    assert_clean("\xc2\x85", "\\u{0085}");
    assert_clean("\xef\xbf\xbe", "\\u{FFFE}");
}

/* Names are shortened as short_names.tsv says; the page's test reads the same file. */
static void test_short_names(void **state)
{
    FILE *cases = fopen(PP_SHORT_NAMES, "re");
    char line[1000];
    int n_cases = 0;

    (void)state;
    assert_non_null(cases);
    while (fgets(line, sizeof line, cases) != NULL) {
        pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
        char *name = line, *columns = strchr(line, '\t'), *right;
        *columns++ = '\0';
        right = strchr(columns, '\t');
        *right++ = '\0';
        right[strcspn(right, "\n")] = '\0';
        pp_flame_shorten(&text, name, strlen(name), (size_t)atoi(columns));
        pp_buffer_text(&text, "");
        if (strcmp(text.bytes, right) != 0)
            print_message("%s in %s columns\n", name, columns);
        assert_string_equal(text.bytes, right);
        assert_true(pp_flame_columns(right, strlen(right)) <= (size_t)atoi(columns));
        n_cases++;
    }
    fclose(cases);
    assert_true(n_cases > 20);
}

static void assert_value(int64_t value, const char *unit, const char *shown)
{
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    pp_flame_value(&text, value, unit);
    assert_string_equal(text.bytes, shown);
}

/* Values have the unit that people would choose. */
static void test_values(void **state)
{
    (void)state;
    assert_value(0, "nanoseconds", "0 ns");
    assert_value(12310000000, "nanoseconds", "12.3 s");
    assert_value(1500000, "nanoseconds", "1.50 ms");
    assert_value(7200000000000, "nanoseconds", "2.00 h");
    assert_value(1023, "bytes", "1023 B");
    assert_value(4 << 20, "bytes", "4.00 MiB");
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;
    pp_flame_number(&text, 1234567);
    pp_buffer_text(&text, "");
    assert_string_equal(text.bytes, "1 234 567");
}

/* ---- the file ---- */

/* The header names command, date, duration and samples; pseudo frames are grey; no samples is said,
 * not an error. */
static void test_header(void **state)
{
    struct pprofc_profile *profile = new_profile();
    pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT, empty = PP_BUFFER_INIT;

    (void)state;
    draw(profile, &empty);
    assert_well_formed(&empty);
    assert_true(count(&empty, "no samples") > 0);
    profile->command = pp_profile_text(profile, "./app --fast");
    profile->time_ns = INT64_C(1764000000) * 1000000000; /* date -u -d @1764000000 */
    profile->duration_ns = INT64_C(2500000000);
    add(profile, "main", 1228);
    add(profile, "[unsampled]", 1);
    draw(profile, &svg);
    assert_true(count(&svg, "<title>./app --fast</title>") == 1);
    assert_true(count(&svg, "CPU time · 2025-11-24 16:00:00 UTC · 2.50 s · 1 229 samples") >= 2);
    assert_int_equal(count(&svg, "<rect class=\"p0\""), 1);
    assert_true(count(&svg, "viewBox=\"0 0 1200 ") == 1);
    assert_well_formed(&svg);
    pprofc_profile_free(profile);
}

/* A long command line is cut in the title and in the picture, behind its program whatever follows,
 * and whole in the description and for the page. */
static void test_long_command(void **state)
{
    struct pprofc_profile *profile = new_profile();
    pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT;
    char command[900], whole[920];

    (void)state;
    memset(command, 'x', sizeof command - 1);
    command[sizeof command - 1] = '\0';
    memcpy(command, "./app (a) b::c ", strlen("./app (a) b::c "));
    profile->command = pp_profile_text(profile, command);
    add(profile, "main", 1);
    draw(profile, &svg);
    assert_int_equal(count(&svg, "<title>./app (a) b::c x"), 1);
    assert_int_equal(count(&svg, ">./app (a) b::c x"), 3);
    assert_int_equal(count(&svg, "x…</t"), 2);
    (void)snprintf(whole, sizeof whole, "<desc>%s; CPU time", command);
    assert_int_equal(count(&svg, whole), 1);
    assert_int_equal(count(&svg, command), 2);
    assert_well_formed(&svg);
    pprofc_profile_free(profile);
}

/* Whatever allocation fails, the answer is -ENOMEM and the buffer is as it was; or it could be done
 * without, and the picture is the same. */
static void draw_without_memory(const struct pprofc_profile *profile)
{
    const struct pp_flamegraph_options options = {0};
    pp_autobuffer struct pp_buffer whole = PP_BUFFER_INIT;
    struct pprofc_error err;
    bool was_refused = true;
    long i;

    draw(profile, &whole);
    for (i = 0; was_refused; i++) {
        pp_autobuffer struct pp_buffer svg = PP_BUFFER_INIT;
        int rc;
        assert_true(i < 10000);
        n_left = i;
        rc = pp_flamegraph_write(profile, &options, &svg, &err);
        was_refused = n_left < 0;
        n_left = -1;
        assert_true(rc == 0 || (rc == -ENOMEM && was_refused && svg.n_bytes == 0));
        if (rc != 0)
            continue;
        assert_int_equal(svg.n_bytes, whole.n_bytes);
        assert_memory_equal(svg.bytes, whole.bytes, whole.n_bytes);
    }
    assert_true(i > 20);
}

static void test_failing_allocations(void **state)
{
    struct pprofc_profile *profile = new_profile();
    const int64_t one = 1;

    (void)state;
    add(profile, "main;foo;bar", 5);
    add(profile, "main;foo;other", 5);
    draw_without_memory(profile); /* it is plain */
    pp_profile_add(profile, pp_profile_child(profile, 0, location(profile, 0x1010, NULL, NULL)), 0,
                   0, &one);
    pp_profile_add(profile, pp_profile_child(profile, 0, location(profile, 0x2010, "foo", "foo.c")),
                   0, 0, &one);
    draw_without_memory(profile); /* now it is not: two addresses of one function */
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_box_per_path_and_name),
        cmocka_unit_test(test_siblings_are_alphabetical),
        cmocka_unit_test(test_addresses_become_functions),
        cmocka_unit_test(test_unnamed_frames),
        cmocka_unit_test(test_extreme_values),
        cmocka_unit_test(test_unknown_type),
        cmocka_unit_test(test_other_sums_exactly),
        cmocka_unit_test(test_threshold),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_every_byte),
        cmocka_unit_test(test_clean),
        cmocka_unit_test(test_short_names),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_long_command),
        cmocka_unit_test(test_failing_allocations),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
