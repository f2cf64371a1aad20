/* Closes every descriptor from 3 up, as a daemon does, fills the numbers with files of its own and
 * works on: each number must stay what the program made it.  Arguments: CPU seconds (2), "daemon"
 * to fork, setsid and fork again first. */
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "truth.h"

enum { N_FILES = 40 };

TRUTH_NOINLINE static void closer_work(void)
{
    TRUTH_SPIN_US(10000);
}

/* Become a grandchild; the first process waits for it so that its status is seen.  Returns in the
 * grandchild only. */
static void become_daemon(void)
{
    for (int generation = 0; generation < 2; generation++) {
        const pid_t pid = fork();
        if (pid < 0)
            _exit(1);
        if (pid > 0) {
            int status = 1;
            (void)waitpid(pid, &status, 0);
            _exit(status != 0);
        }
        if (generation == 0)
            (void)setsid();
    }
}

/* The lowest free numbers must be ours: nobody else holds any. */
static int open_files(ino_t *inodes)
{
    for (int i = 0; i < N_FILES; i++) {
        char path[] = "/tmp/closer.XXXXXX";
        struct stat about;
        const int fd = mkstemp(path);
        if (fd != 3 + i || fstat(fd, &about) != 0 || unlink(path) != 0)
            return -1;
        inodes[i] = about.st_ino;
    }
    return 0;
}

static int n_changed(const ino_t *inodes)
{
    int n = 0;
    for (int i = 0; i < N_FILES; i++) {
        struct stat about;
        if (fstat(3 + i, &about) != 0 || about.st_ino != inodes[i] || about.st_size != 0)
            n++;
    }
    return n;
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {{.name = "work", .function = "closer_work"}};
    ino_t inodes[N_FILES];
    char extra[64];
    int n_bad = 0;

    if (argc > 2 && strcmp(argv[2], "daemon") == 0)
        become_daemon();
    (void)truth_calibrate();
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 1, 2));
    closefrom(3);
    if (open_files(inodes) != 0) {
        perror("closer: descriptors are not where they should be");
        return 1;
    }
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        closer_work();
        now_ns = truth_thread_ns();
        phases[0].cpu_ns += now_ns - start_ns;
        n_bad += n_changed(inodes);
    }
    (void)snprintf(extra, sizeof extra, ", \"n_changed\": %d", n_bad);
    truth_print("closer", phases, 1, truth_main_root, extra);
    return n_bad > 0;
}
