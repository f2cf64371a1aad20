/* Linked with libpprofc: works under labels and spans, and says what should come of it.  Argument:
 * what (switch, nest, pass, spans, heap, many), and for switch the seconds (1). */
#include <errno.h>
#include <pprofc/pprofc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NOINLINE __attribute__((noinline))
#define MILLISECOND 1000000L

static int n_wrong;

static void check(int is_right, const char *what)
{
    if (!is_right) {
        printf("wrong: %s\n", what);
        n_wrong++;
    }
}

static long cpu_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return now.tv_sec * 1000000000L + now.tv_nsec;
}

/* Each function of its own, with a counter of its own so that none is folded into another: what a
 * sample is in tells what it should carry. */
#define SPIN(name)                           \
    static volatile long counter_##name;     \
    NOINLINE static void name(long ns)       \
    {                                        \
        const long until_ns = cpu_ns() + ns; \
        while (cpu_ns() < until_ns)          \
            for (int i = 0; i < 200; i++)    \
                counter_##name += i;         \
    }
SPIN(spin_red)
SPIN(spin_blue)
SPIN(spin_both)
SPIN(spin_none)
SPIN(spin_passed)
SPIN(spin_child)
SPIN(spin_outer)
SPIN(spin_inner)

/* ---- switch: two threads, 10 000 times a second each ---- */

static double seconds = 1;

static void *switch_labels(void *argument)
{
    const long until_ns = cpu_ns() + (long)(seconds * 1e9);

    while (cpu_ns() < until_ns) {
        check(pprofc_label_set("color", "red", NULL) == 0, "set red");
        spin_red(MILLISECOND / 10);
        check(pprofc_label_set("color", "blue", NULL) == 0, "set blue");
        spin_blue(MILLISECOND / 10);
        check(pprofc_label_clear("color", NULL) == 0, "clear");
        spin_none(MILLISECOND / 20);
    }
    return argument;
}

static void switch_in_threads(void)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, switch_labels, NULL) != 0)
            exit(2);
    for (int i = 0; i < 2; i++)
        (void)pthread_join(threads[i], NULL);
}

/* ---- nest: scopes, and a label from before the session ---- */

static void nest(void)
{
    PPROFC_SCOPE("color", "red");
    spin_red(200 * MILLISECOND);
    {
        PPROFC_SCOPE("color", "blue");
        PPROFC_SCOPE("shape", "round");
        spin_both(200 * MILLISECOND);
    }
    spin_red(50 * MILLISECOND);
}

/* ---- pass: to another thread, to a child ---- */

static void *take(void *context)
{
    const struct pprofc_context before =
        pprofc_context_restore(*(const struct pprofc_context *)context);

    spin_passed(200 * MILLISECOND);
    (void)pprofc_context_restore(before);
    spin_none(100 * MILLISECOND);
    return NULL;
}

static void pass(void)
{
    struct pprofc_context context;
    pthread_t thread;
    int status = 0;
    pid_t child;

    check(pprofc_label_set("color", "red", NULL) == 0, "set");
    context = pprofc_context_capture();
    if (pthread_create(&thread, NULL, take, &context) != 0)
        exit(2);
    (void)pthread_join(thread, NULL);
    child = fork();
    if (child == 0) {
        spin_child(300 * MILLISECOND);
        check(pprofc_label_set("color", "blue", NULL) == 0, "set in the child");
        exit(n_wrong != 0);
    }
    (void)waitpid(child, &status, 0);
    check(status == 0, "the child");
}

/* ---- spans ---- */

static void spans(void)
{
    static const unsigned char trace[16] = {0xab, 1, 2,  3,  4,  5,  6,  7,
                                            8,    9, 10, 11, 12, 13, 14, 15};
    static const unsigned char span[8] = {0xcd, 1, 2, 3, 4, 5, 6, 7};
    struct pprofc_span_summary inner = PPROFC_SPAN_SUMMARY_INIT, outer = PPROFC_SPAN_SUMMARY_INIT;
    struct timespec pause = {0, 50 * MILLISECOND};

    check(pprofc_span_begin(trace, span, "outer work", NULL) == 0, "begin");
    spin_outer(300 * MILLISECOND);
    check(pprofc_span_begin_traceparent("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
                                        "inner work", NULL) == 0,
          "begin by a header");
    spin_inner(200 * MILLISECOND);
    (void)nanosleep(&pause, NULL);
    check(pprofc_span_end(&inner, NULL) == 0, "end");
    check(pprofc_span_end(&outer, NULL) == 0, "end of the outer");
    check(pprofc_span_end(NULL, NULL) == -ESRCH, "one end too many");
    spin_none(100 * MILLISECOND);
    printf("{\"inner\": {\"n\": %llu, \"cpu_ns\": %llu, \"wall_ns\": %llu, \"wait_ns\": %llu}, "
           "\"outer\": {\"n\": %llu, \"cpu_ns\": %llu, \"wall_ns\": %llu, \"n_hottest\": %llu, "
           "\"is_in_spin\": %s}}\n",
           (unsigned long long)inner.n_samples, (unsigned long long)inner.cpu_ns,
           (unsigned long long)inner.wall_ns, (unsigned long long)inner.wait_ns,
           (unsigned long long)outer.n_samples, (unsigned long long)outer.cpu_ns,
           (unsigned long long)outer.wall_ns, (unsigned long long)outer.n_hottest,
           outer.hottest_pc != 0 ? "true" : "false");
}

static void refuse(void)
{
    static const unsigned char zero[16] = {0};
    static const char *const HEADERS[] = {
        "",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0x",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"};
    char key[32];

    for (size_t i = 0; i < sizeof HEADERS / sizeof HEADERS[0]; i++)
        check(pprofc_span_begin_traceparent(HEADERS[i], NULL, NULL) == -EINVAL, HEADERS[i]);
    check(pprofc_span_begin(zero, zero, "x", NULL) == -EINVAL, "ids of zeros");
    check(pprofc_label_set("", "x", NULL) == -EINVAL, "no key");
    check(pprofc_label_set("span_id", "x", NULL) == -EINVAL, "a key of ours");
    check(pprofc_label_set("x", NULL, NULL) == -EINVAL, "no value");
    check(pprofc_label_clear("never set", NULL) == 0, "clearing what is not there");
    for (int i = 0; i < 16; i++) {
        (void)snprintf(key, sizeof key, "key%d", i);
        check(pprofc_label_set(key, "x", NULL) == 0, key);
    }
    check(pprofc_label_set("key16", "x", NULL) == -E2BIG, "the 17th");
    check(pprofc_label_set("key3", "y", NULL) == 0, "another value of one of 16");
    check(pprofc_label_clear(NULL, NULL) == 0, "clear all");
    check(pprofc_span_begin_traceparent(
              "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more", NULL, NULL) == 0,
          "a later version");
    check(pprofc_span_end(NULL, NULL) == 0, "end of that");
}

/* ---- heap, and more values than there is room for ---- */

static void *volatile kept[2];

NOINLINE static void heap(void)
{
    check(pprofc_label_set("color", "red", NULL) == 0, "set");
    kept[0] = malloc(1000);
    check(pprofc_label_set("color", "blue", NULL) == 0, "set");
    kept[1] = malloc(3000);
    check(pprofc_label_clear(NULL, NULL) == 0, "clear");
}

static void many(void)
{
    char value[32];
    long n_refused = 0;

    for (int i = 0; i < 100000; i++) {
        (void)snprintf(value, sizeof value, "request %d", i);
        n_refused += pprofc_label_set("id", value, NULL) == -ENOSPC;
    }
    check(pprofc_label_set("id", "one more", NULL) == -ENOSPC, "there is room without end");
    spin_none(200 * MILLISECOND);
    printf("%ld refused\n", n_refused);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } WAYS[] = {{"switch", switch_in_threads},
                {"nest", nest},
                {"pass", pass},
                {"spans", spans},
                {"heap", heap},
                {"many", many},
                {"refuse", refuse}};

    seconds = argc > 2 ? atof(argv[2]) : 1;
    for (size_t i = 0; i < sizeof WAYS / sizeof WAYS[0]; i++)
        if (argc > 1 && strcmp(argv[1], WAYS[i].name) == 0)
            WAYS[i].run();
    return n_wrong != 0;
}
