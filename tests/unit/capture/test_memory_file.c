/* The memory of a recording: its name in /dev/shm, how it grows, what is given back, and what there
 * is when there is no room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "capture/environment.h"
#include "capture/memory_file.h"
#include "recording/layout.h"

enum { PAGE = 4096, FILE_BYTES = 64 * PAGE };

static const char *name_of(uint32_t sequence)
{
    static char paths[2][64]; /* each its own, of the first and of all others */
    char *path = paths[sequence != 0];

    (void)snprintf(path, sizeof paths[0],
                   sequence == 0 ? "/dev/shm/pprofc.%u.%d" : "/dev/shm/pprofc.%u.%d.%u", geteuid(),
                   getpid(), sequence);
    return path;
}

static struct pp_memory_file make(uint64_t n_bytes, uint64_t n_max)
{
    struct pp_memory_file file;
    struct pprofc_error err = {0};

    if (pp_memory_file_create(&file, n_bytes, n_bytes, n_max, &err) != 0)
        fail_msg("%s", err.message);
    return file;
}

static bool is_zero(const struct pp_memory_file *file, uint64_t offset, uint64_t n_bytes)
{
    for (uint64_t i = 0; i < n_bytes; i++)
        if (file->base[offset + i] != 0)
            return false;
    return true;
}

/* ---- names ---- */

/* What lies at the name that the file should get is left alone, and the next name is taken. */
static void assert_kept(const char *path)
{
    struct pp_memory_file file;
    struct stat before, after;

    assert_int_equal(lstat(path, &before), 0);
    file = make(FILE_BYTES, FILE_BYTES);
    assert_string_equal(file.path, name_of(1));
    assert_int_equal(file.sequence, 1);
    assert_int_equal(lstat(path, &after), 0);
    assert_int_equal(before.st_ino, after.st_ino);
    pp_memory_file_close(&file, true);
    assert_int_equal(unlink(path), 0);
}

/* Put a file where ours should be. */
static int leave_file(uint64_t start_ticks, bool is_of_our_run, uint64_t n_bytes)
{
    struct pp_rec_header header = {.process_start_ticks = start_ticks};
    const int fd = open(name_of(0), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    assert_true(fd >= 0);
    if (is_of_our_run)
        memcpy(header.run_id, pp_environment.run_id, sizeof header.run_id);
    assert_int_equal(write(fd, &header, n_bytes), n_bytes);
    return fd;
}

/* A recording of a process that had this pid before gives its name up. */
static void stale_file(void **state)
{
    struct pp_memory_file file;
    (void)state;

    (void)close(leave_file(1, false, sizeof(struct pp_rec_header)));
    file = make(FILE_BYTES, FILE_BYTES);
    assert_string_equal(file.path, name_of(0));
    assert_true(is_zero(&file, 0, FILE_BYTES));
    pp_memory_file_close(&file, true);
    assert_int_equal(access(name_of(0), F_OK), -1);
}

/* Those that keep it: this process's own before an exec; one that another pid namespace's process
 * holds; one that the command that started us will fetch; what is no recording. */
static void kept_files(void **state)
{
    int fd;
    (void)state;

    (void)close(leave_file(pp_process_start_ticks(), false, sizeof(struct pp_rec_header)));
    assert_kept(name_of(0));
    fd = leave_file(1, false, sizeof(struct pp_rec_header));
    assert_int_equal(flock(fd, LOCK_EX), 0);
    assert_kept(name_of(0));
    (void)close(fd);
    pp_environment.has_run_id = true;
    memset(pp_environment.run_id, 7, sizeof pp_environment.run_id);
    (void)close(leave_file(1, true, sizeof(struct pp_rec_header)));
    assert_kept(name_of(0));
    pp_environment.has_run_id = false;
    (void)close(leave_file(1, false, 100));
    assert_kept(name_of(0));
}

/* What anybody may put there: a pipe, whose opening would wait, a folder, a link to a file that
 * must not be touched. */
static void traps(void **state)
{
    const char *path = name_of(0);
    char target[] = "/tmp/pprofc-memory-file.XXXXXX";
    const int fd = mkstemp(target);
    struct stat status;
    (void)state;

    assert_int_equal(mkfifo(path, 0600), 0);
    assert_kept(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, "kept", 4), 4);
    assert_int_equal(symlink(target, path), 0);
    assert_kept(path);
    assert_int_equal(fstat(fd, &status), 0);
    assert_int_equal(status.st_size, 4);
    (void)close(fd);
    (void)unlink(target);
}

/* Where all names are taken the recording has none and is as large. */
static void no_name_left(void **state)
{
    struct pp_memory_file file;
    (void)state;

    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(mkdir(name_of(i), 0700), 0);
    file = make(FILE_BYTES, FILE_BYTES);
    assert_string_equal(file.path, "");
    assert_int_equal(file.n_bytes, FILE_BYTES);
    assert_int_equal(fcntl(file.fd, F_GET_SEALS) & F_SEAL_SHRINK, F_SEAL_SHRINK);
    pp_memory_file_close(&file, true);
    for (uint32_t i = 0; i < 64; i++)
        assert_int_equal(rmdir(name_of(i)), 0);
}

/* ---- memory ---- */

/* It grows to its bound and says no there; what is given back can be had again, as zeroes, and
 * neighbours become one. */
static void bound(void **state)
{
    struct pp_memory_file file = make(FILE_BYTES, FILE_BYTES + 8 * PAGE);
    uint64_t pieces[8];
    (void)state;

    assert_int_equal(pp_memory_file_room(&file), 8 * PAGE);
    for (int i = 0; i < 8; i++) {
        pieces[i] = pp_memory_file_alloc(&file, 1 + (uint64_t)i); /* a page each */
        assert_int_equal(pieces[i], FILE_BYTES + i * PAGE);
        assert_int_equal(atomic_load(&((struct pp_rec_header *)file.base)->n_bytes),
                         FILE_BYTES + (i + 1) * PAGE);
        memset(file.base + pieces[i], 1, PAGE);
    }
    assert_int_equal(pp_memory_file_room(&file), 0);
    assert_int_equal(pp_memory_file_alloc(&file, 1), 0);
    pp_memory_file_free(&file, pieces[1], PAGE);
    pp_memory_file_free(&file, pieces[3], PAGE);
    assert_int_equal(pp_memory_file_room(&file), PAGE);
    assert_int_equal(pp_memory_file_alloc(&file, 2 * PAGE), 0);
    pp_memory_file_free(&file, pieces[2], PAGE);
    assert_int_equal(file.n_free, 1);
    assert_int_equal(pp_memory_file_room(&file), 3 * PAGE);
    assert_int_equal(pp_memory_file_alloc(&file, 3 * PAGE - 1), pieces[1]);
    assert_true(is_zero(&file, pieces[1], 3 * PAGE));
    assert_int_equal(file.n_free, 0);
    assert_int_equal(pp_memory_file_alloc(&file, UINT64_MAX - PAGE), 0);
    pp_memory_file_close(&file, true);
}

/* 20 000 random pieces of a page to eight, taken and given back in any order: none lies over
 * another, each begins as zeroes, and in the end all of it is one piece. */
static void random_pieces(void **state)
{
    enum { N_SLOTS = 40, N_PAGES = 100 };
    struct pp_memory_file file = make(FILE_BYTES, FILE_BYTES + N_PAGES * PAGE);
    struct pp_extent slots[N_SLOTS] = {0};
    uint64_t random = 88172645463325252, n_taken = 0, n_refused = 0;
    (void)state;

    for (uint32_t round = 0; round < 20000; round++) {
        struct pp_extent *slot;
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        slot = &slots[random % N_SLOTS];
        if (slot->n_bytes != 0) {
            for (uint64_t at = 0; at < slot->n_bytes; at += PAGE)
                assert_ptr_equal(*(struct pp_extent **)(file.base + slot->offset + at), slot);
            pp_memory_file_free(&file, slot->offset, slot->n_bytes);
            n_taken -= slot->n_bytes;
            slot->n_bytes = 0;
            continue;
        }
        slot->n_bytes = (1 + random / N_SLOTS % 8) * PAGE;
        slot->offset = pp_memory_file_alloc(&file, slot->n_bytes);
        if (slot->offset == 0) {
            assert_true(pp_memory_file_room(&file) < slot->n_bytes);
            n_refused++;
            slot->n_bytes = 0;
            continue;
        }
        n_taken += slot->n_bytes;
        assert_true(n_taken <= N_PAGES * PAGE);
        assert_in_range(slot->offset, FILE_BYTES, FILE_BYTES + N_PAGES * PAGE - slot->n_bytes);
        for (uint64_t at = 0; at < slot->n_bytes; at += PAGE) {
            assert_null(*(void **)(file.base + slot->offset + at));
            *(struct pp_extent **)(file.base + slot->offset + at) = slot;
        }
    }
    for (int i = 0; i < N_SLOTS; i++)
        if (slots[i].n_bytes != 0)
            pp_memory_file_free(&file, slots[i].offset, slots[i].n_bytes);
    assert_int_equal(file.n_free, 1);
    assert_int_equal(file.free[0].offset, FILE_BYTES);
    assert_int_equal(file.free[0].n_bytes, file.n_bytes - FILE_BYTES);
    assert_in_range(n_refused, 1, 10000);
    pp_memory_file_close(&file, true);
}

/* More pieces than the list holds: those that do not fit are lost to the file, and nothing else
 * is. */
static void too_many_pieces(void **state)
{
    enum { N_PIECES = 2 * (PP_MAX_EXTENTS + 10) };
    struct pp_memory_file file = make(FILE_BYTES, FILE_BYTES + N_PIECES * PAGE);
    uint64_t n_again = 0;
    (void)state;

    for (int i = 0; i < N_PIECES; i++)
        assert_int_equal(pp_memory_file_alloc(&file, PAGE), FILE_BYTES + i * PAGE);
    for (int i = 0; i < N_PIECES; i += 2)
        pp_memory_file_free(&file, (uint64_t)(FILE_BYTES + i * PAGE), PAGE);
    assert_int_equal(file.n_free, PP_MAX_EXTENTS);
    while (pp_memory_file_alloc(&file, PAGE) != 0)
        n_again++;
    assert_int_equal(n_again, PP_MAX_EXTENTS);
    pp_memory_file_close(&file, true);
}

/* ---- no room ---- */

/* In a child whose files may have 'n_limit' bytes: what pp_memory_file_create() returns, and the
 * bytes it got.  The signal that the kernel sends for such a file is ignored, as the session's
 * start does. */
static int create_limited(uint64_t n_limit, uint64_t n_least, uint64_t *n_got_out)
{
    int ends[2], status;
    struct {
        int result;
        uint64_t n_bytes;
        char message[200];
    } answer = {0};
    pid_t pid;

    assert_int_equal(pipe(ends), 0);
    pid = fork();
    if (pid == 0) {
        struct pp_memory_file file;
        struct pprofc_error err = {0};
        (void)signal(SIGXFSZ, SIG_IGN);
        (void)setrlimit(RLIMIT_FSIZE, &(struct rlimit){n_limit, n_limit});
        answer.result = pp_memory_file_create(&file, FILE_BYTES, n_least, 2 * FILE_BYTES, &err);
        if (answer.result == 0) {
            answer.n_bytes = file.n_bytes;
            if (pp_memory_file_alloc(&file, FILE_BYTES) != 0)
                answer.n_bytes = 0; /* beyond the limit */
            memset(file.base, 1, file.n_bytes);
            pp_memory_file_close(&file, true);
        }
        (void)snprintf(answer.message, sizeof answer.message, "%.199s", err.message);
        (void)!write(ends[1], &answer, sizeof answer);
        _exit(access(name_of(0), F_OK) == 0); /* nothing is left behind */
    }
    assert_int_equal(read(ends[0], &answer, sizeof answer), sizeof answer);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    (void)close(ends[0]);
    (void)close(ends[1]);
    if (answer.result != 0)
        assert_non_null(strstr(answer.message, "raise RLIMIT_FSIZE"));
    *n_got_out = answer.n_bytes;
    return answer.result;
}

/* Little room gives a smaller recording, none an error that says which limit it is; both leave no
 * file. */
static void little_room(void **state)
{
    uint64_t n_got = 0;
    (void)state;

    assert_int_equal(create_limited(FILE_BYTES, FILE_BYTES, &n_got), 0);
    assert_int_equal(n_got, FILE_BYTES);
    assert_int_equal(create_limited(FILE_BYTES / 2, 4 * PAGE, &n_got), 0);
    assert_int_equal(n_got, FILE_BYTES / 2);
    assert_int_equal(create_limited(5 * PAGE, 4 * PAGE, &n_got), 0);
    assert_int_equal(n_got, 4 * PAGE);
    assert_int_equal(create_limited(3 * PAGE, 4 * PAGE, &n_got), -EFBIG);
    assert_int_equal(create_limited(0, PAGE, &n_got), -EFBIG);
}

/* A case that failed leaves nothing in memory. */
static int tidy(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 64; i++)
        (void)remove(name_of(i));
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stale_file),      cmocka_unit_test(kept_files),
        cmocka_unit_test(traps),           cmocka_unit_test(no_name_left),
        cmocka_unit_test(bound),           cmocka_unit_test(random_pieces),
        cmocka_unit_test(too_many_pieces), cmocka_unit_test(little_room),
    };

    return cmocka_run_group_tests_name("capture_memory_file", tests, NULL, tidy);
}
