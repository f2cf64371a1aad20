/* Opens two copies of libpprofc while threads run that know of neither, and starts the first; the
 * second must refuse, then and ever after, and the program's own SIGTRAP handler gets what is its.
 * Arguments: the two libraries, file to write (.ppc), CPU seconds of each thread (1). */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <signal.h>

#include "pprofc/pprofc.h"
#include "truth.h"

enum { N_THREADS = 2 };

struct copy {
    int (*start)(const struct pprofc_options *, struct pprofc_error *);
    int (*stop)(struct pprofc_recording **, struct pprofc_error *);
    int (*write)(const struct pprofc_recording *, const char *, struct pprofc_error *);
};

static volatile bool may_go;
static volatile sig_atomic_t n_traps;
static double seconds;

static void on_trap(int signo)
{
    (void)signo;
    n_traps = n_traps + 1;
}

TRUTH_NOINLINE static void spin_in_thread(void)
{
    TRUTH_SPIN_US(200);
}

static void *spinner_main(void *argument)
{
    (void)argument;
    while (!may_go)
        (void)usleep(1000);
    const uint64_t end_ns = truth_deadline_ns(seconds);
    while (truth_thread_ns() < end_ns)
        spin_in_thread();
    (void)truth_thread_done();
    return NULL;
}

static void open_copy(struct copy *copy, const char *path)
{
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (library == NULL) {
        (void)fprintf(stderr, "two_copies: %s\n", dlerror());
        exit(2);
    }
    *(void **)&copy->start = dlsym(library, "pprofc_start");
    *(void **)&copy->stop = dlsym(library, "pprofc_stop");
    *(void **)&copy->write = dlsym(library, "pprofc_recording_write");
}

static int start(const struct copy *copy, struct pprofc_error *err)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;

    options.frequency_hz = 1000;
    err->message[0] = '\0';
    return copy->start(&options, err);
}

int main(int argc, char **argv)
{
    const struct sigaction action = {.sa_handler = on_trap};
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err, refusal;
    struct copy first, second;
    pthread_t threads[N_THREADS];
    int results[4];
    char extra[700];

    if (argc < 4 || sigaction(SIGTRAP, &action, NULL) != 0)
        return 2;
    seconds = truth_argument(argc, argv, 4, 1);
    (void)truth_calibrate();
    for (int i = 0; i < N_THREADS; i++)
        if (pthread_create(&threads[i], NULL, spinner_main, NULL) != 0)
            return 2;
    open_copy(&first, argv[1]);
    results[0] = start(&first, &err);
    open_copy(&second, argv[2]);
    results[1] = start(&second, &refusal);
    may_go = true;
    (void)raise(SIGTRAP);
    for (int i = 0; i < N_THREADS; i++)
        (void)pthread_join(threads[i], NULL);
    if (first.stop(&recording, &err) != 0 || first.write(recording, argv[3], &err) != 0)
        (void)fprintf(stderr, "two_copies: %s\n", err.message);
    results[2] = start(&second, &refusal);
    (void)raise(SIGTRAP);
    results[3] = start(&first, &err);
    (void)raise(SIGTRAP);
    (void)first.stop(NULL, NULL);
    (void)snprintf(extra, sizeof extra,
                   ", \"results\": [%d, %d, %d, %d], \"n_traps\": %d, \"refusal\": \"%s\"",
                   results[0], results[1], results[2], results[3], (int)n_traps, refusal.message);
    truth_print("two_copies", NULL, 0, truth_main_root, extra);
    return 0;
}
