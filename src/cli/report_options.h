/* What can be typed behind `pprofc report`. */
#ifndef PP_CLI_REPORT_OPTIONS_H
#define PP_CLI_REPORT_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "profile/top.h"

enum pp_report_option {
    /* views: one of them */
    PP_REPORT_TOP,
    PP_REPORT_TEXT,
    PP_REPORT_TREE,
    PP_REPORT_PEEK,
    PP_REPORT_LIST,
    PP_REPORT_TRACES,
    PP_REPORT_TAGS,
    PP_REPORT_RAW,
    PP_REPORT_DOT,
    PP_REPORT_SVG,
    PP_REPORT_PNG,
    PP_REPORT_PDF,
    PP_REPORT_GIF,
    PP_REPORT_PS,
    PP_REPORT_PROTO,
    PP_REPORT_TOPPROTO,
    PP_REPORT_CALLGRIND,
    PP_REPORT_COMMENTS,
    PP_REPORT_DISASM,
    PP_REPORT_WEBLIST,
    /* what a row is */
    PP_REPORT_BY,
    PP_REPORT_GRANULARITY,
    PP_REPORT_FUNCTIONS,
    PP_REPORT_FILEFUNCTIONS,
    PP_REPORT_FILES,
    PP_REPORT_LINES,
    PP_REPORT_ADDRESSES,
    PP_REPORT_NOINLINES,
    /* their order and number */
    PP_REPORT_CUM,
    PP_REPORT_FLAT,
    PP_REPORT_SORT,
    PP_REPORT_NODECOUNT,
    PP_REPORT_NODEFRACTION,
    PP_REPORT_EDGEFRACTION,
    PP_REPORT_TRIM,
    PP_REPORT_CALL_TREE,
    /* values */
    PP_REPORT_SAMPLE,
    PP_REPORT_SAMPLE_INDEX,
    PP_REPORT_ALLOC_OBJECTS,
    PP_REPORT_ALLOC_SPACE,
    PP_REPORT_INUSE_OBJECTS,
    PP_REPORT_INUSE_SPACE,
    PP_REPORT_TOTAL_DELAY,
    PP_REPORT_CONTENTIONS,
    PP_REPORT_MEAN,
    PP_REPORT_MEAN_DELAY,
    PP_REPORT_DIVIDE_BY,
    PP_REPORT_UNIT,
    PP_REPORT_RELATIVE,
    PP_REPORT_HEAP_PEAK,
    /* differences */
    PP_REPORT_BASE,
    PP_REPORT_DIFF_BASE,
    PP_REPORT_NORMALIZE,
    PP_REPORT_DROP_NEGATIVE,
    /* filters */
    PP_REPORT_FOCUS,
    PP_REPORT_IGNORE,
    PP_REPORT_HIDE,
    PP_REPORT_SHOW,
    PP_REPORT_SHOW_FROM,
    PP_REPORT_PRUNE_FROM,
    PP_REPORT_TAGFOCUS,
    PP_REPORT_TAGIGNORE,
    PP_REPORT_TAGSHOW,
    PP_REPORT_TAGHIDE,
    PP_REPORT_TAGROOT,
    PP_REPORT_TAGLEAF,
    PP_REPORT_ALL_FRAMES,
    PP_REPORT_IGNORE_IDLE,
    /* fetching */
    PP_REPORT_SECONDS,
    PP_REPORT_TIMEOUT,
    PP_REPORT_TLS_CA,
    PP_REPORT_TLS_CERT,
    PP_REPORT_TLS_KEY,
    /* output */
    PP_REPORT_SOURCE_PATH,
    PP_REPORT_TRIM_PATH,
    PP_REPORT_INTEL_SYNTAX,
    PP_REPORT_COMPACT,
    PP_REPORT_SYMBOLIZE,
    PP_REPORT_TOOLS,
    PP_REPORT_ADD_COMMENT,
    PP_REPORT_JSON,
    PP_REPORT_OUTPUT,
    PP_REPORT_FORCE,
    PP_REPORT_HELP,
    PP_REPORT_N_OPTIONS
};

enum pp_report_view {
    PP_VIEW_TOP,
    PP_VIEW_CALLS, /* tree and peek */
    PP_VIEW_SOURCE,
    PP_VIEW_TRACES,
    PP_VIEW_TAGS,
    PP_VIEW_RAW,
    PP_VIEW_DOT,
    PP_VIEW_PROTO,
    PP_VIEW_TOPPROTO,
    PP_VIEW_CALLGRIND,
    PP_VIEW_COMMENTS,
    PP_VIEW_DISASM,
    PP_VIEW_PAGE /* of source */
};

struct pp_report {
    enum pp_report_view view;
    const char *pattern;                     /* of peek, list, weblist and disasm; NULL: all */
    const char *values[PP_REPORT_N_OPTIONS]; /* NULL: not given; "" for what has no value */
    const char **paths;                      /* NULL-terminated, the caller's words */
    size_t n_paths, paths_capacity;
    const char **bases; /* of --base and --diff_base, likewise; NULL: none */
    size_t n_bases, bases_capacity;
    const char *sample; /* the sample type; NULL: the profile's own choice */
    enum pp_group group;
    const char *label_key;         /* for PP_BY_LABEL */
    bool has_group;                /* it was asked for */
    uint32_t n_rows;               /* 0: the view's own choice */
    double node_share, edge_share; /* what weighs less is left out; negative: the view's choice */
    double divide_by;              /* values are shown divided by it; 1: as they are */
    uint32_t seconds, timeout_s;   /* of what is fetched; 0: not given */
    bool by_cum, is_mean, is_named;
};

/* -EINVAL with a message for wrong usage.  pp_report_options_done() in any case. */
int pp_report_options_read(char **words, struct pp_report *report, struct pprofc_error *err);
void pp_report_options_done(struct pp_report *report);

#endif
