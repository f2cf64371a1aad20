/* What two of libc's own calls cost.  Run with sleeping_thread.so preloaded and without: while
 * there is one thread alone libc does not prepare a call for a cancellation, malloc takes no lock,
 * and the kernel does not count the uses of a descriptor. Prints {"read": .., "malloc": ..},
 * nanoseconds of CPU a read of 1 byte of /dev/zero and a pair of malloc and free of 8 KiB (more
 * than its per-thread cache holds), by the fastest twentieth of the turns. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { N_TURNS = 200, N_CALLS = 2000, N_BYTES = 8192 };

typedef void turn_function(int descriptor);

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void read_bytes(int descriptor)
{
    char byte;

    for (int i = 0; i < N_CALLS; i++)
        if (read(descriptor, &byte, 1) != 1)
            abort();
}

static void allocate(int descriptor)
{
    (void)descriptor;
    for (int i = 0; i < N_CALLS; i++) {
        void *volatile block = malloc(N_BYTES);

        if (block == NULL)
            abort();
        free(block);
    }
}

static int compare(const void *one, const void *other)
{
    const double a = *(const double *)one, b = *(const double *)other;

    return (a > b) - (a < b);
}

static double call_ns(turn_function *turn, int descriptor)
{
    static double turns[N_TURNS];

    for (int i = 0; i < N_TURNS; i++) {
        const double begin = now_ns();

        turn(descriptor);
        turns[i] = (now_ns() - begin) / N_CALLS;
    }
    qsort(turns, N_TURNS, sizeof turns[0], compare);
    return turns[N_TURNS / 20];
}

int main(void)
{
    const int descriptor = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    if (descriptor < 0)
        return 1;
    printf("{\"read\": %.2f, ", call_ns(read_bytes, descriptor));
    printf("\"malloc\": %.2f}\n", call_ns(allocate, descriptor));
    return 0;
}
