/* Files: whole or not at all, and which is what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
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
#include <unistd.h>

#include "../skip_because.h"
#include "formats/formats.h"
#include "recording/layout.h"

static char folder[] = "/tmp/pprofc-test-file-XXXXXX";
static char path[512];

static int make_folder(void **state)
{
    (void)state;
    (void)signal(SIGXFSZ, SIG_IGN); /* a file at its size limit is EFBIG then */
    return mkdtemp(folder) == NULL;
}

static const char *in_folder(const char *name)
{
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static void assert_holds(const char *name, const char *wanted)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;

    assert_int_equal(pp_file_read(in_folder(name), &bytes, NULL), 0);
    assert_int_equal(bytes.n_bytes, strlen(wanted));
    assert_memory_equal(bytes.bytes, wanted, strlen(wanted));
}

/* Names in the folder, and none of them left when it has been emptied. */
static int count_files(bool remove_them)
{
    DIR *open = opendir(folder);
    const struct dirent *entry;
    int n_files = 0;

    while ((entry = readdir(open)) != NULL) {
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        n_files++;
        if (remove_them)
            (void)remove(in_folder(entry->d_name));
    }
    (void)closedir(open);
    return n_files;
}

static int remove_folder(void **state)
{
    (void)state;
    (void)count_files(true);
    return rmdir(folder);
}

/* A new file holds what was given; an existing one is left alone, or replaced when asked to, with
 * its mode. */
static void test_write(void **state)
{
    struct pprofc_error err;
    struct stat status;

    (void)state;
    assert_int_equal(pp_file_write(in_folder("new"), "one", 3, false, NULL), 0);
    assert_holds("new", "one");
    assert_int_equal(pp_file_write(in_folder("new"), "two", 3, false, &err), -EEXIST);
    assert_non_null(strstr(err.message, "/new' exists"));
    assert_holds("new", "one");
    assert_int_equal(chmod(in_folder("new"), 0640), 0);
    assert_int_equal(pp_file_write(in_folder("new"), "three", 5, true, NULL), 0);
    assert_holds("new", "three");
    assert_int_equal(stat(in_folder("new"), &status), 0);
    assert_int_equal(status.st_mode & 07777, 0640);
    assert_int_equal(count_files(true), 1);
}

/* Through a symbolic link the file it names is replaced, and the link stays. */
static void test_link(void **state)
{
    char target[512];
    struct stat status;

    (void)state;
    assert_int_equal(pp_file_write(in_folder("target"), "old", 3, false, NULL), 0);
    (void)snprintf(target, sizeof target, "%s", in_folder("target"));
    assert_int_equal(symlink(target, in_folder("link")), 0);
    assert_int_equal(pp_file_write(in_folder("link"), "new", 3, false, NULL), -EEXIST);
    assert_int_equal(pp_file_write(in_folder("link"), "new", 3, true, NULL), 0);
    assert_holds("target", "new");
    assert_int_equal(lstat(in_folder("link"), &status), 0);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(count_files(true), 2);
}

static bool owner_is_told(const char *name, uid_t owner)
{
    return lchown(in_folder(name), owner, (gid_t)-1) == 0;
}

/* In a folder as /tmp is, links and pipes of others are neither followed nor written to, not even
 * by a link of ours: root's files are safe from them.  Elsewhere their links are as good as ours.
 */
static void test_planted(void **state)
{
    const uid_t somebody = 65534, other = 65533;
    char target[512];
    struct pprofc_error err;

    (void)state;
    if (geteuid() != 0)
        skip_because("to be another user needs root");
    assert_int_equal(pp_file_write(in_folder("target"), "old", 3, false, NULL), 0);
    (void)snprintf(target, sizeof target, "%s", in_folder("target"));
    assert_int_equal(symlink(target, in_folder("theirs")), 0);
    assert_int_equal(symlink("theirs", in_folder("ours")), 0);
    assert_int_equal(mkfifo(in_folder("pipe"), 0666), 0);
    assert_true(owner_is_told("theirs", somebody) && owner_is_told("pipe", somebody));
    assert_int_equal(chown(folder, other, (gid_t)-1), 0);
    assert_int_equal(pp_file_write(in_folder("theirs"), "one", 3, true, NULL), 0);
    assert_int_equal(chmod(folder, 01777), 0);
    assert_int_equal(pp_file_write(in_folder("theirs"), "bad", 3, true, &err), -EACCES);
    assert_non_null(strstr(err.message, "/theirs': another user has put a link or a pipe there"));
    assert_int_equal(pp_file_write(in_folder("ours"), "bad", 3, true, NULL), -EACCES);
    assert_int_equal(pp_file_write(in_folder("pipe"), "bad", 3, true, NULL), -EACCES);
    assert_int_equal(pp_file_write(in_folder("pipe"), "bad", 3, false, NULL), -EACCES);
    assert_holds("target", "one");
    /* The folder's owner could replace the file itself. */
    assert_true(owner_is_told("theirs", other));
    assert_int_equal(pp_file_write(in_folder("ours"), "two", 3, true, NULL), 0);
    assert_holds("target", "two");
    assert_int_equal(chown(folder, 0, (gid_t)-1), 0);
    assert_int_equal(chmod(folder, 0700), 0);
    assert_int_equal(count_files(true), 4);
}

/* When the file cannot be written to its end there is one error, the old content, and nothing else.
 */
static void test_full(void **state)
{
    static const char zeros[100000];
    struct rlimit old, small;
    struct pprofc_error err;
    int failed;

    (void)state;
    assert_int_equal(pp_file_write(in_folder("kept"), "old", 3, false, NULL), 0);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    failed = pp_file_write(in_folder("kept"), zeros, sizeof zeros, true, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(failed, -EFBIG);
    assert_non_null(strstr(err.message, "cannot write '"));
    assert_holds("kept", "old");
    assert_int_equal(count_files(true), 1);
    /* /dev/full is no regular file, so it is written into; it says what a full disk says. */
    assert_int_equal(pp_file_write("/dev/full", "x", 1, true, &err), -ENOSPC);
    assert_string_equal(err.message, "cannot write '/dev/full': No space left on device");
    assert_int_equal(pp_file_write("/dev/null", "x", 1, false, &err), 0);
}

/* Names as long as a file system takes are no trouble, and a missing folder or one in the way is
 * told. */
static void test_names(void **state)
{
    char name[256];
    struct pprofc_error err;

    (void)state;
    memset(name, 'n', 255);
    name[255] = '\0';
    (void)snprintf(path, sizeof path, "%s", folder);
    assert_int_equal(chdir(folder), 0);
    assert_int_equal(pp_file_write(name, "long", 4, false, NULL), 0);
    assert_int_equal(unlink(name), 0);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(pp_file_write(in_folder("no/such"), "x", 1, false, &err), -ENOENT);
    assert_int_equal(pp_file_write(folder, "x", 1, true, &err), -EISDIR);
    assert_int_equal(pp_file_read(in_folder("absent"), &(struct pp_buffer)PP_BUFFER_INIT, &err),
                     -ENOENT);
    assert_int_equal(pp_file_read(folder, &(struct pp_buffer)PP_BUFFER_INIT, &err), -EISDIR);
    assert_int_equal(count_files(true), 0);
}

/* Of eight writers of one new name exactly one wins, and the file is the winner's. */
static void test_race(void **state)
{
    char winner[2] = "?";
    int ends[2];

    (void)state;
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    for (char writer = '0'; writer < '8'; writer++) {
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            const bool won = pp_file_write(in_folder("race"), &writer, 1, false, NULL) == 0;
            _exit(won && write(ends[1], &writer, 1) != 1);
        }
    }
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read(ends[0], winner, 1), 1);
    assert_int_equal(read(ends[0], &(char){0}, 1), 0); /* end of file: nobody else won */
    assert_int_equal(close(ends[0]), 0);
    assert_holds("race", winner);
    assert_int_equal(count_files(true), 1);
}

/* Extensions name formats, the longest first. */
static void test_of_path(void **state)
{
    (void)state;
    assert_int_equal(pp_format_of_path("a.b/out.pb.gz"), PP_FORMAT_PPROF);
    assert_int_equal(pp_format_of_path("out.pprof"), PP_FORMAT_PPROF);
    assert_int_equal(pp_format_of_path("out.pb"), PP_FORMAT_PPROF_RAW);
    assert_int_equal(pp_format_of_path("out.folded"), PP_FORMAT_FOLDED);
    assert_int_equal(pp_format_of_path("out.json"), PP_FORMAT_JSON);
    assert_int_equal(pp_format_of_path("out.txt"), PP_FORMAT_TEXT);
    assert_int_equal(pp_format_of_path("out.svg"), PP_FORMAT_SVG);
    assert_int_equal(pp_format_of_path("out.ppc"), PP_FORMAT_RECORDING);
    assert_int_equal(pp_format_of_path("out"), PP_FORMAT_UNKNOWN);
    assert_int_equal(pp_format_of_path("out.gz"), PP_FORMAT_UNKNOWN);
    assert_int_equal(pp_format_of_path("x.speedscope.json"), PP_FORMAT_SPEEDSCOPE);
    assert_int_equal(pp_format_of_path("x.otlp"), PP_FORMAT_OTLP);
    assert_int_equal(pp_format_of_path("x.csv"), PP_FORMAT_CSV);
}

static enum pp_format of_text(const char *text)
{
    return pp_format_of_bytes(text, strlen(text));
}

/* Content names formats, whatever the file is called. */
static void test_of_bytes(void **state)
{
    (void)state;
    assert_int_equal(of_text("\x1f\x8b\x08 anything"), PP_FORMAT_PPROF);
    assert_int_equal(pp_format_of_bytes("\x0a\x00\x32\x00", 4), PP_FORMAT_PPROF_RAW);
    assert_int_equal(of_text(PP_REC_MAGIC "..."), PP_FORMAT_RECORDING);
    assert_int_equal(of_text("main;parse 12\n"), PP_FORMAT_FOLDED);
    assert_int_equal(of_text("\nmain;parse 12\n"), PP_FORMAT_FOLDED);
    assert_int_equal(of_text(" {\"version\":1}"), PP_FORMAT_JSON);
    assert_int_equal(of_text("{\"name\":1,\"profiles\":[]}"), PP_FORMAT_SPEEDSCOPE);
    assert_int_equal(of_text("{\"shared\":{\"frames\":[]}}"), PP_FORMAT_SPEEDSCOPE);
    assert_int_equal(of_text("{\"shared\":{\"stringArray\":[]}}"), PP_FORMAT_FIREFOX);
    assert_int_equal(of_text("{\"meta\":"), PP_FORMAT_FIREFOX);
    assert_int_equal(of_text("{\"nodes\":"), PP_FORMAT_CPUPROFILE);
    assert_int_equal(of_text("{\"resourceProfiles\":"), PP_FORMAT_OTLP_JSON);
    assert_int_equal(pp_format_of_bytes("\x0a\x02\x12\x00\x12\x00", 6), PP_FORMAT_OTLP);
    assert_int_equal(of_text("<?xml version=\"1.0\"?>"), PP_FORMAT_SVG);
    assert_int_equal(of_text("--- contentionz 1 ---\ncycles/second = 3201000000\n"),
                     PP_FORMAT_LEGACY);
    assert_int_equal(of_text("# a word\n\nheap profile: 1: 2 [1: 2] @ heapprofile\n"),
                     PP_FORMAT_LEGACY);
    assert_int_equal(of_text("goroutine profile: total 7\n"), PP_FORMAT_LEGACY);
    assert_int_equal(of_text("--- symbol\nbinary=/a\n"), PP_FORMAT_UNKNOWN);
    assert_int_equal(of_text("java 3244 cpu-clock:\n\t4f2 f (/a)\n"), PP_FORMAT_PERF_SCRIPT);
    assert_int_equal(of_text("[ perf record: Woken up 1 times ]\n# x\nv 7 9.5: cycles:\n"),
                     PP_FORMAT_PERF_SCRIPT);
    assert_int_equal(of_text("v 7 x: 1\nwords; that 5\n"), PP_FORMAT_FOLDED);
    assert_int_equal(of_text("PERFILE2........"), PP_FORMAT_PERF_DATA);
    assert_int_equal(of_text("some words\nand more words\nin 3\n"), PP_FORMAT_UNKNOWN);
    assert_int_equal(of_text("      12\n"), PP_FORMAT_UNKNOWN);
    assert_int_equal(of_text(""), PP_FORMAT_UNKNOWN);
    assert_int_equal(pp_format_of_bytes("\x7f"
                                        "ELF\x02\x01\x01\0\0",
                                        9),
                     PP_FORMAT_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),   cmocka_unit_test(test_link),
        cmocka_unit_test(test_planted), cmocka_unit_test(test_full),
        cmocka_unit_test(test_names),   cmocka_unit_test(test_race),
        cmocka_unit_test(test_of_path), cmocka_unit_test(test_of_bytes),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
