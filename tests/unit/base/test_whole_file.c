/* Files are there whole or not at all, and nothing else is left in their folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/whole_file.h"

static char path[] = "/tmp/pprofc-test.XXXXXX";
static int folder;

static void assert_holds(const char *name, const char *text, mode_t mode)
{
    char bytes[64] = "";
    struct stat status;
    const int fd = openat(folder, name, O_RDONLY | O_CLOEXEC);

    assert_true(fd >= 0 && read(fd, bytes, sizeof bytes - 1) >= 0 && fstat(fd, &status) == 0);
    assert_string_equal(bytes, text);
    assert_int_equal(status.st_mode & 07777, mode);
    (void)close(fd);
}

static int count_files(void)
{
    DIR *all = opendir(path);
    int n = 0;

    assert_non_null(all);
    for (const struct dirent *entry; (entry = readdir(all)) != NULL;)
        n += entry->d_name[0] != '.' || strlen(entry->d_name) > 2;
    (void)closedir(all);
    return n;
}

static void names_are_not_taken_from_others(void **state)
{
    struct pp_whole_file_how how = {.mode = 0666, .is_durable = true};

    (void)state;
    (void)umask(027);
    assert_int_equal(pp_whole_file_write(folder, "a", "one", 3, &how), 0);
    assert_holds("a", "one", 0640);
    assert_int_equal(pp_whole_file_write(folder, "a", "two", 3, &how), -EEXIST);
    assert_holds("a", "one", 0640);
    how = (struct pp_whole_file_how){.mode = 0606, .has_mode = true, .overwrites = true};
    assert_int_equal(pp_whole_file_write(folder, "a", "three", 5, &how), 0);
    assert_holds("a", "three", 0606);
    assert_int_equal(count_files(), 1);
}

/* What cannot be written whole costs nobody what was there. */
static void a_full_disk_leaves_the_old_one(void **state)
{
    const struct pp_whole_file_how how = {.mode = 0666, .overwrites = true};
    struct rlimit before, small;

    (void)state;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, SIG_IGN);
    small = before;
    small.rlim_cur = 2;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    assert_int_equal(pp_whole_file_write(folder, "a", "longer", 6, &how), -EFBIG);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_holds("a", "three", 0606);
    assert_int_equal(count_files(), 1);
}

static void temporary_names_are_known(void **state)
{
    char name[64];
    const pid_t child = fork();

    (void)state;
    if (child == 0)
        _exit(0);
    (void)snprintf(name, sizeof name, ".pprofc-%d-7.tmp", (int)child);
    assert_false(pp_whole_file_is_abandoned(name)); /* not before it has been waited for */
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_true(pp_whole_file_is_abandoned(name));
    /* In a container the one that was killed had our number. */
    (void)snprintf(name, sizeof name, ".pprofc-%d-7.tmp", (int)getpid());
    assert_true(pp_whole_file_is_abandoned(name));
    (void)snprintf(name, sizeof name, ".pprofc-%d-7.tmp", (int)getppid());
    assert_false(pp_whole_file_is_abandoned(name));
    assert_false(pp_whole_file_is_abandoned(".pprofc-99999999-7.tmpx"));
    assert_false(pp_whole_file_is_abandoned(".pprofc-0-7.tmp"));
    assert_false(pp_whole_file_is_abandoned("a"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_not_taken_from_others),
        cmocka_unit_test(a_full_disk_leaves_the_old_one),
        cmocka_unit_test(temporary_names_are_known),
    };
    int n_failed;

    if (mkdtemp(path) == NULL || (folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return 1;
    n_failed = cmocka_run_group_tests(tests, NULL, NULL);
    (void)unlinkat(folder, "a", 0);
    (void)rmdir(path);
    return n_failed;
}
