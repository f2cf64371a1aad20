/* Whether a look for recordings can find any that were not there at the last one: a run looks once
 * a second for as long as its program lives, and nearly always nothing has happened.
 *
 * Two signs are read, each by one call.  The folder's time of modification tells of names that
 * came. The number that the kernel gave away last, /proc/loadavg's last field, tells of processes:
 * no recording is made without a new thread, the capture library's helper, whose number is a new
 * one in our namespace as well.  Where a sign cannot be relied on there is always news. */
#ifndef PP_CLI_RUN_NEWS_H
#define PP_CLI_RUN_NEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct pp_run_news {
    /* Of the folder, when it was looked into last. */
    struct stat folder;
    bool is_folder_settled; /* what comes later has another time than 'folder' */
    /* Of numbers. */
    int loadavg;                   /* a descriptor, -1: cannot be relied on */
    int64_t last_pid, before_last; /* at the last look and at the one before */
    bool has_moved;                /* it follows what happens here: it was seen to change */
    unsigned n_looks;
};

/* The numbers of threads among which new helpers are: those above 'first' up to 'last'. */
struct pp_run_numbers {
    int64_t first, last;
    bool is_all; /* it cannot be said: whoever may have one has to be looked at */
};

/* Begin, before the program is started. */
void pp_run_news_init(struct pp_run_news *news);
void pp_run_news_done(struct pp_run_news *news);

/* Whether names may have come into 'folder' since it was looked into; then look, and settle it. */
bool pp_run_news_in_folder(struct pp_run_news *news, const char *folder);

/* What was there has been looked at, but for what is still being made: then 'is_whole' is false,
 * and there is news at the next look, too. */
void pp_run_news_settle(struct pp_run_news *news, bool is_whole);

/* Where a helper may have come since the look before the last one (it may have had no name yet at
 * the last); false: nowhere. */
bool pp_run_news_of_threads(struct pp_run_news *news, struct pp_run_numbers *numbers_out);

#endif
