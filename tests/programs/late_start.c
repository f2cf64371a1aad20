/* Linked with libpprofc: starts late, when many threads are there already.  First all of them wait
 * while main burns CPU; then each burns its own.  The recording must know every thread and what it
 * used.  Arguments: threads (200), CPU milliseconds each (20), file to write (.ppc, none). */
#include <pthread.h>
#include <semaphore.h>
#include <sys/syscall.h>

#include "pprofc/pprofc.h"
#include "recording/layout.h"
#include "truth.h"

enum { MAX_THREADS = 1000 };

static struct {
    pthread_t thread;
    _Atomic int tid;
    uint64_t least_ns, most_ns; /* what it has used while it was profiled lies between these */
} workers[MAX_THREADS];
static sem_t go, done, read_again, leave;
static double ms_each;

static void *worker_main(void *argument)
{
    const int i = (int)(intptr_t)argument;
    char name[16];

    (void)snprintf(name, sizeof name, "late_%d", i);
    (void)pthread_setname_np(pthread_self(), name);
    workers[i].tid = (int)syscall(SYS_gettid);
    const uint64_t before_ns = truth_thread_ns();
    (void)sem_wait(&go);
    const uint64_t start_ns = truth_thread_ns();
    while (truth_thread_ns() - start_ns < (uint64_t)(ms_each * 1e6))
        TRUTH_SPIN_US(500);
    workers[i].least_ns = truth_thread_ns() - start_ns;
    (void)sem_post(&done);
    (void)sem_wait(&read_again);
    workers[i].most_ns = truth_thread_ns() - before_ns;
    (void)sem_post(&done);
    (void)sem_wait(&leave);
    return NULL;
}

static long switches_of(int tid)
{
    char path[64], line[128];
    long sum = 0, n;
    FILE *file;

    (void)snprintf(path, sizeof path, "/proc/self/task/%d/status", tid);
    if ((file = fopen(path, "r")) == NULL)
        abort();
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1 ||
            sscanf(line, "nonvoluntary_ctxt_switches: %ld", &n) == 1)
            sum += n;
    (void)fclose(file);
    return sum;
}

static long all_switches(int n_threads)
{
    long sum = 0;

    for (int i = 0; i < n_threads; i++)
        sum += switches_of(workers[i].tid);
    return sum;
}

/* What the recording says that thread 'tid' has used, and whether it bears its name. */
static bool find(const struct pp_rec_header *header, int tid, const char *name,
                 uint64_t *cpu_ns_out)
{
    const struct pp_rec_thread *threads =
        (const struct pp_rec_thread *)((const char *)header + header->threads.blocks[0]);

    for (uint32_t i = 0; i < header->threads.n_items; i++)
        if ((int)threads[i].tid == tid) {
            *cpu_ns_out = threads[i].sampled_ns + threads[i].unsampled_ns;
            return strcmp(threads[i].name, name) == 0;
        }
    return false;
}

static void compare(const struct pprofc_recording *recording, int n_threads, char *extra,
                    size_t n_extra)
{
    size_t n_bytes = 0;
    const struct pp_rec_header *header = pprofc_recording_bytes(recording, &n_bytes);
    uint64_t worst_ns = 0;
    int n_found = 0;

    for (int i = 0; i < n_threads; i++) {
        char name[16];
        uint64_t cpu_ns = 0;
        (void)snprintf(name, sizeof name, "late_%d", i);
        n_found += find(header, workers[i].tid, name, &cpu_ns);
        if (cpu_ns < workers[i].least_ns && workers[i].least_ns - cpu_ns > worst_ns)
            worst_ns = workers[i].least_ns - cpu_ns;
        if (cpu_ns > workers[i].most_ns && cpu_ns - workers[i].most_ns > worst_ns)
            worst_ns = cpu_ns - workers[i].most_ns;
    }
    (void)snprintf(extra, n_extra, ", \"n_threads\": %d, \"n_found\": %d, \"worst_ns\": %llu",
                   n_threads, n_found, (unsigned long long)worst_ns);
}

static void wait_until_all_sleep(int n_threads)
{
    long before, after;

    for (int i = 0; i < n_threads; i++) /* on a busy machine some have not begun yet */
        while (workers[i].tid == 0)
            (void)usleep(1000);
    after = all_switches(n_threads);

    do {
        before = after;
        (void)usleep(100000);
        after = all_switches(n_threads);
    } while (before != after);
}

static void check(int rc, const char *what, const struct pprofc_error *err)
{
    if (rc == 0)
        return;
    (void)fprintf(stderr, "late_start: %s: %s\n", what, err->message);
    exit(1);
}

int main(int argc, char **argv)
{
    int n_threads = (int)truth_argument(argc, argv, 1, 200);
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err;
    char compared[100], extra[300];

    n_threads = n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    ms_each = truth_argument(argc, argv, 2, 20);
    (void)truth_calibrate();
    if (sem_init(&go, 0, 0) != 0 || sem_init(&done, 0, 0) != 0 ||
        sem_init(&read_again, 0, 0) != 0 || sem_init(&leave, 0, 0) != 0)
        abort();
    for (int i = 0; i < n_threads; i++)
        if (pthread_create(&workers[i].thread, NULL, worker_main, (void *)(intptr_t)i) != 0)
            abort();
    wait_until_all_sleep(n_threads);
    const long before = all_switches(n_threads);
    const uint64_t start_ns = truth_clock_ns(CLOCK_MONOTONIC);
    options.frequency_hz = 1000;
    check(pprofc_start(&options, &err), "pprofc_start", &err);
    const uint64_t took_ns = truth_clock_ns(CLOCK_MONOTONIC) - start_ns;
    TRUTH_SPIN_US(1000000);
    const long n_switches = all_switches(n_threads) - before;
    for (int i = 0; i < n_threads; i++)
        (void)sem_post(&go);
    for (int i = 0; i < n_threads; i++)
        (void)sem_wait(&done);
    check(pprofc_stop(&recording, &err), "pprofc_stop", &err);
    for (int i = 0; i < n_threads; i++)
        (void)sem_post(&read_again);
    for (int i = 0; i < n_threads; i++)
        (void)sem_wait(&done);
    compare(recording, n_threads, compared, sizeof compared);
    if (argc > 3)
        check(pprofc_recording_write(recording, argv[3], &err), "write", &err);
    pprofc_recording_free(recording);
    for (int i = 0; i < n_threads; i++)
        (void)sem_post(&leave);
    for (int i = 0; i < n_threads; i++)
        (void)pthread_join(workers[i].thread, NULL);
    (void)snprintf(extra, sizeof extra, "%s, \"n_switches\": %ld, \"start_us\": %llu", compared,
                   n_switches, (unsigned long long)took_ns / 1000);
    truth_print("late_start", NULL, 0, truth_main_root, extra);
    return 0;
}
