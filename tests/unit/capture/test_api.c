/* The public calls of libpprofc on real samples: what they return, and that every nanosecond of CPU
 * time is where it belongs.  Figures are of CPU time, so that a busy machine does not matter. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pprofc/pprofc.h"
#include "recording/reader.h"

static uint64_t thread_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t wall_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static __attribute__((noinline)) void burn(double seconds)
{
    const uint64_t end_ns = thread_ns() + (uint64_t)(seconds * 1e9);

    while (thread_ns() < end_ns)
        for (volatile int i = 0; i < 100000; i++)
            ;
}

static void start(double rate_hz)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_error err = {.message = ""};

    options.frequency_hz = rate_hz;
    if (pprofc_start(&options, &err) != 0)
        fail_msg("pprofc_start: %s", err.message);
}

/* What the events of a recording come to, in all and of one thread. */
struct sums {
    double samples, cpu_s, unsampled_s, of_thread_s;
    uint32_t tid;
    const struct pp_recording_reader *reader;
};

static int add(void *context, const struct pp_recording_event *event)
{
    struct sums *sums = context;
    const struct pp_rec_thread *thread = pp_recording_thread(sums->reader, event->thread);
    const double seconds = (double)event->values[1] / 1e9;

    sums->samples += (double)event->values[0];
    sums->cpu_s += seconds;
    if ((event->flags & PP_EVENT_REMAINDER) != 0)
        sums->unsampled_s += seconds;
    if (thread != NULL && atomic_load(&thread->tid) == sums->tid)
        sums->of_thread_s += seconds;
    return 0;
}

static struct sums sums_of(struct pprofc_recording *recording)
{
    struct sums sums = {0, 0, 0, 0, (uint32_t)gettid(), NULL};
    struct pp_recording_reader *reader = NULL;
    struct pprofc_error err = {.message = ""};
    size_t n_bytes;
    const void *bytes = pprofc_recording_bytes(recording, &n_bytes);

    if (pp_recording_view(bytes, n_bytes, "recording", &reader, &err) != 0)
        fail_msg("%s", err.message);
    sums.reader = reader;
    assert_true(pp_recording_each(reader, add, &sums) >= 0);
    pp_recording_close(reader);
    pprofc_recording_free(recording);
    return sums;
}

static struct sums of_file(const char *path)
{
    struct sums sums = {0, 0, 0, 0, (uint32_t)gettid(), NULL};
    struct pp_recording_reader *reader = NULL;
    struct pprofc_error err = {.message = ""};

    if (pp_recording_open(path, &reader, &err) != 0)
        fail_msg("%s", err.message);
    sums.reader = reader;
    assert_true(pp_recording_each(reader, add, &sums) >= 0);
    pp_recording_close(reader);
    return sums;
}

static struct sums stop(void)
{
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err = {.message = ""};

    if (pprofc_stop(&recording, &err) != 0)
        fail_msg("pprofc_stop: %s", err.message);
    return sums_of(recording);
}

static void assert_near(double value, double wanted, double within)
{
    if (fabs(value - wanted) > within)
        fail_msg("%g is not within %g of %g", value, within, wanted);
}

/* What jitter and the correction of its mean make of a period: 0.5 to 1.5 of it, and up to 1.2
 * times that.  A thread has such intervals only, however late the helper comes to draw another one;
 * the draw restarts an interval that runs, so one of them and the last may be twice that long. */
enum { LONGEST_PERCENT = 180, SHORTEST_PERCENT = 50 };

static double longest_s(double rate_hz)
{
    return LONGEST_PERCENT / 100.0 / rate_hz;
}

static double shortest_s(double rate_hz)
{
    return SHORTEST_PERCENT / 100.0 / rate_hz;
}

/* Half a second of work is half a second in the profile, taken by as many samples as its intervals
 * may be; of it two intervals at most are unsampled. */
static void test_total(void **state)
{
    struct sums sums;
    uint64_t before;
    double used_s;

    (void)state;
    start(1000);
    before = thread_ns();
    burn(0.5);
    used_s = (double)(thread_ns() - before) / 1e9;
    sums = stop();
    assert_near(sums.cpu_s, used_s, 0.01 * used_s);
    /* A period holds for 40 ms, or for as long as the helper waits for a CPU: how many draws there
     * were is not known, and a spread cannot be told from it. */
    assert_true(sums.samples > 0.97 * used_s / longest_s(1000) - 2);
    assert_true(sums.samples < used_s / shortest_s(1000) + 1);
    assert_true(sums.unsampled_s < 2 * longest_s(1000));
}

/* Calls at the wrong time, and values out of range, say so. */
static void test_refusals(void **state)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err = {.message = ""};

    (void)state;
    assert_int_equal(pprofc_stop(NULL, &err), -ESRCH);
    assert_int_equal(pprofc_snapshot(NULL, &recording, NULL), -ESRCH);
    assert_int_equal(pprofc_pause(NULL), -ESRCH);
    assert_int_equal(pprofc_set_frequency(100, NULL), -ESRCH);
    assert_int_equal(pprofc_set_frequency(0.5, NULL), -ERANGE);
    options.frequency_hz = 20000;
    assert_int_equal(pprofc_start(&options, &err), -EINVAL);
    assert_non_null(strstr(err.message, "1 to 10000"));
    options.frequency_hz = 100;
    options.kinds = 1u << 20;
    assert_int_equal(pprofc_start(&options, NULL), -ENOTSUP);
    options.struct_bytes = 1;
    assert_int_equal(pprofc_start(&options, NULL), -EINVAL);
    options.struct_bytes = sizeof options + 8;
    assert_int_equal(pprofc_start(&options, NULL), -EINVAL);
    /* As a program has it that was built when there was no heap: what lies behind is not ours. */
    options = (struct pprofc_options)PPROFC_OPTIONS_INIT;
    options.struct_bytes = offsetof(struct pprofc_options, heap_interval_bytes);
    options.heap_interval_bytes = UINT64_MAX;
    assert_int_equal(pprofc_start(&options, NULL), 0);
    (void)stop();
    start(100);
    start(100); /* the same again is fine */
    assert_int_equal(pprofc_start(NULL, NULL), 0);
    options = (struct pprofc_options)PPROFC_OPTIONS_INIT;
    options.frequency_hz = 200;
    assert_int_equal(pprofc_start(&options, NULL), -EALREADY);
    (void)stop();
}

/* A new rate holds at once; the total stays right. */
static void test_set_frequency(void **state)
{
    struct pprofc_stats before, after;
    struct sums sums;

    (void)state;
    start(100);
    burn(0.3);
    assert_int_equal(pprofc_stats(&before, NULL), 0);
    assert_int_equal(pprofc_set_frequency(2000, NULL), 0);
    burn(0.3);
    assert_int_equal(pprofc_stats(&after, NULL), 0);
    assert_true(after.frequency_hz == 2000);
    sums = stop();
    assert_true((double)before.n_samples < 0.3 / shortest_s(100) + 1);
    assert_true((double)(after.n_samples - before.n_samples) > 0.97 * 0.3 / longest_s(2000) - 2);
    assert_near(sums.cpu_s, 0.6, 0.02);
}

/* What runs between pause and resume is in no total. */
static void test_pause(void **state)
{
    struct sums sums;

    (void)state;
    start(1000);
    burn(0.2);
    assert_int_equal(pprofc_pause(NULL), 0);
    burn(0.3);
    assert_int_equal(pprofc_resume(NULL), 0);
    burn(0.1);
    sums = stop();
    assert_near(sums.cpu_s, 0.3, 0.01);
}

static _Atomic int is_burnt, may_end;

/* It lives on until the end: a program that is linked statically does not see a thread's last
 * words. */
static void *burn_ignored(void *unused)
{
    assert_int_equal(pprofc_thread_ignore(NULL), 0);
    burn(0.3);
    atomic_store(&is_burnt, 1);
    while (!atomic_load(&may_end))
        (void)usleep(1000);
    return unused;
}

/* A thread that asks for it is left out, samples and total. */
static void test_thread_ignore(void **state)
{
    struct sums sums;
    pthread_t thread;
    uint64_t before;
    double used_s;

    (void)state;
    start(1000);
    before = thread_ns();
    assert_int_equal(pthread_create(&thread, NULL, burn_ignored, NULL), 0);
    burn(0.2);
    while (!atomic_load(&is_burnt))
        (void)usleep(1000);
    used_s = (double)(thread_ns() - before) / 1e9; /* the other may take long, and waiting costs */
    sums = stop();
    atomic_store(&may_end, 1);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_near(sums.of_thread_s, used_s, 0.01);
    assert_near(sums.cpu_s, used_s, 0.01);
}

static _Atomic int other_goes_on;

static void *burn_on(void *unused)
{
    while (atomic_load(&other_goes_on))
        burn(0.01);
    return unused;
}

static void *burn_tenth(void *unused)
{
    burn(0.1);
    return unused;
}

static void call(void *argument)
{
    pthread_t thread;

    burn(0.2);
    assert_int_equal(pthread_create(&thread, NULL, burn_tenth, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    *(int *)argument += 1;
}

/* One call's profile has this thread and the threads that the call made, and not another that runs
 * beside it. */
static void test_profile_call(void **state)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    struct sums sums;
    pthread_t other;
    int n_calls = 0;

    (void)state;
    atomic_store(&other_goes_on, 1);
    assert_int_equal(pthread_create(&other, NULL, burn_on, NULL), 0);
    options.frequency_hz = 1000;
    assert_int_equal(pprofc_profile_call(call, &n_calls, &options, &recording, NULL), 0);
    atomic_store(&other_goes_on, 0);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(n_calls, 1);
    sums = sums_of(recording);
    assert_near(sums.of_thread_s, 0.2, 0.01);
    assert_near(sums.cpu_s, 0.3, 0.03);
    assert_int_equal(pprofc_stop(NULL, NULL), -ESRCH); /* it was begun for the call */
}

/* For a duration: what other threads do meanwhile. */
static void test_profile_for(void **state)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    struct sums sums;
    pthread_t other;
    uint64_t begin_ns;
    double took_s;

    (void)state;
    atomic_store(&other_goes_on, 1);
    assert_int_equal(pthread_create(&other, NULL, burn_on, NULL), 0);
    options.frequency_hz = 1000;
    begin_ns = wall_ns();
    assert_int_equal(pprofc_profile_for(0.3, &options, &recording, NULL), 0);
    took_s = (double)(wall_ns() - begin_ns) / 1e9; /* of two threads one sleeps */
    atomic_store(&other_goes_on, 0);
    assert_int_equal(pthread_join(other, NULL), 0);
    sums = sums_of(recording);
    assert_true(took_s >= 0.3);
    assert_true(sums.samples > 20);
    assert_true(sums.cpu_s < 1.02 * took_s);
    assert_int_equal(pprofc_profile_for(-1, NULL, &recording, NULL), -EINVAL);
}

/* Snapshots back to back, by two cursors: each gets every nanosecond once, and nothing is lost. */
static void test_snapshots(void **state)
{
    struct pprofc_cursor cursors[2] = {PPROFC_CURSOR_INIT, PPROFC_CURSOR_INIT};
    double cpu_s[2] = {0, 0}, samples[2] = {0, 0};
    struct pprofc_stats stats;
    struct sums whole;
    pthread_t other;

    (void)state;
    start(5000);
    atomic_store(&other_goes_on, 1);
    assert_int_equal(pthread_create(&other, NULL, burn_on, NULL), 0);
    for (int i = 0; i < 400 || (samples[0] < 500 && i < 100000); i++) {
        struct pprofc_recording *recording = NULL;
        struct sums sums;
        assert_int_equal(pprofc_snapshot(&cursors[i % 2], &recording, NULL), 0);
        sums = sums_of(recording);
        cpu_s[i % 2] += sums.cpu_s;
        samples[i % 2] += sums.samples;
    }
    atomic_store(&other_goes_on, 0);
    assert_int_equal(pthread_join(other, NULL), 0);
    assert_int_equal(pprofc_pause(NULL), 0);
    for (int i = 0; i < 2; i++) {
        struct pprofc_recording *recording = NULL;
        struct sums sums;
        assert_int_equal(pprofc_snapshot(&cursors[i], &recording, NULL), 0);
        sums = sums_of(recording);
        cpu_s[i] += sums.cpu_s;
        samples[i] += sums.samples;
    }
    assert_int_equal(pprofc_stats(&stats, NULL), 0);
    assert_int_equal(stats.n_lost, 0);
    whole = stop();
    assert_true(whole.samples >= 500);
    assert_true(samples[0] == samples[1]);
    assert_true(samples[0] == whole.samples);
    /* The end books what threads used that nobody saw. */
    assert_near(cpu_s[0], cpu_s[1], 1e-6);
    assert_near(cpu_s[0], whole.cpu_s, 0.01 * whole.cpu_s);
}

static void count_call(void *argument)
{
    *(int *)argument += 1;
}

/* Nothing is switched on here, so the function is just called; a scope leaves the file it names,
 * with all that this thread used to the end: of a session that it began, and as a part of one that
 * runs, at 10 Hz, where the last interval alone may be most of it. */
static void test_maybe_and_scope(void **state)
{
    char path[] = "/tmp/pprofc-api-XXXXXX.ppc";
    const int fd = mkstemps(path, 4);
    uint64_t before_ns;
    double used_s;
    struct sums sums;
    int n_calls = 0;

    (void)state;
    assert_int_equal(pprofc_maybe_profile("a name/with..things", count_call, &n_calls, NULL), 0);
    assert_int_equal(n_calls, 1);
    assert_int_not_equal(access("a_name_with..things_profile.svg", F_OK), 0);
    assert_true(fd >= 0);
    (void)close(fd);
    {
        PPROFC_PROFILE_SCOPE(path);
        burn(0.2);
    }
    assert_int_equal(pprofc_stop(NULL, NULL), -ESRCH);
    assert_near(of_file(path).of_thread_s, 0.2, 0.005);
    start(10);
    before_ns = thread_ns();
    burn(0.05);
    {
        PPROFC_PROFILE_SCOPE(path);
        burn(0.03);
    }
    burn(0.05);
    used_s = (double)(thread_ns() - before_ns) / 1e9; /* what the scope itself does is in it */
    sums = stop();
    assert_near(sums.of_thread_s, used_s, 0.005);
    assert_near(of_file(path).of_thread_s, 0.03, 0.005);
    (void)unlink(path);
}

static int count_entries(const char *path, const char *prefix)
{
    DIR *folder = opendir(path);
    int n = 0;

    for (struct dirent *entry; folder != NULL && (entry = readdir(folder)) != NULL;)
        n += strncmp(entry->d_name, prefix, strlen(prefix)) == 0;
    if (folder != NULL)
        (void)closedir(folder);
    return n;
}

static int count_mappings(void)
{
    FILE *maps = fopen("/proc/self/maps", "re");
    int n = 0;

    for (int c; maps != NULL && (c = getc(maps)) != EOF;)
        n += c == '\n';
    if (maps != NULL)
        (void)fclose(maps);
    return n;
}

/* The kernel lists a thread for a moment after it was joined. */
static int count_threads(int wanted)
{
    int n = 0;

    for (int i = 0; i < 1000 && (n = count_entries("/proc/self/task", "") - 2) > wanted; i++)
        (void)usleep(1000);
    return n;
}

/* Started and stopped again and again under load nothing stays behind: no descriptor, no mapping,
 * no thread, no file; and while one runs the program sees no descriptor more. */
static void test_start_stop(void **state)
{
    const int n_times = getenv("PPROFC_LONG") != NULL ? 2000 : 200;
    char own[64];
    int n_descriptors, n_mappings;
    pthread_t other;

    (void)state;
    atomic_store(&other_goes_on, 1);
    assert_int_equal(pthread_create(&other, NULL, burn_on, NULL), 0);
    start(10000);
    (void)stop();
    n_descriptors = count_entries("/proc/self/fd", "");
    n_mappings = count_mappings();
    for (int i = 0; i < n_times; i++) {
        start(10000);
        if (i % 10 == 0)
            burn(0.001);
        assert_int_equal(count_entries("/proc/self/fd", ""), n_descriptors);
        assert_int_equal(pprofc_stop(NULL, NULL), 0);
    }
    assert_int_equal(count_threads(2), 2);
    assert_true(count_mappings() <= n_mappings + 4); /* libc may keep a thread's stack or two */
    (void)snprintf(own, sizeof own, "pprofc.%u.%d", geteuid(), getpid());
    assert_int_equal(count_entries("/dev/shm", own), 0);
    atomic_store(&other_goes_on, 0);
    assert_int_equal(pthread_join(other, NULL), 0);
}

/* A forked child has a session of its own, which it may take; the parent's goes on. */
static void test_fork(void **state)
{
    struct sums sums;
    int status = -1;
    pid_t pid;

    (void)state;
    start(1000);
    pid = fork();
    if (pid == 0) {
        struct pprofc_recording *recording = NULL;
        size_t n_bytes;
        const struct pp_rec_header *header;
        burn(0.2);
        if (pprofc_stop(&recording, NULL) != 0)
            _exit(2);
        header = pprofc_recording_bytes(recording, &n_bytes);
        _exit(header->pid == getpid() && atomic_load(&header->cpu_ns) > 190000000u &&
                      atomic_load(&header->cpu_ns) < 230000000u
                  ? 0
                  : 3);
    }
    assert_true(pid > 0);
    burn(0.1);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    sums = stop();
    assert_true(sums.cpu_s > 0.1 && sums.cpu_s < 0.15);
}

static volatile sig_atomic_t n_traps;

static void on_trap(int signo)
{
    (void)signo;
    n_traps = n_traps + 1;
}

/* The program's own SIGTRAP handler, there before us, gets each of its signals once, and samples go
 * on. */
static void test_owner_of_the_signal(void **state)
{
    struct sums sums;

    (void)state;
    n_traps = 0;
    assert_true(signal(SIGTRAP, on_trap) != SIG_ERR);
    start(1000);
    burn(0.1);
    for (int i = 0; i < 100; i++)
        assert_int_equal(raise(SIGTRAP), 0);
    burn(0.1);
    sums = stop();
    assert_int_equal(raise(SIGTRAP), 0);
    assert_int_equal(n_traps, 101);
    assert_true(sums.samples > 100);
    assert_near(sums.cpu_s, 0.2, 0.02);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_owner_of_the_signal), /* before ours is installed */
        cmocka_unit_test(test_total),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_set_frequency),
        cmocka_unit_test(test_pause),
        cmocka_unit_test(test_thread_ignore),
        cmocka_unit_test(test_profile_call),
        cmocka_unit_test(test_profile_for),
        cmocka_unit_test(test_snapshots),
        cmocka_unit_test(test_maybe_and_scope),
        cmocka_unit_test(test_fork),
        cmocka_unit_test(test_start_stop),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
