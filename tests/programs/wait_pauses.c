/* Profiling that is paused twice, for as long as it goes on.  One thread works and sleeps in turn,
 * one waits for the end in a single wait, one is born in the first pause, and one lives in it
 * alone.  Prints for how long each, by its name, was followed at least and at most, in
 * nanoseconds. */
#include <pprofc/pprofc.h>
#include <pthread.h>
#include <semaphore.h>

#include "truth.h"

enum { N_STRETCHES = 3, STRETCH_MS = 300 };

static _Atomic int is_over;
static sem_t end;
static pthread_t threads[4];

struct range {
    uint64_t least_ns, most_ns;
};

static void sleep_ms(long ms)
{
    const struct timespec time = {.tv_nsec = ms * 1000000};

    (void)nanosleep(&time, NULL);
}

static void *take_turns(void *name)
{
    (void)pthread_setname_np(pthread_self(), name);
    while (!is_over) {
        TRUTH_SPIN_US(7000);
        sleep_ms(8);
    }
    return NULL;
}

static void *wait_for_end(void *name)
{
    (void)pthread_setname_np(pthread_self(), name);
    (void)sem_wait(&end);
    return NULL;
}

static void *come_and_go(void *name)
{
    (void)pthread_setname_np(pthread_self(), name);
    TRUTH_SPIN_US(20000);
    sleep_ms(20);
    return NULL;
}

static int begin(int i, void *(*run)(void *), const char *name)
{
    return pthread_create(&threads[i], NULL, run, (void *)name);
}

/* In the first pause two more threads begin. */
static int pause_a_while(int in_first)
{
    if (in_first && (begin(2, take_turns, "born") != 0 || begin(3, come_and_go, "passing") != 0))
        return -1;
    if (in_first)
        (void)pthread_join(threads[3], NULL);
    sleep_ms(STRETCH_MS);
    return 0;
}

/* From before the call that lets it begin to after the one that ends it, and the other way. */
static void add(struct range *followed, const struct range *begun, const struct range *ended)
{
    followed->least_ns += ended->least_ns - begun->most_ns;
    followed->most_ns += ended->most_ns - begun->least_ns;
}

static void tell(const char *name, const struct range *followed)
{
    (void)printf("\"%s\": [%llu, %llu], ", name, (unsigned long long)followed->least_ns,
                 (unsigned long long)followed->most_ns);
}

int main(void)
{
    struct range begun, ended, whole = {0, 0}, later = {0, 0};

    (void)truth_calibrate();
    begun.least_ns = truth_clock_ns(CLOCK_MONOTONIC);
    if (sem_init(&end, 0, 0) != 0 || begin(0, take_turns, "turns") != 0 ||
        begin(1, wait_for_end, "waits") != 0)
        return 2;
    begun.most_ns = truth_clock_ns(CLOCK_MONOTONIC);
    for (int i = 0; i < N_STRETCHES; i++) {
        const int is_last = i == N_STRETCHES - 1;

        sleep_ms(STRETCH_MS);
        ended.least_ns = truth_clock_ns(CLOCK_MONOTONIC);
        if (is_last) {
            is_over = 1;
            (void)sem_post(&end);
            for (int k = 0; k < 3; k++)
                (void)pthread_join(threads[k], NULL);
        } else if (pprofc_pause(NULL) != 0) {
            return 2;
        }
        ended.most_ns = truth_clock_ns(CLOCK_MONOTONIC);
        add(&whole, &begun, &ended);
        if (i > 0)
            add(&later, &begun, &ended);
        if (is_last)
            break;
        if (pause_a_while(i == 0) != 0)
            return 2;
        begun.least_ns = truth_clock_ns(CLOCK_MONOTONIC);
        if (pprofc_resume(NULL) != 0)
            return 2;
        begun.most_ns = truth_clock_ns(CLOCK_MONOTONIC);
    }
    (void)printf("{");
    tell("turns", &whole);
    tell("waits", &whole);
    tell("born", &later);
    (void)printf("\"passing\": [0, 0]}\n");
    return 0;
}
