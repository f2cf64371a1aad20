/* Finding the recordings of a run. */
#include "cmocka_includes.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cli/run_files.h"

static char folder[64];

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pprofc-unit-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

/* As the kernel keeps recordings, and with its clock. */
static int make_folder_in_memory(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/dev/shm/unit-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") != 0 || system(command) != 0;
}

/* A recording of 'pid' in which nothing has happened yet. */
static void put_recording(const char *name, const uint8_t run_id[PP_RUN_ID_BYTES], int pid,
                          uint32_t exec_sequence, size_t n_bytes)
{
    struct pp_rec_header *header = calloc(1, PP_REC_HEADER_BYTES);
    const int descriptor = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

    assert_true(descriptor >= 0);
    assert_non_null(header);
    memcpy(header->magic, PP_REC_MAGIC, sizeof header->magic);
    header->layout = PP_REC_LAYOUT;
    header->header_bytes = PP_REC_HEADER_BYTES;
    header->n_bytes = PP_REC_HEADER_BYTES;
    header->state = PP_REC_ENDED;
    header->pid = header->namespace_pid = pid;
    header->exec_sequence = exec_sequence;
    header->threads.item_bytes = sizeof(struct pp_rec_thread);
    header->modules.item_bytes = sizeof(struct pp_rec_module);
    memcpy(header->run_id, run_id, PP_RUN_ID_BYTES);
    assert_int_equal(write(descriptor, header, n_bytes), n_bytes);
    assert_int_equal(close(descriptor), 0);
    free(header);
}

static void init(struct pp_run_files *run)
{
    char id[PP_RUN_ID_HEX_BYTES];

    assert_int_equal(pp_run_files_init(run, folder, id, NULL), 0);
    assert_int_equal(strlen(id), 32);
}

/* Recordings with the run's id are found once each, sorted by pid and by exec; others are left. */
static void own_ones_are_found(void **state)
{
    static const uint8_t foreign[PP_RUN_ID_BYTES] = {1, 2, 3};
    struct pp_run_files run;

    (void)state;
    init(&run);
    put_recording("pprofc.0.20", run.run_id, 20, 0, PP_REC_HEADER_BYTES);
    put_recording("pprofc.0.10.1", run.run_id, 10, 1, PP_REC_HEADER_BYTES);
    put_recording("pprofc.0.30", foreign, 30, 0, PP_REC_HEADER_BYTES);
    put_recording("other.0.40", run.run_id, 40, 0, PP_REC_HEADER_BYTES);
    pp_run_files_look(&run);
    assert_int_equal(run.n_files, 2);
    put_recording("pprofc.0.10", run.run_id, 10, 0, PP_REC_HEADER_BYTES);
    pp_run_files_look(&run);
    assert_int_equal(run.n_files, 3);
    assert_int_equal(run.files[0].pid, 10);
    assert_int_equal(run.files[0].exec_sequence, 0);
    assert_int_equal(run.files[1].pid, 10);
    assert_int_equal(run.files[1].exec_sequence, 1);
    assert_int_equal(run.files[2].pid, 20);
    for (size_t i = 0; i < run.n_files; i++) {
        assert_false(pp_run_file_is_alive(&run.files[i]));
        pp_run_file_unlink(&run.files[i]);
    }
    assert_int_equal(access("pprofc.0.10", F_OK), -1);
    assert_int_equal(access("pprofc.0.20", F_OK), -1);
    assert_int_equal(access("pprofc.0.30", F_OK), 0);
    assert_int_equal(access("other.0.40", F_OK), 0);
    pp_run_files_done(&run);
}

/* Links, pipes, folders and other users' files are not followed, opened or waited for. */
static void traps_are_avoided(void **state)
{
    struct pp_run_files run;

    (void)state;
    init(&run);
    put_recording("elsewhere", run.run_id, 20, 0, PP_REC_HEADER_BYTES);
    assert_int_equal(symlink("elsewhere", "pprofc.0.20"), 0);
    assert_int_equal(mkfifo("pprofc.0.21", 0600), 0);
    assert_int_equal(mkdir("pprofc.0.22", 0700), 0);
    pp_run_files_look(&run);
    pp_run_files_drop_unreadable(&run);
    assert_int_equal(run.n_files, 0);
    assert_int_equal(access("elsewhere", F_OK), 0);
    pp_run_files_done(&run);
}

/* What cannot be read is left alone while it may be in the making, and removed at the end. */
static void an_unreadable_one_goes_at_the_end(void **state)
{
    static const uint8_t foreign[PP_RUN_ID_BYTES] = {1, 2, 3};
    struct pp_run_files run;

    (void)state;
    init(&run);
    put_recording("pprofc.0.20", run.run_id, 20, 0, 5000);
    put_recording("pprofc.0.21", foreign, 21, 0, 5000);
    pp_run_files_look(&run);
    assert_int_equal(run.n_files, 0);
    assert_int_equal(access("pprofc.0.20", F_OK), 0);
    pp_run_files_drop_unreadable(&run);
    assert_int_equal(access("pprofc.0.20", F_OK), -1);
    assert_int_equal(access("pprofc.0.21", F_OK), 0);
    pp_run_files_done(&run);
}

/* A name that another recording has taken meanwhile is not removed. */
static void a_reused_name_stays(void **state)
{
    struct pp_run_files run;

    (void)state;
    init(&run);
    put_recording("pprofc.0.20", run.run_id, 20, 0, PP_REC_HEADER_BYTES);
    pp_run_files_look(&run);
    assert_int_equal(run.n_files, 1);
    assert_int_equal(unlink("pprofc.0.20"), 0); /* it is held open, so its inode is not reused */
    put_recording("pprofc.0.20", run.run_id, 20, 0, PP_REC_HEADER_BYTES);
    pp_run_file_unlink(&run.files[0]);
    assert_int_equal(access("pprofc.0.20", F_OK), 0);
    pp_run_files_done(&run);
}

/* What comes right after a look, within the tick in which the folder's time stands still, is found
 * by the next one: two thousand times, so that many of them fall into one tick. */
static void nothing_is_missed_within_a_tick(void **state)
{
    enum { N_TIMES = 2000 };
    struct pp_run_files run;

    (void)state;
    init(&run);
    for (int i = 0; i < N_TIMES; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "pprofc.0.%d", 100 + i);
        pp_run_files_look_for_new(&run, getpid());
        put_recording(name, run.run_id, 100 + i, 0, PP_REC_HEADER_BYTES);
        pp_run_files_look_for_new(&run, getpid());
        assert_int_equal(run.n_files, 1);
        pp_recording_close(run.files[0].reader);
        run.n_files = 0;
        assert_int_equal(unlink(name), 0);
    }
    pp_run_files_done(&run);
}

static void sleep_ms(long ms)
{
    const struct timespec time = {0, ms * 1000000};

    (void)nanosleep(&time, NULL);
}

/* Once a folder has been still for a while it is not read any more, until its time is another one,
 * also an earlier one, as after a clock was put back; or it is another folder. */
static void a_still_folder_is_not_read(void **state)
{
    const struct timespec early[2] = {{.tv_sec = 1000}, {.tv_sec = 1000, .tv_nsec = 5}};
    const struct timespec coming[2] = {{.tv_sec = time(NULL) + 100}, {.tv_sec = time(NULL) + 100}};
    struct pp_run_news news;

    (void)state;
    pp_run_news_init(&news);
    assert_true(pp_run_news_in_folder(&news, folder)); /* too young to be sure of */
    assert_true(pp_run_news_in_folder(&news, folder));
    sleep_ms(50);
    assert_true(pp_run_news_in_folder(&news, folder));
    assert_false(pp_run_news_in_folder(&news, folder));
    assert_int_equal(utimensat(AT_FDCWD, folder, early, 0), 0);
    assert_true(pp_run_news_in_folder(&news, folder));
    assert_false(pp_run_news_in_folder(&news, folder));
    assert_int_equal(utimensat(AT_FDCWD, folder, coming, 0), 0);
    assert_true(pp_run_news_in_folder(&news, folder));
    assert_true(pp_run_news_in_folder(&news, folder));
    assert_true(pp_run_news_in_folder(&news, "/dev/shm"));
    assert_true(pp_run_news_in_folder(&news, "/there/is/none"));
    assert_true(pp_run_news_in_folder(&news, "/there/is/none"));
    assert_true(pp_run_news_in_folder(&news, "/proc")); /* whose clock is that? */
    sleep_ms(50);
    assert_true(pp_run_news_in_folder(&news, "/proc"));
    pp_run_news_done(&news);
}

/* A recording that cannot be read at one look is read at the next, though its becoming readable
 * changes nothing of the folder. */
static void what_was_being_made_is_found_when_it_is_done(void **state)
{
    struct pp_run_files run;

    (void)state;
    init(&run);
    put_recording("pprofc.0.20", run.run_id, 20, 0, 0);
    sleep_ms(50);
    pp_run_files_look_for_new(&run, getpid());
    put_recording("pprofc.0.20", run.run_id, 20, 0, 5000);
    pp_run_files_look_for_new(&run, getpid());
    assert_int_equal(run.n_files, 0);
    put_recording("pprofc.0.20", run.run_id, 20, 0, PP_REC_HEADER_BYTES);
    pp_run_files_look_for_new(&run, getpid());
    assert_int_equal(run.n_files, 1);
    pp_run_files_done(&run);
}

/* Numbers tell of new threads: those since the look before the last one; all when that cannot be
 * said, as at the beginning, when they began anew, and now and then in any case. */
static void new_threads_are_told_by_their_numbers(void **state)
{
    struct pp_run_numbers numbers;
    struct pp_run_news news;
    pid_t child;

    (void)state;
    pp_run_news_init(&news);
    assert_true(pp_run_news_of_threads(&news, &numbers));
    assert_true(numbers.is_all);
    for (int i = 0; i < 2; i++) { /* the second one: by now they were seen to move */
        child = fork();
        if (child == 0)
            _exit(0);
        assert_int_equal(waitpid(child, NULL, 0), child);
        assert_true(pp_run_news_of_threads(&news, &numbers));
    }
    assert_false(numbers.is_all);
    assert_true(numbers.first < child && child <= numbers.last);
    assert_true(pp_run_news_of_threads(&news, &numbers)); /* once more: it may have had no name */
    assert_true(numbers.is_all || (numbers.first < child && child <= numbers.last));
    news.last_pid = INT64_MAX; /* a round of numbers is over */
    assert_true(pp_run_news_of_threads(&news, &numbers));
    assert_true(numbers.is_all);
    pp_run_news_done(&news);
    assert_true(pp_run_news_of_threads(&news, &numbers)); /* where there is no such file */
    assert_true(numbers.is_all);
}

static void make_old(const char *name)
{
    const struct timespec times[2] = {{.tv_sec = time(NULL) - 90000},
                                      {.tv_sec = time(NULL) - 90000}};

    assert_int_equal(utimensat(AT_FDCWD, name, times, 0), 0);
}

/* What a process left that is gone is removed after a day; a younger one, a living process's and
 * another user's name stay. */
static void stale_ones_go(void **state)
{
    static const uint8_t none[PP_RUN_ID_BYTES] = {0};
    char dead[64], young[64], living[64], other[64];
    struct pp_run_files run;
    const pid_t gone = fork();

    (void)state;
    if (gone == 0)
        _exit(0);
    assert_int_equal(waitpid(gone, NULL, 0), gone);
    (void)snprintf(dead, sizeof dead, "pprofc.%u.%d", geteuid(), gone);
    (void)snprintf(young, sizeof young, "pprofc.%u.%d.1", geteuid(), gone);
    (void)snprintf(living, sizeof living, "pprofc.%u.%d", geteuid(), getpid());
    (void)snprintf(other, sizeof other, "pprofc.%u.%d", geteuid() + 1, gone);
    put_recording(dead, none, gone, 0, PP_REC_HEADER_BYTES);
    put_recording(young, none, gone, 1, PP_REC_HEADER_BYTES);
    put_recording(living, none, getpid(), 0, PP_REC_HEADER_BYTES);
    put_recording(other, none, gone, 0, PP_REC_HEADER_BYTES);
    make_old(dead);
    make_old(living);
    make_old(other);
    init(&run);
    pp_run_files_reap(&run);
    pp_run_files_done(&run);
    assert_int_not_equal(access(dead, F_OK), 0);
    assert_int_equal(access(young, F_OK), 0);
    assert_int_equal(access(living, F_OK), 0);
    assert_int_equal(access(other, F_OK), 0);
}

#define IN_MEMORY(test) cmocka_unit_test_setup_teardown(test, make_folder_in_memory, remove_folder)
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(own_ones_are_found),
        IN_FOLDER(traps_are_avoided),
        IN_FOLDER(an_unreadable_one_goes_at_the_end),
        IN_FOLDER(a_reused_name_stays),
        IN_FOLDER(stale_ones_go),
        IN_MEMORY(nothing_is_missed_within_a_tick),
        IN_MEMORY(a_still_folder_is_not_read),
        IN_MEMORY(what_was_being_made_is_found_when_it_is_done),
        cmocka_unit_test(new_threads_are_told_by_their_numbers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
