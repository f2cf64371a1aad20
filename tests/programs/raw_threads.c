/* Threads made by clone() without libpthread: one that shares its parent's thread-locals, one whose
 * thread pointer is 0, one with a block of its own that holds nothing libc would know.  They burn
 * CPU with good stacks and with bad ones (frame pointers into nowhere), while the parent watches
 * that its errno stays what it sets.  Arguments: CPU seconds of each (1). */
#include <asm/prctl.h>
#include <errno.h>
#include <linux/futex.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "truth.h"

enum { N_THREADS = 3, STACK_BYTES = 32 * 1024, BLOCK_BYTES = 4096 };

enum locals { PARENTS, NONE, OWN };

static struct raw_thread {
    enum locals locals;
    int tid; /* cleared and woken by the kernel at its end */
    uint64_t cpu_ns;
    char *stack, *block;
} threads[N_THREADS];
static uint64_t n_iterations, n_rounds;

void wild_frame(uint64_t n_iterations, uint64_t junk);
__asm__(".text\n"
        ".globl wild_frame\n"
        ".type wild_frame, @function\n"
        "wild_frame:\n"
        "    push %rbp\n"
        "    mov %rsi, %rbp\n"
        "1:  sub $1, %rdi\n"
        "    jnz 1b\n"
        "    pop %rbp\n"
        "    ret\n"
        ".size wild_frame, . - wild_frame\n");

/* No libc in here: it wants thread-locals. */
static long raw_syscall(long number, long a, long b)
{
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b)
                     : "rcx", "r11", "memory");
    return result;
}

TRUTH_NOINLINE static void raw_work(void)
{
    TRUTH_SPIN(n_iterations);
}

TRUTH_NOINLINE static int raw_main(void *argument)
{
    struct raw_thread *self = argument;
    struct timespec now = {0, 0};

    if (self->locals == NONE)
        (void)raw_syscall(SYS_arch_prctl, ARCH_SET_FS, 0);
    if (self->locals == OWN)
        (void)raw_syscall(SYS_arch_prctl, ARCH_SET_FS, (long)self->block);
    for (uint64_t i = 0; i < n_rounds; i++) {
        raw_work();
        wild_frame(n_iterations, i * UINT64_C(0x9e3779b97f4a7c15));
    }
    (void)raw_syscall(SYS_clock_gettime, CLOCK_THREAD_CPUTIME_ID, (long)&now);
    self->cpu_ns = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
    (void)raw_syscall(SYS_exit, 0, 0);
    return 0;
}

static bool start(struct raw_thread *thread, enum locals locals)
{
    const int flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD |
                      CLONE_SYSVSEM | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID;

    thread->locals = locals;
    thread->stack = mmap(NULL, STACK_BYTES + BLOCK_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (thread->stack == MAP_FAILED)
        return false;
    thread->block = thread->stack + STACK_BYTES;
    return clone(raw_main, thread->stack + STACK_BYTES, flags, thread, &thread->tid, NULL,
                 &thread->tid) > 0;
}

/* Until it is gone; its memory is then unmapped, as such programs do. */
static void join(struct raw_thread *thread, int *n_lost_errnos)
{
    for (int tid; (tid = __atomic_load_n(&thread->tid, __ATOMIC_ACQUIRE)) != 0;)
        for (int i = 0; i < 10000; i++) {
            errno = 1234;
            __asm__ volatile("" ::: "memory");
            TRUTH_SPIN(50);
            __asm__ volatile("" ::: "memory");
            *n_lost_errnos += errno != 1234;
        }
    (void)munmap(thread->stack, STACK_BYTES + BLOCK_BYTES);
}

int main(int argc, char **argv)
{
    struct truth_phase phases[] = {{.name = "raw threads", .function = NULL}};
    static const char *const roots[] = {"raw_main", "main", NULL};
    int n_lost_errnos = 0;
    char extra[64];

    n_iterations = truth_calibrate();
    n_rounds = (uint64_t)(truth_argument(argc, argv, 1, 1) * 1000 / 2);
    for (int i = 0; i < N_THREADS; i++)
        if (!start(&threads[i], (enum locals)i))
            return 2;
    for (int i = 0; i < N_THREADS; i++) {
        join(&threads[i], &n_lost_errnos);
        phases[0].cpu_ns += threads[i].cpu_ns;
        truth_ended_threads_ns += threads[i].cpu_ns;
    }
    (void)snprintf(extra, sizeof extra, ", \"n_lost_errnos\": %d", n_lost_errnos);
    truth_print("raw_threads", phases, 1, roots, extra);
    return 0;
}
