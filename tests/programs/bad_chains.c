/* One thread maps, unmaps and protects pages while others run with frame pointers and saved values
 * that point into those pages: a walker that trusts an address, or checks first and reads then,
 * faults.  Arguments: wall seconds (3). */
#include <pthread.h>
#include <sys/mman.h>

#include "truth.h"

enum { PAGES_BYTES = 64 * 4096 };

/* Far from where the kernel puts what has no address: what a sanitizer's runtime maps must not land
 * in the hole that is mapped again a moment later. */
static const uintptr_t PAGES_ADDRESS = UINT64_C(0x200000000000);

static volatile bool is_over;
static char *pages;

static void *change_pages(void *argument)
{
    (void)argument;
    while (!is_over) {
        (void)mprotect(pages, PAGES_BYTES, PROT_NONE);
        (void)munmap(pages, PAGES_BYTES);
        if (mmap(pages, PAGES_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != pages)
            abort();
        /* A chain that goes round inside the pages: each word is the next frame pointer. */
        for (size_t i = 0; i + 64 < PAGES_BYTES; i += 64)
            *(char **)(void *)(pages + i) = pages + (i + 64) % PAGES_BYTES;
    }
    (void)truth_thread_done();
    return NULL;
}

#if defined(__x86_64__)
/* Code without unwind information whose rbp points into the pages that come and go. */
void wild_frame_pointer(char *into, uint64_t n_iterations);
__asm__(".text\n"
        ".globl wild_frame_pointer\n"
        ".type wild_frame_pointer, @function\n"
        "wild_frame_pointer:\n"
        "    push %rbp\n"
        "    mov %rdi, %rbp\n"
        "1:  sub $1, %rsi\n"
        "    jnz 1b\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size wild_frame_pointer, . - wild_frame_pointer\n");
#else
TRUTH_NOINLINE static void wild_frame_pointer(char *into, uint64_t n_iterations)
{
    (void)into;
    TRUTH_SPIN(n_iterations);
}
#endif

static void *run_wild(void *argument)
{
    uint64_t random = (uint64_t)(uintptr_t)&argument | 1;
    (void)argument;
    while (!is_over)
        wild_frame_pointer(pages + (truth_random(&random) % PAGES_BYTES & ~7u), 100000);
    (void)truth_thread_done();
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[3];

    pages = mmap((void *)PAGES_ADDRESS, PAGES_BYTES, PROT_READ | PROT_WRITE,
                 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (pages == MAP_FAILED)
        return 2;
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, i == 0 ? change_pages : run_wild, NULL) != 0)
            return 2;
    (void)usleep((useconds_t)(truth_argument(argc, argv, 1, 3) * 1e6));
    is_over = true;
    for (int i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    truth_print("bad_chains", NULL, 0, truth_main_root, "");
    return 0;
}
