/* Each kind of profile has its colours: warm, blue, purple, neutral, green. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "views/flamegraph_parts.h"

static enum pp_flame_kind kind_of(const char *kind, const char *type)
{
    struct pprofc_profile *profile = pp_profile_new();
    const int index = pp_profile_add_type(profile, type, "nanoseconds");
    enum pp_flame_kind found;

    assert_int_equal(index, 0);
    profile->kind = pp_profile_text(profile, kind);
    found = pp_flame_kind_of(profile, 0);
    pprofc_profile_free(profile);
    return found;
}

/* By the profile's own word, else by its sample type, as other profilers' have it. */
static void kinds_are_found(void **state)
{
    (void)state;
    assert_int_equal(kind_of("offcpu", "wait"), PP_FLAME_OFFCPU);
    assert_int_equal(kind_of("lock", "holder_delay"), PP_FLAME_LOCK);
    assert_int_equal(kind_of("wall", "time"), PP_FLAME_WALL);
    assert_int_equal(kind_of("block", "delay"), PP_FLAME_LOCK);
    assert_int_equal(kind_of("mutex", "contentions"), PP_FLAME_LOCK);
    assert_int_equal(kind_of("", "waits"), PP_FLAME_OFFCPU);
    assert_int_equal(kind_of("", "wall"), PP_FLAME_WALL);
    assert_int_equal(kind_of("", "cpu"), PP_FLAME_CPU);
}

/* The program's own first colour, by day. */
static void first_colour(enum pp_flame_kind kind, int rgb[3])
{
    struct pp_buffer css = PP_BUFFER_INIT;
    const char *rule;

    pp_flame_palette(&css, kind);
    pp_buffer_text(&css, "");
    assert_false(css.failed);
    rule = strstr(css.bytes, ".m1{fill:#");
    assert_non_null(rule);
    assert_int_equal(sscanf(rule, ".m1{fill:#%2x%2x%2x}", (unsigned *)&rgb[0], (unsigned *)&rgb[1],
                            (unsigned *)&rgb[2]),
                     3);
    pp_buffer_done(&css);
}

static int spread(const int rgb[3])
{
    int least = 255, most = 0;

    for (int i = 0; i < 3; i++) {
        least = rgb[i] < least ? rgb[i] : least;
        most = rgb[i] > most ? rgb[i] : most;
    }
    return most - least;
}

static void kinds_have_colours(void **state)
{
    int cpu[3], offcpu[3], lock[3], wall[3], heap[3];
    (void)state;

    first_colour(PP_FLAME_CPU, cpu);
    first_colour(PP_FLAME_OFFCPU, offcpu);
    first_colour(PP_FLAME_LOCK, lock);
    first_colour(PP_FLAME_WALL, wall);
    first_colour(PP_FLAME_HEAP, heap);
    assert_true(cpu[0] > cpu[1] && cpu[1] > cpu[2]);             /* warm */
    assert_true(offcpu[2] > offcpu[1] && offcpu[1] > offcpu[0]); /* blue */
    assert_true(lock[2] > lock[1] && lock[0] > lock[1]);         /* purple */
    assert_true(heap[1] > heap[0] && heap[1] > heap[2]);         /* green */
    assert_true(spread(wall) < spread(cpu) / 2);                 /* neutral */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kinds_are_found),
        cmocka_unit_test(kinds_have_colours),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
