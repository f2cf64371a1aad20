/* Linked with libpprofc (or, LINKED not set, for the preload): libcaller.so loads a plugin by its
 * bare name, which only that library's RUNPATH finds; then several threads do so over and over
 * while sessions start and stop.  Arguments: seconds (1). */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>

#include "truth.h"
#ifdef LINKED
#include "pprofc/pprofc.h"
#endif

int load_and_close(const char *name, int space_is_own);

static atomic_bool is_over;
static atomic_int n_loads;

static void *load_main(void *argument)
{
    while (!atomic_load(&is_over)) {
        if (load_and_close(argument, 0) != 0)
            exit(3);
        atomic_fetch_add(&n_loads, 1);
    }
    return NULL;
}

static int n_sessions;

static void session(bool starts)
{
#ifdef LINKED
    struct pprofc_error err;
    const int result = starts ? pprofc_start(NULL, &err) : pprofc_stop(NULL, &err);

    if (result != 0) {
        (void)fprintf(stderr, "loads: %s\n", err.message);
        exit(4);
    }
    n_sessions += starts ? 1 : 0;
#else
    (void)starts;
#endif
}

int main(int argc, char **argv)
{
    const uint64_t end_ns =
        truth_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(truth_argument(argc, argv, 1, 1) * 1e9);
    /* One for each thread, so that each call really loads. */
    static char names[3][16] = {"libplugin.so", "libplugin1.so", "libplugin2.so"};
    pthread_t threads[3];

    session(true);
    if (load_and_close(names[0], 0) != 0 || load_and_close(names[0], 1) != 0)
        return 1;
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, load_main, names[i]) != 0)
            return 2;
    while (truth_clock_ns(CLOCK_MONOTONIC) < end_ns) {
        session(false);
        session(true);
        (void)usleep(2000);
    }
    atomic_store(&is_over, true);
    for (int i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    session(false);
    (void)printf("{\"n_loads\": %d, \"n_sessions\": %d}\n", atomic_load(&n_loads), n_sessions);
    return 0;
}
