/* The helper thread: it opens and closes threads' events, draws periods, builds unwind tables,
 * makes room in the recording and does what it is told (commands.c).  It has a descriptor table of
 * its own, blocks all signals, is never profiled, and neither mallocs nor takes a lock of libc's.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "base/print.h"
#include "capture/accounts.h"
#include "capture/calibrate.h"
#include "capture/commands.h"
#include "capture/cpu.h"
#include "capture/delivery_watch.h"
#include "capture/got.h"
#include "capture/governor.h"
#include "capture/heap.h"
#include "capture/kernel_time.h"
#include "capture/labels.h"
#include "capture/leak.h"
#include "capture/lock_code.h"
#include "capture/own_descriptors.h"
#include "capture/sampler.h"
#include "capture/server_child.h"
#include "capture/session.h"
#include "capture/spans.h"
#include "capture/threads.h"
#include "capture/throttle.h"
#include "capture/waits.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/module_set.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

/* CPU time of the program after which the cost of a delivery is measured. */
#define CALIBRATE_AT_NS UINT64_C(5000000000)

enum {
    TABLE_BUDGET_NS = 4 * 1000 * 1000,     /* then whatever else is to be done comes first */
    LOOK_INTERVAL_NS = 1000 * 1000 * 1000, /* threads are looked for at least so often */
    LOOKS_SHARE = 500,    /* of thousands more seldom: one part in so many of a CPU */
    LOOKS_A_THROTTLE = 4, /* the control group's file costs as much as all else in a turn */
    TURN_SAMPLES = 20,
    TURN_LEAST_NS = 40 * 1000 * 1000,
    TURN_MOST_NS = 1000 * 1000 * 1000,
    UNHOOKED_INTERVAL_NS = 40 * 1000 * 1000,
    COUNT_INTERVAL_NS = 200 * 1000 * 1000,
    STOPPED_NS = 5 * 1000 * 1000,          /* a turn that comes so late may come after a stop */
    IDLE_INTERVAL_NS = 1000 * 1000 * 1000, /* between looks at a process that does nothing */
    IDLE_CPU_NS = 50 * 1000, /* less CPU than that is nothing: two clocks are not read at once */
    MODULE_INTERVAL_NS =
        500 * 1000 * 1000, /* between looks at what is mapped, when unknown code runs */
};

void pp_helper_wake(struct pp_rec_header *header)
{
    atomic_fetch_add_explicit(&header->command_block.futex, 1, memory_order_release);
    pp_sig_futex_wake((void *)&header->command_block.futex);
}

void pp_session_message(struct pp_rec_header *header, const char *format, ...)
{
    const uint32_t i = atomic_load_explicit(&header->n_messages, memory_order_relaxed);
    va_list arguments;

    if (i >= PP_REC_N_MESSAGES)
        return;
    va_start(arguments, format);
    (void)pp_vprint(header->messages[i], sizeof header->messages[i], format, arguments);
    va_end(arguments);
    atomic_store_explicit(&header->n_messages, i + 1, memory_order_release);
}

/* ---- modules ---- */

/* Code that waits for locks without saying so. */
static void look_for_lock_code(const struct pp_session *session,
                               const struct pp_mapped_module *module, bool appeared)
{
    if (!appeared)
        pp_lock_code_forget(module);
    else if ((session->settings.kinds & PPROFC_KIND_LOCK) != 0)
        pp_lock_code_learn(module);
}

static void module_seen(void *context, const struct pp_mapped_module *module, bool appeared)
{
    struct pp_session *session = context;
    struct pp_rec_header *header = session->header;
    const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns;
    const uint32_t n = atomic_load_explicit(&header->modules.n_items, memory_order_relaxed);
    struct pp_rec_module *slot;

    look_for_lock_code(session, module, appeared);
    for (uint32_t i = n; !appeared && i-- > 0;) {
        slot = pp_sig_table_item(header, &header->modules, i);
        if (slot != NULL && slot->start == module->start &&
            atomic_load_explicit(&slot->unmapped_ns, memory_order_relaxed) == 0) {
            atomic_store_explicit(&slot->unmapped_ns, now_ns + 1, memory_order_release);
            return;
        }
    }
    if (!appeared || pp_table_reserve(&session->file, &header->modules, n + 1) != 0)
        return;
    slot = pp_sig_table_item(header, &header->modules, n);
    slot->start = module->start;
    slot->limit = module->limit;
    slot->offset = module->offset;
    slot->bias = module->bias;
    slot->mapped_ns = session->helper_state == PP_HELPER_STARTING ? 0 : now_ns;
    slot->n_build_id_bytes = module->n_build_id_bytes;
    slot->flags = module->is_vdso ? 1 : 0;
    if ((uintptr_t)pp_sig_on_tick >= module->start && (uintptr_t)pp_sig_on_tick < module->limit &&
        strstr(module->path, "libpprofc") != NULL)
        slot->flags |= 2;
    memcpy(slot->build_id, module->build_id, sizeof slot->build_id);
    memcpy(slot->path, module->path, sizeof slot->path);
    atomic_store_explicit(&header->modules.n_items, n + 1, memory_order_release);
}

/* Reading /proc/self/maps costs a good part of a millisecond: only when a hook or a handler has
 * said that there is something new, and for code that stays unknown (a JIT's) not at every turn. */
void pp_helper_look_at_modules(struct pp_session *session, uint64_t now_ns)
{
    const uint64_t n_changes = __atomic_load_n(&pp_sig_module_changes, __ATOMIC_ACQUIRE);
    const bool has_changed = n_changes != session->module_changes_seen;
    const bool is_asked =
        atomic_load_explicit(&pp_sig_gate->saw_new_code, memory_order_relaxed) != PP_NEW_CODE_NONE;

    if (!has_changed && !session->has_tables_left &&
        !(is_asked && now_ns >= session->next_module_look_ns))
        return;
    atomic_store_explicit(&pp_sig_gate->saw_new_code, PP_NEW_CODE_NONE, memory_order_relaxed);
    session->module_changes_seen = n_changes;
    session->next_module_look_ns = now_ns + MODULE_INTERVAL_NS;
    session->has_tables_left = pp_modules_refresh(session->modules, TABLE_BUDGET_NS) > 0;
}

/* ---- the loop ---- */

/* Turns come every twenty samples or so, from 40 to 1000 ms, by half as much earlier or later so
 * that draws are in time. */
static uint64_t interval_ns(const struct pp_session *session, uint64_t now_ns)
{
    const uint64_t due_in_ns = pp_cpu_redraw_due_in_ns(session, now_ns);
    uint64_t most_ns = TURN_SAMPLES * session->period_ns;

    most_ns = most_ns < TURN_LEAST_NS ? TURN_LEAST_NS : most_ns;
    most_ns = most_ns > TURN_MOST_NS ? TURN_MOST_NS : most_ns;
    /* Threads that do not tell of themselves are looked for more often. */
    if (!pp_got_catches_threads() && most_ns > UNHOOKED_INTERVAL_NS)
        most_ns = UNHOOKED_INTERVAL_NS;
    return due_in_ns < most_ns ? due_in_ns : due_in_ns / ((due_in_ns + most_ns / 2) / most_ns);
}

/* Once a process for each way, when it has run for long enough that the few milliseconds do not
 * show; again after as long where it could not be measured. */
static void calibrate(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    static uint64_t delivery_ns, timer_ns;
    static enum pp_rec_delivery measured;

    if (atomic_load_explicit(&header->cpu_ns, memory_order_relaxed) <
        CALIBRATE_AT_NS * (1 + (uint64_t)session->n_calibrations))
        return;
    if (measured != session->delivery) {
        measured = session->delivery;
        delivery_ns = 0;
    }
    if (session->delivery != PP_DELIVERY_CPU_TIMER && delivery_ns == 0) {
        delivery_ns = pp_calibrate_delivery(session->delivery);
        session->n_calibrations++;
    }
    if (timer_ns == 0 && (session->has_timers || session->delivery == PP_DELIVERY_CPU_TIMER)) {
        timer_ns = pp_calibrate_delivery(PP_DELIVERY_CPU_TIMER);
        session->n_calibrations++;
    }
    atomic_store_explicit(&header->delivery_ns,
                          session->delivery == PP_DELIVERY_CPU_TIMER ? timer_ns : delivery_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&header->timer_delivery_ns, (uint32_t)timer_ns, memory_order_relaxed);
}

static void look_at_threads(struct pp_session *session, uint64_t now_ns)
{
    uint64_t cost_ns;

    if (now_ns < session->next_count_ns)
        return;
    /* Where threads tell of themselves only those of clone() are to be found. */
    session->next_count_ns = now_ns + (pp_got_catches_threads() ? COUNT_INTERVAL_NS : 0);
    if (now_ns < session->next_look_ns && pp_threads_count() == session->n_tasks_seen)
        return;
    cost_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
    pp_threads_scan(session);
    cost_ns = (pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID) - cost_ns) * LOOKS_SHARE;
    session->next_look_ns = now_ns + (cost_ns > LOOK_INTERVAL_NS ? cost_ns : LOOK_INTERVAL_NS);
    if (session->n_looks++ % LOOKS_A_THROTTLE == 0)
        pp_throttle_update(session->header);
    pp_delivery_look_at_masks(session);
}

static void work(struct pp_session *session, bool is_due, uint64_t due_ns)
{
    const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);

    if (is_due) /* first: where a debugger has come, each moment counts */
        pp_delivery_watch(session, now_ns, due_ns != 0 && now_ns > due_ns + STOPPED_NS);
    pp_threads_tend(session);
    if (is_due || session->has_tables_left ||
        atomic_load_explicit(&pp_sig_gate->saw_new_code, memory_order_relaxed) ==
            PP_NEW_CODE_UNKNOWN)
        pp_helper_look_at_modules(session, now_ns);
    if (is_due) {
        look_at_threads(session, now_ns);
        pp_commands_look_at_readers(session, now_ns);
        pp_kernel_time_look(session);
        pp_cpu_jitter(session, now_ns);
        calibrate(session);
        pp_accounts_update(session);
        pp_governor_turn(session, now_ns);
    }
    pp_labels_publish(session);
    pp_spans_publish(session);
    pp_heap_turn(session, now_ns);
    if (is_due)
        pp_waits_turn(session, now_ns);
    pp_segments_tend(&session->segments);
}

static void sleep_until(_Atomic uint32_t *futex, uint32_t seen, uint64_t until_ns)
{
    const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    struct timespec timeout;

    if (until_ns <= now_ns)
        return;
    timeout.tv_sec = (time_t)((until_ns - now_ns) / 1000000000);
    timeout.tv_nsec = (long)((until_ns - now_ns) % 1000000000);
    (void)syscall(SYS_futex, futex, FUTEX_WAIT, seen, &timeout, NULL, 0);
}

/* When the next turn is due.  While nothing runs that is seldom: the first sample of a new burst
 * wakes us, and so does a thread that is born.  At the very first turn nobody has had time to run,
 * and whoever is in the kernel from then on has no sample that would wake us. */
static uint64_t next_turn_ns(struct pp_session *session, uint64_t now_ns, uint64_t cpu_ns,
                             uint64_t cpu_before_ns, bool is_first)
{
    if (is_first || cpu_ns >= cpu_before_ns + IDLE_CPU_NS)
        return now_ns + interval_ns(session, now_ns);
    pp_heap_doze(session);
    atomic_store_explicit(&pp_sig_gate->helper_dozes, 1, memory_order_relaxed);
    return now_ns + IDLE_INTERVAL_NS;
}

static void loop(struct pp_session *session)
{
    _Atomic uint32_t *futex = &session->header->command_block.futex;
    uint64_t due_ns = 0, until_ns, cpu_before_ns = 0;
    uint32_t seen_before = atomic_load_explicit(futex, memory_order_acquire) - 1;
    bool dozes = false;

    for (;;) {
        const uint32_t seen = atomic_load_explicit(futex, memory_order_acquire);
        const uint64_t now_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
        const bool is_woken =
            dozes && atomic_load_explicit(&pp_sig_gate->helper_dozes, memory_order_relaxed) == 0;
        const bool is_due = now_ns >= due_ns || is_woken;

        if (pp_commands_obey(session) ||
            (session->stop_at_ns != 0 && now_ns >= session->stop_at_ns))
            return;
        pp_commands_tend_cycle(session, now_ns);
        pp_server_child_tend();
        /* Else only the sampler's time has come. */
        if (is_due || seen != seen_before || session->has_tables_left)
            work(session, is_due, due_ns);
        seen_before = seen;
        if (is_due) {
            const uint64_t cpu_ns =
                atomic_load_explicit(&session->header->cpu_ns, memory_order_relaxed);
            atomic_store_explicit(&pp_sig_gate->helper_dozes, 0, memory_order_relaxed);
            due_ns = is_woken ? now_ns + interval_ns(session, now_ns)
                              : next_turn_ns(session, now_ns, cpu_ns, cpu_before_ns, due_ns == 0);
            dozes = atomic_load_explicit(&pp_sig_gate->helper_dozes, memory_order_relaxed) != 0;
            cpu_before_ns = cpu_ns;
        }
        until_ns = pp_sampler_tend(session);
        if (due_ns < until_ns)
            until_ns = due_ns;
        if (session->stop_at_ns != 0 && session->stop_at_ns < until_ns)
            until_ns = session->stop_at_ns;
        if (session->next_flip_ns != 0 && session->next_flip_ns < until_ns)
            until_ns = session->next_flip_ns;
        if (pp_leak_due_ns(session) < until_ns)
            until_ns = pp_leak_due_ns(session);
        if (!session->has_tables_left)
            sleep_until(futex, seen, until_ns);
    }
}

/* A child of fork() may exec at once: wait a little with everything.  False: give up. */
static bool wait_for_order(struct pp_session *session)
{
    const struct timespec delay = {(time_t)(session->delay_ns / 1000000000),
                                   (long)(session->delay_ns % 1000000000)};
    uint32_t expected = PP_ORDER_WAIT;

    if (session->delay_ns != 0)
        (void)syscall(SYS_futex, &session->helper_order, FUTEX_WAIT, PP_ORDER_WAIT, &delay, NULL,
                      0);
    (void)atomic_compare_exchange_strong(&session->helper_order, &expected, PP_ORDER_BEGIN);
    return expected != PP_ORDER_GIVE_UP;
}

static int begin(struct pp_session *session)
{
    struct pprofc_error *err = &session->helper_error;
    int result;

    if ((result = pp_own_descriptors_take(err)) != 0)
        return result;
    session->helper_tid = pp_sig_gettid();
    pp_sig_guard = 1; /* no hook of ours has anything to time here */
    if (!wait_for_order(session))
        return pp_fail(err, -ECANCELED, 0, "given up before it began");
    if ((result = pp_session_make(session, err)) != 0)
        return result;
    if (getrandom(&session->random, sizeof session->random, GRND_NONBLOCK) !=
            sizeof session->random ||
        session->random == 0)
        session->random = pp_sig_clock_ns(CLOCK_MONOTONIC) | 1;
    session->modules = pp_modules_new(module_seen, pp_wait_for_handlers, session);
    if (session->modules == NULL)
        return pp_fail(err, errno != 0 ? -errno : -ENOMEM, 0, "cannot read what is mapped: %s",
                       strerror(errno));
    if ((session->settings.kinds & PPROFC_KIND_HEAP) != 0 &&
        (result = pp_heap_begin(session, err)) != 0)
        return result;
    if ((result = pp_waits_begin(session, err)) != 0)
        return result;
    pp_governor_begin(session);
    pp_commands_set_rate(session);
    pp_throttle_begin(pp_environment.cgroup);
    pp_threads_scan(session);
    pp_waits_begin_threads(session);
    if (session->delay_ns == 0) { /* a forked child counts from its first nanosecond */
        session->helper_cpu_base_ns = pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID);
        session->cpu_base_ns = pp_sig_clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    }
    session->next_look_ns = pp_sig_clock_ns(CLOCK_MONOTONIC) + LOOK_INTERVAL_NS;
    pp_labels_publish(session);
    pp_spans_publish(session);
    atomic_store_explicit(&session->header->state, PP_REC_RUNNING, memory_order_release);
    return 0;
}

static void finish(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;

    pp_server_child_end();
    pp_leak_end(session);
    /* What was loaded since the last turn: stacks that are in it would have no names. */
    pp_helper_look_at_modules(session, pp_sig_clock_ns(CLOCK_MONOTONIC));
    pp_threads_tend(session);
    if (!session->is_paused)
        pp_delivery_look_at_masks(session);
    pp_throttle_update(session->header);
    pp_accounts_update(session);
    pp_labels_publish(session);
    pp_waits_end(session);
    pp_threads_end(session);
    if (!session->is_paused)
        pp_accounts_update(session);
    pp_accounts_book_the_rest(session);
    pp_heap_end(session);
    atomic_store_explicit(&pp_sig_gate->header, NULL, memory_order_seq_cst);
    pp_wait_for_handlers(NULL);
    pp_segments_done(&session->segments);
    pp_modules_free(session->modules);
    session->modules = NULL;
    pp_watches_free(session);
    atomic_store_explicit(&header->end_ns,
                          pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns,
                          memory_order_relaxed);
    atomic_store_explicit(&header->helper_cpu_ns, pp_sig_clock_ns(CLOCK_THREAD_CPUTIME_ID),
                          memory_order_relaxed);
    atomic_store_explicit(&header->state, PP_REC_ENDED, memory_order_release);
    pp_commands_answer_stop(session);
}

static void set_state(struct pp_session *session, enum pp_helper_state state)
{
    atomic_store_explicit(&session->helper_state, state, memory_order_release);
    pp_sig_futex_wake((void *)&session->helper_state);
}

void *pp_helper_main(void *argument)
{
    struct pp_session *session = argument;

    (void)prctl(PR_SET_NAME, "pprofc");
    (void)prctl(PR_SET_TIMERSLACK,
                1000); /* the kernel's 50 us are more than the sampler's moment */
    session->helper_result = begin(session);
    if (session->helper_result != 0) {
        atomic_store_explicit(&pp_sig_gate->header, NULL, memory_order_seq_cst);
        pp_wait_for_handlers(NULL);
        pp_watches_free(session);
        set_state(session, PP_HELPER_FAILED);
        return NULL;
    }
    set_state(session, PP_HELPER_RUNNING);
    loop(session);
    finish(session);
    if (session->on_end != NULL && session->stop_at_ns != 0 &&
        pp_sig_clock_ns(CLOCK_MONOTONIC) >= session->stop_at_ns)
        session->on_end(session);
    set_state(session, PP_HELPER_ENDED);
    return NULL;
}
