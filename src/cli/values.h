/* The values of options, as people type them. */
#ifndef PP_CLI_VALUES_H
#define PP_CLI_VALUES_H

#include <stdint.h>

#include "base/quantities.h"

/* Kinds of profiles, as capture's settings have them: bit (family - 1), but for the last two. */
enum {
    PP_KIND_CPU = 1,
    PP_KIND_OFFCPU = 2,
    PP_KIND_LOCK = 4,
    PP_KIND_HEAP = 8,
    PP_KIND_LEAK = 32, /* with PP_KIND_HEAP */
    PP_KIND_WALL = 64, /* of cpu and offcpu, which are recorded for it */
    PP_KINDS_ALL = PP_KIND_CPU | PP_KIND_OFFCPU | PP_KIND_LOCK | PP_KIND_HEAP | PP_KIND_WALL,
    PP_KINDS_OF_WAITS = PP_KIND_OFFCPU | PP_KIND_LOCK | PP_KIND_WALL,
};

enum { PP_KINDS_TEXT_BYTES = 48 };

/* "cpu", "cpu,heap", "all". */
int pp_parse_kinds(const char *text, uint32_t *kinds_out, struct pprofc_error *err);

/* The same kinds as one word for PPROFC=, written to 'text'. */
const char *pp_kinds_text(uint32_t kinds, char text[PP_KINDS_TEXT_BYTES]);

/* How many profiles they give. */
int pp_kinds_count(uint32_t kinds);

/* "USR2", "SIGUSR2" or a number: the signal's name without SIG, in static memory. */
int pp_parse_signal(const char *text, const char **name_out, struct pprofc_error *err);

/* 1 to 1 000 000. */
int pp_parse_top(const char *text, uint32_t *n_rows_out, struct pprofc_error *err);

#endif
