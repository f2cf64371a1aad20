/* Threads of about a millisecond whose thread-specific destructors allocate and free, round after
 * round, as they die: a sample may hit a thread whose own thread-locals are going away.  Arguments:
 * threads (20000), microseconds each (1000). */
#include <pthread.h>
#include <string.h>

#include "truth.h"

enum { AT_A_TIME = 8, N_ROUNDS = 4 };

static pthread_key_t key;
static uint64_t us_each;

/* Setting the key again makes pthread call us again, PTHREAD_DESTRUCTOR_ITERATIONS times at most.
 */
static void destroy(void *value)
{
    char *block = value;
    const int round = block[0];

    free(block);
    for (int i = 0; i < 16; i++) {
        char *other = malloc(64u << (i % 8));
        if (other != NULL)
            memset(other, i, 64);
        free(other);
    }
    TRUTH_SPIN_US(20);
    if (round < N_ROUNDS) {
        block = malloc(64);
        if (block == NULL)
            abort();
        block[0] = (char)(round + 1);
        (void)pthread_setspecific(key, block);
    } else {
        (void)truth_thread_done();
    }
}

static void *short_main(void *argument)
{
    char *block = malloc(64);
    (void)argument;
    if (block == NULL)
        abort();
    block[0] = 1;
    (void)pthread_setspecific(key, block);
    TRUTH_SPIN_US(us_each);
    return NULL;
}

int main(int argc, char **argv)
{
    const int n_threads = (int)truth_argument(argc, argv, 1, 20000);
    char extra[64];

    us_each = (uint64_t)truth_argument(argc, argv, 2, 1000);
    (void)truth_calibrate();
    if (pthread_key_create(&key, destroy) != 0)
        return 1;
    for (int n_done = 0; n_done < n_threads; n_done += AT_A_TIME) {
        pthread_t threads[AT_A_TIME];
        for (int i = 0; i < AT_A_TIME; i++)
            if (pthread_create(&threads[i], NULL, short_main, NULL) != 0)
                abort();
        for (int i = 0; i < AT_A_TIME; i++)
            (void)pthread_join(threads[i], NULL);
    }
    (void)snprintf(extra, sizeof extra, ", \"n_threads\": %d", n_threads);
    truth_print("short_threads", NULL, 0, truth_main_root, extra);
    return 0;
}
