/* Runs through very many call paths: at each of 18 of 24 levels one of two functions calls on, by
 * chance, so that there are 262 144.  Arguments: CPU seconds, or 0 and N: N paths are gone once,
 * each to an object that is kept, and then it waits for its end. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { DEPTH = 24, N_CHOICES = 18, SPINS_AT_LEAF = 4000 };

typedef void stage(uint64_t path, int depth);

static stage *const stages[16];
static int is_keeping;
static void *kept;

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static __attribute__((noinline)) void work_at_leaf(void)
{
    void **object;

    for (int i = 0; i < (is_keeping ? 0 : SPINS_AT_LEAF); i++)
        __asm__ volatile("" : "+r"(i));
    if (!is_keeping || (object = malloc(64)) == NULL)
        return;
    *object = kept;
    kept = object;
}

/* Which of the two comes next is 'path's lowest bit; the level chooses the pair. */
#define STAGE(n)                                                              \
    __attribute__((noinline)) static void stage_##n(uint64_t path, int depth) \
    {                                                                         \
        if (depth == 0)                                                       \
            work_at_leaf();                                                   \
        else                                                                  \
            stages[(depth % 8) * 2 + (int)(path & 1)](path >> 1, depth - 1);  \
        __asm__ volatile("" ::: "memory"); /* no tail call */                 \
    }

STAGE(0)
STAGE(1)
STAGE(2)
STAGE(3)
STAGE(4)
STAGE(5)
STAGE(6)
STAGE(7)
STAGE(8)
STAGE(9)
STAGE(10)
STAGE(11)
STAGE(12)
STAGE(13)
STAGE(14)
STAGE(15)

static stage *const stages[16] = {stage_0,  stage_1,  stage_2,  stage_3, stage_4,  stage_5,
                                  stage_6,  stage_7,  stage_8,  stage_9, stage_10, stage_11,
                                  stage_12, stage_13, stage_14, stage_15};

int main(int argc, char **argv)
{
    const uint64_t end_ns = now_ns() + (uint64_t)(1e9 * (argc > 1 ? strtod(argv[1], NULL) : 8));
    const uint64_t n_kept = argc > 2 ? strtoull(argv[2], NULL, 10) : 0;
    uint64_t random = 88172645463325252u; /* xorshift64 */

    is_keeping = n_kept > 0;
    for (uint64_t path = 0; path < n_kept; path++) {
        stages[0](path, DEPTH);
        if (path % 500 == 0)
            (void)usleep(2000); /* the helper makes room for stacks as they come */
    }
    if (is_keeping) {
        puts("kept");
        (void)fflush(stdout);
        (void)pause();
    }
    do {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        stages[0](random >> 32 & ((1u << N_CHOICES) - 1), DEPTH);
    } while (now_ns() < end_ns);
    return 0;
}
