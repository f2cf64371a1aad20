/* Opens a library while it is sampled and, as long as its unwind table grows, asks the helper for
 * something again and again.  Prints the table's size, how often it was asked and the most CPU that
 * the helper used between a question and its answer.  Argument: the library. */
#include <dlfcn.h>
#include <pthread.h>
#include <sys/syscall.h>

#include "pprofc/pprofc.h"
#include "truth.h"

enum { N_QUIET_ASKS = 200, N_MOST_ASKS = 100000, LARGE_BYTES = 1 << 20 };

/* The clock of the helper thread, by its name. */
static clockid_t helper_clock(void)
{
    char path[64], name[16];
    const int pid = getpid();

    for (int tid = pid + 1; tid < pid + 1000; tid++) {
        FILE *file;
        (void)snprintf(path, sizeof path, "/proc/self/task/%d/comm", tid);
        file = fopen(path, "re");
        if (file == NULL)
            continue;
        if (fgets(name, sizeof name, file) != NULL && strcmp(name, "pprofc\n") == 0) {
            (void)fclose(file);
            return ~(clockid_t)tid << 3 | 6;
        }
        (void)fclose(file);
    }
    return -1;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now = {0, 0};

    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static _Atomic int is_open; /* -1: it could not be */

static void *open_library(void *path)
{
    is_open = dlopen(path, RTLD_LAZY) != NULL ? 1 : -1;
    return NULL;
}

int main(int argc, char **argv)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    uint64_t most_ns = 0, begin_ns, first_bytes, seen_bytes;
    int n_asked = 0, n_quiet = 0;
    pthread_t opener;
    clockid_t clock;

    options.frequency_hz = 100;
    if (argc < 2 || pprofc_start(&options, NULL) != 0 || (clock = helper_clock()) == -1)
        return 2;
    begin_ns = clock_ns(clock);
    (void)pprofc_stats(&stats, NULL);
    first_bytes = seen_bytes = stats.table_bytes;
    if (pthread_create(&opener, NULL, open_library, argv[1]) != 0)
        return 2;
    /* The helper sees the library at its next turn, some 100 ms later. */
    for (; n_quiet < N_QUIET_ASKS ||
           (seen_bytes < first_bytes + LARGE_BYTES && n_asked < N_MOST_ASKS);
         n_quiet++, n_asked++) {
        const uint64_t before_ns = clock_ns(clock);
        uint64_t used_ns;
        TRUTH_SPIN(20000); /* in our own code: samples, and some time between the questions */
        if (pprofc_set_frequency(n_asked % 2 == 0 ? 101 : 100, NULL) != 0 ||
            pprofc_stats(&stats, NULL) != 0)
            return 4;
        used_ns = clock_ns(clock) - before_ns;
        most_ns = used_ns > most_ns ? used_ns : most_ns;
        if (stats.table_bytes != seen_bytes || is_open == 0)
            n_quiet = 0;
        seen_bytes = stats.table_bytes;
    }
    if (pthread_join(opener, NULL) != 0 || is_open < 0)
        return 3;
    (void)printf("{\"table_bytes\": %llu, \"asked\": %d, \"most_ms\": %.3f, \"helper_ms\": %.3f}\n",
                 (unsigned long long)(seen_bytes - first_bytes), n_asked, (double)most_ns / 1e6,
                 (double)(clock_ns(clock) - begin_ns) / 1e6);
    return pprofc_stop(NULL, NULL) != 0;
}
