/* Objects whose only pointers are in registers of other threads.  Prints "ready", and ends when its
 * input does.  Arguments: "spin": three threads that run, each with one object in a register that
 * functions keep, or in a vector register; or a call (read, poll, epoll_wait, nanosleep, sem_wait,
 * mutex, cond): one thread that waits in it with an object in each of the six registers that
 * functions keep.  Each object is allocated by a function of its own: held_by_rbx .. */
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define MASK UINT64_C(0x5555555555555555)

enum {
    N_REGISTERS = 6,
    SPIN_RBX = 0,
    SPIN_R15 = 5,
    SPIN_XMM = 6,
    N_OBJECTS = 7,
    OBJECT_BYTES = 200
};

static uint64_t masked[N_OBJECTS];
static volatile int has_ended;
static pthread_barrier_t is_set;

/* Functions of equal bodies would become one: each has a size of its own. */
#define HOLDER(register_name, n)                        \
    NOINLINE static void held_by_##register_name(void)  \
    {                                                   \
        void *object = malloc(OBJECT_BYTES + 16 * (n)); \
                                                        \
        memset(object, 1, OBJECT_BYTES);                \
        masked[n] = (uint64_t)(uintptr_t)object ^ MASK; \
    }
HOLDER(rbx, 0)
HOLDER(rbp, 1)
HOLDER(r12, 2)
HOLDER(r13, 3)
HOLDER(r14, 4)
HOLDER(r15, 5)
HOLDER(xmm8, 6)

NOINLINE static void lost(void)
{
    void *volatile object = malloc(OBJECT_BYTES);

    memset(object, 1, OBJECT_BYTES);
    object = NULL;
}

/* What calls have left on the stack. */
NOINLINE static void clear_stack(void)
{
    volatile char below[16384];

    for (size_t i = 0; i < sizeof below; i++)
        below[i] = 0;
}

static void allocate_all(void)
{
    held_by_rbx();
    held_by_rbp();
    held_by_r12();
    held_by_r13();
    held_by_r14();
    held_by_r15();
    held_by_xmm8();
    lost();
    clear_stack();
}

/* ---- threads that run ---- */

#define SPIN(register_name, load)                                 \
    __asm__ volatile("xorq %2, %1\n\t" load "\n\txorl %k1, %k1\n" \
                     "1:\tpause\n\tcmpl $0, %0\n\tje 1b\n\t"      \
                     :                                            \
                     : "m"(has_ended), "r"(value), "r"(mask)      \
                     : register_name, "memory", "cc")

static void *spin(void *which)
{
    register uint64_t value __asm__("rax");
    register uint64_t mask __asm__("rcx");

    pthread_barrier_wait(&is_set);
    value = masked[*(const int *)which];
    mask = MASK;
    if (*(const int *)which == SPIN_RBX)
        SPIN("rbx", "movq %1, %%rbx");
    else if (*(const int *)which == SPIN_R15)
        SPIN("r15", "movq %1, %%r15");
    else
        SPIN("xmm8", "movq %1, %%xmm8");
    return NULL;
}

/* ---- a thread that waits ---- */

struct call {
    long (*function)(long, long, long, long);
    long arguments[4];
    uint64_t masked[N_REGISTERS];
    uint64_t mask;
};

/* function(arguments) with the objects in rbx, rbp, r12 to r15. */
void call_with_registers(const struct call *call);
__asm__(
    ".text\n.globl call_with_registers\n.type call_with_registers, @function\n"
    "call_with_registers:\n\t.cfi_startproc\n\t"
    "pushq %rbx\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset rbx, 0\n\t"
    "pushq %rbp\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset rbp, 0\n\t"
    "pushq %r12\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset r12, 0\n\t"
    "pushq %r13\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset r13, 0\n\t"
    "pushq %r14\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset r14, 0\n\t"
    "pushq %r15\n\t.cfi_adjust_cfa_offset 8\n\t.cfi_rel_offset r15, 0\n\t"
    "subq $8, %rsp\n\t.cfi_adjust_cfa_offset 8\n\t"
    "movq %rdi, %r11\n\t"
    "movq 88(%r11), %rax\n\t"
    "movq 40(%r11), %rbx\n\txorq %rax, %rbx\n\t"
    "movq 48(%r11), %rbp\n\txorq %rax, %rbp\n\t"
    "movq 56(%r11), %r12\n\txorq %rax, %r12\n\t"
    "movq 64(%r11), %r13\n\txorq %rax, %r13\n\t"
    "movq 72(%r11), %r14\n\txorq %rax, %r14\n\t"
    "movq 80(%r11), %r15\n\txorq %rax, %r15\n\t"
    "movq 8(%r11), %rdi\n\tmovq 16(%r11), %rsi\n\tmovq 24(%r11), %rdx\n\tmovq 32(%r11), %rcx\n\t"
    "call *(%r11)\n\t"
    "addq $8, %rsp\n\t.cfi_adjust_cfa_offset -8\n\t"
    "popq %r15\n\t.cfi_adjust_cfa_offset -8\n\t.cfi_restore r15\n\t"
    "popq %r14\n\t.cfi_adjust_cfa_offset -8\n\t.cfi_restore r14\n\t"
    "popq %r13\n\t.cfi_adjust_cfa_offset -8\n\t.cfi_restore r13\n\t"
    "popq %r12\n\t.cfi_adjust_cfa_offset -8\n\t.cfi_restore r12\n\t"
    "popq %rbp\n\t.cfi_adjust_cfa_offset -8\n\t.cfi_restore rbp\n\t"
    "popq %rbx\n\t.cfi_adjust_cfa_offset -8\n\t.cfi_restore rbx\n\t"
    "ret\n\t.cfi_endproc\n\t.size call_with_registers, .-call_with_registers\n");

static struct call call;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t condition = PTHREAD_COND_INITIALIZER;
static sem_t semaphore;
static int ends[2];
static struct pollfd watched;
static struct epoll_event event;
static const struct timespec long_time = {1000, 0};
static char byte;

static void set_call(void *function, long a, long b, long c, long d)
{
    memcpy(&call.function, &function, sizeof function);
    call.arguments[0] = a;
    call.arguments[1] = b;
    call.arguments[2] = c;
    call.arguments[3] = d;
    memcpy(call.masked, masked, sizeof call.masked);
    call.mask = MASK;
}

static int choose_call(const char *name)
{
    if (strcmp(name, "read") == 0)
        set_call((void *)(uintptr_t)read, ends[0], (long)&byte, 1, 0);
    else if (strcmp(name, "poll") == 0)
        set_call((void *)(uintptr_t)poll, (long)&watched, 1, -1, 0);
    else if (strcmp(name, "epoll_wait") == 0)
        set_call((void *)(uintptr_t)epoll_wait, epoll_create1(0), (long)&event, 1, -1);
    else if (strcmp(name, "nanosleep") == 0)
        set_call((void *)(uintptr_t)nanosleep, (long)&long_time, 0, 0, 0);
    else if (strcmp(name, "sem_wait") == 0)
        set_call((void *)(uintptr_t)sem_wait, (long)&semaphore, 0, 0, 0);
    else if (strcmp(name, "mutex") == 0)
        set_call((void *)(uintptr_t)pthread_mutex_lock, (long)&mutex, 0, 0, 0);
    else if (strcmp(name, "cond") == 0)
        set_call((void *)(uintptr_t)pthread_cond_wait, (long)&condition, (long)&mutex, 0, 0);
    else
        return 0;
    return 1;
}

static void *wait_in_call(void *unused)
{
    pthread_barrier_wait(&is_set);
    if (call.arguments[0] == (long)&condition)
        pthread_mutex_lock(&mutex);
    call_with_registers(&call);
    return unused;
}

int main(int argc, char **argv)
{
    static const int which[] = {SPIN_RBX, SPIN_R15, SPIN_XMM};
    const int is_spinning = argc > 1 && strcmp(argv[1], "spin") == 0;
    const int n_threads = is_spinning ? 3 : 1;
    pthread_t threads[3];
    char line[16];

    if (argc < 2 || pipe(ends) != 0 || sem_init(&semaphore, 0, 0) != 0)
        return 2;
    watched = (struct pollfd){.fd = ends[0], .events = POLLIN};
    allocate_all();
    if (!is_spinning && !choose_call(argv[1]))
        return 2;
    if (strcmp(argv[1], "mutex") == 0)
        pthread_mutex_lock(&mutex);
    pthread_barrier_init(&is_set, NULL, (unsigned)n_threads + 1);
    for (int i = 0; i < n_threads; i++)
        if (pthread_create(&threads[i], NULL, is_spinning ? spin : wait_in_call,
                           (void *)(uintptr_t)&which[i]) != 0)
            return 2;
    pthread_barrier_wait(&is_set);
    clear_stack();
    usleep(200000); /* the thread is where it should be, and objects are old enough to be judged */
    puts("ready");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        line[0] = '\0';
    has_ended = 1;
    for (int i = 0; i < n_threads && is_spinning; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
