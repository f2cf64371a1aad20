/* What the truth programs share: work in known functions, and the one JSON line that tells how much
 * CPU it really was.
 *
 * The truth is measured, never assumed: each phase adds up CLOCK_THREAD_CPUTIME_ID around its own
 * work.  That clock is a system call, and user-only sampling books kernel time on the user code
 * that follows, so it is read seldom: work comes in pieces of known iteration counts, long against
 * a read (0.3 us). */
#ifndef TESTS_PROGRAMS_TRUTH_H
#define TESTS_PROGRAMS_TRUTH_H

#include <dirent.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#ifdef __clang__
#define TRUTH_NOINLINE __attribute__((noinline))
#else
#define TRUTH_NOINLINE __attribute__((noinline, noclone))
#endif
#define TRUTH_INLINE static inline __attribute__((always_inline))

/* At a function's end: its last call is then no tail call, so its frame is on the stack while that
 * call runs. */
#define TRUTH_KEEP_FRAME() __asm__ volatile("" ::: "memory")

enum { TRUTH_MAX_ROOTS = 4 };

/* CPU time that the profile must show in one place. */
struct truth_phase {
    const char *name;
    const char *function; /* in the stack, or at its leaf when is_self; NULL: any */
    const char *thread;   /* by the thread's name; NULL: any */
    bool is_self;
    uint64_t cpu_ns;
};

static inline uint64_t truth_clock_ns(clockid_t clock)
{
    struct timespec now;
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static inline uint64_t truth_thread_ns(void)
{
    return truth_clock_ns(CLOCK_THREAD_CPUTIME_ID);
}

/* CPU time of threads that have ended; the process's own clock would hold a profiler's thread too.
 */
static uint64_t truth_ended_threads_ns = 0;

/* A thread's last words: what it took counts in the program's CPU time. */
static inline uint64_t truth_thread_done(void)
{
    const uint64_t cpu_ns = truth_thread_ns();
    (void)__atomic_fetch_add(&truth_ended_threads_ns, cpu_ns, __ATOMIC_RELAXED);
    return cpu_ns;
}

static inline uint64_t truth_random(uint64_t *state)
{
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

/* Half to one and a half of 'us', on average 'us': turns of one length are in step with whatever
 * comes by the kernel's tick. */
static inline uint64_t truth_vary_us(uint64_t us)
{
    static uint64_t state;

    if (state == 0)
        state = truth_clock_ns(CLOCK_MONOTONIC) | 1;
    return us / 2 + truth_random(&state) % (us + 1);
}

/* The work: a chain of shifts that the compiler can neither shorten nor drop.  A macro, so that no
 * inlined frame stands between it and the function it is booked on. */
#define TRUTH_SPIN(n_iterations)                                \
    do {                                                        \
        const uint64_t n_spins = (n_iterations);                \
        uint64_t shifted = 88172645463325252u;                  \
        for (uint64_t i_spin = 0; i_spin < n_spins; i_spin++) { \
            shifted ^= shifted << 13;                           \
            shifted ^= shifted >> 7;                            \
            shifted ^= shifted << 17;                           \
        }                                                       \
        __asm__ volatile("" ::"r"(shifted));                    \
    } while (0)

static uint64_t truth_iterations_per_ms = 0;

/* Iterations of TRUTH_SPIN() in a millisecond: the quickest of a few tries, for the machine is
 * shared. */
TRUTH_NOINLINE __attribute__((unused)) static uint64_t truth_calibrate(void)
{
    enum { N_TRIES = 5, N_ITERATIONS = 400000 };
    uint64_t best_ns = UINT64_MAX;

    for (int i = 0; i < N_TRIES; i++) {
        const uint64_t start_ns = truth_thread_ns();
        TRUTH_SPIN(N_ITERATIONS);
        const uint64_t took_ns = truth_thread_ns() - start_ns;
        best_ns = took_ns < best_ns ? took_ns : best_ns;
    }
    truth_iterations_per_ms = UINT64_C(1000000) * N_ITERATIONS / (best_ns > 0 ? best_ns : 1);
    return truth_iterations_per_ms;
}

/* About this much CPU, without reading a clock. */
#define TRUTH_SPIN_US(us) TRUTH_SPIN((us)*truth_iterations_per_ms / 1000)

static inline double truth_argument(int argc, char **argv, int i, double otherwise)
{
    return argc > i ? strtod(argv[i], NULL) : otherwise;
}

/* What the thread's CPU clock will show after 'seconds' more of it. */
static inline uint64_t truth_deadline_ns(double seconds)
{
    return truth_thread_ns() + (uint64_t)(seconds * 1e9);
}

/* CPU time of the profiler's thread in this process, 0 without one. */
static inline uint64_t truth_profiler_ns(void)
{
    DIR *tasks = opendir("/proc/self/task");
    uint64_t sum_ns = 0;

    for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL;) {
        char path[300], name[32] = "";
        unsigned long long ran_ns = 0;
        FILE *file;
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/comm", task->d_name);
        if ((file = fopen(path, "r")) == NULL)
            continue;
        if (fgets(name, sizeof name, file) == NULL)
            name[0] = '\0';
        (void)fclose(file);
        (void)snprintf(path, sizeof path, "/proc/self/task/%s/schedstat", task->d_name);
        if (strcmp(name, "pprofc\n") != 0 || (file = fopen(path, "r")) == NULL)
            continue;
        if (fscanf(file, "%llu", &ran_ns) == 1)
            sum_ns += ran_ns;
        (void)fclose(file);
    }
    if (tasks != NULL)
        (void)closedir(tasks);
    return sum_ns;
}

/* The program's own CPU time by the kernel's clock.  With threads that have ended it is the
 * process's less the profiler's: a thread cannot measure what its own birth and death cost. */
static inline uint64_t truth_program_ns(void)
{
    if (__atomic_load_n(&truth_ended_threads_ns, __ATOMIC_RELAXED) == 0)
        return truth_thread_ns();
    return truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID) - truth_profiler_ns();
}

/* Print the truth as one JSON line: cpu_ns is the program's own; process_cpu_ns holds a profiler's
 * thread too.  'roots', ended by NULL, are the functions at which a whole stack may begin; 'extra'
 * is more JSON members (", \"a\": 1") or "". */
static inline void truth_print(const char *program, const struct truth_phase *phases, int n_phases,
                               const char *const *roots, const char *extra)
{
    char line[32768]; /* some hundred phases */
    size_t used = 0;
    const size_t room = sizeof line;

#define TRUTH_ADD(...)                                                 \
    do {                                                               \
        const int n = snprintf(line + used, room - used, __VA_ARGS__); \
        if (n < 0 || (size_t)n >= room - used)                         \
            abort();                                                   \
        used += (size_t)n;                                             \
    } while (0)
    const uint64_t cpu_ns = truth_program_ns();
    TRUTH_ADD("{\"program\": \"%s\", \"pid\": %d, \"cpu_ns\": %llu, \"process_cpu_ns\": %llu, "
              "\"roots\": [",
              program, (int)getpid(), (unsigned long long)cpu_ns,
              (unsigned long long)truth_clock_ns(CLOCK_PROCESS_CPUTIME_ID));
    for (int i = 0; roots != NULL && roots[i] != NULL; i++)
        TRUTH_ADD("%s\"%s\"", i > 0 ? ", " : "", roots[i]);
    TRUTH_ADD("], \"phases\": [");
    for (int i = 0; i < n_phases; i++) {
        TRUTH_ADD("%s{\"name\": \"%s\", \"cpu_ns\": %llu", i > 0 ? ", " : "", phases[i].name,
                  (unsigned long long)phases[i].cpu_ns);
        if (phases[i].function != NULL)
            TRUTH_ADD(", \"function\": \"%s\"", phases[i].function);
        if (phases[i].thread != NULL)
            TRUTH_ADD(", \"thread\": \"%s\"", phases[i].thread);
        TRUTH_ADD(", \"is_self\": %s}", phases[i].is_self ? "true" : "false");
    }
    TRUTH_ADD("]%s}\n", extra);
#undef TRUTH_ADD
    (void)fwrite(line, 1, used, stdout);
    (void)fflush(stdout);
}

__attribute__((unused)) static const char *const truth_main_root[] = {"main", NULL};

#endif
