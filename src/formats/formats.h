/* The formats: which file is what, and one reader and writer a format. */
#ifndef PP_FORMATS_FORMATS_H
#define PP_FORMATS_FORMATS_H

#include "base/buffer.h"
#include "profile/profile.h"
#include "profile/top.h"

enum pp_format {
    PP_FORMAT_UNKNOWN,
    PP_FORMAT_PPROF,      /* .pb.gz .pprof .prof */
    PP_FORMAT_PPROF_RAW,  /* .pb */
    PP_FORMAT_FOLDED,     /* .folded .collapsed */
    PP_FORMAT_JSON,       /* .json (ours) */
    PP_FORMAT_TEXT,       /* .txt: the top table */
    PP_FORMAT_SVG,        /* .svg: written by views/ */
    PP_FORMAT_RECORDING,  /* .ppc: read by recording/ */
    PP_FORMAT_SPEEDSCOPE, /* .speedscope.json */
    PP_FORMAT_OTLP,       /* .otlp: OpenTelemetry's profiles in protobuf */
    PP_FORMAT_OTLP_JSON,  /* the same in JSON, read only */
    PP_FORMAT_CPUPROFILE, /* .cpuprofile of V8, read only */
    PP_FORMAT_FIREFOX,    /* the Firefox Profiler's processed profiles, read only */
    PP_FORMAT_CSV,        /* .csv: a function a line */
    PP_FORMAT_PERF_SCRIPT,
    PP_FORMAT_PERF_DATA, /* perf's binary file: known, to say what to do with it */
    PP_FORMAT_LEGACY,    /* gperftools' and its kin's: legacy.h */
};

enum pp_format pp_format_of_path(const char *path);                   /* by extension */
enum pp_format pp_format_of_bytes(const void *bytes, size_t n_bytes); /* by content */
const char *pp_format_extensions(void); /* ".pb.gz .pb ..." for messages */

/* Readers: 'name' is only for messages.  err->offset_bytes is the byte an error points at (in the
 * inflated data for gzip). */
int pp_pprof_read(const void *bytes, size_t n_bytes, const char *name,
                  struct pprofc_profile **profile_out,
                  struct pprofc_error *err); /* gzipped or not */
/* The same of a buffer that nobody needs any more: its memory goes back piece by piece as the
 * profile grows.  The caller still calls pp_buffer_done(). */
int pp_pprof_read_buffer(struct pp_buffer *bytes, const char *name,
                         struct pprofc_profile **profile_out, struct pprofc_error *err);
int pp_folded_read(const void *bytes, size_t n_bytes, const char *name,
                   struct pprofc_profile **profile_out, struct pprofc_error *err);
int pp_legacy_read(const void *bytes, size_t n_bytes, const char *name,
                   struct pprofc_profile **profile_out, struct pprofc_error *err);
bool pp_legacy_is(const void *bytes, size_t n_bytes); /* whether the reader above is for them */

/* Readers of text that take it piece by piece; the folded one of UTF-8 (or Latin-1) only. */
struct pp_lines;
int pp_folded_read_lines(struct pp_lines *lines, const char *name,
                         struct pprofc_profile **profile_out, struct pprofc_error *err);
int pp_perf_script_read(struct pp_lines *lines, const char *name,
                        struct pprofc_profile **profile_out, struct pprofc_error *err);

/* UTF-16 begins with a mark of 'n_mark_out' bytes, or has none. */
bool pp_folded_is_utf16(const void *bytes, size_t n_bytes, bool *is_big_endian_out,
                        size_t *n_mark_out);
int pp_speedscope_read(const void *bytes, size_t n_bytes, const char *name,
                       struct pprofc_profile **profile_out, struct pprofc_error *err);
int pp_speedscope_read_buffer(struct pp_buffer *bytes, const char *name,
                              struct pprofc_profile **profile_out,
                              struct pprofc_error *err); /* as pp_pprof_read_buffer() */
int pp_otlp_read(const void *bytes, size_t n_bytes, const char *name,
                 struct pprofc_profile **profile_out, struct pprofc_error *err);
int pp_otlp_json_read(const void *bytes, size_t n_bytes, const char *name,
                      struct pprofc_profile **profile_out, struct pprofc_error *err);
int pp_cpuprofile_read(const void *bytes, size_t n_bytes, const char *name,
                       struct pprofc_profile **profile_out, struct pprofc_error *err);
int pp_firefox_read(const void *bytes, size_t n_bytes, const char *name,
                    struct pprofc_profile **profile_out, struct pprofc_error *err);

int pp_pprof_write(const struct pprofc_profile *profile, bool gzipped, struct pp_buffer *out,
                   struct pprofc_error *err);
int pp_folded_write(const struct pprofc_profile *profile, uint32_t type, struct pp_buffer *out,
                    struct pprofc_error *err);
int pp_json_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                  struct pprofc_error *err);
int pp_speedscope_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                        struct pprofc_error *err); /* -ENOTSUP: negative values */

/* The same of one sample type, with a profile for each thread, or each value of a label
 * (PP_BY_THREAD, PP_BY_LABEL). */
int pp_speedscope_write_by(const struct pprofc_profile *profile, uint32_t type, enum pp_group group,
                           const char *label_key, struct pp_buffer *out, struct pprofc_error *err);
int pp_otlp_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                  struct pprofc_error *err);

/* The htlhash of a file without a build id (binary/file_hash.h); texts without NULs. */
struct pp_otlp_hash {
    const char *path, *text;
    size_t n_path_bytes, n_text_bytes;
};

/* The same as a request to a collector. */
struct pp_otlp_origin {
    const void
        *resource; /* a Resource message, in the place of the command line; NULL: as in files */
    size_t n_resource_bytes;
    const uint8_t *id;            /* 16 bytes, from which the profiles' ids are made; NULL: none */
    int64_t time_ns, duration_ns; /* of a profile that does not know its own */
    const struct pp_otlp_hash *hashes;
    size_t n_hashes;
    bool has_common_names; /* allocated_space rather than alloc_space, off_cpu rather than wait */
};
int pp_otlp_write_request(const struct pprofc_profile *profile, const struct pp_otlp_origin *origin,
                          struct pp_buffer *out, struct pprofc_error *err);
int pp_csv_write(const struct pprofc_profile *profile, uint32_t type, struct pp_buffer *out,
                 struct pprofc_error *err);

/* What 'profile' holds that a file in 'format' does not ("labels and lines"), for people; empty
 * when there is nothing. */
void pp_format_leaves_out(const struct pprofc_profile *profile, enum pp_format format, char *line,
                          size_t capacity);

/* Whose JSON it is, by the first member of the document that tells; PP_FORMAT_JSON: ours or
 * somebody's. */
enum pp_format pp_format_of_json(const void *bytes, size_t n_bytes);

/* Whole file ("-": standard input) into 'bytes'. */
int pp_file_read(const char *path, struct pp_buffer *bytes, struct pprofc_error *err);

/* Open 'path' for reading ("-": standard input).  A descriptor, or a negative errno; 'opened_out'
 * is what the caller closes. */
int pp_file_open(const char *path, int *opened_out, struct pprofc_error *err);

/* Read on until there are 'n_least' bytes in 'bytes' (SIZE_MAX: all of it) or the end is reached. 0
 * or a negative errno. */
int pp_file_read_from(int descriptor, size_t n_least, struct pp_buffer *bytes);

/* Whether 'path' names something to fetch, "http://.." or "https://..". */
bool pp_is_url(const char *path);

/* How something is fetched; zero and NULL: as usual. */
struct pp_fetch {
    uint32_t seconds;   /* for so long a server is asked to measure, "?seconds=", unless the address
                         * says it */
    uint32_t timeout_s; /* for all of it; usual: none while something comes */
    const char *ca_file, *certificate_file, *key_file; /* PEM */
};

/* pprofc_profile_read(), with a say in how what has an address is fetched ('fetch' may be NULL). */
int pp_profile_read(const char *path, const struct pp_fetch *fetch,
                    struct pprofc_profile **profile_out, struct pprofc_error *err);

/* Fetch 'url' into 'bytes', as 'fetch' says (NULL: as usual).  By libcurl, which is loaded here and
 * now: whoever fetches nothing has nothing of it. -ENOENT without libcurl, -EIO for what the
 * network or the server refuses, -EFBIG beyond 1 GiB. */
int pp_url_read(const char *url, const struct pp_fetch *fetch, struct pp_buffer *bytes,
                struct pprofc_error *err);

/* Write 'bytes' to 'path' whole or not at all (a temporary file beside it, then rename; "-":
 * standard output). With 'overwrite' false an existing file is -EEXIST.  Through a
 * symbolic link the file it leads to is replaced, but -EACCES where another user may have put the
 * link, or a pipe, into a folder where everyone may write. */
int pp_file_write(const char *path, const void *bytes, size_t n_bytes, bool overwrite,
                  struct pprofc_error *err);

#endif
