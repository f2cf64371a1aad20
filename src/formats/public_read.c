/* pprofc_profile_read(): whatever format it has, from wherever it comes, compressed or not. */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/gzip.h"
#include "base/memory.h"
#include "base/zstd.h"
#include "formats/foreign.h"
#include "formats/formats.h"
#include "formats/lines.h"
#include "formats/recording.h"

enum {
    HEAD_BYTES = 64 * 1024, /* what a format is told by */
    MOST_WRAPPINGS = 3,     /* a .pb.gz in a .zst has two */
};

/* What it is instead, where that is known. */
static int refuse(const struct pp_buffer *bytes, enum pp_format format, const char *name,
                  struct pprofc_error *err)
{
    const char *advice = pp_foreign_advice(bytes->bytes, bytes->n_bytes);

    if (bytes->n_bytes == 0)
        return pp_fail(err, -EBADMSG, 0,
                       "'%s' is empty; what should have written it has failed, or is not done",
                       name);
    if (advice != NULL)
        return pp_fail(err, -EBADMSG, 0, "'%s' %s%s", name, advice,
                       strchr(advice, ';') != NULL ? "" : "; give a profile");
    if (format == PP_FORMAT_SVG)
        return pp_fail(err, -EBADMSG, 0,
                       "'%s' is a picture or a page; give the profile that it was made of", name);
    return pp_fail(err, -EBADMSG, 0,
                   "'%s' is %s; pprofc reads .pb.gz .pb .folded .speedscope.json .otlp "
                   ".cpuprofile .ppc, perf script's text, and profiles of gperftools, jemalloc and "
                   "the Firefox Profiler",
                   name,
                   format == PP_FORMAT_JSON ? "JSON, but no profile that is known here"
                                            : "in no format that is known here");
}

/* What is read of it may be forgotten. */
static int read_format(struct pp_buffer *bytes, const char *name,
                       struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    const enum pp_format format = pp_format_of_bytes(bytes->bytes, bytes->n_bytes);
    struct pp_lines lines;

    switch (format) {
    case PP_FORMAT_PPROF:
    case PP_FORMAT_PPROF_RAW:
        return pp_pprof_read_buffer(bytes, name, profile_out, err);
    case PP_FORMAT_FOLDED:
        return pp_folded_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_RECORDING:
        return pp_recording_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_LEGACY:
        return pp_legacy_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_PERF_SCRIPT:
        pp_lines_of_bytes(&lines, bytes->bytes, bytes->n_bytes);
        return pp_perf_script_read(&lines, name, profile_out, err);
    case PP_FORMAT_PERF_DATA:
        return pp_fail(
            err, -EBADMSG, 0,
            "'%s' is perf's own file, which perf alone reads; run perf script -i '%s' and "
            "give what it prints",
            name, name);
    case PP_FORMAT_SPEEDSCOPE:
        return pp_speedscope_read_buffer(bytes, name, profile_out, err);
    case PP_FORMAT_OTLP:
        return pp_otlp_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_OTLP_JSON:
        return pp_otlp_json_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_CPUPROFILE:
        return pp_cpuprofile_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_FIREFOX:
        return pp_firefox_read(bytes->bytes, bytes->n_bytes, name, profile_out, err);
    case PP_FORMAT_JSON:
    case PP_FORMAT_TEXT:
    case PP_FORMAT_SVG:
    case PP_FORMAT_CSV:
    case PP_FORMAT_UNKNOWN:
        break;
    }
    return refuse(bytes, format, name, err);
}

static int read_bytes(struct pp_buffer *bytes, const char *name,
                      struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pprofc_error why = {.code = 0};
    const int rc = read_format(bytes, name, profile_out, &why);

    /* What is wrong and where is the reader's to say; what to do is the same everywhere. */
    if (rc == -EBADMSG && strchr(why.message, ';') == NULL)
        return pp_fail(err, rc, why.offset_bytes,
                       "%s; the file is damaged or cut short: fetch or write it again",
                       why.message);
    if (rc < 0 && err != NULL)
        *err = why;
    return rc;
}

static bool is_compressed(const struct pp_buffer *bytes)
{
    return pp_is_gzip(bytes->bytes, bytes->n_bytes) || pp_is_zstd(bytes->bytes, bytes->n_bytes);
}

/* What is in 'bytes' in its place, when it is compressed. */
static int inflate(struct pp_buffer *bytes, const char *name, struct pprofc_error *err)
{
    int failed = 0;

    for (int i = 0; i < MOST_WRAPPINGS && failed == 0 && is_compressed(bytes); i++) {
        pp_autobuffer struct pp_buffer inflated = PP_BUFFER_INIT;
        const struct pp_buffer packed = *bytes;
        if (pp_is_gzip(bytes->bytes, bytes->n_bytes))
            failed = pp_gzip_inflate(bytes->bytes, bytes->n_bytes, PP_GZIP_DEFAULT_LIMIT, name,
                                     &inflated, err);
        else
            failed = pp_zstd_inflate(bytes->bytes, bytes->n_bytes, PP_GZIP_DEFAULT_LIMIT, name,
                                     &inflated, err);
        if (failed == 0) {
            *bytes = inflated;
            inflated = packed;
        }
    }
    return failed;
}

static int read_url(const char *url, const struct pp_fetch *fetch,
                    struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    int failed = pp_url_read(url, fetch, &bytes, err);

    if (failed == 0)
        failed = inflate(&bytes, url, err);
    return failed == 0 ? read_bytes(&bytes, url, profile_out, err) : failed;
}

/* Text of a line a stack or a frame is read piece by piece: of a large one only the profile is ever
 * in memory.  'head' is its beginning; returns 1 when it is no such text. */
static int read_lines(int descriptor, struct pp_buffer *head, const char *name,
                      struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    const enum pp_format format = pp_format_of_bytes(head->bytes, head->n_bytes);
    struct pp_lines lines;
    bool is_big_endian;
    size_t n_mark;
    int failed;

    if (format != PP_FORMAT_PERF_SCRIPT &&
        (format != PP_FORMAT_FOLDED ||
         pp_folded_is_utf16(head->bytes, head->n_bytes, &is_big_endian, &n_mark)))
        return 1;
    pp_lines_of_descriptor(&lines, descriptor, head);
    failed = format == PP_FORMAT_FOLDED ? pp_folded_read_lines(&lines, name, profile_out, err)
                                        : pp_perf_script_read(&lines, name, profile_out, err);
    pp_lines_done(&lines);
    return failed;
}

int pp_profile_read(const char *path, const struct pp_fetch *fetch,
                    struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    pp_autoclose_fd int opened = -1;
    int descriptor, failed;

    if (pp_is_url(path))
        return read_url(path, fetch, profile_out, err);
    descriptor = pp_file_open(path, &opened, err);
    if (descriptor < 0)
        return descriptor;
    failed = pp_file_read_from(descriptor, HEAD_BYTES, &bytes);
    if (failed == 0 && !is_compressed(&bytes)) {
        failed = read_lines(descriptor, &bytes, path, profile_out, err);
        if (failed <= 0)
            return failed;
        failed = 0;
    }
    if (failed == 0)
        failed = pp_file_read_from(descriptor, SIZE_MAX, &bytes);
    if (failed != 0)
        return pp_fail(err, failed, 0, "cannot read '%s': %s", path, strerror(-failed));
    failed = inflate(&bytes, path, err);
    return failed == 0 ? read_bytes(&bytes, path, profile_out, err) : failed;
}

int pprofc_profile_read(const char *path, struct pprofc_profile **profile_out,
                        struct pprofc_error *err)
{
    return pp_profile_read(path, NULL, profile_out, err);
}
