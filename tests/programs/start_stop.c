/* Linked with libpprofc: starts and stops profiling over and over while threads allocate and free,
 * or while others are born and end all the time.  Tells what the process holds, early and at the
 * end.  Arguments: start/stop pairs (100), pairs a second (50; 0: as fast as they go), rate in Hz
 * (1000), threads (4), "births" (none). */
#include <errno.h>
#include <pthread.h>

#include "pprofc/pprofc.h"
#include "truth.h"

enum { MAX_THREADS = 16, WARM_PAIRS = 20 };

static volatile bool is_over, is_held; /* held: nobody is born */

static void *allocate_and_free(void *argument)
{
    uint64_t random = (uint64_t)(uintptr_t)&argument | 1;
    void *blocks[64] = {NULL};

    (void)argument;
    while (!is_over) {
        const uint64_t drawn = truth_random(&random);
        free(blocks[drawn % 64]);
        blocks[drawn % 64] = malloc(drawn >> 8 & 0xfff);
    }
    for (int i = 0; i < 64; i++)
        free(blocks[i]);
    return NULL;
}

static void *burn_a_little(void *argument)
{
    TRUTH_SPIN_US(50);
    return argument;
}

static void *give_birth(void *argument)
{
    pthread_t child;

    while (!is_over) {
        if (is_held)
            (void)usleep(100);
        else if (pthread_create(&child, NULL, burn_a_little, NULL) == 0)
            (void)pthread_join(child, NULL);
    }
    return argument;
}

static int count_entries(const char *path)
{
    DIR *folder = opendir(path);
    int n = 0;

    while (folder != NULL && readdir(folder) != NULL)
        n++;
    if (folder != NULL)
        (void)closedir(folder);
    return n;
}

static int count_lines(const char *path)
{
    FILE *file = fopen(path, "r");
    int c, n = 0;

    while (file != NULL && (c = fgetc(file)) != EOF)
        n += c == '\n';
    if (file != NULL)
        (void)fclose(file);
    return n;
}

/* Threads that have ended, the births and our helper, are listed for some moments more. */
static int count_threads(int n_expected)
{
    int n;

    for (int i = 0; (n = count_entries("/proc/self/task") - 2) != n_expected && i < 20000; i++)
        (void)usleep(1000);
    return n;
}

/* What the process holds, as members of a JSON object. */
static void describe_holdings(const char *when, int n_expected, char *text, size_t n_text)
{
    is_held = true;
    const int n_threads = count_threads(n_expected);
    long n_pages = 0, n_resident = 0, n_shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");

    if (file == NULL || fscanf(file, "%ld %ld %ld", &n_pages, &n_resident, &n_shared) != 3)
        abort();
    (void)fclose(file);
    (void)snprintf(text, n_text,
                   ", \"%s\": {\"private_kb\": %ld, \"descriptors\": %d, \"mappings\": %d, "
                   "\"threads\": %d}",
                   when, (n_resident - n_shared) * 4, count_entries("/proc/self/fd"),
                   count_lines("/proc/self/maps"), n_threads);
    is_held = false;
}

int main(int argc, char **argv)
{
    const bool has_births = argc > 5 && strcmp(argv[5], "births") == 0;
    const int n_pairs = (int)truth_argument(argc, argv, 1, 100);
    const double pairs_hz = truth_argument(argc, argv, 2, 50);
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_error err;
    pthread_t threads[MAX_THREADS];
    uint64_t n_bytes = 0;
    char extra[500], early[160] = "", late[160];
    int n_threads = (int)truth_argument(argc, argv, 4, 4);

    (void)truth_calibrate();
    options.frequency_hz = truth_argument(argc, argv, 3, 1000);
    n_threads = n_threads > MAX_THREADS ? MAX_THREADS : n_threads;
    for (int i = 0; i < n_threads; i++)
        if (pthread_create(&threads[i], NULL, has_births ? give_birth : allocate_and_free, NULL) !=
            0)
            return 2;
    for (int i = 0; i < n_pairs; i++) {
        struct pprofc_recording *recording = NULL;
        size_t n = 0;
        if (i == WARM_PAIRS)
            describe_holdings("early", 1 + n_threads, early, sizeof early);
        int rc = pprofc_start(&options, &err);
        if (rc == 0 && pairs_hz > 0)
            (void)usleep((useconds_t)(1e6 / pairs_hz));
        if (rc == 0)
            rc = pprofc_stop(&recording, &err);
        if (rc != 0) {
            (void)fprintf(stderr, "start_stop: pair %d: %s\n", i, err.message);
            return 1;
        }
        (void)pprofc_recording_bytes(recording, &n);
        n_bytes += n;
        pprofc_recording_free(recording);
    }
    describe_holdings("late", 1 + n_threads, late, sizeof late);
    is_over = true;
    for (int i = 0; i < n_threads; i++)
        (void)pthread_join(threads[i], NULL);
    (void)snprintf(extra, sizeof extra, ", \"n_pairs\": %d, \"n_bytes\": %llu%s%s", n_pairs,
                   (unsigned long long)n_bytes, early, late);
    truth_print("start_stop", NULL, 0, truth_main_root, extra);
    return n_bytes > 0 ? 0 : 1;
}
