/* What each profiler's own signal handler costs: the same signal at the same places, 60 frames
 * deep, handled by each in turn within one process.  Prints one JSON line: for each handler the
 * nanoseconds a signal of every round, and how many signals it made samples of.
 *
 * Arguments: delivery, rounds, a folder for what profilers write, the pprof-rs library or "".
 * queued       the thread sends itself signals that look like a perf event's
 * perf-signal  a perf event's own signals (F_SETSIG), 10 kHz
 * perf-trap    the same event as a synchronous trap: pprof-c and the empty handler only
 *
 * libprofiler.so.0 (gperftools) and pprof-rs are loaded and started as their users do, their timer
 * is stopped, and the handler that they installed is taken over.  The signal goes through a
 * counting function that ends in a jump, so that no frame of it is on the stack. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/time.h>

#include "../../tests/programs/truth.h"

static void bottom(uint64_t n_iterations);
#define DEEP_LEAF(n_iterations) bottom(n_iterations)
#include "../deep_work.h"
#include "pprofc/pprofc.h"
#include "sigsafe/handler.h"
#include "sigsafe/threads.h"

enum { MAX_TARGETS = 8, MAX_ROUNDS = 1000, RATE_HZ = 10000, SIGNALS_A_PATH = 10, PIECE_US = 20 };
enum { QUEUED_PIECES = 100, PERF_PIECES = 1500 }; /* in a window: 1000 signals; 30 ms */

typedef void handler_function(int signo, siginfo_t *info, void *context);

struct target {
    const char *name;
    handler_function *handler;
    double ns[MAX_ROUNDS]; /* a signal, by round */
    uint64_t n_signals;    /* that it has been given */
    int64_t n_samples;     /* that it says it took; -1: it cannot say */
};

/* gperftools/profiler.h, as published with 2.10. */
struct gperftools_state {
    int enabled;
    time_t start_time;
    char profile_name[1024];
    int samples_gathered;
};

static void on_empty(int signo, siginfo_t *info, void *context);

static struct target targets[MAX_TARGETS];
static int n_targets;
static handler_function *volatile current_handler = on_empty;
static volatile uint64_t n_seen;
static bool is_queued;

static void give_up(const char *what, const char *why)
{
    (void)fprintf(stderr, "drive_handlers: %s: %s\n", what, why);
    exit(1);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    n_seen = n_seen + 1;
    current_handler(signo, info, context);
}

static void on_empty(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info, (void)context;
}

/* The kernel's struct sigaction: ours stands in the way of libc's once a session has started. */
struct raw_action {
    handler_function *handler;
    unsigned long flags;
    void (*restorer)(void);
    uint64_t mask;
};

static void raw_sigaction(int signo, const struct raw_action *action, struct raw_action *old_out)
{
    if (syscall(SYS_rt_sigaction, signo, action, old_out, sizeof action->mask) != 0)
        give_up("rt_sigaction", strerror(errno));
}

/* What libc makes of on_signal() for the kernel: it adds how to return from a handler. */
static struct raw_action our_action(int signo)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_RESTART}, old;
    struct raw_action raw;

    if (sigaction(signo, &action, &old) != 0)
        give_up("sigaction", strerror(errno));
    raw_sigaction(signo, NULL, &raw);
    if (sigaction(signo, &old, NULL) != 0)
        give_up("sigaction", strerror(errno));
    return raw;
}

/* From this process to this thread the kernel lets any code pass: POLL_IN is what a perf event's
 * signal has. */
static void send_signal(void)
{
    siginfo_t info;

    memset(&info, 0, sizeof info);
    info.si_signo = SIGPROF;
    info.si_code = POLL_IN;
    (void)syscall(SYS_rt_tgsigqueueinfo, getpid(), syscall(SYS_gettid), SIGPROF, &info);
}

TRUTH_NOINLINE static void bottom(uint64_t n_iterations)
{
    if (is_queued)
        for (int i = 0; i < SIGNALS_A_PATH; i++)
            send_signal();
    else
        TRUTH_SPIN(n_iterations);
    TRUTH_KEEP_FRAME();
}

static struct target *add_target(const char *name, handler_function *handler)
{
    struct target *target = &targets[n_targets++];

    target->name = name;
    target->handler = handler;
    target->n_samples = -1;
    return target;
}

/* The handler that a profiler has just installed for SIGPROF; its timer is stopped. */
static handler_function *take_over(const char *name)
{
    const struct itimerval never = {{0, 0}, {0, 0}};
    struct sigaction action;

    if (setitimer(ITIMER_PROF, &never, NULL) != 0 || sigaction(SIGPROF, NULL, &action) != 0)
        give_up(name, strerror(errno));
    if ((action.sa_flags & SA_SIGINFO) == 0)
        give_up(name, "it installed no handler");
    return action.sa_sigaction;
}

static void (*find_function(void *library, const char *name))(void)
{
    void (*function)(void) = NULL;
    void *found = dlsym(library, name);

    if (found == NULL)
        give_up(name, dlerror());
    memcpy(&function, &found, sizeof function);
    return function;
}

static void (*gperftools_state)(struct gperftools_state *);
static int64_t (*pprof_rs_n_samples)(void);

static struct target *start_gperftools(const char *folder)
{
    void *library = dlopen("libprofiler.so.0", RTLD_NOW | RTLD_LOCAL);
    char path[4096];

    if (library == NULL)
        return NULL;
    int (*start)(const char *) = (int (*)(const char *))find_function(library, "ProfilerStart");
    gperftools_state =
        (void (*)(struct gperftools_state *))find_function(library, "ProfilerGetCurrentState");
    (void)snprintf(path, sizeof path, "%s/gperftools.prof", folder);
    if (start(path) == 0)
        give_up("ProfilerStart", path);
    return add_target("gperftools", take_over("gperftools"));
}

static struct target *start_pprof_rs(const char *path)
{
    void *library = *path != '\0' ? dlopen(path, RTLD_NOW | RTLD_LOCAL) : NULL;

    if (library == NULL) {
        if (*path != '\0')
            give_up(path, dlerror());
        return NULL;
    }
    int (*start)(int) = (int (*)(int))find_function(library, "pprof_rs_peer_start");
    pprof_rs_n_samples = (int64_t(*)(void))find_function(library, "pprof_rs_peer_n_samples");
    if (start(1) != 0)
        give_up("pprof-rs", "it did not start");
    return add_target("pprof-rs", take_over("pprof-rs"));
}

/* The session's own samples come by the other signal, for its helper puts its handler back. */
static void start_ours(bool is_trap)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_error err;

    options.frequency_hz = 1;
    if (setenv("PPROFC_DELIVERY", is_trap ? "perf-signal" : "perf-sigtrap", 1) != 0)
        give_up("setenv", strerror(errno));
    if (pprofc_start(&options, &err) != 0)
        give_up("pprofc_start", err.message);
}

static uint64_t n_ours(void)
{
    struct pprofc_stats stats = {.struct_bytes = sizeof stats};
    return pprofc_stats(&stats, NULL) == 0 ? stats.n_samples : 0;
}

static int open_event(bool is_trap)
{
    const int32_t tid = (int32_t)syscall(SYS_gettid);
    const struct f_owner_ex owner = {F_OWNER_TID, tid};
    struct perf_event_attr attr;

    memset(&attr, 0, sizeof attr);
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = 1000000000 / RATE_HZ;
    attr.exclude_kernel = 1;
    attr.disabled = 1;
    attr.sigtrap = attr.remove_on_exec = is_trap;
    attr.sig_data = is_trap ? pp_sig_thread_hint(pp_sig_thread_find(tid)->index) : 0;
    const int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    if (fd < 0)
        give_up("perf_event_open", strerror(errno));
    if (!is_trap && (fcntl(fd, F_SETFL, O_NONBLOCK | O_ASYNC) != 0 ||
                     fcntl(fd, F_SETSIG, SIGPROF) != 0 || fcntl(fd, F_SETOWN_EX, &owner) != 0))
        give_up("F_SETSIG", strerror(errno));
    return fd;
}

/* CPU time of one window of the work. */
static uint64_t window_ns(uint64_t n_pieces, uint64_t n_iterations)
{
    const uint64_t start_ns = truth_thread_ns();
    deep_work(n_pieces, n_iterations);
    return truth_thread_ns() - start_ns;
}

/* Nanoseconds a signal with this handler; with perf events the same work without them is taken
 * off, before or after it in turn. */
static double measure(struct target *target, int round, int fd, uint64_t n_iterations)
{
    const uint64_t n_before = n_seen;
    double ns = 0;

    current_handler = target->handler;
    if (is_queued) {
        ns = (double)window_ns(QUEUED_PIECES, n_iterations);
    } else {
        for (int i = 0; i < 2; i++) {
            const bool on = (i == 1) != (round % 2 == 1);
            if (on && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) != 0)
                give_up("PERF_EVENT_IOC_ENABLE", strerror(errno));
            const double took_ns = (double)window_ns(PERF_PIECES, n_iterations);
            if (on && ioctl(fd, PERF_EVENT_IOC_DISABLE, 0) != 0)
                give_up("PERF_EVENT_IOC_DISABLE", strerror(errno));
            ns += on ? took_ns : -took_ns;
        }
    }
    const uint64_t n_signals = n_seen - n_before;
    target->n_signals += n_signals;
    if (n_signals == 0)
        give_up(target->name, "no signal came");
    return ns / (double)n_signals;
}

static void print_results(const char *delivery, int n_rounds)
{
    printf("{\"delivery\": \"%s\", \"n_frames\": %d, \"handlers\": {", delivery, DEEP_FRAMES + 4);
    for (int i = 0; i < n_targets; i++) {
        printf("%s\"%s\": {\"n_signals\": %llu, \"n_samples\": %lld, \"signal_ns\": [",
               i > 0 ? ", " : "", targets[i].name, (unsigned long long)targets[i].n_signals,
               (long long)targets[i].n_samples);
        for (int k = 0; k < n_rounds; k++)
            printf("%s%.1f", k > 0 ? ", " : "", targets[i].ns[k]);
        printf("]}");
    }
    printf("}}\n");
}

int main(int argc, char **argv)
{
    const char *delivery = argc > 1 ? argv[1] : "queued";
    const bool is_trap = strcmp(delivery, "perf-trap") == 0;
    int n_rounds = (int)truth_argument(argc, argv, 2, 20);
    const int signo = is_trap ? SIGTRAP : SIGPROF;
    const struct raw_action action = our_action(signo);
    struct target *gperftools = NULL, *pprof_rs = NULL;
    struct gperftools_state state = {0};

    n_rounds = n_rounds < 1 ? 1 : n_rounds > MAX_ROUNDS ? MAX_ROUNDS : n_rounds;
    is_queued = strcmp(delivery, "queued") == 0;
    (void)add_target("empty", on_empty);
    if (!is_trap) {
        gperftools = start_gperftools(argc > 3 ? argv[3] : "/tmp");
        pprof_rs = start_pprof_rs(argc > 4 ? argv[4] : "");
    }
    struct target *ours = add_target("pprof-c", pp_sig_on_tick);
    (void)add_target("empty again", on_empty);

    const uint64_t n_iterations = truth_calibrate() * PIECE_US / 1000;
    start_ours(is_trap);
    is_queued = false;
    deep_work(PERF_PIECES, n_iterations); /* makes this thread known to our helper */
    is_queued = strcmp(delivery, "queued") == 0;
    if (pp_sig_thread_find((int32_t)syscall(SYS_gettid)) == NULL)
        give_up("this thread", "the helper does not know it");
    const int fd = is_queued ? -1 : open_event(is_trap);
    raw_sigaction(signo, &action, NULL);
    const uint64_t n_ours_before = n_ours();

    for (int round = -2; round < n_rounds; round++) { /* two to warm up */
        for (int i = 0; i < n_targets; i++) {
            struct target *target = &targets[round % 2 == 0 ? i : n_targets - 1 - i];
            const double ns = measure(target, round & 1, fd, n_iterations);
            if (round >= 0)
                target->ns[round] = ns;
        }
    }

    ours->n_samples = (int64_t)(n_ours() - n_ours_before);
    if (gperftools != NULL) {
        gperftools_state(&state);
        gperftools->n_samples = state.samples_gathered;
    }
    if (pprof_rs != NULL)
        pprof_rs->n_samples = pprof_rs_n_samples();
    print_results(delivery, n_rounds);
    (void)fflush(stdout);
    (void)pprofc_stop(NULL, NULL); /* takes its recording away */
    _exit(0);                      /* no last words of the others: they would write files */
}
