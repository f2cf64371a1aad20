/* Makes children that no fork handler hears of: by _Fork(), by the bare clone system call, and, to
 * compare with, by fork().  Each burns CPU, makes a thread and a child of its own and leaves by
 * exit().  Argument: children of each kind (2). */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "truth.h"

static pid_t make_child(int kind)
{
    if (kind == 0)
        return fork();
    return kind == 1 ? _Fork() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static void *do_nothing(void *argument)
{
    return argument;
}

static void live(void)
{
    pthread_t thread;
    pid_t pid;

    TRUTH_SPIN(10000000);
    if (pthread_create(&thread, NULL, do_nothing, NULL) == 0)
        (void)pthread_join(thread, NULL);
    pid = fork();
    if (pid == 0)
        exit(0);
    (void)waitpid(pid, NULL, 0);
    exit(5);
}

int main(int argc, char **argv)
{
    const int n_children = (int)truth_argument(argc, argv, 1, 2);
    int n_good[3] = {0, 0, 0};

    TRUTH_SPIN(10000000);
    for (int i = 0; i < 3 * n_children; i++) {
        const int kind = i % 3;
        int status = 0;
        const pid_t pid = make_child(kind);
        if (pid < 0)
            return 1;
        if (pid == 0)
            live();
        if (waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 5)
            n_good[kind]++;
    }
    printf("{\"n_good\": [%d, %d, %d]}\n", n_good[0], n_good[1], n_good[2]);
    return 0;
}
