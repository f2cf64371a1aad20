/* Preloaded into a program, compares at each sample what our walker says with what libunwind says
 * of the same context.
 *
 * Only the main thread is sampled.  Results go, one line of JSON, to the file PPROFC_ORACLE_OUTPUT;
 * stacks that differ to PPROFC_ORACLE_DUMP.  PPROFC_ORACLE_LAZY=1 never builds tables, so that
 * .eh_frame is interpreted in place. */
#define UNW_LOCAL_ONLY
#include <dlfcn.h>
#include <errno.h>
#include <libunwind.h>
#include <link.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "capture/maps.h"
#include "capture/modules.h"
#include "sigsafe/module_set.h"

enum { MAX_DUMPS = 20, RATE_HZ = 499 };

static struct {
    uint64_t n_samples, n_equal, n_longer, n_shorter, n_differ, n_root, n_inferred,
        n_landing; /* equal, without a root, where libgcc has begun to land */
    uint64_t n_refreshes, n_second,
        n_frames; /* second: walked again once there was a table for new code */
} counts;
static struct pp_modules *modules;
static struct pp_sig_bounds bounds;
static FILE *dump;
static bool is_lazy, is_over;
static uintptr_t libgcc_start, libgcc_limit;
static unsigned n_dumped;
static uint64_t ours[PP_MAX_FRAMES + 1], theirs[PP_MAX_WALK];

static void nothing_seen(void *context, const struct pp_mapped_module *module, bool appeared)
{
    (void)context, (void)module, (void)appeared;
}

static void nothing_to_wait_for(void *context)
{
    (void)context;
}

/* Of what was mapped when it was looked last: our walk has come before, and had it looked up. */
static bool is_code(uint64_t pc)
{
    const struct pp_sig_module_set *set = pp_sig_module_set_current;

    for (uint32_t i = 0; set != NULL && i < set->n_modules; i++)
        if (pc >= set->modules[i].start && pc < set->modules[i].limit)
            return true;
    return false;
}

static int find_libgcc(struct dl_phdr_info *info, size_t size, void *none)
{
    (void)size, (void)none;
    if (strstr(info->dlpi_name, "/libgcc_s.so") == NULL)
        return 0;
    libgcc_start = info->dlpi_addr;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const uintptr_t limit =
            info->dlpi_addr + info->dlpi_phdr[i].p_vaddr + info->dlpi_phdr[i].p_memsz;

        if (info->dlpi_phdr[i].p_type == PT_LOAD && limit > libgcc_limit)
            libgcc_limit = limit;
    }
    return 1;
}

static bool is_in_libgcc(uint64_t pc)
{
    return pc >= libgcc_start && pc < libgcc_limit;
}

/* Before it lands in a handler libgcc writes the registers of the handler's frame over those that
 * its own frame has saved (uw_install_context_1): what the frames between had there is gone, and
 * a frame that needs it (rbp) is where every walk ends.  It takes longer on some CPUs (rep movs).
 */
static bool is_landing(const struct pp_sig_walk *walk)
{
    return (walk->flags & PP_WALK_TRUNCATED) != 0 && walk->n_frames > 1 && is_in_libgcc(ours[0]) &&
           is_in_libgcc(ours[1]);
}

/* When it has left its stack for the handler's (eh_return) nothing is left of the frames before:
 * ours ends with a number that is no code, before which theirs is ended below. */
static bool is_leaving(const struct pp_sig_walk *walk, size_t n_theirs)
{
    return (walk->flags & PP_WALK_TRUNCATED) != 0 && walk->n_frames == n_theirs + 1 &&
           is_in_libgcc(ours[0]) && !is_code(ours[n_theirs] - 1);
}

static size_t walk_by_libunwind(ucontext_t *context)
{
    unw_cursor_t cursor;
    unw_word_t pc;
    size_t n = 0;

    if (unw_init_local2(&cursor, context, UNW_INIT_SIGNAL_FRAME) < 0)
        return 0;
    do {
        /* Where there is no code libunwind goes on, by a frame that it takes for one: where
         * libgcc's unwinder has just left its stack for a handler's (eh_return), its own
         * information says what was before, and what lies there now may be any number. */
        if (unw_get_reg(&cursor, UNW_REG_IP, &pc) < 0 || (n > 0 && !is_code(pc - 1)))
            break;
        theirs[n++] = pc;
    } while (n < PP_MAX_WALK && unw_step(&cursor) > 0);
    return n;
}

/* Theirs as ours would have kept it. */
static size_t cut(size_t n)
{
    const size_t n_root = PP_MAX_FRAMES / 2 - 1;

    if (n <= PP_MAX_FRAMES)
        return n;
    memmove(theirs + PP_MAX_FRAMES / 2 + 1, theirs + n - n_root, n_root * sizeof theirs[0]);
    theirs[PP_MAX_FRAMES / 2] = PP_PC_CUT;
    return PP_MAX_FRAMES;
}

static void dump_both(const struct pp_sig_walk *walk, size_t n_theirs, const ucontext_t *context)
{
    if (dump == NULL || n_dumped++ >= MAX_DUMPS)
        return;
    fprintf(dump, "-- ours %u frames, flags %x; theirs %zu; sp %llx\n", walk->n_frames, walk->flags,
            n_theirs, context->uc_mcontext.gregs[REG_RSP]);
    for (size_t i = 0; i < walk->n_frames || i < n_theirs; i++) {
        const uint64_t pc = i < walk->n_frames ? ours[i] : 0;
        Dl_info where = {.dli_fname = "-"};
        (void)dladdr((void *)(uintptr_t)pc, &where);
        fprintf(dump, "%3zu %16lx %16lx %s+0x%lx %s\n", i, pc, i < n_theirs ? theirs[i] : 0,
                where.dli_fname, pc - (uintptr_t)where.dli_fbase,
                where.dli_sname != NULL ? where.dli_sname : "");
    }
}

static void on_sample(int signo, siginfo_t *info, void *context)
{
    const int saved_errno = errno;
    struct pp_sig_walk walk;
    size_t n_theirs, n_same = 0;

    (void)signo, (void)info;
    if (is_over)
        return;
    is_over = true;
    pp_sig_unwind(context, bounds, ours, &walk);
    if ((walk.flags & PP_WALK_NEW_CODE) != 0 &&
        (!is_lazy || (walk.flags & PP_WALK_INFERRED) != 0)) {
        counts.n_refreshes++; /* there is no helper; this test may be slow here */
        (void)pp_modules_refresh(modules, 1000000000);
        if ((walk.flags & PP_WALK_INFERRED) != 0) {
            counts.n_second++;
            pp_sig_unwind(context, bounds, ours, &walk);
            if ((walk.flags & PP_WALK_NEW_CODE) != 0) {
                (void)pp_modules_refresh(modules, 1000000000);
                pp_sig_unwind(context, bounds, ours, &walk);
            }
        }
    }
    n_theirs = cut(walk_by_libunwind(context));
    counts.n_samples++;
    counts.n_frames += walk.n_frames;
    counts.n_root += (walk.flags & PP_WALK_TRUNCATED) == 0;
    counts.n_inferred += (walk.flags & PP_WALK_INFERRED) != 0;
    while (n_same < walk.n_frames && n_same < n_theirs && ours[n_same] == theirs[n_same])
        n_same++;
    if (n_same == n_theirs && (n_same == walk.n_frames || is_leaving(&walk, n_theirs))) {
        counts.n_equal++;
        counts.n_landing += is_landing(&walk) || n_same < walk.n_frames;
    } else {
        if (n_same == n_theirs)
            counts.n_longer++;
        else if (n_same == walk.n_frames)
            counts.n_shorter++;
        else
            counts.n_differ++;
        dump_both(&walk, n_theirs, context);
    }
    is_over = false;
    errno = saved_errno;
}

static void start_sampling(void)
{
    struct perf_event_attr attr = {.size = sizeof attr,
                                   .type = PERF_TYPE_SOFTWARE,
                                   .config = PERF_COUNT_SW_CPU_CLOCK,
                                   .sample_period = 1000000000 / RATE_HZ,
                                   .exclude_kernel = 1,
                                   .exclude_hv = 1,
                                   .sigtrap = 1,
                                   .remove_on_exec = 1};
    struct sigaction action = {.sa_sigaction = on_sample, .sa_flags = SA_SIGINFO | SA_RESTART};
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIGPROF};
    struct itimerspec period = {{0, 1000000000 / RATE_HZ}, {0, 1000000000 / RATE_HZ}};
    timer_t timer;

    sigaction(SIGTRAP, &action, NULL);
    sigaction(SIGPROF, &action, NULL);
    if (syscall(SYS_perf_event_open, &attr, 0, -1, -1, PERF_FLAG_FD_CLOEXEC) >= 0)
        return;
    event._sigev_un._tid = (pid_t)syscall(SYS_gettid);
    if (timer_create(CLOCK_THREAD_CPUTIME_ID, &event, &timer) == 0)
        (void)timer_settime(timer, 0, &period, NULL);
}

static __attribute__((constructor)) void start(void)
{
    const char *dump_path = getenv("PPROFC_ORACLE_DUMP");
    uintptr_t low, high;
    unw_context_t context;
    unw_cursor_t cursor;

    is_lazy = getenv("PPROFC_ORACLE_LAZY") != NULL;
    if (dump_path != NULL)
        dump = fopen(dump_path, "ae");
    modules = pp_modules_new(nothing_seen, nothing_to_wait_for, NULL);
    if (modules == NULL || pp_maps_main_stack(&low, &high) < 0)
        return;
    bounds.lo = high - (64u << 20);
    bounds.hi = high;
    (void)dl_iterate_phdr(find_libgcc, NULL);
    unw_getcontext(&context); /* warm up: what libunwind allocates, it allocates now */
    unw_init_local(&cursor, &context);
    while (unw_step(&cursor) > 0)
        ;
    start_sampling();
}

static __attribute__((destructor)) void finish(void)
{
    const char *path = getenv("PPROFC_ORACLE_OUTPUT");
    FILE *file;

    is_over = true;
    file = path != NULL ? fopen(path, "ae") : NULL;
    if (file == NULL)
        return;
    fprintf(
        file,
        "{\"program\": \"%s\", \"samples\": %lu, \"equal\": %lu, \"longer\": %lu, \"shorter\": %lu, "
        "\"differ\": %lu, \"root\": %lu, \"landing\": %lu, \"inferred\": %lu, \"frames\": %lu, \"refreshes\": %lu, \"second\": %lu}\n",
        program_invocation_short_name, counts.n_samples, counts.n_equal, counts.n_longer,
        counts.n_shorter, counts.n_differ, counts.n_root, counts.n_landing, counts.n_inferred,
        counts.n_frames, counts.n_refreshes, counts.n_second);
    fclose(file);
    if (dump != NULL)
        fclose(dump);
}
