/* The signs that something came. */
#include "cli/run_news.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

enum {
    /* The kernel takes a file's times from a clock that stands still for a tick, of 10 ms at most:
     * who comes within the tick of a look may leave the time as the look saw it. */
    TICK_NS = 10 * 1000 * 1000,
    /* A helper that was stopped before it got its name is found all the same. */
    ALL_EVERY_LOOKS = 16,
};

void pp_run_news_init(struct pp_run_news *news)
{
    struct statfs system;

    memset(news, 0, sizeof *news);
    news->loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
    /* Containers may have one of their own making laid over it, which counts otherwise. */
    if (news->loadavg >= 0 &&
        (fstatfs(news->loadavg, &system) != 0 || system.f_type != PROC_SUPER_MAGIC))
        pp_run_news_done(news);
    (void)pp_run_news_of_threads(news, &(struct pp_run_numbers){.is_all = false});
    news->has_moved = false;
}

void pp_run_news_done(struct pp_run_news *news)
{
    if (news->loadavg >= 0)
        (void)close(news->loadavg);
    news->loadavg = -1;
}

/* ---- the folder ---- */

static bool is_same_time(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

/* Only of a file system in this machine's memory do we know whose clock it takes, and how finely.
 */
static bool has_our_clock(const char *folder)
{
    struct statfs system;

    return statfs(folder, &system) == 0 && system.f_type == TMPFS_MAGIC;
}

/* Whether the folder's time lies so far back that whatever comes from now on has another one. */
static bool is_past(const struct timespec *modified)
{
    struct timespec now;
    int64_t age_s;

    (void)clock_gettime(CLOCK_REALTIME, &now);
    age_s = now.tv_sec - modified->tv_sec;
    return age_s > 1 ||
           (age_s >= 0 &&
            age_s * INT64_C(1000000000) + now.tv_nsec - modified->tv_nsec > 2 * TICK_NS);
}

bool pp_run_news_in_folder(struct pp_run_news *news, const char *folder)
{
    struct stat now;

    if (stat(folder, &now) != 0) {
        news->is_folder_settled = false;
        return true;
    }
    if (news->is_folder_settled && now.st_ino == news->folder.st_ino &&
        now.st_dev == news->folder.st_dev && is_same_time(&now.st_mtim, &news->folder.st_mtim))
        return false;
    news->folder = now;
    /* Judged before anybody looks: what comes while we do has another time, or is not settled. */
    news->is_folder_settled = is_past(&now.st_mtim) && has_our_clock(folder);
    return true;
}

void pp_run_news_settle(struct pp_run_news *news, bool is_whole)
{
    news->is_folder_settled &= is_whole;
}

/* ---- numbers ---- */

/* "0.20 0.18 0.12 1/80 11206": -1 where it cannot be read. */
static int64_t read_last_pid(const struct pp_run_news *news)
{
    char text[128];
    const char *last;
    ssize_t n_bytes;

    if (news->loadavg < 0)
        return -1;
    n_bytes = pread(news->loadavg, text, sizeof text - 1, 0);
    text[n_bytes > 0 ? n_bytes : 0] = '\0';
    last = strrchr(text, ' ');
    return last != NULL ? strtoll(last + 1, NULL, 10) : -1;
}

bool pp_run_news_of_threads(struct pp_run_news *news, struct pp_run_numbers *numbers_out)
{
    const int64_t last_pid = read_last_pid(news);
    const struct pp_run_numbers numbers = {
        .first = news->before_last,
        .last = last_pid,
        .is_all = last_pid <= 0 || !news->has_moved || last_pid < news->last_pid ||
                  news->last_pid < news->before_last || news->n_looks % ALL_EVERY_LOOKS == 0};

    news->has_moved |= last_pid > 0 && last_pid != news->last_pid;
    news->before_last = news->last_pid;
    news->last_pid = last_pid;
    news->n_looks++;
    *numbers_out = numbers;
    return numbers.is_all || numbers.last > numbers.first;
}
