/* What a call that may wait costs as it is bound, over libc's own, in one process and in turns.
 * Prints {"read_zero": .., "read_pipe": .., "mutex": ..}, each {"ratio", "direct_ns", "more_ns"},
 * by the fastest tenth of the turns of each way.  A second thread sleeps, as in any program whose
 * locks matter: with one alone libc leaves out the locked instructions.  Argument: turns (300). */
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { N_READS = 2000, N_LOCKS = 5000, MAX_TURNS = 5000, PIPE_BYTES = 65536 };

typedef ssize_t read_function(int descriptor, void *to, size_t n_bytes);
typedef int lock_function(pthread_mutex_t *mutex);

static struct {
    read_function *read;
    lock_function *lock, *unlock;
} direct, bound;

static double now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static void *sleep_on(void *unused)
{
    (void)pause();
    return unused;
}

static double time_reads(read_function *volatile function, int descriptor)
{
    const double begin = now_ns();
    char byte;

    for (int i = 0; i < N_READS; i++)
        if (function(descriptor, &byte, 1) != 1)
            abort();
    return (now_ns() - begin) / N_READS;
}

/* Nothing but the two readings around it. */
static double time_counted_reads(read_function *volatile function, int descriptor)
{
    const double begin = now_ns();
    volatile unsigned long long taken = 0;
    char byte;

    for (int i = 0; i < N_READS; i++) {
        const unsigned long long before = __builtin_ia32_rdtsc();
        if (function(descriptor, &byte, 1) != 1)
            abort();
        taken = __builtin_ia32_rdtsc() - before;
    }
    (void)taken;
    return (now_ns() - begin) / N_READS;
}

static double time_locks(lock_function *volatile lock, lock_function *volatile unlock)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    const double begin = now_ns();

    for (int i = 0; i < N_LOCKS; i++) {
        (void)lock(&mutex);
        (void)unlock(&mutex);
    }
    return (now_ns() - begin) / N_LOCKS;
}

static int order(const void *left, const void *right)
{
    const double a = *(const double *)left, b = *(const double *)right;

    return (a > b) - (a < b);
}

/* The median of the fastest tenth. */
static double fast(double *values, int n)
{
    qsort(values, (size_t)n, sizeof *values, order);
    return values[n / 20];
}

static void print(const char *name, double *plain, double *ours, int n, const char *after)
{
    const double direct_ns = fast(plain, n), bound_ns = fast(ours, n);

    (void)printf("\"%s\": {\"ratio\": %.4f, \"direct_ns\": %.2f, \"more_ns\": %.2f}%s", name,
                 bound_ns / direct_ns, direct_ns, bound_ns - direct_ns, after);
}

static void find(void)
{
    void *libc = dlopen("libc.so.6", RTLD_LAZY | RTLD_NOLOAD);

    direct.read = (read_function *)dlsym(libc, "read");
    direct.lock = (lock_function *)dlsym(libc, "pthread_mutex_lock");
    direct.unlock = (lock_function *)dlsym(libc, "pthread_mutex_unlock");
    bound.read = (read_function *)dlsym(RTLD_DEFAULT, "read");
    bound.lock = (lock_function *)dlsym(RTLD_DEFAULT, "pthread_mutex_lock");
    bound.unlock = (lock_function *)dlsym(RTLD_DEFAULT, "pthread_mutex_unlock");
}

static void fill(int end)
{
    static char bytes[2 * N_READS];

    if (write(end, bytes, sizeof bytes) != (ssize_t)sizeof bytes)
        abort();
}

int main(int argc, char **argv)
{
    static double found[7][MAX_TURNS];
    const int n_turns = argc > 1 && atoi(argv[1]) < MAX_TURNS ? atoi(argv[1]) : 300;
    const int zero = open("/dev/zero", O_RDONLY);
    pthread_t thread;
    int ends[2];

    find();
    if (zero < 0 || pipe(ends) != 0 || pthread_create(&thread, NULL, sleep_on, NULL) != 0)
        abort();
    (void)fcntl(ends[1], F_SETPIPE_SZ, PIPE_BYTES);
    (void)usleep(50000); /* what begins with the program has begun */
    for (int i = 0; i < n_turns; i++) {
        fill(ends[1]);
        found[0][i] = time_reads(direct.read, zero);
        found[1][i] = time_reads(bound.read, zero);
        found[2][i] = time_reads(direct.read, ends[0]);
        found[3][i] = time_reads(bound.read, ends[0]);
        found[4][i] = time_locks(direct.lock, direct.unlock);
        found[5][i] = time_locks(bound.lock, bound.unlock);
        found[6][i] = time_counted_reads(direct.read, zero);
    }
    (void)printf("{\"counter_ns\": %.2f, ", fast(found[6], n_turns) - fast(found[0], n_turns));
    print("read_zero", found[0], found[1], n_turns, ", ");
    print("read_pipe", found[2], found[3], n_turns, ", ");
    print("mutex", found[4], found[5], n_turns, "}\n");
    return 0;
}
