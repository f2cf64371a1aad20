/* Lists of modules that no program has: naming their addresses takes time that grows with the
 * recording, not with its square.  Before, each of these took minutes or all memory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <time.h>

#include "formats/recording.h"
#include "writer.h"

enum { BASE = 0x100000 };

/* The thread sanitizer makes it twenty times slower. */
#ifdef __SANITIZE_THREAD__
enum { N_MODULES = 30000, LIMIT_CPU_S = 120 };
#else
enum { N_MODULES = 120000, LIMIT_CPU_S = 20 };
#endif

static struct writer begin(uint64_t n_room)
{
    struct writer writer = writer_in(calloc(1, n_room), n_room);

    writer.head->modules.n_first = 1024; /* a table has few blocks */
    writer_thread(&writer, 42, "worker");
    return writer;
}

static double cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* All of it is read, and soon. */
static struct pprofc_profile *assert_quick(const struct writer *writer, int64_t n_samples)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = ""};
    const double before_s = cpu_s();

    if (pp_recording_read(writer->bytes, writer->n_next, "hostile", &profile, &err) != 0)
        fail_msg("%s", err.message);
    assert_true(cpu_s() - before_s < LIMIT_CPU_S);
    assert_int_equal(pp_profile_total(profile, 0), n_samples);
    return profile;
}

static bool has_comment(const struct pprofc_profile *profile, const char *begin)
{
    for (uint32_t i = 0; i < profile->n_comments; i++)
        if (strncmp(pp_profile_chars(profile, profile->comments[i]), begin, strlen(begin)) == 0)
            return true;
    return false;
}

/* 120 000 libraries over each other, and an address and a time in each. */
static void many_in_one_place(void **state)
{
    enum { N = N_MODULES };
    struct writer writer = begin(UINT64_C(160) << 20);
    struct pp_rec_segment *segment;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        char path[64];
        (void)snprintf(path, sizeof path, "/gone/%llu", (unsigned long long)i);
        writer_module(&writer, path, BASE, BASE + N + i, 10 * i, 10 * i + 1000000);
    }
    segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 16 << 20);
    for (uint64_t i = 0; i < N; i++) {
        const uint64_t pc = BASE + i;
        writer_event(segment, 10 * i + 5, 0, writer_stack(segment, &pc, 1), 0, 1);
    }
    pprofc_profile_free(assert_quick(&writer, N));
    free(writer.bytes);
}

/* Two libraries that take turns at one place 120 000 times, and a sample between each. */
static void one_place_many_times(void **state)
{
    enum { N = N_MODULES };
    struct writer writer = begin(UINT64_C(160) << 20);
    struct pp_rec_segment *segment;

    (void)state;
    for (uint64_t i = 0; i < N; i++)
        writer_module(&writer, i % 2 == 0 ? "/gone/even" : "/gone/odd", BASE, BASE + N, 10 * i,
                      10 * i + 9);
    segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 16 << 20);
    for (uint64_t i = 0; i < N; i++) {
        const uint64_t pc = BASE + i;
        writer_event(segment, 10 * i + 5, 0, writer_stack(segment, &pc, 1), 0, 1);
    }
    pprofc_profile_free(assert_quick(&writer, N));
    free(writer.bytes);
}

/* A stack of 4000 frames in libraries that change places before each of 30 000 samples of it: its
 * names are made anew so often and no more, and the profile says so. */
static void deep_stack_in_many_epochs(void **state)
{
    enum { N = 30000, N_FRAMES = 4000 };
    struct writer writer = begin(UINT64_C(160) << 20);
    struct pprofc_profile *profile;
    struct pp_rec_segment *segment;
    uint64_t pcs[N_FRAMES];
    uint32_t stack;

    (void)state;
    for (uint64_t i = 0; i < N; i++)
        writer_module(&writer, i % 2 == 0 ? "/gone/even" : "/gone/odd", BASE, BASE + N, 10 * i,
                      10 * i + 9);
    segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 16 << 20);
    for (uint64_t i = 0; i < N_FRAMES; i++)
        pcs[i] = BASE + i;
    stack = writer_stack(segment, pcs, N_FRAMES);
    for (uint64_t i = 0; i < N; i++)
        writer_event(segment, 10 * i + 5, 0, stack, 0, 1);
    profile = assert_quick(&writer, N);
    assert_true(has_comment(profile, "libraries changed places too often"));
    pprofc_profile_free(profile);
    free(writer.bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(many_in_one_place),
        cmocka_unit_test(one_place_many_times),
        cmocka_unit_test(deep_stack_in_many_epochs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
