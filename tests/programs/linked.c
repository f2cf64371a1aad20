/* Linked with libpprofc, statically or not: profiles itself by the API and leaves the raw
 * recording; with snapshots taken back to back when asked, each written as its own file. Arguments:
 * file to write (.ppc), CPU seconds (1), rate in Hz (1000), "snapshots" to take them meanwhile,
 * "brief" to have threads meanwhile that are ignored and soon end. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "pprofc/pprofc.h"
#include "truth.h"

static volatile bool is_over;
static const char *path;
static int n_snapshots;

TRUTH_NOINLINE static void heavy(void)
{
    TRUTH_SPIN_US(1400);
}

TRUTH_NOINLINE static void light(void)
{
    TRUTH_SPIN_US(700);
}

static void complain(const char *what, const struct pprofc_error *err)
{
    (void)fprintf(stderr, "linked: %s: %s\n", what, err->message);
    exit(1);
}

/* Snapshots with one cursor: together they hold every sample once. */
static void *take_snapshots(void *argument)
{
    struct pprofc_cursor cursor = PPROFC_CURSOR_INIT;
    struct pprofc_error err;
    bool is_last;

    (void)argument;
    (void)pprofc_thread_ignore(&err);
    do {
        struct pprofc_recording *recording = NULL;
        char name[4096];
        is_last = is_over;
        if (pprofc_snapshot(&cursor, &recording, &err) != 0)
            complain("snapshot", &err);
        (void)snprintf(name, sizeof name, "%s.%d.ppc", path, n_snapshots++);
        if (pprofc_recording_write(recording, name, &err) != 0)
            complain("write", &err);
        pprofc_recording_free(recording);
    } while (!is_last);
    return NULL;
}

static void *work_unseen(void *argument)
{
    struct pprofc_error err;

    (void)pprofc_thread_ignore(&err);
    TRUTH_SPIN_US(200000); /* no thread knows what its own end costs: some 60 us */
    return argument;
}

static void *have_brief_threads(void *argument)
{
    struct pprofc_error err;
    pthread_t thread;

    (void)pprofc_thread_ignore(&err);
    while (!is_over && pthread_create(&thread, NULL, work_unseen, NULL) == 0)
        (void)pthread_join(thread, NULL);
    return argument;
}

int main(int argc, char **argv)
{
    const bool has_snapshots = argc > 4 && strcmp(argv[4], "snapshots") == 0;
    const bool has_other = has_snapshots || (argc > 4 && strcmp(argv[4], "brief") == 0);
    struct truth_phase phases[] = {{.name = "heavy", .function = "heavy"},
                                   {.name = "light", .function = "light"}};
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    struct pprofc_error err;
    pthread_t other;
    char extra[160];

    if (argc < 2)
        return 2;
    path = argv[1];
    options.frequency_hz = truth_argument(argc, argv, 3, 1000);
    (void)truth_calibrate();
    if (pprofc_start(&options, &err) != 0)
        complain("start", &err);
    if (has_other && pthread_create(&other, NULL,
                                    has_snapshots ? take_snapshots : have_brief_threads, NULL) != 0)
        return 2;
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 2, 1));
    uint64_t now_ns = truth_thread_ns();
    while (now_ns < end_ns) {
        const uint64_t start_ns = now_ns;
        heavy();
        const uint64_t middle_ns = truth_thread_ns();
        light();
        now_ns = truth_thread_ns();
        phases[0].cpu_ns += middle_ns - start_ns;
        phases[1].cpu_ns += now_ns - middle_ns;
    }
    is_over = true;
    if (has_other)
        (void)pthread_join(other, NULL);
    if (pprofc_stats(&stats, &err) != 0)
        complain("stats", &err);
    if (pprofc_stop(&recording, &err) != 0)
        complain("stop", &err);
    if (pprofc_recording_write(recording, path, &err) != 0)
        complain("write", &err);
    pprofc_recording_free(recording);
    (void)snprintf(extra, sizeof extra,
                   ", \"n_snapshots\": %d, \"n_samples\": %llu, \"n_lost\": %llu", n_snapshots,
                   (unsigned long long)stats.n_samples, (unsigned long long)stats.n_lost);
    truth_print("linked", phases, 2, truth_main_root, extra);
    return 0;
}
