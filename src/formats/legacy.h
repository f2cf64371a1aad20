/* Profiles from before pprof's protobuf, as gperftools, tcmalloc, jemalloc, brpc, Go and Java
 * handlers write them to this day: counts and addresses as words or as text, and behind them what
 * was mapped.  What their readers share.
 * Sources: https://gperftools.github.io/gperftools/cpuprofile-fileformat.html, the heap profiler's
 * and jemalloc's manuals, and what google/pprof makes of each (profile/legacy_profile.go). */
#ifndef PP_FORMATS_LEGACY_H
#define PP_FORMATS_LEGACY_H

#include "formats/lines.h"
#include "profile/profile.h"

/* A mapping's addresses, or the name that a file gives to one address. */
struct pp_legacy_map {
    uint64_t start, limit;
    pp_id mapping;
};

struct pp_legacy_name {
    uint64_t address;
    size_t index; /* of an address with several: innermost first, as they stand in the file */
    struct pp_line line;
};

struct pp_legacy {
    struct pprofc_profile *profile;
    const char *name;     /* of the file, for messages */
    uint64_t base_offset; /* of the bytes that readers get, in the file */
    struct pprofc_error *err;
    struct pp_legacy_map *maps; /* sorted by start */
    size_t n_maps, maps_capacity;
    struct pp_legacy_name *names; /* of the stack that is being read; of Java, of all the file */
    size_t n_names, names_capacity;
    bool are_names_mixed; /* they did not come in the order of their addresses */
    uint64_t *addresses;  /* the stack that is being read, leaf first */
    size_t n_addresses, addresses_capacity;
    pp_id *stack;
    size_t stack_capacity;
    uint64_t n_skipped, first_skipped;         /* lines that are nothing known; offset */
    uint64_t n_no_addresses, first_no_address; /* words of stacks; offset */
};

/* ---- what is mapped ---- */

/* Whether the text of what is mapped begins behind this line. */
bool pp_legacy_is_map_head(const struct pp_text *line);

/* Read lines of /proc/PID/maps, or "START-LIMIT: PATH", to the end.  0 or -ENOMEM. */
int pp_legacy_read_maps(struct pp_legacy *legacy, struct pp_lines *lines);

/* Look for the head in 'text' and read what is behind it.  'n_bytes_out': where the head begins. */
int pp_legacy_find_maps(struct pp_legacy *legacy, const char *text, size_t n_bytes,
                        size_t *n_bytes_out);

/* The mapping of an address, 0 when there is none. */
pp_id pp_legacy_mapping(const struct pp_legacy *legacy, uint64_t address);

/* ---- stacks ---- */

int pp_legacy_add_address(struct pp_legacy *legacy, uint64_t address);

/* Add every "0x4a3f" of 'text'. */
int pp_legacy_add_addresses(struct pp_legacy *legacy, struct pp_text text);

int pp_legacy_add_name(struct pp_legacy *legacy, uint64_t address, struct pp_text symbol,
                       struct pp_text file, int64_t line);

/* "#\t0x4a3f51\tmain.parse+0x41\tmain.c:118", as Go and we write it below a stack.  0 also for
 * other comments. */
int pp_legacy_take_comment(struct pp_legacy *legacy, struct pp_text line);

/* Of the names, sorted by address, those of 'address': the first one and how many, 64 at most. */
const struct pp_legacy_name *pp_legacy_names_of(struct pp_legacy *legacy, uint64_t address,
                                                uint32_t *n_out);

/* The node of the addresses, and forget them and their names.  Callers are return addresses, of
 * which one is taken to lie in the call; so is the leaf, when 'is_leaf_call'. */
int pp_legacy_end_stack(struct pp_legacy *legacy, bool is_leaf_call, pp_id *stack_out);

/* ---- values and messages ---- */

/* Take a decimal number from the beginning of 'rest'.  'value_out' is at the end of the scale for
 * what does not fit. */
bool pp_legacy_take_number(struct pp_text *rest, int64_t *value_out);
bool pp_legacy_take_char(struct pp_text *rest, char wanted);

/* An object of s bytes is sampled with probability 1 - exp(-s / period): what a sample of 'count'
 * objects with 'bytes' stands for. */
void pp_legacy_scale_heap(int64_t period, int64_t *count, int64_t *bytes);

int64_t pp_legacy_clamp(double value);
int64_t pp_legacy_multiply(int64_t a, int64_t b); /* at the end of the scale rather than wrapped */

/* "malformed or truncated ..": -EBADMSG with where it is and what to do. */
int pp_legacy_refuse(struct pp_legacy *legacy, const struct pp_text *line, const char *wanted);
void pp_legacy_skip(struct pp_legacy *legacy, const struct pp_text *line);

/* Hand each line of samples to 'read', trimmed; comments may name addresses, and empty lines say
 * nothing.  0, or what 'read' gave that is not. */
int pp_legacy_read_lines(struct pp_legacy *legacy, struct pp_lines *lines,
                         int (*read)(void *reader, struct pp_text line), void *reader);

/* ---- the formats.  Each fills legacy->profile; 0, -EBADMSG or -ENOMEM ---- */
int pp_legacy_read_cpu(struct pp_legacy *legacy, const char *bytes, size_t n_bytes);
int pp_legacy_read_heap(struct pp_legacy *legacy, const char *bytes, size_t n_bytes);
int pp_legacy_read_jemalloc(struct pp_legacy *legacy, const char *bytes, size_t n_bytes);
int pp_legacy_read_contention(struct pp_legacy *legacy, const char *bytes, size_t n_bytes);
int pp_legacy_read_threads(struct pp_legacy *legacy, const char *bytes, size_t n_bytes);
int pp_legacy_read_counts(struct pp_legacy *legacy, const char *bytes, size_t n_bytes);
int pp_legacy_read_java(struct pp_legacy *legacy, const char *bytes, size_t n_bytes);

/* The words of a CPU profile: how wide and in which order the program's processor had them. */
struct pp_legacy_words {
    const unsigned char *at, *end;
    unsigned n_bytes; /* 4 or 8 */
    bool is_big_endian, is_java;
    uint64_t period_us;
};

/* Whether 'bytes' begin as a CPU profile does; the words behind its header are in 'words'. */
bool pp_legacy_cpu_head(const void *bytes, size_t n_bytes, struct pp_legacy_words *words);
bool pp_legacy_word(struct pp_legacy_words *words, uint64_t *value_out);

/* Java's names for its numbers, "0x0000000a com.example.f (File.java:12)", which stand behind the
 * samples.  0 or -ENOMEM. */
int pp_legacy_read_java_names(struct pp_legacy *legacy, struct pp_lines *lines);
int pp_legacy_end_java_stack(struct pp_legacy *legacy, pp_id *stack_out);

#endif
