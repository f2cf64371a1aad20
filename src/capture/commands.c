/* What the helper is told to do, by the program, by other processes through the command block, by
 * signals and by the cycle; and what readers want. */
#include "capture/commands.h"

#include <errno.h>
#include <stddef.h>
#include <time.h>

#include "capture/accounts.h"
#include "capture/cpu.h"
#include "capture/governor.h"
#include "capture/heap.h"
#include "capture/labels.h"
#include "capture/leak.h"
#include "capture/readers.h"
#include "capture/stacks.h"
#include "capture/threads.h"
#include "capture/waits.h"
#include "sigsafe/clock.h"
#include "sigsafe/syscall.h"

enum { READER_INTERVAL_NS = 400 * 1000 * 1000 }; /* between looks whether readers are gone */

static void set_pause(struct pp_session *session, bool paused)
{
    if (paused == session->is_paused)
        return;
    if (paused) {
        session->pause_cpu_ns = pp_accounts_program_cpu_ns(session);
        pp_threads_pause(session);
        session->is_paused = true;
    } else {
        session->excluded_ns += pp_accounts_program_cpu_ns(session) - session->pause_cpu_ns;
        session->is_paused = false;
        pp_threads_resume(session);
    }
    atomic_store_explicit(&session->header->state, paused ? PP_REC_PAUSED : PP_REC_RUNNING,
                          memory_order_release);
}

static void set_pause_by_program(struct pp_session *session, bool paused)
{
    session->is_paused_by_program = paused;
    set_pause(session, paused);
}

double pp_commands_wanted_hz(const struct pp_session *session)
{
    const double wanted_hz = (double)session->wanted_millihertz / 1000;
    const bool is_theirs =
        wanted_hz > 0 && (session->is_paused_by_program || wanted_hz > session->settings.rate_hz);

    return is_theirs ? wanted_hz : session->settings.rate_hz;
}

void pp_commands_set_rate(struct pp_session *session)
{
    pp_cpu_set_rate(session, pp_governor_rate(session, pp_commands_wanted_hz(session)));
}

/* Readers come, change their minds and go: the first wakes the sampler, after the last it is as the
 * program wants it. */
static void follow_readers(struct pp_session *session)
{
    const uint64_t before = session->wanted_millihertz;
    const uint64_t wanted =
        pp_readers_want_millihertz(session->header, pp_sig_clock_ns(CLOCK_MONOTONIC));

    if (wanted == before)
        return;
    session->wanted_millihertz = wanted;
    pp_commands_set_rate(session);
    if (before == 0)
        set_pause(session, false);
    else if (wanted == 0)
        set_pause(session, session->is_paused_by_program);
}

void pp_commands_look_at_readers(struct pp_session *session, uint64_t now_ns)
{
    if (session->wanted_millihertz == 0 || now_ns < session->next_reader_look_ns)
        return;
    session->next_reader_look_ns = now_ns + READER_INTERVAL_NS;
    pp_readers_forget_gone(session->header, now_ns);
    follow_readers(session);
}

static int take_stacks(struct pp_session *session)
{
    pp_helper_look_at_modules(session, pp_sig_clock_ns(CLOCK_MONOTONIC));
    return pp_stacks_take(session);
}

/* Do what 'command' asks and answer it.  Returns true when the session should end
 * (pp_commands_answer_stop() answers then). */
static bool obey(struct pp_session *session, struct pp_rec_command *command)
{
    const uint32_t generation = atomic_load_explicit(&command->generation, memory_order_acquire);
    const uint64_t rate = atomic_load_explicit(&command->rate_millihertz, memory_order_relaxed);
    const uint32_t request = atomic_load_explicit(&command->request, memory_order_relaxed);
    int result = 0;

    if (generation == atomic_load_explicit(&command->done_generation, memory_order_relaxed))
        return false;
    if (request == PP_REQUEST_OFF && !atomic_exchange(&pp_session_is_banned, true))
        pp_session_message(session->header, "switched off while it ran (pprofc off, or POST /off)");
    if (request == PP_REQUEST_STOP || request == PP_REQUEST_OFF)
        return true;
    if (request == PP_REQUEST_LEAKS &&
        (result = pp_leak_step(session, atomic_load(&command->limit_ms))) == -EINPROGRESS)
        return false; /* the answer comes when its child has ended */
    if (request == PP_REQUEST_LEAK_PAUSE)
        result = pp_leak_predict(session);
    else if (request == PP_REQUEST_LEAK_LOOK)
        result = pp_leak_begin(session, atomic_load(&command->limit_ms));
    else if (request == PP_REQUEST_PAUSE || request == PP_REQUEST_RESUME)
        set_pause_by_program(session, request == PP_REQUEST_PAUSE);
    else if (request == PP_REQUEST_RATE && (rate < 1000 || rate > PP_REC_MAX_MILLIHERTZ))
        result = -ERANGE;
    else if (request == PP_REQUEST_RATE)
        session->settings.rate_hz = (double)rate / 1000;
    else if (request == PP_REQUEST_FLUSH)
        follow_readers(session);
    if (request == PP_REQUEST_RATE && result == 0)
        pp_commands_set_rate(session);
    if (request == PP_REQUEST_FLUSH || request == PP_REQUEST_STACKS)
        pp_labels_publish(session);
    if (request == PP_REQUEST_FLUSH)
        pp_threads_tend(session);
    else if (request == PP_REQUEST_STACKS)
        result = take_stacks(session);
    else if (request == PP_REQUEST_HEAP_INTERVAL)
        result = pp_heap_set_interval(session, rate);
    if (request == PP_REQUEST_FLUSH) {
        pp_heap_measure_by_helper(session);
        pp_heap_settle(session);
        pp_waits_flush(session);
    }
    pp_accounts_update(session);
    atomic_store_explicit(&command->result, result, memory_order_relaxed);
    atomic_store_explicit(&command->done_generation, generation, memory_order_release);
    pp_sig_futex_wake((void *)&command->done_generation);
    return false;
}

/* By the toggling signal, or by the cycle. */
static void flip(struct pp_session *session)
{
    set_pause_by_program(session, !session->is_paused_by_program);
    pp_accounts_update(session);
    if (pp_session_on_flip != NULL)
        pp_session_on_flip(session);
}

void pp_commands_tend_cycle(struct pp_session *session, uint64_t now_ns)
{
    const struct pp_settings *settings = &session->settings;

    if (settings->cycle_ns == 0)
        return;
    if (session->next_flip_ns == 0) {
        session->next_flip_ns = now_ns + settings->cycle_on_ns;
    } else if (now_ns >= session->next_flip_ns) {
        flip(session);
        session->next_flip_ns += session->is_paused_by_program
                                     ? settings->cycle_ns - settings->cycle_on_ns
                                     : settings->cycle_on_ns;
    }
}

bool pp_commands_obey(struct pp_session *session)
{
    if (atomic_exchange(&session->toggles, 0) % 2 == 1)
        flip(session);
    pp_leak_tend(session);
    return obey(session, &session->command) || obey(session, &session->header->command_block);
}

static void answer_stop(struct pp_rec_command *command)
{
    atomic_store_explicit(&command->result, 0, memory_order_relaxed);
    atomic_store_explicit(&command->done_generation,
                          atomic_load_explicit(&command->generation, memory_order_relaxed),
                          memory_order_release);
    pp_sig_futex_wake((void *)&command->done_generation);
}

void pp_commands_answer_stop(struct pp_session *session)
{
    answer_stop(&session->command);
    answer_stop(&session->header->command_block);
}
