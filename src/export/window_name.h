/* The names of what a history folder holds: when, whose, what.
 *
 *     profile_20261126_230501.orders.4711.cpu.pb.gz      UTC
 *     flight_20261126_231200.orders.4711.facts.json
 *
 * Names that follow each other in the order of bytes follow each other in time, so a folder is
 * queried without a file of it being opened. */
#ifndef PP_EXPORT_WINDOW_NAME_H
#define PP_EXPORT_WINDOW_NAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    PP_WINDOW_NAME_BYTES = 160, /* of every name with its extension and NUL */
    PP_WINDOW_DAY_BYTES = 11,   /* "2026-11-26" */
    PP_WINDOW_MAX_SEQUENCE = 999,
};

struct pp_window_name {
    bool is_flight;    /* of the flight recorder, not of continuous mode */
    int64_t time_s;    /* since 1970 */
    uint32_t sequence; /* of those that would have one name; 0: the first, which does not show it */
    char program[64];  /* what names may hold, see pp_window_program() */
    int32_t pid;
    char kind[16]; /* "cpu", "heap"; of a flight also "stacks", "facts" */
};

/* The day's folder. */
void pp_window_day(int64_t time_s, char text[PP_WINDOW_DAY_BYTES]);

/* The name, and behind it 'extension' (".pb.gz"). */
void pp_window_name_write(const struct pp_window_name *name, const char *extension,
                          char text[PP_WINDOW_NAME_BYTES]);

/* False for what is no such name; '*extension_out' points into 'text': ".pb.gz", ".svg", ".txt" or
 * ".json". */
bool pp_window_name_read(const char *text, struct pp_window_name *name_out,
                         const char **extension_out);

/* The same extension in static memory. */
const char *pp_window_extension(const char *extension);

/* Whether 'text' is the name of a day's folder. */
bool pp_window_is_day(const char *text);

/* 'program' without what file names, shells and the rule above make something of. */
void pp_window_program(const char *program, char text[64]);

/* The time of the next name: 'time_s', but never before '*last', the one written before, whatever
 * the clock has done meanwhile. */
void pp_window_name_begin(struct pp_window_name *last, int64_t time_s);

/* The one behind '*name', where that is taken. */
void pp_window_name_next(struct pp_window_name *name);

#endif
