/* Memory whose truth is known: objects that are held, lost and hidden, each kind allocated by a
 * function of its name.  Prints "NAME OBJECTS BYTES" a line, with the preload "api STATUS SUSPECTS
 * BYTES" by pprofc_leak_scan(), and "ready"; waits for a line of input, and ends with "children N":
 * how often wait() or SIGCHLD told of a child that it does not have.  argv[1]: how many of each
 * kind (default 1000). */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pprofc/pprofc.h"

#pragma weak pprofc_leak_scan

#define NOINLINE __attribute__((noinline))

enum {
    MOST = 20000,
    LENGTH = 10,
    N_ON_STACK = 64,
    STACK_BYTES = 100,
    TLS_BYTES = 110,
    BELOW_BYTES = 120
};

struct node {
    struct node *next, *previous;
    char text[40];
};

static void *volatile held[MOST], *volatile in_the_middle[MOST], *volatile tagged[MOST];
static void *volatile masked[MOST], *volatile tagged_high[MOST], *volatile past_end[MOST];
static struct node *volatile chains[MOST];
static void *volatile *mapped;
static __thread void *volatile in_tls[N_ON_STACK];
static volatile sig_atomic_t n_children, has_ended;

/* Sizes of every class of the allocator's, none of them 0. */
static size_t size_of(long i)
{
    return 16 + (size_t)(i * 37 % 900);
}

static void *make(size_t n_bytes)
{
    void *object = malloc(n_bytes);

    memset(object, 1, n_bytes);
    __asm__ volatile("" : : "r"(object) : "memory"); /* clang leaves out what nobody uses */
    return object;
}

static void tell(const char *name, long n, size_t n_bytes)
{
    printf("%s %ld %zu\n", name, n, n_bytes);
}

/* Functions of equal bodies would become one: each kind has sizes of its own where that may be. */

/* ---- lost ---- */

NOINLINE static size_t lost_plain(long n)
{
    size_t sum = 0;

    for (long i = 0; i < n; i++) {
        sum += size_of(i);
        make(size_of(i));
    }
    return sum;
}

static struct node *link_up(struct node *(*make_node)(void))
{
    struct node *head = make_node(), *last = head;

    for (int i = 1; i < LENGTH; i++) {
        last->next = make_node();
        last->next->previous = last;
        last = last->next;
    }
    last->next = NULL;
    return head;
}

NOINLINE static struct node *lost_chain(void)
{
    struct node *node = make(sizeof *node);

    node->next = node->previous = NULL;
    return node;
}

NOINLINE static struct node *lost_cycle(void)
{
    struct node *node = make(sizeof *node);

    node->next = node->previous = NULL;
    return node;
}

NOINLINE static void lose_chains(long n)
{
    for (long i = 0; i < n; i++)
        link_up(lost_chain);
}

NOINLINE static void lose_cycles(long n)
{
    for (long i = 0; i < n; i++) {
        struct node *head = link_up(lost_cycle), *last = head;
        while (last->next != NULL)
            last = last->next;
        last->next = head;
        head->previous = last;
    }
}

/* ---- held ---- */

NOINLINE static struct node *held_chain(void)
{
    struct node *node = make(sizeof *node);

    node->next = node->previous = NULL;
    return node;
}

NOINLINE static size_t held_by_global(long n)
{
    size_t sum = 0;

    for (long i = 0; i < n; i++) {
        sum += size_of(i);
        held[i] = make(size_of(i));
    }
    return sum;
}

NOINLINE static size_t held_inside(long n)
{
    size_t sum = 0;

    for (long i = 0; i < n; i++) {
        sum += size_of(i);
        in_the_middle[i] = (char *)make(size_of(i)) + size_of(i) / 2;
    }
    return sum;
}

NOINLINE static size_t held_by_mapping(long n)
{
    size_t sum = 0;

    for (long i = 0; i < n; i++) {
        sum += size_of(i);
        mapped[i] = make(size_of(i));
    }
    return sum;
}

NOINLINE static size_t held_by_tag(long n)
{
    size_t sum = 0;

    for (long i = 0; i < n; i++) {
        sum += size_of(i);
        tagged[i] = (void *)((uintptr_t)make(size_of(i)) | (uintptr_t)(i % 8));
    }
    return sum;
}

NOINLINE static void *held_by_stack(void)
{
    return make(STACK_BYTES);
}

NOINLINE static void *held_by_tls(void)
{
    return make(TLS_BYTES);
}

/* ---- hidden: nobody can tell ---- */

NOINLINE static size_t hidden_by_mask(long n)
{
    size_t sum = 0;

    for (long i = 0; i < n; i++) {
        sum += size_of(i);
        masked[i] = (void *)((uintptr_t)make(size_of(i)) ^ UINT64_C(0x5555555555555555));
    }
    return sum;
}

NOINLINE static size_t hidden_by_high_bits(long n)
{
    size_t sum = 0;

    for (long i = 0; i < n; i++) {
        sum += size_of(i);
        tagged_high[i] = (void *)((uintptr_t)make(size_of(i)) | UINT64_C(0x1234) << 48);
    }
    return sum;
}

NOINLINE static size_t hidden_past_end(long n)
{
    size_t sum = 0;

    for (long i = 0; i < n; i++) {
        const size_t n_bytes = (size_of(i) + 15) & ~(size_t)15;
        sum += n_bytes;
        past_end[i] = (char *)make(n_bytes) + n_bytes;
    }
    return sum;
}

/* ---- another thread ---- */

static pthread_barrier_t is_set, is_over;

NOINLINE static void *lost_below_stack(void)
{
    return make(BELOW_BYTES);
}

/* What a call has left behind that has returned. */
NOINLINE static void leave_on_stack(void)
{
    void *volatile gone[N_ON_STACK + 4096];

    for (int i = 0; i < N_ON_STACK; i++)
        gone[i] = lost_below_stack();
    (void)gone[0];
}

static void *other_thread(void *unused)
{
    void *volatile on_stack[N_ON_STACK];

    leave_on_stack();

    for (int i = 0; i < N_ON_STACK; i++) {
        on_stack[i] = held_by_stack();
        in_tls[i] = held_by_tls();
    }
    pthread_barrier_wait(&is_set);
    pthread_barrier_wait(&is_over);
    return on_stack[0] == unused ? NULL : on_stack[1];
}

static void on_child(int signo)
{
    (void)signo;
    n_children++;
}

static void *wait_for_nobody(void *unused)
{
    while (!has_ended) {
        if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD)
            n_children++;
        usleep(500);
    }
    return unused;
}

static void look_for_leaks(void)
{
    struct pprofc_leak_result result;

    if (pprofc_leak_scan == NULL)
        return;
    usleep(200000); /* objects that are younger than 0.1 s are not judged */
    const int status = pprofc_leak_scan(NULL, &result, NULL);
    if (status == 0)
        printf("api 0 %llu %llu\n", (unsigned long long)result.n_suspects,
               (unsigned long long)result.suspect_bytes);
    else
        printf("api %d 0 0\n", status);
}

static void plant(long n)
{
    tell("lost_plain", n, lost_plain(n));
    lose_chains(n / LENGTH);
    tell("lost_chain", n / LENGTH * LENGTH, (size_t)(n / LENGTH * LENGTH) * sizeof(struct node));
    lose_cycles(n / LENGTH);
    tell("lost_cycle", n / LENGTH * LENGTH, (size_t)(n / LENGTH * LENGTH) * sizeof(struct node));
    for (long i = 0; i < n / LENGTH; i++)
        chains[i] = link_up(held_chain);
    tell("held_chain", n / LENGTH * LENGTH, (size_t)(n / LENGTH * LENGTH) * sizeof(struct node));
    tell("held_by_global", n, held_by_global(n));
    tell("held_inside", n, held_inside(n));
    tell("held_by_mapping", n, held_by_mapping(n));
    tell("held_by_tag", n, held_by_tag(n));
    tell("hidden_by_mask", n, hidden_by_mask(n));
    tell("hidden_by_high_bits", n, hidden_by_high_bits(n));
    tell("hidden_past_end", n, hidden_past_end(n));
    tell("lost_below_stack", N_ON_STACK, N_ON_STACK * BELOW_BYTES);
    tell("held_by_stack", N_ON_STACK, N_ON_STACK * STACK_BYTES);
    tell("held_by_tls", N_ON_STACK, N_ON_STACK * TLS_BYTES);
}

int main(int argc, char **argv)
{
    const long n_kinds = argc > 1 ? atol(argv[1]) : 1000;
    pthread_t thread, waiter;
    char line[16];

    signal(SIGCHLD, on_child);
    mapped = mmap(NULL, MOST * sizeof *mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    if (mapped == MAP_FAILED || n_kinds < LENGTH || n_kinds > MOST)
        return 2;
    pthread_barrier_init(&is_set, NULL, 2);
    pthread_barrier_init(&is_over, NULL, 2);
    if (pthread_create(&thread, NULL, other_thread, NULL) != 0 ||
        pthread_create(&waiter, NULL, wait_for_nobody, NULL) != 0)
        return 2;
    pthread_barrier_wait(&is_set);
    plant(n_kinds);
    look_for_leaks();
    puts("ready");
    fflush(stdout);
    if (fgets(line, sizeof line, stdin) == NULL)
        line[0] = '\0';
    pthread_barrier_wait(&is_over);
    pthread_join(thread, NULL);
    has_ended = 1;
    pthread_join(waiter, NULL);
    printf("children %d\n", (int)n_children);
    return 0;
}
