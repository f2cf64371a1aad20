/* What a window takes on the disk, and what writing it costs: of a service whose names are as long
 * as those of C++ and Rust, with lines and mappings. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "formats/formats.h"

enum { N_FUNCTIONS = 600, N_MODULES = 6, N_PLACES = 4, N_THREADS = 8, MAX_STACKS = 10000 };

static uint64_t state = 42;
static pp_id places[N_FUNCTIONS][N_PLACES], mappings[N_MODULES], threads[N_THREADS];
static pp_id stacks[MAX_STACKS];

static uint32_t draw(uint32_t n)
{
    state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (uint32_t)(state >> 33) % n;
}

static void add_modules(struct pprofc_profile *profile)
{
    for (uint32_t i = 0; i < N_MODULES; i++) {
        char path[64], build_id[41];
        (void)snprintf(path, sizeof path, "/usr/lib/x86_64-linux-gnu/libpart%u.so.%u", i, i);
        for (int k = 0; k < 40; k++)
            build_id[k] = "0123456789abcdef"[draw(16)];
        build_id[40] = '\0';
        mappings[i] = pp_profile_mapping(
            profile, &(struct pp_mapping){.start = UINT64_C(0x7f0000000000) + i * 0x1000000,
                                          .limit = UINT64_C(0x7f0000400000) + i * 0x1000000,
                                          .path = pp_profile_text(profile, path),
                                          .build_id = pp_profile_text(profile, build_id),
                                          .has_functions = true,
                                          .has_lines = true});
    }
}

static void add_functions(struct pprofc_profile *profile)
{
    static const char *const spaces[] = {"orders",  "pricing", "json",   "http",
                                         "storage", "cache",   "render", "session"};
    static const char *const verbs[] = {"parse", "apply", "compute", "insert", "lookup", "flush"};
    static const char *const nouns[] = {"discount", "cart", "header", "row", "invoice", "buffer"};

    for (uint32_t f = 0; f < N_FUNCTIONS; f++) {
        char name[160], system_name[180], file[80];
        pp_id function;
        (void)snprintf(name, sizeof name, "%s::%s_%s_%u(std::vector<%s::%s> const&, int)",
                       spaces[draw(8)], verbs[draw(6)], nouns[draw(6)], f, spaces[draw(8)],
                       nouns[draw(6)]);
        (void)snprintf(system_name, sizeof system_name, "_ZN%uE%s", draw(90), name);
        (void)snprintf(file, sizeof file, "/src/%s/%s_%s.cpp", spaces[draw(8)], verbs[draw(6)],
                       nouns[draw(6)]);
        function = pp_profile_function(
            profile, &(struct pp_function){.name = pp_profile_text(profile, name),
                                           .system_name = pp_profile_text(profile, system_name),
                                           .file = pp_profile_text(profile, file),
                                           .start_line = 10 + draw(900)});
        for (int k = 0; k < N_PLACES; k++) {
            const struct pp_line line = {function, 10 + draw(1000)};
            places[f][k] = pp_profile_location(
                profile,
                &(struct pp_location){.address = UINT64_C(0x7f0000000000) +
                                                 f % N_MODULES * 0x1000000 + draw(0x400000),
                                      .mapping = mappings[f % N_MODULES],
                                      .n_lines = 1},
                &line);
        }
    }
}

/* Eight to 35 frames: most calls of a function come from one place, and lead to one of three. */
static void add_stacks(struct pprofc_profile *profile, uint32_t n)
{
    for (uint32_t i = 0; i < n;) {
        const uint32_t depth = 8 + draw(28), n_nodes = profile->n_nodes;
        uint32_t f = 0;
        pp_id node = 0;
        for (uint32_t d = 0; d < depth; d++) {
            node = pp_profile_child(profile, node, places[f][draw(100) < 85 ? 0 : draw(N_PLACES)]);
            f = (f * 7 + 1 + draw(100) % (draw(10) < 7 ? 1 : 3) + d) % N_FUNCTIONS;
        }
        if (profile->n_nodes > n_nodes) /* one that was not there */
            stacks[i++] = node;
    }
}

static void add_threads(struct pprofc_profile *profile)
{
    for (int i = 0; i < N_THREADS; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "worker-%d", i);
        const struct pp_label labels[] = {
            {.key = pp_profile_text(profile, "thread_id"), .number = 4711 + i},
            {.key = pp_profile_text(profile, "thread_name"),
             .text = pp_profile_text(profile, name)}};
        threads[i] = pp_profile_label_set(profile, labels, 2);
    }
}

/* A window of 60 s: few stacks have most samples, and each is met on 'n_threads' threads. */
static struct pprofc_profile *make_window(uint32_t n_stacks, uint32_t n_samples, uint32_t n_threads)
{
    struct pprofc_profile *profile = pp_profile_new();

    state = 42;
    assert_int_equal(pp_profile_add_type(profile, "samples", "count"), 0);
    assert_int_equal(pp_profile_add_type(profile, "cpu", "nanoseconds"), 1);
    add_modules(profile);
    add_functions(profile);
    add_stacks(profile, n_stacks);
    add_threads(profile);
    profile->slice_ns = 100000000;
    for (uint32_t i = 0; i < n_samples; i++) {
        const double u = (draw(1 << 24) + 1) / (double)(1 << 24);
        const uint32_t s = i < n_stacks ? i : (uint32_t)(pow(u, 2.5) * (n_stacks - 1));
        const int64_t values[] = {1, 95000000 + (int64_t)draw(10000000)};
        pp_profile_add(profile, stacks[s], threads[(s * 3 + draw(n_threads)) % N_THREADS],
                       (uint32_t)((uint64_t)i * 600 / n_samples), values);
    }
    assert_false(pp_profile_failed(profile));
    return profile;
}

/* Bytes a sample in .pb.gz, and milliseconds of CPU. */
static double measure(uint32_t n_stacks, uint32_t n_threads, double *cpu_ms_out)
{
    enum { N_SAMPLES = 12000 };
    struct pprofc_profile *profile = make_window(n_stacks, N_SAMPLES, n_threads);
    double least_ms = INFINITY, n_bytes = 0;

    for (int i = 0; i < 5; i++) {
        struct pp_buffer out = PP_BUFFER_INIT;
        struct timespec begin, end;
        double ms;
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &begin);
        assert_int_equal(pp_pprof_write(profile, true, &out, NULL), 0);
        (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
        ms =
            (double)(end.tv_sec - begin.tv_sec) * 1e3 + (double)(end.tv_nsec - begin.tv_nsec) / 1e6;
        least_ms = ms < least_ms ? ms : least_ms;
        n_bytes = (double)out.n_bytes;
        pp_buffer_done(&out);
    }
    pprofc_profile_free(profile);
    *cpu_ms_out = least_ms;
    print_message("%u stacks, each on %u threads: %.1f bytes a sample, %.1f ms\n", n_stacks,
                  n_threads, n_bytes / N_SAMPLES, least_ms);
    return n_bytes / N_SAMPLES;
}

/* 12 000 samples of 2000 stacks take 12 bytes each at most without names shared between windows,
 * also where each stack is met on three threads; 27 where all eight meet it. */
static void a_window_is_small(void **unused)
{
    double cpu_ms;

    (void)unused;
    assert_true(measure(2000, 1, &cpu_ms) <= 12);
    assert_true(measure(2000, 3, &cpu_ms) <= 12);
    assert_true(measure(2000, N_THREADS, &cpu_ms) <= 27);
}

/* 10 000 distinct stacks are encoded and compressed in 20 ms of CPU; three times that is let pass
 * here, for sanitizers and machines that share their caches. */
static void a_window_is_cheap(void **unused)
{
    double cpu_ms;

    (void)unused;
    (void)measure(10000, 1, &cpu_ms);
#ifndef __SANITIZE_ADDRESS__
    assert_true(cpu_ms <= 60);
#endif
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_window_is_small),
                                       cmocka_unit_test(a_window_is_cheap)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
