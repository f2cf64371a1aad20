/* The one session of a process: start and stop. */
#include "capture/session.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/error.h"
#include "capture/own_memory.h"
#include "capture/run_account.h"
#include "capture/threads.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/scratch.h"
#include "sigsafe/store.h"
#include "sigsafe/syscall.h"

enum {
    HELPER_STACK_BYTES = 256 * 1024,
    REQUEST_LOOK_NS = 100 * 1000 * 1000,
    FIRST_MODULES = 64,
    START_TIMEOUT_S = 5,
    STUCK_S = 2,
    PAGE_BYTES = 4096,
    MAX_RECORDING_BYTES = 256 << 20, /* folding keeps it far below, whatever readers hold back */
};

struct pp_session pp_session;
_Atomic bool pp_session_is_banned;
void (*pp_session_on_flip)(struct pp_session *session);
int (*pp_real_pthread_create)(pthread_t *, const pthread_attr_t *, void *(*)(void *),
                              void *) = pthread_create;

static pthread_mutex_t session_lock = PTHREAD_MUTEX_INITIALIZER;

void pp_session_lock(void)
{
    pp_fork_look();
    (void)pthread_mutex_lock(&session_lock);
}

bool pp_session_lock_within(uint32_t timeout_ms)
{
#ifdef __GLIBC__
    const clockid_t clock = CLOCK_MONOTONIC;
#else /* musl's mutexes know this one alone: while it is set back the wait is longer */
    const clockid_t clock = CLOCK_REALTIME;
#endif
    const uint64_t until_ns = pp_sig_clock_ns(clock) + timeout_ms * UINT64_C(1000000);
    const struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};

    pp_fork_look();
#ifdef __GLIBC__
    return pthread_mutex_clocklock(&session_lock, clock, &until) == 0;
#else
    return pthread_mutex_timedlock(&session_lock, &until) == 0;
#endif
}

void pp_session_unlock(void)
{
    (void)pthread_mutex_unlock(&session_lock);
}

void pp_session_lock_init(void)
{
    (void)pthread_mutex_init(&session_lock, NULL);
}

void pp_session_forget(void)
{
    const uint64_t number = pp_session.number;

    memset(&pp_session, 0, sizeof pp_session);
    pp_session.number = number;
    pp_session.file.fd = -1;
}

/* ---- what is made once and kept ---- */

int pp_gate_make(void)
{
    struct pp_sig_gate *gate;

    if (pp_sig_gate != NULL)
        return 0;
    pp_own_memory_reserve();
    gate = pp_map_anonymous(4096);
    pp_sig_scratches = pp_map_anonymous(PP_N_SCRATCH * sizeof *pp_sig_scratches);
    if (gate == NULL || pp_sig_scratches == NULL || pp_threads_reserve(PP_FIRST_THREAD_BLOCK) != 0)
        return -ENOMEM;
    (void)madvise(gate, 4096, MADV_WIPEONFORK);
    atomic_store(&gate->is_ours, 1);
    /* The first buffers are in use at once: no handler should be the one to fault them in. */
    memset(pp_sig_scratches, 0, 4 * sizeof *pp_sig_scratches);
    pp_sig_gate = gate;
    return 0;
}

/* ---- the header ---- */

/* What was executed: not what a link led to, nor the interpreter.  A descriptor has no name. */
static void read_name(struct pp_rec_header *header)
{
    const char *path = (const char *)getauxval(AT_EXECFN);
    const char *slash = path != NULL ? strrchr(path, '/') : NULL;

    if (path == NULL || strncmp(path, "/dev/fd/", strlen("/dev/fd/")) == 0 ||
        strncmp(path, "/proc/", strlen("/proc/")) == 0)
        return;
    pp_copy_text(header->name, sizeof header->name, slash != NULL ? slash + 1 : path);
}

static void read_command(struct pp_rec_header *header)
{
    ssize_t n;
    int fd;

    n = readlink("/proc/self/exe", header->program, sizeof header->program - 1);
    header->program[n > 0 ? n : 0] = '\0';
    fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
    n = fd < 0 ? -1 : read(fd, header->command, sizeof header->command - 1);
    if (fd >= 0)
        (void)close(fd);
    n = n > 0 ? n : 0;
    header->command[n] = '\0';
    for (ssize_t i = 0; i + 1 < n; i++)
        if (header->command[i] == '\0')
            header->command[i] = ' ';
}

static void fill_header(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    const struct pp_environment *env = &pp_environment;
    struct stat space;

    header->layout = PP_REC_LAYOUT;
    header->header_bytes = PP_REC_HEADER_BYTES;
    header->exec_sequence = session->file.sequence;
    header->process_start_ticks = pp_process_start_ticks();
    if (env->has_run_id)
        memcpy(header->run_id, env->run_id, sizeof header->run_id);
    header->pid = header->namespace_pid = getpid();
    if (stat("/proc/self/ns/pid", &space) == 0)
        header->pid_namespace = (uint32_t)space.st_ino;
    header->parent_pid = getppid();
    header->uid = (int32_t)geteuid();
    header->start_realtime_ns = (int64_t)pp_sig_clock_ns(CLOCK_REALTIME);
    header->start_monotonic_ns = (int64_t)pp_sig_clock_ns(CLOCK_MONOTONIC);
    (void)gethostname(header->host, sizeof header->host - 1);
    read_name(header);
    read_command(header);
    atomic_store(&header->kinds, session->settings.kinds & ~PPROFC_KIND_LEAK); /* no family */
    pp_copy_text(header->block_libraries, sizeof header->block_libraries,
                 session->settings.block_libraries);
    header->block_drops = session->settings.block_drops;
    pp_copy_text(header->output, sizeof header->output, env->output);
    atomic_store(&header->n_bytes, session->file.n_bytes);
    for (uint32_t i = 0; i < env->n_complaints; i++)
        pp_session_message(header, "%s", env->complaints[i]);
}

/* From now on it is a recording to whoever finds its file: what they need to see that it is alive
 * has to be there. */
static void publish(struct pp_rec_header *header)
{
    atomic_thread_fence(memory_order_release);
    memcpy(header->magic, PP_REC_MAGIC, sizeof header->magic);
}

/* Slot 0 of the thread table takes what belongs to no thread that was seen. */
static void add_other_threads(struct pp_rec_header *header)
{
    struct pp_rec_thread *slot = pp_sig_table_item(header, &header->threads, 0);

    memcpy(slot->name, "[other threads]", sizeof "[other threads]");
    atomic_store(&header->threads.n_items, 1);
}

static int make_recording(struct pp_session *session, struct pprofc_error *err)
{
    const uint64_t n_tables = PP_FIRST_THREAD_SLOTS * sizeof(struct pp_rec_thread) +
                              FIRST_MODULES * sizeof(struct pp_rec_module) + 2 * PAGE_BYTES;
    int result = pp_memory_file_create(
        &session->file, PP_REC_HEADER_BYTES + n_tables + 2 * PP_SEGMENT_BYTES,
        PP_REC_HEADER_BYTES + n_tables + PP_SEGMENT_LEAST_BYTES, MAX_RECORDING_BYTES, err);

    if (result != 0)
        return result;
    pp_memory_file_give(&session->file, PP_REC_HEADER_BYTES,
                        session->file.n_bytes - PP_REC_HEADER_BYTES);
    session->header = (struct pp_rec_header *)session->file.base;
    pp_table_init(&session->header->threads, sizeof(struct pp_rec_thread), PP_FIRST_THREAD_SLOTS);
    pp_table_init(&session->header->modules, sizeof(struct pp_rec_module), FIRST_MODULES);
    pp_table_init(&session->header->strings, 1, 4096);
    pp_table_init(&session->header->label_sets, sizeof(struct pp_rec_label_set), 64);
    pp_table_init(&session->header->spans, sizeof(struct pp_rec_span), PP_REC_FIRST_SPANS);
    fill_header(session);
    if (pp_table_reserve(&session->file, &session->header->threads, PP_FIRST_THREAD_SLOTS) != 0 ||
        pp_table_reserve(&session->file, &session->header->modules, FIRST_MODULES) != 0 ||
        pp_segments_init(&session->segments, &session->file, session->header, pp_wait_for_handlers,
                         NULL) != 0)
        return pp_fail(err, -ENOSPC, 0, "no room for the recording in shared memory: %s is full",
                       session->file.path[0] == '\0' ? "memory" : "/dev/shm");
    add_other_threads(session->header);
    publish(session->header);
    return 0;
}

/* ---- the helper ---- */

static int wait_for_state(_Atomic uint32_t *state, uint32_t while_it_is)
{
    const struct timespec timeout = {START_TIMEOUT_S, 0};

    while (atomic_load_explicit(state, memory_order_acquire) == while_it_is)
        if (syscall(SYS_futex, state, FUTEX_WAIT, while_it_is, &timeout, NULL, 0) != 0 &&
            errno == ETIMEDOUT)
            return -ETIMEDOUT;
    return 0;
}

static int start_helper(struct pp_session *session, struct pprofc_error *err)
{
    pthread_attr_t attributes;
    sigset_t all, before;
    int result;

    (void)sigfillset(&all);
    if ((result = -pthread_attr_init(&attributes)) != 0)
        return pp_fail(err, result, 0, "cannot start the helper thread: %s", strerror(-result));
    (void)pthread_attr_setstacksize(&attributes, HELPER_STACK_BYTES);
    atomic_store(&session->helper_state, PP_HELPER_STARTING);
    /* It inherits a full mask; ours is back at once. */
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    pp_sig_guard++;
    result = -pp_real_pthread_create(&session->helper, &attributes, pp_helper_main, session);
    if (result == -EINVAL) /* the program's thread-locals alone fill such a stack */
        result = -pp_real_pthread_create(&session->helper, NULL, pp_helper_main, session);
    pp_sig_guard--;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    (void)pthread_attr_destroy(&attributes);
    if (result == 0)
        return 0;
    atomic_store(&session->helper_state, PP_HELPER_NONE);
    return pp_fail(err, result, 0, "cannot start the helper thread: %s", strerror(-result));
}

/* Wait until the helper works or has given up.  One that worked and was ended from outside
 * before this thread ran again did start: its recording is kept. */
static int await_helper(struct pp_session *session, struct pprofc_error *err)
{
    int result = wait_for_state(&session->helper_state, PP_HELPER_STARTING);

    if (result != 0)
        return pp_fail(err, result, 0, "the helper thread did not start within %d s",
                       START_TIMEOUT_S);
    if (atomic_load(&session->helper_state) != PP_HELPER_FAILED)
        return 0;
    (void)pthread_join(session->helper, NULL);
    atomic_store(&session->helper_state, PP_HELPER_NONE);
    result = session->helper_result;
    if (err != NULL)
        *err = session->helper_error;
    pp_session_close(true);
    return result;
}

/* ---- start and stop ---- */

static void choose_delivery(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    const struct pp_delivery_wish wish = {pp_environment.delivery, pp_environment.kernel,
                                          session->settings.rate_hz};

    if ((session->settings.kinds & PPROFC_KIND_CPU) == 0) { /* no thread gets an event */
        session->delivery = PP_DELIVERY_TEST;
        atomic_store(&header->delivery, (uint32_t)session->delivery);
        return;
    }
    session->delivery =
        pp_delivery_choose(&wish, header->delivery_reason, sizeof header->delivery_reason);
    atomic_store(&header->delivery, (uint32_t)session->delivery);
    if (header->delivery_reason[0] != '\0')
        pp_session_message(header, "%s", header->delivery_reason);
}

int pp_session_make(struct pp_session *session, struct pprofc_error *err)
{
    int result = make_recording(session, err);

    if (result != 0)
        return result;
    choose_delivery(session);
    result = (session->settings.kinds & PPROFC_KIND_CPU) == 0
                 ? 0
                 : pp_signal_install(pp_delivery_signal(session->delivery));
    if (result != 0)
        return pp_fail(err, result, 0, "cannot install a signal handler: %s", strerror(-result));
    pp_sig_gate->start_monotonic_ns = (uint64_t)session->header->start_monotonic_ns;
    atomic_store(&pp_sig_gate->session, (uint32_t)session->number);
    atomic_store(&pp_sig_gate->is_paused, 0);
    atomic_store(&pp_sig_gate->header, session->header);
    return 0;
}

static int prepare(struct pp_session *session, const struct pp_settings *settings,
                   struct pprofc_error *err)
{
    const uint64_t number = session->number + 1;

    if (pp_gate_make() != 0)
        return pp_fail(err, -ENOMEM, 0, "no memory for the handlers' buffers");
    pp_fork_register();
    memset(session, 0, sizeof *session);
    session->file.fd = -1;
    session->number = number;
    session->settings = *settings;
    session->period_ns = (uint64_t)(1e9 / settings->rate_hz);
    return 0;
}

int pp_session_start(const struct pp_settings *settings, struct pprofc_error *err)
{
    int result = prepare(&pp_session, settings, err);

    if (result == 0)
        result = start_helper(&pp_session, err);
    return result == 0 ? await_helper(&pp_session, err) : result;
}

void pp_session_start_later(const struct pp_settings *settings, uint64_t delay_ns)
{
    if (prepare(&pp_session, settings, NULL) != 0)
        return;
    pp_session.delay_ns = delay_ns;
    (void)start_helper(&pp_session, NULL);
}

static void order(struct pp_session *session, enum pp_helper_order what)
{
    uint32_t expected = PP_ORDER_WAIT;

    if (atomic_compare_exchange_strong(&session->helper_order, &expected, what))
        pp_sig_futex_wake((void *)&session->helper_order);
}

bool pp_session_runs(void)
{
    if (atomic_load(&pp_session.helper_state) == PP_HELPER_STARTING) {
        order(&pp_session, PP_ORDER_BEGIN);
        (void)await_helper(&pp_session, NULL);
    }
    return atomic_load(&pp_session.helper_state) == PP_HELPER_RUNNING;
}

/* The helper asks the allocator for its figures, and a lock of that one is held by a thread that
 * will not give it back: nobody should wait for the two. */
static bool is_stuck(struct pp_session *session)
{
    const uint64_t since_ns = atomic_load(&session->asking_since_ns);

    return since_ns != 0 &&
           pp_sig_clock_ns(CLOCK_MONOTONIC) > since_ns + STUCK_S * UINT64_C(1000000000);
}

int pp_session_request(enum pp_rec_request request, uint64_t argument, struct pprofc_error *err)
{
    struct pp_rec_command *command;
    uint32_t generation;
    uint32_t done;

    if (!pp_session_runs())
        return pp_fail(err, -ESRCH, 0, "no session runs; pprofc_start() begins one");
    command = &pp_session.command;
    atomic_store(&command->request, request);
    if (request == PP_REQUEST_RATE || request == PP_REQUEST_HEAP_INTERVAL)
        atomic_store(&command->rate_millihertz, argument);
    if (request == PP_REQUEST_LEAKS)
        atomic_store(&command->limit_ms, (uint32_t)argument);
    generation = atomic_fetch_add(&command->generation, 1) + 1;
    pp_helper_wake(pp_session.header);
    while ((int32_t)((done = atomic_load(&command->done_generation)) - generation) < 0) {
        const struct timespec pause = {0, REQUEST_LOOK_NS};
        /* Somebody else, or its own time limit, may have ended it just now: nobody answers then. */
        if (atomic_load(&pp_session.helper_state) != PP_HELPER_RUNNING)
            return pp_fail(err, -ESRCH, 0, "the session has ended");
        if (is_stuck(&pp_session))
            return pp_fail(err, -ETIMEDOUT, 0,
                           "the helper thread waits for a lock of the allocator's");
        (void)syscall(SYS_futex, &command->done_generation, FUTEX_WAIT, done, &pause, NULL, 0);
    }
    return atomic_load(&command->result);
}

int pp_session_stop(struct pprofc_error *err)
{
    int result = 0;

    order(&pp_session, PP_ORDER_GIVE_UP);
    (void)wait_for_state(&pp_session.helper_state, PP_HELPER_STARTING);
    if (atomic_load(&pp_session.helper_state) == PP_HELPER_RUNNING)
        result = pp_session_request(PP_REQUEST_STOP, 0, err);
    if (result == -ETIMEDOUT) /* it may go on with this session at any time: there is no other */
        atomic_store(&pp_session_is_banned, true);
    else if (atomic_load(&pp_session.helper_state) != PP_HELPER_NONE)
        (void)pthread_join(pp_session.helper, NULL);
    atomic_store(&pp_session.helper_state, PP_HELPER_NONE);
    return result == -ESRCH ? 0 : result; /* it had just ended by itself */
}

/* A program may end with a session that nobody stopped: its name must not outlive it.  The
 * preload's own end comes before this and leaves nothing to do. */
__attribute__((destructor(101))) static void end_with_program(void)
{
    pp_fork_look();
    if (pthread_mutex_trylock(&session_lock) != 0)
        return; /* exit() in the middle of a call of ours, by a handler or another thread */
    (void)pp_session_stop(NULL);
    if (pp_session.header != NULL)
        pp_session_close(!pp_environment.has_run_id);
    (void)pthread_mutex_unlock(&session_lock);
}

void pp_session_close(bool unlink_name)
{
    pp_run_account_keep(pp_session.header);
    pp_session.header = NULL;
    if (is_stuck(&pp_session)) {
        if (unlink_name && pp_session.file.path[0] != '\0')
            (void)unlink(pp_session.file.path);
        return;
    }
    pp_session.file.fd = -1; /* it was in the helper's table */
    pp_memory_file_close(&pp_session.file, unlink_name);
}
