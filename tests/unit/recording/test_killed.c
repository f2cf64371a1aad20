/* What is left of a process that was killed while it wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <time.h>

#include "recording/reader.h"
#include "shared.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define PP_TEST_SLOW_FORKS
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define PP_TEST_SLOW_FORKS
#endif
#endif

#ifdef PP_TEST_SLOW_FORKS
enum { N_KILLS = 100 };
#else
enum { N_KILLS = 1000 };
#endif
enum { N_CUT_SHORT = N_KILLS / 10, MOST_KILLS = 20 * N_KILLS };
enum { N_THREADS = 2, SEGMENT_BYTES = 512 * 1024 };

struct writing {
    struct shared *shared;
    uint32_t thread;
};

static void *write_events(void *argument)
{
    const struct writing *writing = argument;
    _Atomic uint64_t *told = &writing->shared->told[writing->thread * 8];

    for (uint64_t k = 0; shared_store(writing->shared, writing->thread, k) == 0; k++)
        atomic_store_explicit(told, k + 1, memory_order_release);
    return NULL;
}

static void write_till_killed(struct shared *shared)
{
    struct writing writings[N_THREADS];
    pthread_t threads[N_THREADS];

    for (uint32_t i = 0; i < N_THREADS; i++) {
        writings[i] = (struct writing){shared, i};
        if (pthread_create(&threads[i], NULL, write_events, &writings[i]) != 0)
            _exit(1);
    }
    for (;;)
        (void)pause();
}

/* Empty again, as for a new process: one active segment and as many spares as there may be. */
static void prepare(struct shared *shared)
{
    struct pp_rec_header *head;

    /* Zeroes at the price of what was written. */
    assert_int_equal(ftruncate(shared->fd, 0), 0);
    assert_int_equal(ftruncate(shared->fd, (off_t)shared->writer.n_room), 0);
    memset((void *)shared->told, 0, 4096);
    shared->writer = writer_in(shared->writer.bytes, shared->writer.n_room);
    head = shared->writer.head;
    head->state = PP_REC_RUNNING;
    for (uint32_t i = 0; i < N_THREADS; i++)
        writer_thread(&shared->writer, 1 + i, "writer");
    for (uint32_t i = 0; i <= PP_REC_MAX_SPARES; i++) {
        const uint64_t offset = shared_segment(shared, SEGMENT_BYTES, i + 1);
        head->segments[0][i] = (struct pp_rec_segment_ref){offset, SEGMENT_BYTES};
        if (i == 0)
            head->active = offset;
        else
            head->spares[i - 1] = offset;
    }
    head->n_segments[0] = PP_REC_MAX_SPARES + 1;
}

struct found {
    uint64_t n_events[N_THREADS];
    bool is_wrong;
};

static int check_event(void *context, const struct pp_recording_event *event)
{
    struct found *found = context;

    if (event->thread >= N_THREADS) {
        found->is_wrong = true;
        return 0;
    }
    found->is_wrong |= event->values[0] != 1 || event->n_values != 2 ||
                       (uint64_t)event->values[1] != found->n_events[event->thread] ||
                       !shared_is_stack_of((uint64_t)event->values[1], event->pcs, event->n_frames);
    found->n_events[event->thread]++;
    return 0;
}

static void kill_after(pid_t pid, struct shared *shared, long delay_ns)
{
    const struct timespec delay = {0, delay_ns};

    while (atomic_load_explicit(&shared->told[0], memory_order_acquire) == 0 &&
           atomic_load_explicit(&shared->told[8], memory_order_acquire) == 0)
        (void)sched_yield();
    (void)nanosleep(&delay, NULL);
    (void)kill(pid, SIGKILL);
    (void)waitpid(pid, NULL, 0);
}

/* Two threads write until SIGKILL takes them, at a thousand random points, and at more of them
 * until a hundred came while both were writing still (on a loaded machine we wake late, and the
 * recording is full by then): every event whose store was over is there, once, in the order of its
 * thread, with its stack; at most the one that was being stored comes on top. */
static void no_committed_event_is_lost(void **state)
{
    struct shared shared = shared_new(4 << 20);
    uint64_t random = 88172645463325252, n_cut_short = 0;

    (void)state;
    for (int i = 0; i < N_KILLS || (n_cut_short <= N_CUT_SHORT && i < MOST_KILLS); i++) {
        struct pp_recording_reader *reader = NULL;
        struct pprofc_error err = {0};
        struct found found = {0};
        pid_t pid;

        prepare(&shared);
        pid = fork();
        if (pid == 0)
            write_till_killed(&shared);
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        kill_after(pid, &shared, (long)(random % 200000));
        if (pp_recording_open(shared.path, &reader, &err) != 0)
            fail_msg("kill %d: %s", i, err.message);
        (void)pp_recording_each(reader, check_event, &found);
        pp_recording_close(reader);
        assert_false(found.is_wrong);
        for (uint32_t thread = 0; thread < N_THREADS; thread++) {
            const uint64_t told = shared.told[thread * 8];
            assert_in_range(found.n_events[thread], told, told + 1);
        }
        n_cut_short += shared.writer.head->losses[PP_LOSS_NO_SPACE] == 0;
    }
    print_message("%d were writing still\n", (int)n_cut_short);
    assert_true(n_cut_short > N_CUT_SHORT);
    shared_done(&shared);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_committed_event_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
