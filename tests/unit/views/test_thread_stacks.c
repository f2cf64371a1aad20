/* Threads in the form of Go's tracebacks: every line has it, whatever names say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "views/thread_stacks.h"

static struct pp_label text_label(struct pprofc_profile *profile, const char *key, const char *text)
{
    return (struct pp_label){.key = pp_profile_text(profile, key),
                             .text = pp_profile_text(profile, text)};
}

static void add_thread(struct pprofc_profile *profile, int64_t tid, const char *name,
                       const char *state, int64_t idle_s, const char *frame)
{
    static const int64_t one = 1;
    const pp_id location = pp_profile_named_location(profile, frame, strlen(frame));
    const pp_id unit = pp_profile_text(profile, "nanoseconds");
    const struct pp_label labels[] = {
        {.key = pp_profile_text(profile, "idle"), .number = idle_s * 1000000000, .unit = unit},
        text_label(profile, "state", state),
        {.key = pp_profile_text(profile, "thread_id"), .number = tid},
        text_label(profile, "thread_name", name)};

    pp_profile_add(profile, pp_profile_stack(profile, &location, 1),
                   pp_profile_label_set(profile, labels, sizeof labels / sizeof labels[0]), 0,
                   &one);
}

static void goroutines(void **unused)
{
    struct pprofc_profile *profile = pp_profile_new();
    struct pp_buffer out = PP_BUFFER_INIT;

    (void)unused;
    assert_int_equal(pp_profile_add_type(profile, "threads", "count"), 0);
    add_thread(profile, 9, "worker]:\n9", "epoll_wait", 59, "A::operator/(int)");
    add_thread(profile, 7, "worker-7", "nanosleep", 125, "50%\n");
    add_thread(profile, 8, "", "futex wait", 60, "plain");
    add_thread(profile, 10, "busy", "running", 0, "[running]");
    assert_int_equal(pp_thread_goroutines_write(profile, &out, NULL), 0);
    pp_buffer_text(&out, "");
    assert_string_equal(out.bytes, "goroutine 7 [sleep, 2 minutes, \"worker-7\"]:\n"
                                   "50%25?(...)\n\t??:0\n\n"
                                   "goroutine 8 [futex wait, 1 minutes]:\n"
                                   "plain(...)\n\t??:0\n\n"
                                   "goroutine 9 [IO wait, \"worker?:?9\"]:\n"
                                   "A::operator%2f(int)(...)\n\t??:0\n\n"
                                   "goroutine 10 [running, \"busy\"]:\n"
                                   "\tgoroutine running on other thread; stack unavailable\n");
    pp_buffer_done(&out);
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(goroutines)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
