/* A program whose tracing SDK publishes each thread's context (OTEP 4947): two threads, and the
 * first, change between two spans and none a thousand times a second.  In spin_first() and
 * spin_second() they are in the span of that name, in spin_none() in none; sleep_second() sleeps in
 * the second.  Argument: "odd" publishes pointers to nowhere and records that are not valid. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NOINLINE __attribute__((noinline))
#define SLICE_NS 300000L

struct record {
    uint8_t trace_id[16], span_id[8], valid, flags;
    uint16_t attributes_bytes;
};

__thread struct record *otel_thread_ctx_v1;
static int is_odd;

static long cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

#define SPIN(name)                                 \
    static volatile long counter_##name;           \
    NOINLINE static void name(void)                \
    {                                              \
        const long until_ns = cpu_ns() + SLICE_NS; \
                                                   \
        while (cpu_ns() < until_ns)                \
            counter_##name++;                      \
    }
SPIN(spin_first)
SPIN(spin_second)
SPIN(spin_none)

NOINLINE static void sleep_second(void)
{
    const struct timespec time = {0, 20 * 1000000};

    (void)nanosleep(&time, NULL);
    __asm__ volatile("");
}

static void set_record(struct record *record, uint8_t digit)
{
    memset(record, 0, sizeof *record);
    memset(record->trace_id, digit, sizeof record->trace_id);
    memset(record->span_id, digit + 1, sizeof record->span_id);
    record->valid = is_odd ? 0 : 1;
}

static void *work(void *unused)
{
    struct record first, second;

    set_record(&first, 0x11);
    set_record(&second, 0x33);
    for (int i = 0; i < 500; i++) {
        otel_thread_ctx_v1 = &first;
        spin_first();
        otel_thread_ctx_v1 = is_odd ? (struct record *)8 : &second;
        spin_second();
        if (i == 250)
            sleep_second();
        otel_thread_ctx_v1 = NULL;
        spin_none();
    }
    return unused;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];

    is_odd = argc > 1 && strcmp(argv[1], "odd") == 0;
    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, work, NULL) != 0)
            abort();
    (void)work(NULL);
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
    return 0;
}
