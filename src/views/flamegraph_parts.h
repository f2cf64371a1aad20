/* What the flame graph's files share: the tree as it is drawn, names as they are shown, colours.
 *
 * The profile's tree has a node per address; the drawn tree has one per function and path.  Its
 * nodes are in drawing order (preorder, siblings by name), so a subtree is the run [node,
 * nodes[node].end). */
#ifndef PP_VIEWS_FLAMEGRAPH_PARTS_H
#define PP_VIEWS_FLAMEGRAPH_PARTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "profile/diff.h"
#include "profile/profile.h"

enum pp_flame_kind { PP_FLAME_CPU, PP_FLAME_OFFCPU, PP_FLAME_WALL, PP_FLAME_LOCK, PP_FLAME_HEAP };

enum pp_flame_node_kind {
    PP_FLAME_FRAME,  /* a function */
    PP_FLAME_OTHER,  /* 'n_gathered' siblings too narrow to draw */
    PP_FLAME_DEEPER, /* 'n_gathered' more levels */
};

enum {
    PP_FLAME_SHADES = 3,   /* of each module's colour */
    PP_FLAME_MODULES = 10, /* module colours; 0 is the program's own */
    PP_FLAME_HUES = 16,    /* colours when names decide */
    PP_FLAME_WIDTH = 1200, /* of the picture without scripts */
    PP_FLAME_TITLE_COLUMNS = 100,
    PP_FLAME_LEVELS = 9, /* of change, from much cheaper to much dearer; the middle one is none */
};

struct pp_flame_frame {
    const char *name; /* as in the profile: any byte */
    uint32_t n_bytes;
    pp_id file;                   /* string */
    pp_id module;                 /* string: the mapping's path */
    int64_t start_line, hot_line; /* 0: not known; hot_line is that of the hottest address */
    int64_t hot_total;            /* of that address */
    int64_t self;                 /* of all its nodes */
};

struct pp_flame_node {
    int64_t total, self;
    uint32_t parent, end, level;
    uint32_t frame;      /* meaningful for PP_FLAME_FRAME */
    uint32_t n_gathered; /* see pp_flame_node_kind */
    uint32_t source;     /* in a tree gathered from another one: the node it was */
    uint8_t kind;
    bool is_inlined; /* most of its total was */
};

/* Of a node of two profiles: what of its total and self is the second one's. */
struct pp_flame_after {
    int64_t total, self;
};

struct pp_flame_tree {
    struct pp_flame_node *nodes; /* node 0 is everything */
    uint32_t n_nodes;
    uint32_t n_levels;             /* without node 0's */
    struct pp_flame_frame *frames; /* sorted by name; NULL in a gathered tree */
    uint32_t n_frames;
    struct pp_arena names;        /* of frames that have none in the profile */
    struct pp_flame_after *after; /* by node; NULL: it is a tree of one profile */
};

/* ---- flamegraph_tree.c ---- */

/* Build the drawn tree of one sample type.  Linear in nodes and lines, but for sorting the names.
 * Values below zero count as nothing; sums stop at INT64_MAX. */
int pp_flame_tree_build(const struct pprofc_profile *profile, uint32_t type,
                        struct pp_flame_tree *tree_out, struct pprofc_error *err);
/* The tree of a comparison: totals are before and after together. */
int pp_flame_tree_build_diff(const struct pp_diff *diff, struct pp_flame_tree *tree_out,
                             struct pprofc_error *err);
void pp_flame_tree_done(struct pp_flame_tree *tree);

/* ---- flamegraph_gather.c ---- */

/* A copy in which children below 'min_total' are one PP_FLAME_OTHER, and what is deeper than
 * 'max_level' one PP_FLAME_DEEPER: every node's total stays the sum of its self and its children.
 */
int pp_flame_gather(const struct pp_flame_tree *tree, int64_t min_total, uint32_t max_level,
                    struct pp_flame_tree *gathered_out, struct pprofc_error *err);

/* How many nodes have a total of which size: bins of an eighth of a power of two. */
enum { PP_FLAME_BINS_PER_OCTAVE = 8, PP_FLAME_BINS = 64 * PP_FLAME_BINS_PER_OCTAVE };

uint32_t pp_flame_bin_of(int64_t total);

/* The smallest total >= 'at_least' that at most 'max_nodes' of those counted reach (to 1/8 of it).
 */
int64_t pp_flame_threshold_of(const uint32_t counts[PP_FLAME_BINS], int64_t at_least,
                              uint32_t max_nodes);

/* The same of a tree's nodes up to 'max_level', those that are gathered left out. */
int64_t pp_flame_threshold(const struct pp_flame_tree *tree, int64_t at_least, uint32_t max_level,
                           uint32_t max_nodes);

/* ---- flamegraph_text.c ---- */

/* Append 'bytes' as people may see them: valid UTF-8 without control or direction characters, which
 * are shown as \xNN or \u{NNNN}, as are bytes that are not UTF-8.  Cut with an ellipsis after
 * 'max_bytes'. */
void pp_flame_clean(struct pp_buffer *text, const char *bytes, size_t n_bytes, size_t max_bytes);

/* Append clean text to XML (content or attribute), or to a JSON string inside XML. */
void pp_flame_xml(struct pp_buffer *out, const char *text, size_t n_bytes);
void pp_flame_json(struct pp_buffer *out, const char *text, size_t n_bytes);

/* Append the value for people: "12.3 s", "4.0 MiB", "1 229". */
void pp_flame_value(struct pp_buffer *out, int64_t value, const char *unit);
void pp_flame_number(struct pp_buffer *out, int64_t number); /* "1 229" */
void pp_flame_date(struct pp_buffer *out, int64_t time_ns);  /* "2026-11-24 13:05:59 UTC" */
const char *pp_flame_base_name(const char *path);

/* ---- flamegraph_shorten.c ---- */

/* Append clean 'name' in at most 'max_columns' columns: whole, else without template arguments,
 * parameters, leading scopes, else cut.  Nothing when fewer than 3 columns are left. */
void pp_flame_shorten(struct pp_buffer *out, const char *name, size_t n_bytes, size_t max_columns);
/* Append clean text, cut with an ellipsis where it has more than 'max_columns' (1 at least). */
void pp_flame_cut(struct pp_buffer *out, const char *text, size_t n_bytes, size_t max_columns);
size_t pp_flame_columns(const char *text, size_t n_bytes);

/* ---- flamegraph_color.c ---- */
enum pp_flame_kind pp_flame_kind_of(const struct pprofc_profile *profile, uint32_t type);
const char *pp_flame_kind_id(enum pp_flame_kind kind);
const char *pp_flame_kind_title(enum pp_flame_kind kind);
void pp_flame_palette(struct pp_buffer *css, enum pp_flame_kind kind);
/* ".d3{fill:#..}", of an OKLCH colour; one more vivid than a screen can show is made paler. */
void pp_flame_color_rule(struct pp_buffer *css, const char *prefix, uint32_t number,
                         double lightness, double chroma, double hue);
uint32_t pp_flame_hash(const char *bytes, size_t n_bytes);
bool pp_flame_is_pseudo(const struct pp_flame_frame *frame); /* [unsampled], [truncated] ... */

/* ---- flamegraph_modules.c ---- */
struct pp_flame_module {
    pp_id path;      /* string */
    int64_t self;    /* of its frames */
    uint8_t color;   /* 0 .. PP_FLAME_MODULES - 1 */
    bool is_program; /* the program itself, not a library */
};

struct pp_flame_modules {
    struct pp_flame_module *items; /* item 0: frames of no module */
    uint32_t n_items;
    uint32_t *of_string; /* item by the path's string id */
};

int pp_flame_modules_init(struct pp_flame_modules *modules, const struct pprofc_profile *profile,
                          const struct pp_flame_tree *tree, struct pprofc_error *err);
void pp_flame_modules_done(struct pp_flame_modules *modules);

/* ---- flamegraph_diff.c ---- */

/* What makes changes comparable: a value is divided by 'scale', and one sample is worth 'sample'
 * (0: all was counted). */
struct pp_flame_change {
    const struct pp_diff *diff;
    double scale[PP_N_SIDES], sample[PP_N_SIDES];
};

struct pp_flame_change pp_flame_change_of(const struct pp_diff *diff);

/* 0 (cheaper by more than a half) to PP_FLAME_LEVELS - 1 (dearer by as much), the middle where the
 * change is within two standard errors; web/flame_diff.js does the same. */
uint32_t pp_flame_change_level(const struct pp_flame_change *change, int64_t total, int64_t after);
void pp_flame_change_palette(struct pp_buffer *css);

/* "1.20 s to 1.50 s, +25.0 %" a run, each with its share of the side's whole. */
void pp_flame_change_text(struct pp_buffer *out, const struct pp_flame_change *change,
                          int64_t total, int64_t after);
void pp_flame_change_facts(struct pp_buffer *facts, const struct pp_diff *diff);

/* ---- flamegraph_data.c and flamegraph_static.c: the two forms of the picture ---- */
struct pp_flamegraph_options;

struct pp_flame_draft;

struct pp_flame_picture {
    const struct pprofc_profile *profile;
    struct pp_flame_draft *plain; /* NULL: all is in 'tree'.  Else that has what may be drawn
                                     without scripts, and writing the data uses this up */
    const struct pp_flamegraph_options *options;
    const struct pp_flame_tree *tree;
    const struct pp_flame_modules *modules;
    const struct pp_flame_change *change; /* NULL: it shows one profile */
    enum pp_flame_kind kind;
    bool by_name; /* colours */
    const char *unit;
    struct pp_buffer title, facts, quality; /* clean text, NUL behind */
};

/* What is lighter is not drawn without scripts, of a picture of 'whole'. */
int64_t pp_flame_least_total(const struct pp_flamegraph_options *options, int64_t whole);

int pp_flame_write_data(const struct pp_flame_picture *picture, struct pp_buffer *out,
                        struct pprofc_error *err);
/* Append the picture; it is PP_FLAME_WIDTH wide. */
int pp_flame_write_static(const struct pp_flame_picture *picture, struct pp_buffer *out,
                          uint32_t *height_out, struct pprofc_error *err);

/* ---- flamegraph.c ---- */

/* What pp_flamegraph_write() and its like for comparisons do where the profile is not plain
 * (flamegraph_plain.h).  Of one that is they write the same bytes and take longer. */
int pp_flamegraph_write_general(const struct pprofc_profile *profile,
                                const struct pp_flamegraph_options *options, struct pp_buffer *svg,
                                struct pprofc_error *err);
int pp_flamegraph_write_diff_general(const struct pp_diff *diff,
                                     const struct pp_flamegraph_options *options,
                                     struct pp_buffer *svg, struct pprofc_error *err);

/* ---- embedded files of web/ ---- */
struct pp_web_file {
    const char *name;
    const char *bytes, *end;
};
extern const struct pp_web_file pp_web_files[]; /* ends with a NULL name */
/* What stands around the page's script, and the script that tells the picture of scripts being on.
 */
extern const char pp_web_script_opening[], pp_web_script_closing[], pp_web_mark_script[];
extern const char pp_web_script_sources[];

#endif
