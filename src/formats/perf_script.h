/* What the reader of `perf script` text is made of: its lines, one kind a function. */
#ifndef PP_FORMATS_PERF_SCRIPT_H
#define PP_FORMATS_PERF_SCRIPT_H

#include "formats/lines.h"
#include "formats/text_memo.h"
#include "profile/profile.h"

/* "java 3244/3251 [002] 1410597.984841:   10101010 cpu-clock:u: " and what stands behind it. */
struct pp_perf_header {
    struct pp_text comm; /* may have blanks in it */
    int64_t pid, tid;    /* -1: not given */
    bool has_time, has_period;
    int64_t time_ns;
    int64_t period;       /* INT64_MAX for what is more than that */
    struct pp_text event; /* without its colon; empty: not given */
    struct pp_text rest;  /* a stack of one frame, a tracepoint's fields, or nothing */
};

/* Whether 'line' begins a record.  perf's own choice of columns may lack the process, the time, the
 * period or the event, but not both time and event. */
bool pp_perf_read_header(const struct pp_text *line, struct pp_perf_header *header);

/* "    7fa68b1f2d84 _dl_start+0x4 (/usr/lib/ld-2.31.so)". */
struct pp_perf_frame_text {
    uint64_t address;
    struct pp_text symbol; /* without "+0x4"; empty: not given */
    struct pp_text module; /* without "(deleted)"; empty: not given, or unknown */
    bool is_inlined;       /* its function is in line in that of the next frame */
};

bool pp_perf_read_frame(const struct pp_text *line, struct pp_perf_frame_text *frame);

/* "  func_ab.c:12": false for anything else. */
bool pp_perf_read_source_line(const struct pp_text *line, struct pp_text *file, int64_t *number);

/* Frames of a profile from their lines, each distinct line looked at once. */
struct pp_perf_frame {
    uint64_t address;
    pp_id location; /* 0: in line in the one behind it */
    pp_id mapping;
    uint32_t first_line, n_lines; /* into 'lines': functions, innermost first */
};

struct pp_perf_frames {
    struct pprofc_profile *profile;
    struct pp_text_memo memo;    /* a line of text: index into 'frames' */
    struct pp_text_memo symbols; /* a symbol: its function */
    struct pp_perf_frame *frames;
    size_t n_frames, frames_capacity;
    struct pp_line *lines;
    size_t n_lines, lines_capacity;
    char *scratch; /* for demangling */

    /* The stack that is being read, leaf first. */
    pp_id *stack;
    size_t n_stack, stack_capacity;

    /* The frame that came last is kept open: it may have a source line, or be in line in the next
     * one. */
    bool has_open, is_open_inlined;
    uint32_t open;           /* index into 'frames' */
    struct pp_line *changed; /* its functions and those in line in it; none: as 'open' has them */
    size_t n_changed, changed_capacity;
};

void pp_perf_frames_done(struct pp_perf_frames *frames);

/* A line of a stack that was met before: 1 when it was, 0, or -ENOMEM. */
int pp_perf_frames_take_known(struct pp_perf_frames *frames, const struct pp_text *line,
                              uint64_t hash);

/* Any line of a stack: 1 when it is one, 0 when it is something else, -ENOMEM. */
int pp_perf_frames_take(struct pp_perf_frames *frames, const struct pp_text *line, uint64_t hash);

/* End the stack with 'root' (0: none) and give its node; the next one begins.  0 or -ENOMEM. */
int pp_perf_frames_end(struct pp_perf_frames *frames, pp_id root, pp_id *stack_out);

#endif
