/* Threads with the smallest stack there is (16 KiB) burn CPU at the depth where only 'reserve'
 * bytes are left, while the main thread faults on purpose and handles that on an alternate stack of
 * SIGSTKSZ. Arguments: CPU seconds (3), reserve in bytes (6144: a signal frame of about 3.4 KiB and
 * a handler under 2 KiB). */
#include <limits.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>

#include "truth.h"

static uint64_t reserve_bytes;
static volatile bool is_over;
static sigjmp_buf after_fault;
static volatile sig_atomic_t n_faults;

TRUTH_NOINLINE static void small_work(void)
{
    TRUTH_SPIN_US(200);
}

TRUTH_NOINLINE static void down(uintptr_t limit)
{
    volatile char here[48];
    here[0] = 1;
    if ((uintptr_t)&here[0] - limit > reserve_bytes)
        down(limit);
    else
        for (int i = 0; i < 20 && !is_over; i++)
            small_work();
    TRUTH_KEEP_FRAME();
}

static void *small_main(void *argument)
{
    pthread_attr_t attributes;
    void *stack = NULL;
    size_t n_bytes = 0;
    (void)argument;

    if (pthread_getattr_np(pthread_self(), &attributes) != 0 ||
        pthread_attr_getstack(&attributes, &stack, &n_bytes) != 0)
        abort();
    (void)pthread_attr_destroy(&attributes);
    while (!is_over)
        down((uintptr_t)stack);
    (void)truth_thread_done();
    return NULL;
}

static void on_fault(int signo)
{
    (void)signo;
    n_faults = n_faults + 1;
    TRUTH_SPIN_US(200);
    siglongjmp(after_fault, 1);
}

/* Fault over and over until the time is up. */
static void fault_until(uint64_t end_ns)
{
    static char *volatile nowhere = (char *)16;
    while (truth_clock_ns(CLOCK_MONOTONIC) < end_ns)
        if (sigsetjmp(after_fault, 1) == 0)
            *nowhere = 1;
}

int main(int argc, char **argv)
{
    const double seconds = truth_argument(argc, argv, 1, 3);
    const stack_t alternate = {.ss_sp = malloc((size_t)SIGSTKSZ), .ss_size = (size_t)SIGSTKSZ};
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_ONSTACK};
    stack_t seen;
    pthread_attr_t attributes;
    pthread_t threads[2];
    char extra[96];

    reserve_bytes = (uint64_t)truth_argument(argc, argv, 2, 6144);
    (void)truth_calibrate();
    if (alternate.ss_sp == NULL || sigaltstack(&alternate, NULL) != 0 ||
        sigaction(SIGSEGV, &action, NULL) != 0)
        return 2;
    (void)pthread_attr_init(&attributes);
    if (pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN) != 0)
        return 2;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], &attributes, small_main, NULL) != 0)
            return 2;
    fault_until(truth_clock_ns(CLOCK_MONOTONIC) + (uint64_t)(seconds * 1e9));
    is_over = true;
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    const bool is_kept = sigaltstack(NULL, &seen) == 0 && seen.ss_sp == alternate.ss_sp;
    (void)snprintf(extra, sizeof extra, ", \"n_faults\": %d, \"is_altstack_kept\": %s",
                   (int)n_faults, is_kept ? "true" : "false");
    truth_print("small_stacks", NULL, 0, truth_main_root, extra);
    free(alternate.ss_sp);
    return n_faults > 0 && is_kept ? 0 : 1;
}
