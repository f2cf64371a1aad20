/* The folder that keeps windows: what is in it is whole, ours, and within its limits, whatever
 * happens to the disk, the clock, the memory and the process. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "export/directory.h"
#include "export/history.h"
#include "formats/formats.h"
#include "random_profile.h"

static char top[64]; /* of the test that runs */

/* ---- what our code calls ---- */

static long n_allocations_left = -1; /* until one fails; negative: none does */
static int64_t disk_bytes = -1;      /* room on the disk; negative: any */

static bool may_allocate(void)
{
    return n_allocations_left < 0 || n_allocations_left-- > 0;
}

void *__real_malloc(size_t n_bytes);
void *__real_calloc(size_t n_items, size_t n_bytes);
void *__real_realloc(void *old, size_t n_bytes);
void *__real_reallocarray(void *old, size_t n_items, size_t n_bytes);
ssize_t __real_write(int fd, const void *bytes, size_t n_bytes);
void *__wrap_malloc(size_t n_bytes);
void *__wrap_calloc(size_t n_items, size_t n_bytes);
void *__wrap_realloc(void *old, size_t n_bytes);
void *__wrap_reallocarray(void *old, size_t n_items, size_t n_bytes);
ssize_t __wrap_write(int fd, const void *bytes, size_t n_bytes);

void *__wrap_malloc(size_t n_bytes)
{
    return may_allocate() ? __real_malloc(n_bytes) : NULL;
}

void *__wrap_calloc(size_t n_items, size_t n_bytes)
{
    return may_allocate() ? __real_calloc(n_items, n_bytes) : NULL;
}

void *__wrap_realloc(void *old, size_t n_bytes)
{
    return may_allocate() ? __real_realloc(old, n_bytes) : NULL;
}

void *__wrap_reallocarray(void *old, size_t n_items, size_t n_bytes)
{
    return may_allocate() ? __real_reallocarray(old, n_items, n_bytes) : NULL;
}

static int64_t used_bytes;

static int add_size(const char *path, const struct stat *status, int what, struct FTW *place)
{
    (void)path, (void)place;
    used_bytes += what == FTW_F ? status->st_size : 0;
    return 0;
}

/* A disk that takes what fits, as disks do, and nothing then. */
ssize_t __wrap_write(int fd, const void *bytes, size_t n_bytes)
{
    if (disk_bytes < 0 || fd <= STDERR_FILENO)
        return __real_write(fd, bytes, n_bytes);
    used_bytes = 0;
    (void)nftw(top, add_size, 8, FTW_PHYS);
    if (used_bytes >= disk_bytes) {
        errno = ENOSPC;
        return -1;
    }
    if ((int64_t)n_bytes > disk_bytes - used_bytes)
        n_bytes = (size_t)(disk_bytes - used_bytes);
    return __real_write(fd, bytes, n_bytes);
}

/* ---- folders ---- */

static int remove_one(const char *path, const struct stat *status, int what, struct FTW *place)
{
    (void)status, (void)what, (void)place;
    return remove(path);
}

static int set_up(void **state)
{
    (void)state;
    strcpy(top, "/tmp/pprofc-test.XXXXXX");
    return mkdtemp(top) == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    disk_bytes = n_allocations_left = -1;
    return nftw(top, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static const struct pp_keep unlimited = {0, 0};

static struct pp_sink *open_sink(const struct pp_keep *keep)
{
    struct pp_sink *sink = NULL;
    struct pprofc_error err;

    if (pp_directory_new(top, keep, &sink, &err) != 0)
        fail_msg("%s", err.message);
    return sink;
}

static int take(struct pp_sink *sink, int64_t time_s, const char *kind, uint64_t seed)
{
    struct pprofc_profile *profile = make_random_profile(seed);
    const struct pp_export_window window = {.kind = kind,
                                            .program = "orders",
                                            .pid = 4711,
                                            .begin_ns = (uint64_t)time_s * 1000000000,
                                            .end_ns = (uint64_t)time_s * 1000000000 + 1,
                                            .profile = profile};
    const int status = sink->take(sink, &window, NULL);

    pprofc_profile_free(profile);
    return status;
}

static struct pp_history read_all(void)
{
    struct pp_history history;
    struct pprofc_error err;

    if (pp_history_read(top, &history, &err) != 0)
        fail_msg("%s", err.message);
    return history;
}

static size_t n_profiles(const struct pp_history *history)
{
    size_t n = 0;

    for (size_t i = 0; i < history->n_files; i++)
        n += strcmp(history->files[i].extension, ".pb.gz") == 0;
    return n;
}

/* Every profile is whole, and its picture lies beside it. */
static size_t assert_whole(void)
{
    struct pp_history history = read_all();
    const size_t n = n_profiles(&history);

    for (size_t i = 0; i < history.n_files; i++) {
        struct pprofc_profile *profile = NULL;
        struct pprofc_error err;
        char path[PATH_MAX];
        pp_history_path(&history, &history.files[i], path);
        if (strcmp(history.files[i].extension, ".pb.gz") != 0)
            continue;
        if (pprofc_profile_read(path, &profile, &err) != 0)
            fail_msg("%s", err.message);
        pprofc_profile_free(profile);
        strcpy(path + strlen(path) - strlen(".pb.gz"), ".svg");
        assert_int_equal(access(path, R_OK), 0);
    }
    pp_history_done(&history);
    return n;
}

static struct pp_sink_facts facts_of(struct pp_sink *sink)
{
    struct pp_sink_facts facts;

    sink->facts(sink, &facts);
    return facts;
}

/* ---- the tests ---- */

static const int64_t noon_s = 1795694400; /* 2026-11-26 12:00 UTC */

/* Each window is a profile and its picture, in the folder of its day, under its own time. */
static void windows_are_kept(void **state)
{
    struct pp_sink *sink = open_sink(&unlimited);
    struct pp_history history;
    char path[PATH_MAX];

    (void)state;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(take(sink, noon_s + i * 86400, "cpu", (uint64_t)i), 0);
        assert_int_equal(take(sink, noon_s + i * 86400, "heap", (uint64_t)i), 0);
    }
    history = read_all();
    assert_int_equal(history.n_files, 20);
    assert_int_equal(n_profiles(&history), 10);
    for (size_t i = 0; i < history.n_files; i++)
        assert_int_equal(history.files[i].name.time_s, noon_s + (int64_t)(i / 4) * 86400);
    pp_history_path(&history, &history.files[0], path);
    assert_non_null(strstr(path, "/2026-11-26/profile_20261126_120000.orders"));
    pp_history_done(&history);
    assert_int_equal(assert_whole(), 10);
    assert_int_equal(facts_of(sink).n_done, 10);
    assert_int_equal(facts_of(sink).n_dropped, 0);
    assert_int_equal(sink->drain(sink, 0, NULL), 0);
    sink->free(sink);
}

/* A clock that is put back gives no window another's name, and the names' order stays that of the
 * windows, also for the next process. */
static void clock_steps_back(void **state)
{
    const int64_t now_s = time(NULL);
    struct pp_sink *sink = open_sink(&unlimited);
    struct pp_history history;

    (void)state;
    for (uint64_t i = 0; i < 20; i++) {
        assert_int_equal(take(sink, now_s + 600 - (int64_t)i * 100, "cpu", i), 0);
        if (i == 10) {
            sink->free(sink);
            sink = open_sink(&unlimited);
        }
    }
    sink->free(sink);
    history = read_all();
    assert_int_equal(n_profiles(&history), 20);
    for (size_t i = 0; i < history.n_files; i++) { /* by name */
        struct pprofc_profile *profile = NULL, *wanted = make_random_profile(i / 2);
        char path[PATH_MAX];
        pp_history_path(&history, &history.files[i], path);
        if (strcmp(history.files[i].extension, ".pb.gz") == 0) {
            assert_int_equal(pprofc_profile_read(path, &profile, NULL), 0);
            assert_int_equal(profile->time_ns, wanted->time_ns);
        }
        pprofc_profile_free(profile);
        pprofc_profile_free(wanted);
    }
    pp_history_done(&history);
}

/* A clock that was days ahead, and is right now, is not waited for. */
static void clock_was_ahead(void **state)
{
    const int64_t now_s = time(NULL);
    struct pp_sink *sink = open_sink(&unlimited);
    struct pp_history history;

    (void)state;
    assert_int_equal(take(sink, now_s + 10 * 86400, "cpu", 1), 0);
    sink->free(sink);
    sink = open_sink(&unlimited);
    assert_int_equal(take(sink, now_s, "cpu", 2), 0);
    sink->free(sink);
    history = read_all();
    assert_int_equal(history.files[0].name.time_s, now_s);
    pp_history_done(&history);
}

/* Two writers of one folder, whose processes have one number and one name, overwrite nothing. */
static void writers_share_a_folder(void **state)
{
    struct pp_sink *sinks[2] = {open_sink(&unlimited), open_sink(&unlimited)};

    (void)state;
    for (uint64_t i = 0; i < 20; i++)
        assert_int_equal(take(sinks[i % 2], noon_s, "cpu", i), 0);
    assert_int_equal(assert_whole(), 20);
    sinks[0]->free(sinks[0]);
    sinks[1]->free(sinks[1]);
}

/* Windows older than the limit go, with their day's folder; what is not ours stays, whatever its
 * name, and keeps its folder. */
static void old_ones_go(void **state)
{
    const int64_t now_s = time(NULL);
    const struct pp_keep week = {INT64_C(7) * 86400 * 1000000000, 0};
    struct pp_sink *sink = open_sink(&unlimited);
    char day[PP_WINDOW_DAY_BYTES], path[PATH_MAX], foreign[2][PATH_MAX];
    struct pp_history history;

    (void)state;
    for (int i = 20; i >= 0; i--)
        assert_int_equal(take(sink, now_s - i * 86400, "cpu", (uint64_t)i), 0);
    sink->free(sink);
    pp_window_day(now_s - 15 * 86400, day);
    (void)snprintf(foreign[0], PATH_MAX, "%s/%s/profile_20200101_000000.pb.gz", top, day);
    (void)snprintf(foreign[1], PATH_MAX, "%s/notes.txt", top);
    for (int i = 0; i < 2; i++)
        assert_int_equal(close(open(foreign[i], O_WRONLY | O_CREAT, 0600)), 0);
    sink = open_sink(&week); /* looks at once */
    sink->free(sink);
    history = read_all();
    assert_true(n_profiles(&history) == 7 || n_profiles(&history) == 8);
    assert_true(history.files[0].name.time_s >= now_s - 7 * 86400 - 2);
    pp_history_done(&history);
    for (int i = 0; i < 2; i++)
        assert_int_equal(access(foreign[i], F_OK), 0);
    pp_window_day(now_s - 20 * 86400, day);
    (void)snprintf(path, sizeof path, "%s/%s", top, day);
    assert_int_equal(access(path, F_OK), -1);
    pp_window_day(now_s - 15 * 86400, day);
    (void)snprintf(path, sizeof path, "%s/%s", top, day);
    assert_int_equal(access(path, F_OK), 0);
}

/* Beyond the size the oldest go first, and the newest stays even where it alone is too large. */
static void large_ones_go(void **state)
{
    const struct pp_keep little = {0, 600 * 1024}, nothing = {0, 1};
    struct pp_sink *sink = open_sink(&little);
    struct pp_history history;

    (void)state;
    for (int i = 0; i < 40; i++)
        assert_int_equal(take(sink, noon_s + i, "cpu", (uint64_t)i), 0);
    sink->free(sink);
    history = read_all();
    assert_true(history.n_bytes <= little.n_bytes + 200 * 1024 && n_profiles(&history) >= 2);
    assert_int_equal(history.files[history.n_files - 1].name.time_s, noon_s + 39);
    assert_int_equal(history.files[0].name.time_s, noon_s + 40 - (int64_t)n_profiles(&history));
    pp_history_done(&history);
    sink = open_sink(&nothing);
    sink->free(sink);
    assert_int_equal(assert_whole(), 1);
}

/* On a full disk the oldest windows go and the new one is kept; each that went is counted, and what
 * cannot be kept at all is an error that says so. */
static void disk_is_full(void **state)
{
    struct pp_sink *sink = open_sink(&unlimited);
    struct pp_history history;
    struct pp_sink_facts facts;
    struct pprofc_error err;
    const struct pp_directory_bundle large = {
        .time_s = noon_s + 100,
        .program = "orders",
        .files = {{"cpu", ".pb.gz", calloc(1, 1 << 20), 1 << 20}},
        .n_files = 1};

    (void)state;
    disk_bytes = 500 * 1024;
    for (int i = 0; i < 40; i++)
        assert_int_equal(take(sink, noon_s + i, "cpu", (uint64_t)i), 0);
    facts = facts_of(sink);
    history = read_all();
    assert_int_equal(facts.n_done, 40);
    assert_int_equal(facts.n_dropped + n_profiles(&history), 40);
    assert_true(n_profiles(&history) >= 2);
    assert_int_equal(history.files[history.n_files - 1].name.time_s, noon_s + 39);
    assert_string_equal(facts.last_error, "");
    pp_history_done(&history);
    (void)assert_whole();
    assert_int_equal(pp_directory_store(sink, &large, NULL, &err), -ENOSPC);
    assert_non_null(strstr(facts_of(sink).last_error, "No space left"));
    assert_non_null(strstr(err.message, "No space left"));
    disk_bytes = -1;
    assert_int_equal(take(sink, noon_s + 200, "cpu", 1), 0);
    assert_string_equal(facts_of(sink).last_error, "");
    assert_int_equal(assert_whole(), 1);
    free((void *)large.files[0].bytes);
    sink->free(sink);
}

/* A writer that is killed at whatever moment leaves whole windows alone; what it had begun is
 * removed by the next one, once it is a minute old. */
static void killed_anywhere(void **state)
{
    size_t n_kept = 0, n_left = 0;
    uint64_t random = 3;
    char path[PATH_MAX], day[PP_WINDOW_DAY_BYTES];
    struct pp_sink *sink;
    DIR *folder;

    (void)state;
    for (int i = 0; i < 40 || (n_kept <= 10 && i < 400); i++) {
        const pid_t child = fork();
        if (child == 0) {
            /* Where the test itself is killed the disk is not to fill up. */
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            sink = open_sink(&unlimited);
            for (uint64_t k = 0;; k++)
                (void)take(sink, noon_s + (int64_t)k, "cpu", k);
        }
        random = random * UINT64_C(6364136223846793005) + 1442695040888963407;
        /* Where the disk is slow nothing comes of the first, short lives. */
        (void)usleep((2000 + (useconds_t)(random >> 33) % 20000) * (1 + (useconds_t)i / 40));
        assert_int_equal(kill(child, SIGKILL), 0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        n_kept = assert_whole();
    }
    assert_true(n_kept > 10);
    pp_window_day(noon_s, day);
    (void)snprintf(path, sizeof path, "%s/%s", top, day);
    for (int pass = 0; pass < 2; pass++) {
        const struct timespec old[2] = {{.tv_sec = time(NULL) - 100}, {.tv_sec = time(NULL) - 100}};
        const struct dirent *entry;
        n_left = 0;
        folder = opendir(path);
        assert_non_null(folder);
        while ((entry = readdir(folder)) != NULL)
            if (strstr(entry->d_name, ".tmp") != NULL) {
                n_left++;
                assert_int_equal(utimensat(dirfd(folder), entry->d_name, old, 0), 0);
            }
        (void)closedir(folder);
        if (pass == 0)
            print_message("%zu windows and %zu begun files of killed writers\n", n_kept, n_left);
        sink = open_sink(&unlimited);
        sink->free(sink);
    }
    assert_int_equal(n_left, 0);
    assert_int_equal(assert_whole(), n_kept);
}

/* Whatever allocation fails: the window is kept or counted as lost, and nothing lies half there. */
static void no_memory(void **state)
{
    struct pp_sink *sink = open_sink(&unlimited);
    uint64_t n_lost = 0;
    int status = -ENOMEM;
    struct pprofc_profile *profile = make_random_profile(7);
    const struct pp_export_window window = {
        .kind = "cpu", .program = "orders", .pid = 1, .begin_ns = 1, .profile = profile};

    (void)state;
    for (long n = 0; status != 0; n++) {
        n_allocations_left = n;
        status = sink->take(sink, &window, NULL);
        n_allocations_left = -1;
        n_lost += status != 0;
        assert_true(status == 0 || status == -ENOMEM);
        assert_int_equal(facts_of(sink).n_dropped, n_lost);
    }
    assert_true(n_lost > 5);
    assert_int_equal(assert_whole(), 1);
    sink->free(sink);
    pprofc_profile_free(profile);
}

/* A thousand windows of random stacks leave nothing in memory. */
static void memory_is_flat(void **state)
{
    const struct pp_keep little = {0, 300 * 1024};
    struct pp_sink *sink = open_sink(&little);
    const int n_windows = getenv("PPROFC_LONG") != NULL ? 1000 : 100;
    size_t after_ten = 0;

    (void)state;
    for (int i = 0; i < n_windows; i++) {
        assert_int_equal(take(sink, noon_s + i, "cpu", (uint64_t)i), 0);
        if (i == 10)
            after_ten = mallinfo2().uordblks;
    }
    assert_int_equal(facts_of(sink).n_done, n_windows);
    assert_true(mallinfo2().uordblks <= after_ten + 16 * 1024);
    sink->free(sink);
}

/* Where it cannot be: a file, a folder of a folder that is not there, one without permission. */
static void bad_places(void **state)
{
    struct pp_sink *sink = NULL;
    struct pprofc_error err;
    char path[PATH_MAX];

    (void)state;
    (void)snprintf(path, sizeof path, "%s/no/such", top);
    assert_int_equal(pp_directory_new(path, &unlimited, &sink, &err), -ENOENT);
    assert_non_null(strstr(err.message, path));
    (void)snprintf(path, sizeof path, "%s/file", top);
    assert_int_equal(close(open(path, O_WRONLY | O_CREAT, 0600)), 0);
    assert_int_equal(pp_directory_new(path, &unlimited, &sink, &err), -ENOTDIR);
    assert_null(sink);
    assert_int_equal(pp_history_read("/no/such", &(struct pp_history){.files = NULL}, &err),
                     -ENOENT);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(windows_are_kept),       TEST(clock_steps_back), TEST(clock_was_ahead),
        TEST(writers_share_a_folder), TEST(old_ones_go),      TEST(large_ones_go),
        TEST(disk_is_full),           TEST(killed_anywhere),  TEST(no_memory),
        TEST(memory_is_flat),         TEST(bad_places)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
