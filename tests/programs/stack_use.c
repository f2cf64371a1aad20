/* How much stack a signal takes of a thread: paints the stack below it, spins in assembly that
 * touches none, and looks how far the paint is gone, with a signal of its own that does nothing and
 * then with whatever else comes.  Prints both in bytes.  Arguments: CPU seconds (2). */
#include <pthread.h>
#include <signal.h>
#include <sys/syscall.h>

#include "truth.h"

enum { PAINT = 0x6b, PAINTED_BYTES = 24 * 1024, RED_ZONE_BYTES = 128 };

static uint64_t plain_bytes, all_bytes, n_iterations;

static void do_nothing(int signo)
{
    (void)signo;
}

/* Bytes below the red zone of here that lost their paint while 'spin' ran. */
__attribute__((noinline)) static uint64_t measure(void (*wait)(uint64_t), uint64_t argument)
{
    volatile char *const low = (volatile char *)__builtin_frame_address(0) - PAINTED_BYTES;
    uint64_t n_kept = 0;

    wait(0); /* what the call itself writes, it writes before */
    for (uint64_t i = 0; i < PAINTED_BYTES - 1024; i++)
        low[i] = PAINT;
    wait(argument);
    while (n_kept < PAINTED_BYTES - 1024 && low[n_kept] == PAINT)
        n_kept++;
    return PAINTED_BYTES - n_kept;
}

static void spin(uint64_t n)
{
    TRUTH_SPIN(n);
}

static void raise_once(uint64_t n)
{
    if (n > 0)
        (void)syscall(SYS_tgkill, getpid(), syscall(SYS_gettid), SIGUSR1);
}

static void *measuring_main(void *argument)
{
    const uint64_t end_ns = truth_deadline_ns(*(const double *)argument);

    plain_bytes = measure(raise_once, 1);
    while (truth_thread_ns() < end_ns) {
        const uint64_t n_bytes = measure(spin, n_iterations);
        all_bytes = n_bytes > all_bytes ? n_bytes : all_bytes;
    }
    (void)truth_thread_done();
    return NULL;
}

int main(int argc, char **argv)
{
    double seconds = truth_argument(argc, argv, 1, 2);
    struct sigaction action = {.sa_handler = do_nothing};
    pthread_t thread;
    char extra[128];

    n_iterations = truth_calibrate() * 5;
    if (sigaction(SIGUSR1, &action, NULL) != 0 ||
        pthread_create(&thread, NULL, measuring_main, &seconds) != 0 ||
        pthread_join(thread, NULL) != 0)
        return 2;
    (void)snprintf(extra, sizeof extra, ", \"plain_bytes\": %llu, \"all_bytes\": %llu",
                   (unsigned long long)plain_bytes, (unsigned long long)all_bytes);
    truth_print("stack_use", NULL, 0, truth_main_root, extra);
    return 0;
}
