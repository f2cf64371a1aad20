/* Names people can read, whatever the mangled name holds. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "binary/demangle.h"
#include "binary/string_pool.h"
#include "binary/symbol_name.h"

static char text[64 * 1024];

static void assert_demangled(const char *mangled, const char *expected)
{
    const int n_chars = pp_demangle(mangled, text, sizeof text);

    assert_int_equal(n_chars, strlen(expected));
    assert_string_equal(text, expected);
}

/* C++ functions keep their template arguments and lose their parameter lists. */
static void test_cplusplus(void **state)
{
    (void)state;
    assert_demangled("_ZN3foo3BarIiE3bazEv", "foo::Bar<int>::baz");
    assert_demangled("_Z1fi", "f");
    assert_demangled("_ZN5outer5innerC1Ev", "outer::inner::inner");
    assert_demangled("_ZN5outer5innerD0Ev", "outer::inner::~inner");
    assert_demangled("_Znwm", "operator new");
    assert_demangled("_ZNK1AltERKS_", "A::operator<");
    assert_demangled("_ZN12_GLOBAL__N_14helpEv", "(anonymous namespace)::help");
    assert_demangled("_ZTV3Foo", "vtable for Foo");
    assert_demangled("_Z3maxIdET_S0_S0_", "max<double>");
}

/* Rust's old names lose their hash, its escapes are undone. */
static void test_rust_legacy(void **state)
{
    (void)state;
    assert_demangled("_ZN4core3fmt9Formatter3pad17h0123456789abcdefE", "core::fmt::Formatter::pad");
    assert_demangled("_ZN71_$LT$Test$u20$$u2b$$u20$$u27$static$u20$as$u20$foo..Bar$LT$Test$GT$$GT$"
                     "3bar17h930b740aa94f1d3aE",
                     "<Test + 'static as foo::Bar<Test>>::bar");
}

/* Rust's v0 names are read too, without crate disambiguators. */
static void test_rust_v0(void **state)
{
    (void)state;
    assert_demangled("_RNvC6_123foo3bar", "123foo::bar");
    assert_demangled("_RNvMs_Cs4Cv8Wi1oAIB_7mycrateNtB4_7Example3foo", "<mycrate::Example>::foo");
    assert_demangled("_RINvNtC3std3mem8align_ofdE", "std::mem::align_of::<f64>");
}

/* What is not mangled is refused, and the output is left to the caller. */
static void test_not_mangled(void **state)
{
    (void)state;
    assert_int_equal(pp_demangle("main", text, sizeof text), -EINVAL);
    assert_int_equal(pp_demangle("", text, sizeof text), -EINVAL);
    assert_int_equal(pp_demangle("_Z", text, sizeof text), -EINVAL);
    assert_int_equal(pp_demangle("_Zfoo", text, sizeof text), -EINVAL);
    assert_int_equal(pp_demangle("_R", text, sizeof text), -EINVAL);
}

/* A name that does not fit, its NUL counted, is refused; one that just fits is not. */
static void test_capacity(void **state)
{
    char small[sizeof "foo::Bar<int>::baz"];

    (void)state;
    assert_int_equal(pp_demangle("_ZN3foo3BarIiE3bazEv", small, sizeof small), sizeof small - 1);
    assert_int_equal(pp_demangle("_ZN3foo3BarIiE3bazEv", small, sizeof small - 1), -EINVAL);
    assert_int_equal(pp_demangle("_ZN3foo3BarIiE3bazEv", small, 0), -EINVAL);
}

static double cpu_seconds(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* Each template argument of this legal name is four times the one before it, so that its 250 bytes
 * would expand to 4^13 times 5 characters: it is refused within 0.1 s. */
static void test_bomb(void **state)
{
    static const char DIGITS[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ";
    char bomb[300] = "_Z1fI1AIiiiiE";
    char mild[300] = "_Z1fI1AIiiiiE";
    size_t n_bytes = strlen(bomb);
    const double begin = cpu_seconds();

    (void)state;
    for (int i = 1; i <= 13; i++) {
        const char last = DIGITS[i];
        n_bytes += (size_t)sprintf(bomb + n_bytes, "S0_IS%c_S%c_S%c_S%c_E", last, last, last, last);
        if (i == 3)
            (void)strcpy(mild, bomb);
    }
    (void)strcpy(bomb + n_bytes, "Evv");
    (void)strcat(mild, "Evv");
    assert_true(strlen(bomb) >= 230 && strlen(bomb) <= 256);
    assert_true(pp_demangle(mild, text, sizeof text) >
                4 * 4 * 4 * 4 * 3); /* the name is a legal one */
    assert_int_equal(pp_demangle(bomb, text, sizeof text), -EINVAL);
    assert_true(cpu_seconds() - begin < 0.1);
}

static uint64_t next_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* 100 000 names made of pieces that demanglers know never crash and never write more than the
 * capacity. */
static void test_random_names(void **state)
{
    static const char *const PIECES[] = {
        "N",     "E",  "I",  "S_",  "S0_", "T_", "3foo", "1A", "C1", "D2",
        "UlvE_", "L",  "i",  "PK",  "F",   "v",  "J",    "Dp", "X",  "17h0123456789abcdef",
        "$LT$",  "..", "B_", "Ms_", "Nt",  "Cs", "R",    "Dt", "cv", "St",
        "Z"};
    uint64_t seed = 0x9e3779b97f4a7c15u;
    int n_demangled = 0;

    (void)state;
    for (int i = 0; i < 100000; i++) {
        char name[400];
        char small[200];
        size_t n_bytes = (size_t)sprintf(name, "%s", next_random(&seed) % 4 == 0 ? "_R" : "_Z");
        const size_t n_pieces = next_random(&seed) % 16;

        for (size_t k = 0; k < n_pieces; k++)
            n_bytes +=
                (size_t)sprintf(name + n_bytes, "%s",
                                PIECES[next_random(&seed) % (sizeof PIECES / sizeof *PIECES)]);
        if (next_random(&seed) % 3 == 0)
            name[2 + next_random(&seed) % n_bytes] = (char)next_random(&seed);
        memset(small, 0x5a, sizeof small);
        n_demangled += pp_demangle(name, small, 100) > 0;
        for (size_t k = 100; k < sizeof small; k++)
            assert_int_equal(small[k], 0x5a);
    }
    assert_true(n_demangled > 100);
}

static void assert_names(struct pp_string_pool *pool, const char *raw, const char *shown,
                         const char *system)
{
    const char *shown_is, *system_is;

    assert_int_equal(pp_symbol_name(pool, raw, &shown_is, &system_is), 0);
    assert_string_equal(shown_is, shown);
    assert_string_equal(system_is, system);
}

/* What compilers and linkers hang on names is not shown, and kept in the system's name. */
static void test_suffixes(void **state)
{
    struct pp_string_pool pool = PP_STRING_POOL_INIT;

    (void)state;
    assert_names(&pool, "_Z1fi.isra.0", "f", "_Z1fi.isra.0");
    assert_names(&pool, "work.part.3.cold", "work", "work.part.3.cold");
    assert_names(&pool, "work.constprop.0.isra.1", "work", "work.constprop.0.isra.1");
    assert_names(&pool, "work.coldest", "work.coldest", "work.coldest");
    assert_names(&pool, "main.run", "main.run", "main.run");
    assert_names(&pool, "memcpy@@GLIBC_2.14", "memcpy", "memcpy");
    assert_names(&pool, "_Znwm@plt", "operator new@plt", "_Znwm@plt");
    assert_names(&pool, ".cold", ".cold", ".cold");
    assert_names(&pool, "", "", "");
    pp_string_pool_done(&pool);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cplusplus),    cmocka_unit_test(test_rust_legacy),
        cmocka_unit_test(test_rust_v0),      cmocka_unit_test(test_not_mangled),
        cmocka_unit_test(test_capacity),     cmocka_unit_test(test_bomb),
        cmocka_unit_test(test_random_names), cmocka_unit_test(test_suffixes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
