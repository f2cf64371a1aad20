/* Waits behind a filter of system calls that kills who makes one that this program does not make:
 * asking what a descriptor is, above all.  Argument: 1 to install it by prctl(), 2 by syscall(). */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "truth.h"

#define CHECK(condition)                                                                    \
    do {                                                                                    \
        if (!(condition)) {                                                                 \
            (void)fprintf(stderr, "line %d: %s (errno %d)\n", __LINE__, #condition, errno); \
            exit(1);                                                                        \
        }                                                                                   \
    } while (0)

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static int pipe_ends[2];
static atomic_bool is_held, reads;

static void pause_ms(long ms)
{
    const struct timespec time = {ms / 1000, ms % 1000 * 1000000};

    CHECK(nanosleep(&time, NULL) == 0);
}

TRUTH_NOINLINE static void *wait_behind_filter(void *unused)
{
    char byte = 'x';

    CHECK(write(pipe_ends[1], &byte, 1) == 1 && read(pipe_ends[0], &byte, 1) == 1);
    pause_ms(100);
    CHECK(pthread_mutex_lock(&mutex) == 0 && pthread_mutex_unlock(&mutex) == 0);
    return unused;
}

/* The mutex's word is 2 where a thread waits for it. */
static void *release_later(void *unused)
{
    CHECK(pthread_mutex_lock(&mutex) == 0);
    is_held = true;
    while (__atomic_load_n(&mutex.__data.__lock, __ATOMIC_ACQUIRE) != 2)
        pause_ms(1);
    pause_ms(100);
    CHECK(pthread_mutex_unlock(&mutex) == 0);
    return unused;
}

static void *feed_later(void *unused)
{
    while (!reads)
        pause_ms(1);
    pause_ms(100);
    CHECK(write(pipe_ends[1], "x", 1) == 1);
    return unused;
}

/* The program makes none of these calls any more: who does, is killed. */
static void filter(bool by_syscall)
{
    static const long forbidden[] = {SYS_fstat,    SYS_newfstatat, SYS_getsockopt,
                                     SYS_readlink, SYS_readlinkat, SYS_getrusage};
    enum { N = sizeof forbidden / sizeof forbidden[0] };
    struct sock_filter code[2 * N + 2];
    struct sock_fprog program = {.len = 2 * N + 2, .filter = code};
    pthread_t holder, feeder, waiter;
    char byte;

    code[0] =
        (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
    for (int i = 0; i < N; i++) {
        code[1 + 2 * i] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)forbidden[i], 0, 1);
        code[2 + 2 * i] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    }
    code[2 * N + 1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    CHECK(pipe(pipe_ends) == 0);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    CHECK((by_syscall ? syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program)
                      : prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0)) == 0);
    CHECK(pthread_create(&holder, NULL, release_later, NULL) == 0);
    CHECK(pthread_create(&feeder, NULL, feed_later, NULL) == 0);
    while (!is_held)
        pause_ms(1);
    reads = true;
    CHECK(read(pipe_ends[0], &byte, 1) == 1);
    CHECK(pthread_create(&waiter, NULL, wait_behind_filter, NULL) == 0);
    CHECK(pthread_join(holder, NULL) == 0 && pthread_join(feeder, NULL) == 0);
    CHECK(pthread_join(waiter, NULL) == 0);
}

int main(int argc, char **argv)
{
    filter(truth_argument(argc, argv, 1, 1) > 1);
    return 0;
}
