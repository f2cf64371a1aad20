/* A scan for leaks from its prediction to its results. */
#include "capture/leak.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "capture/heap.h"
#include "capture/leak_objects.h"
#include "capture/leak_scan.h"
#include "capture/leak_threads.h"
#include "capture/own_memory.h"
#include "capture/proc_file.h"
#include "capture/session.h"
#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap.h"
#include "sigsafe/heap_sites.h"
#include "sigsafe/syscall.h"

enum {
    DEFAULT_LIMIT_MS = 100,
    YOUNG_MS = 100, /* of a younger object the only pointer may be in a register */
    LOOK_NS = 5 * 1000 * 1000,
    MILLISECOND_NS = 1000 * 1000,
    MOST_HOLD_NS = 1000 * 1000 * 1000, /* where any pause is allowed */
};

/* Copying the tables of a GiB in pages of 4 KiB and of 2 MiB, and whatever the size (measured:
 * docs/limits.md, Leaks). */
static const double SMALL_NS_A_KB = 27e6 / (1 << 20), HUGE_NS_A_KB = 1e6 / (1 << 20);
static const double LEAST_NS = 300e3;

/* ---- what it will cost ---- */

static double number_behind(const char *text, const char *name)
{
    const char *at = strstr(text, name);

    return at == NULL ? 0 : (double)strtoull(at + strlen(name), NULL, 10);
}

static uint64_t predict_copy_ns(void)
{
    char text[2048];
    double kilobytes, huge_kilobytes;

    if (pp_proc_read("/proc/self/smaps_rollup", text, sizeof text) > 0) {
        kilobytes = number_behind(text, "\nAnonymous:");
        huge_kilobytes = number_behind(text, "\nAnonHugePages:");
    } else {
        (void)pp_proc_read("/proc/self/statm", text, sizeof text);
        kilobytes = number_behind(text, " ") * 4;
        huge_kilobytes = 0;
    }
    if (huge_kilobytes > kilobytes)
        huge_kilobytes = kilobytes;
    return (uint64_t)(LEAST_NS + (kilobytes - huge_kilobytes) * SMALL_NS_A_KB +
                      huge_kilobytes * HUGE_NS_A_KB);
}

/* Into the recording; of it what is the copy's alone, without waiting for threads to be held. */
static int predict(struct pp_session *session, uint64_t *copy_ns_out)
{
    struct pp_rec_leak_scan *record = &session->header->heap.leaks;

    if (atomic_load(&session->header->heap.mode) == PP_HEAP_OFF)
        return -ENODATA;
    *copy_ns_out = predict_copy_ns();
    atomic_store(&record->predicted_ns, *copy_ns_out + pp_leak_threads_predict_ns(session));
    return 0;
}

int pp_leak_predict(struct pp_session *session)
{
    uint64_t copy_ns;

    return predict(session, &copy_ns);
}

/* ---- in the child ---- */

static int open_file(const char *path)
{
    return (int)pp_sig_syscall4(SYS_openat, AT_FDCWD, (long)path, O_RDONLY | O_CLOEXEC, 0);
}

/* Where memory runs out it is the copy that goes. */
static void go_first(void)
{
    const int fd =
        (int)pp_sig_syscall4(SYS_openat, AT_FDCWD, (long)"/proc/self/oom_score_adj", O_WRONLY, 0);

    if (fd >= 0)
        (void)pp_sig_syscall4(SYS_write, fd, (long)"1000", 4, 0);
}

/* The recording's mapping is not there, the maps of sigsafe/heap_map.h are empty, all signals are
 * blocked. */
__attribute__((noreturn)) static void be_child(struct pp_leak_scan *scan)
{
    (void)pp_sig_syscall4(SYS_prctl, PR_SET_PDEATHSIG, SIGKILL, 0, 0);
    go_first();
    scan->maps_file = open_file("/proc/self/maps");
    scan->pagemap_file = open_file("/proc/self/pagemap");
    (void)pp_sig_syscall4(SYS_prctl, PR_SET_DUMPABLE, 0, 0, 0); /* it leaves no core */
    while (atomic_load(&scan->may_begin) == 0)
        (void)pp_sig_syscall4(SYS_futex, (long)&scan->may_begin, FUTEX_WAIT, 0, 0);
    if (scan->maps_file < 0 || scan->pagemap_file < 0)
        scan->result = scan->maps_file < 0 ? scan->maps_file : scan->pagemap_file;
    else
        pp_leak_scan_run(scan);
    for (;;)
        (void)pp_sig_syscall4(SYS_exit_group, 0, 0, 0, 0);
}

/* ---- before it ---- */

static uint32_t now_ms(void)
{
    return (uint32_t)((pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns) /
                      MILLISECOND_NS);
}

/* The tables of a pass. */
static void free_tables(struct pp_leak_work *work)
{
    if (work->scan != NULL) {
        pp_unmap_shared(work->scan->objects, work->objects_bytes);
        pp_unmap_shared(work->index, work->index_bytes);
        pp_unmap_shared(work->scan, sizeof *work->scan);
    }
    work->scan = NULL;
    work->index = NULL;
    work->objects_bytes = work->index_bytes = 0;
}

static void free_work(struct pp_leak_work *work)
{
    free_tables(work);
    pp_unmap_shared(work->suspects, work->suspects_bytes);
    *work = (struct pp_leak_work){.scan = NULL};
}

/* Room for what there is and what comes meanwhile. */
static int gather_objects(struct pp_leak_work *work, uint32_t young_ms)
{
    const uint64_t n = pp_leak_count_objects();
    const uint64_t capacity = n + n / 8 + 1024;
    struct pp_leak_scan *scan = work->scan;

    if (capacity > UINT32_MAX)
        return -ENOMEM;
    work->objects_bytes = capacity * sizeof *scan->objects;
    scan->objects = pp_map_shared(work->objects_bytes);
    if (scan->objects == NULL)
        return -ENOMEM;
    scan->n_objects = pp_leak_copy_objects(scan->objects, (uint32_t)capacity, young_ms);
    return 0;
}

static int make_index(struct pp_leak_work *work)
{
    struct pp_leak_scan *scan = work->scan;
    const uint64_t n_pages = pp_leak_count_pages(scan->objects, scan->n_objects);
    uint64_t pages_bytes;

    for (scan->page_bits = 8; UINT64_C(1) << scan->page_bits < 2 * n_pages; scan->page_bits++)
        ;
    pages_bytes = sizeof *scan->pages << scan->page_bits;
    work->index_bytes = pages_bytes + (scan->n_objects + UINT64_C(1)) * sizeof *scan->queue;
    work->index = pp_map_shared(work->index_bytes);
    if (work->index == NULL)
        return -ENOMEM;
    scan->pages = work->index;
    scan->queue = (uint32_t *)((char *)work->index + pages_bytes);
    pp_leak_index_pages(scan);
    if (scan->n_objects > 0) {
        scan->lowest = scan->objects[0].start;
        scan->span = scan->objects[scan->n_objects - 1].limit - scan->lowest;
    }
    return 0;
}

static void skip(struct pp_leak_scan *scan, const void *memory, uint64_t n_bytes)
{
    const uint64_t start = (uint64_t)(uintptr_t)memory;

    scan->skips[scan->n_skips++] = (struct pp_leak_skip){.start = start, .limit = start + n_bytes};
}

static void skip_own_memory(struct pp_leak_work *work)
{
    uint64_t start, limit;

    pp_own_memory_bounds(&start, &limit);
    skip(work->scan, (const void *)(uintptr_t)start, limit - start);
    skip(work->scan, work->scan, sizeof *work->scan);
    skip(work->scan, work->scan->objects, work->objects_bytes);
    skip(work->scan, work->index, work->index_bytes);
    skip(work->scan, work->suspects, work->suspects_bytes);
}

/* As fork(), without handlers of fork; wait() knows nothing of a child without a signal.  Threads
 * that are held go on at once. */
static int start_child(struct pp_session *session, struct pp_leak_threads *threads)
{
    struct pp_leak_work *work = &session->leak;
    struct pp_leak_scan *scan = work->scan;
    const uint64_t before_ns =
        threads->held_since_ns != 0 ? threads->held_since_ns : pp_sig_clock_ns(CLOCK_MONOTONIC);
    long child;

    scan->own_frame = (uint64_t)(uintptr_t)__builtin_frame_address(0);
    child = pp_sig_syscall4(SYS_clone, 0, 0, 0, 0);
    if (child == 0)
        be_child(scan);
    pp_leak_threads_release(session);
    if (child < 0)
        return (int)child;
    work->begun_ns = pp_sig_clock_ns(CLOCK_MONOTONIC);
    if (work->begun_ns - before_ns > work->pause_ns)
        work->pause_ns = work->begun_ns - before_ns;
    work->child = (int)child;
    pp_leak_threads_check(scan, threads);
    work->n_ran += threads->n_ran;
    work->n_unseen = threads->n_unseen;
    atomic_store(&scan->may_begin, 1);
    pp_sig_futex_wake((void *)&scan->may_begin);
    return 0;
}

static int begin_pass(struct pp_session *session)
{
    struct pp_leak_work *work = &session->leak;
    const uint32_t now = now_ms();
    struct pp_leak_threads threads;
    int result;

    work->scan = pp_map_shared(sizeof *work->scan);
    if (work->scan == NULL)
        return -ENOMEM;
    work->scan->is_flooding = atomic_load(&session->header->heap.mode) == PP_HEAP_EXACT;
    work->scan->result = 1;
    result = gather_objects(work, work->is_at_end  ? UINT32_MAX
                                  : now > YOUNG_MS ? now - YOUNG_MS
                                                   : 0);
    if (result == 0)
        result = make_index(work);
    if (result == 0) {
        skip_own_memory(work);
        pp_leak_threads_look(session, work->scan, work->hold_ns, &threads);
        result = start_child(session, &threads);
    }
    return result == 0 ? -EINPROGRESS : result;
}

static int begin(struct pp_session *session, uint64_t limit_ns, bool is_at_end)
{
    uint64_t copy_ns = 0;
    int result = predict(session, &copy_ns);

    if (result != 0)
        return result;
    if (atomic_load(&session->header->heap.leaks.predicted_ns) > limit_ns)
        return -E2BIG;
    session->leak.is_at_end = is_at_end;
    session->leak.hold_ns = limit_ns == UINT64_MAX ? MOST_HOLD_NS : limit_ns - copy_ns;
    result = begin_pass(session);
    if (result != -EINPROGRESS)
        free_work(&session->leak);
    return result;
}

/* ---- behind it ---- */

static void forget_results(struct pp_rec_header *header)
{
    struct pp_rec_site *site;

    for (uint32_t i = 0; i < atomic_load(&header->heap.sites.n_items) &&
                         (site = pp_sig_heap_site_at(header, i)) != NULL;
         i++) {
        atomic_store(&site->unreached_bytes, 0);
        atomic_store(&site->unreached_excess, 0);
        atomic_store(&site->unreached_samples, 0);
        atomic_store(&site->unreached_oldest_ms, 0);
    }
}

static void book(struct pp_rec_header *header, const struct pp_leak_object *object)
{
    const struct pp_sig_heap_weight weight =
        pp_sig_heap_weigh(object->limit - object->start, object->interval_bytes);
    struct pp_rec_site *site = pp_sig_heap_site_at(header, object->site);

    if (site == NULL)
        return;
    if (atomic_load(&site->unreached_samples) == 0 ||
        object->birth_ms < atomic_load(&site->unreached_oldest_ms))
        atomic_store(&site->unreached_oldest_ms, object->birth_ms);
    atomic_fetch_add(&site->unreached_samples, 1);
    atomic_fetch_add(&site->unreached_bytes, weight.bytes);
    atomic_fetch_add(&site->unreached_excess, weight.excess);
}

/* Whether the first of two passes did not reach it either. */
static bool is_confirmed(const struct pp_leak_work *work, const struct pp_leak_object *object)
{
    uint32_t low = 0, high = work->n_suspects;

    if (work->suspects == NULL)
        return true;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (work->suspects[middle].start < object->start)
            low = middle + 1;
        else
            high = middle;
    }
    return low < work->n_suspects && work->suspects[low].start == object->start &&
           work->suspects[low].birth_ms == object->birth_ms;
}

/* An object that was freed between its being listed and the copy was free memory there. */
static void write_results(struct pp_session *session)
{
    struct pp_rec_header *header = session->header;
    struct pp_rec_leak_scan *record = &header->heap.leaks;
    const struct pp_leak_work *work = &session->leak;
    const struct pp_leak_scan *scan = work->scan;
    uint64_t n_young = 0;

    atomic_fetch_add_explicit(&record->generation, 1, memory_order_acq_rel);
    forget_results(header);
    for (uint32_t i = 0; i < scan->n_objects; i++) {
        const struct pp_leak_object *object = &scan->objects[i];
        n_young += object->state == PP_LEAK_YOUNG;
        if (object->state == PP_LEAK_UNREACHED && is_confirmed(work, object) &&
            pp_leak_is_still_there(object))
            book(header, object);
    }
    atomic_store(&record->n_unseen, work->n_unseen);
    atomic_store(&record->n_passes, work->n_passes);
    atomic_store(&record->time_ns, work->begun_ns - pp_sig_gate->start_monotonic_ns);
    atomic_store(&record->pause_ns, work->pause_ns);
    atomic_store(&record->scan_ns, work->scan_ns);
    atomic_store(&record->scanned_bytes, work->scanned_bytes);
    atomic_store(&record->n_objects, scan->n_objects - n_young);
    atomic_store(&record->n_young, n_young);
    atomic_fetch_add_explicit(&record->generation, 1, memory_order_acq_rel);
}

/* Whether what was not reached should be looked for once more: a thread that ran may have held it
 * in a register where it could not be seen, on its way from one place to another (one that waits
 * for a lock, say, by the time that it was looked at). */
static bool keep_suspects(struct pp_leak_work *work)
{
    const struct pp_leak_scan *scan = work->scan;
    uint32_t n = 0;

    for (uint32_t i = 0; i < scan->n_objects; i++)
        n += scan->objects[i].state == PP_LEAK_UNREACHED;
    if (work->n_ran == 0 || work->n_passes > 1 || n == 0)
        return false;
    work->suspects_bytes = n * sizeof *work->suspects;
    work->suspects = pp_map_shared(work->suspects_bytes);
    for (uint32_t i = 0; work->suspects != NULL && i < scan->n_objects; i++)
        if (scan->objects[i].state == PP_LEAK_UNREACHED)
            work->suspects[work->n_suspects++] = scan->objects[i];
    return work->suspects != NULL;
}

static void count_cost(struct pp_rec_header *header, const struct rusage *usage)
{
    const uint64_t us = (uint64_t)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec);
    const uint64_t s = (uint64_t)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec);

    atomic_fetch_add(&header->own_children_ns, s * 1000000000 + us * 1000);
}

/* Tell those who wait for the look's end. */
static void record_end(struct pp_session *session, int result)
{
    _Atomic uint32_t *ended = &session->header->heap.leaks.ended;
    const uint32_t n = (atomic_load(ended) >> 8) + 1;

    atomic_store_explicit(ended, n << 8 | (uint32_t)-result, memory_order_release);
}

/* What the child has left: the results, or another pass. */
static int take_pass(struct pp_session *session)
{
    struct pp_leak_work *work = &session->leak;
    int result = work->scan->result == 1 ? -ECHILD : work->scan->result;

    work->n_passes++;
    work->scan_ns += pp_sig_clock_ns(CLOCK_MONOTONIC) - work->begun_ns;
    work->scanned_bytes += work->scan->scanned_bytes;
    if (result == 0 && keep_suspects(work)) {
        free_tables(work);
        result = begin_pass(session);
    } else if (result == 0) {
        write_results(session);
    }
    if (result != -EINPROGRESS) {
        free_work(work);
        pp_heap_settle(session);
        record_end(session, result);
    }
    return result;
}

/* -EINPROGRESS while the child works.  The program may have waited for it itself, with __WALL: what
 * it left tells. */
static int look(struct pp_session *session, int flags)
{
    struct rusage usage = {.ru_maxrss = 0};
    int status = 0, ended;

    do
        ended = wait4(session->leak.child, &status, __WCLONE | flags, &usage);
    while (ended < 0 && errno == EINTR);
    if (ended == 0)
        return -EINPROGRESS;
    count_cost(session->header, &usage);
    return take_pass(session);
}

static uint64_t limit_ns(uint32_t limit_ms)
{
    if (limit_ms == UINT32_MAX)
        return UINT64_MAX;
    return (limit_ms == 0 ? DEFAULT_LIMIT_MS : limit_ms) * (uint64_t)MILLISECOND_NS;
}

int pp_leak_step(struct pp_session *session, uint32_t limit_ms)
{
    if (session->leak.scan == NULL)
        return begin(session, limit_ns(limit_ms), false);
    return session->leak.is_left_alone ? -EINPROGRESS : look(session, WNOHANG);
}

int pp_leak_begin(struct pp_session *session, uint32_t limit_ms)
{
    int result;

    if (session->leak.scan != NULL)
        return -EBUSY;
    result = begin(session, limit_ns(limit_ms), false);
    if (result != -EINPROGRESS)
        return result;
    session->leak.is_left_alone = true;
    return (int)(atomic_load(&session->header->heap.leaks.ended) >> 8) + 1;
}

void pp_leak_tend(struct pp_session *session)
{
    if (session->leak.scan != NULL && session->leak.is_left_alone)
        (void)look(session, WNOHANG);
}

uint64_t pp_leak_due_ns(const struct pp_session *session)
{
    return session->leak.scan == NULL ? UINT64_MAX : pp_sig_clock_ns(CLOCK_MONOTONIC) + LOOK_NS;
}

static int look_at_end(struct pp_session *session)
{
    int result = begin(session, UINT64_MAX, true);

    while (result == -EINPROGRESS)
        result = look(session, 0);
    return result;
}

static void give_up(struct pp_leak_work *work)
{
    (void)kill(work->child, SIGKILL);
    while (wait4(work->child, NULL, __WCLONE, NULL) < 0 && errno == EINTR)
        ;
    free_work(work);
}

void pp_leak_end(struct pp_session *session)
{
    if (session->leak.scan != NULL)
        give_up(&session->leak);
    if ((session->settings.kinds & PPROFC_KIND_LEAK) != 0 && look_at_end(session) != 0)
        pp_session_message(session->header,
                           "memory that nothing leads to was not looked for at the end: no copy of "
                           "the process could be made and read");
}
