/* What people have lying beside their profiles, and tools that write something else. */
#include "formats/foreign.h"

#include <stdbool.h>
#include <string.h>

static const char unpack[] = "is packed in a way that is not known here; unpack it first";
static const char callgrind[] =
    "is callgrind's, which counts instructions; callgrind_annotate and KCachegrind read it";
static const char trace[] =
    "is a trace of events in Chrome's format, which holds spans and not samples; record a CPU "
    "profile and save it as .cpuprofile";
static const char printed[] =
    "is what pprof has printed of a profile; give the profile that it was made of";

/* By the first bytes. */
static const struct {
    const char *magic;
    size_t n_bytes;
    const char *advice;
} magics[] = {
    {"\177ELF", 4, "is a program; pprofc run -- PROGRAM profiles it"},
    {"FLR\0", 4,
     "is a flight recording of Java; jfrconv -o pprof (of async-profiler) makes a "
     ".pb.gz of it"},
    {"\xfd"
     "7zXZ",
     5, unpack},
    {"BZh91AY", 7, unpack},
    {"PK\3\4", 4, unpack},
    {"\x04\x22\x4d\x18", 4, unpack},
    {"SQLite format 3", 16, "is a database; export its samples as folded stacks or pprof"},
    {"# callgrind format", 18, callgrind},
    {"PeriodType: ", 12, printed},
    {"CPU     ID", 10, "is what dtrace prints; stackcollapse.pl makes folded stacks of it"},
    {"# This file contains results from DHAT", 38, "is DHAT's; dh_view.html shows it"},
};

/* By what is on one of the first lines: words that stand at its beginning. */
static const struct {
    const char *word;
    const char *advice;
} lines[] = {
    {"events: ", callgrind},
    {"positions: ", callgrind},
    {"snapshot=", "is massif's; ms_print shows it"},
    {"Showing nodes accounting", printed},
    {"Active filters:", printed},
    {"-----------+--", printed},
    {"\"traceEvents\"", trace},
    {"{\"traceEvents\"", trace},
    {"\"dhatFileVersion\"", "is DHAT's; dh_view.html shows it"},
    {"{\"dhatFileVersion\"", "is DHAT's; dh_view.html shows it"},
};

enum { FIRST_LINES = 12 };

/* "7f12a000-7f12b000 r-xp 00000000 08:01 393227 /lib/libc.so": /proc/PID/maps. */
static bool is_map(const char *line, size_t n_bytes)
{
    const char *dash = memchr(line, '-', n_bytes < 17 ? n_bytes : 17);
    const char *space = memchr(line, ' ', n_bytes < 34 ? n_bytes : 34);

    return dash != NULL && space != NULL && dash > line && dash + 8 <= space &&
           line + n_bytes - space > 6 && (space[1] == 'r' || space[1] == '-') &&
           (space[2] == 'w' || space[2] == '-') && (space[3] == 'x' || space[3] == '-') &&
           (space[4] == 'p' || space[4] == 's') && space[5] == ' ';
}

static const char *advice_of_line(const char *line, size_t n_bytes)
{
    while (n_bytes > 0 && (*line == ' ' || *line == '\t')) {
        line++;
        n_bytes--;
    }
    /* With a semicolon in it such a line is a folded stack. */
    for (size_t i = 0; i < sizeof lines / sizeof lines[0] && memchr(line, ';', n_bytes) == NULL;
         i++) {
        const size_t n = strlen(lines[i].word);
        if (n_bytes >= n && memcmp(line, lines[i].word, n) == 0)
            return lines[i].advice;
    }
    return is_map(line, n_bytes) ? "is a list of what a process has mapped, /proc/PID/maps" : NULL;
}

/* "[{"ph": "B", ..": the form without an object around it. */
static bool is_array_of_events(const char *bytes, size_t n_bytes)
{
    const size_t n_head = n_bytes < 4096 ? n_bytes : 4096;
    size_t at = 0;

    while (at < n_head && strchr(" \t\r\n", bytes[at]) != NULL && bytes[at] != '\0')
        at++;
    return at < n_head && bytes[at] == '[' && memmem(bytes, n_head, "\"ph\"", 4) != NULL;
}

const char *pp_foreign_advice(const void *bytes, size_t n_bytes)
{
    const char *at = bytes;
    const char *advice = is_array_of_events(bytes, n_bytes) ? trace : NULL;

    for (size_t i = 0; i < sizeof magics / sizeof magics[0]; i++)
        if (n_bytes >= magics[i].n_bytes && memcmp(bytes, magics[i].magic, magics[i].n_bytes) == 0)
            return magics[i].advice;
    for (int i = 0; advice == NULL && i < FIRST_LINES && n_bytes > 0; i++) {
        const char *newline = memchr(at, '\n', n_bytes);
        const size_t n_line = newline != NULL ? (size_t)(newline - at) : n_bytes;
        advice = advice_of_line(at, n_line);
        at += n_line + (newline != NULL);
        n_bytes -= n_line + (newline != NULL);
    }
    return advice;
}
