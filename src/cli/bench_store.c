/* Baselines on disk. */
#include "cli/bench_store.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/pattern.h"
#include "formats/formats.h"
#include "profile/runs.h"

enum { MOST_NAME_BYTES = 180 }; /* of the 255 that a file system has */

/* ---- names ---- */

static const char *store_of(const struct pp_bench_suite *suite)
{
    return suite->options->store != NULL ? suite->options->store : PP_BENCH_STORE;
}

void pp_bench_file_name(const char *name, struct pp_buffer *out)
{
    const size_t first = out->n_bytes;
    uint64_t hash = 14695981039346656037U; /* FNV-1a, 64 bits */

    for (const char *at = name; *at != '\0'; at++) {
        const unsigned char byte = (unsigned char)*at;
        const bool is_plain = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                              (byte >= '0' && byte <= '9') || byte == '_' || byte == '-' ||
                              (byte == '.' && at != name);
        hash = (hash ^ byte) * 1099511628211U;
        if (is_plain)
            pp_buffer_append(out, at, 1);
        else
            pp_buffer_printf(out, "%%%02X", byte);
    }
    if (!out->failed && out->n_bytes - first > MOST_NAME_BYTES) {
        out->n_bytes = first + MOST_NAME_BYTES;
        pp_buffer_printf(out, "-%016llx", (unsigned long long)hash);
    }
    pp_buffer_text(out, "");
}

/* "STORE/BASELINE/CASE" and what follows. */
static int path_of(const struct pp_bench_suite *suite, const char *baseline, const char *name,
                   const char *extension, char path_out[PATH_MAX], struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer file = PP_BUFFER_INIT;
    int n;

    pp_bench_file_name(name, &file);
    if (file.failed)
        return pp_fail(err, -ENOMEM, 0, "no memory for a file's name");
    n = snprintf(path_out, PATH_MAX, "%s/%s/%s%s", store_of(suite), baseline, file.bytes,
                 extension);
    return n < 0 || n >= PATH_MAX
               ? pp_fail(err, -ENAMETOOLONG, 0, "the name of a file of %s is too long", baseline)
               : 0;
}

static int folder_of(const struct pp_bench_suite *suite, const char *baseline,
                     char folder_out[PATH_MAX], struct pprofc_error *err)
{
    const int n = snprintf(folder_out, PATH_MAX, "%s/%s", store_of(suite), baseline);

    return n < 0 || n >= PATH_MAX ? pp_fail(err, -ENAMETOOLONG, 0,
                                            "the name of the folder of %s is too long", baseline)
                                  : 0;
}

int pp_make_folders(const char *folder, struct pprofc_error *err)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s", folder) >= (int)sizeof path)
        return pp_fail(err, -ENAMETOOLONG, 0, "the folder's name is too long: %s", folder);
    for (char *at = path + 1;; at++) {
        const char here = *at;
        if (here != '/' && here != '\0')
            continue;
        *at = '\0';
        if (mkdir(path, 0777) != 0 && errno != EEXIST)
            return pp_fail(err, -errno, 0, "cannot make the folder %s: %s", path, strerror(errno));
        *at = here;
        if (here == '\0')
            return 0;
    }
}

bool pp_bench_store_has(const struct pp_bench_suite *suite, const char *baseline)
{
    char folder[PATH_MAX];
    struct stat status;

    return folder_of(suite, baseline, folder, NULL) == 0 && stat(folder, &status) == 0 &&
           S_ISDIR(status.st_mode);
}

/* ---- loading ---- */

/* The profiles of the runs; without a file of them there are times alone. */
static int load_profiles(const struct pp_bench_suite *suite, const char *baseline,
                         struct pp_bench_case *one, enum pp_diff_side side,
                         struct pprofc_error *err)
{
    const uint32_t n_runs = one->times[side].n_runs;
    struct pprofc_profile *sum = NULL, **runs;
    char path[PATH_MAX];
    int rc = path_of(suite, baseline, one->name, ".pb.gz", path, err);

    if (rc < 0 || access(path, F_OK) != 0)
        return rc;
    rc = pprofc_profile_read(path, &sum, err);
    if (rc < 0)
        return rc;
    runs = calloc((size_t)n_runs + 1, sizeof *runs);
    rc = runs == NULL ? pp_fail(err, -ENOMEM, 0, "no memory for the profiles of %s", path)
                      : pp_runs_part(sum, n_runs, runs, err);
    pprofc_profile_free(sum);
    if (rc == 0)
        one->profiles[side] = runs;
    else
        free(runs);
    return rc == -EBADMSG ? pp_fail(err, rc, 0,
                                    "%s does not belong to the times beside it; save the baseline "
                                    "%s again",
                                    path, baseline)
                          : rc;
}

static int read_times(const char *path, struct pp_bench_times *times, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    const int rc = pp_file_read(path, &bytes, err);

    return rc < 0 ? rc : pp_bench_times_read(bytes.bytes, bytes.n_bytes, path, times, err);
}

static struct pp_bench_case *find_case(struct pp_bench_suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->n_cases; i++)
        if (strcmp(suite->cases[i].name, name) == 0)
            return &suite->cases[i];
    return NULL;
}

struct loading {
    struct pp_bench_suite *suite;
    const char *baseline;
    enum pp_diff_side side;
    struct pp_pattern *filter; /* NULL: all */
    bool adds;
    uint32_t n_others;
};

static int load_file(struct loading *loading, const char *path, struct pprofc_error *err)
{
    struct pp_bench_times times;
    struct pp_bench_case *one;
    int rc = read_times(path, &times, err);

    if (rc < 0)
        return rc;
    one = find_case(loading->suite, times.name);
    if (one == NULL && loading->adds &&
        (loading->filter == NULL || pp_pattern_matches(loading->filter, times.name))) {
        one = pp_bench_add_case(loading->suite, times.name);
        if (one == NULL)
            rc = pp_fail(err, -ENOMEM, 0, "no memory for the cases of %s", loading->baseline);
    }
    if (one == NULL || one->times[loading->side].n_runs > 0) {
        loading->n_others += one == NULL;
        pp_bench_times_done(&times);
        return rc;
    }
    one->times[loading->side] = times;
    one->has_before |= loading->side == PP_BEFORE;
    return load_profiles(loading->suite, loading->baseline, one, loading->side, err);
}

/* Of a folder's name no character is one of an expression. */
static int find_files(const char *folder, glob_t *found)
{
    char pattern[2 * PATH_MAX + 8];
    size_t n = 0;

    for (; *folder != '\0'; folder++) {
        if (strchr("*?[\\", *folder) != NULL)
            pattern[n++] = '\\';
        pattern[n++] = *folder;
    }
    memcpy(pattern + n, "/*.json", sizeof "/*.json");
    return glob(pattern, 0, NULL, found);
}

int pp_bench_store_load(struct pp_bench_suite *suite, const char *baseline, enum pp_diff_side side,
                        bool adds, uint32_t *n_others_out, struct pprofc_error *err)
{
    struct loading loading = {suite, baseline, side, NULL, adds, 0};
    const char *expression = suite->options->filter;
    glob_t found = {.gl_pathc = 0};
    struct pprofc_error reason;
    char folder[PATH_MAX];
    int rc = folder_of(suite, baseline, folder, err);

    if (rc < 0)
        return rc;
    if (expression != NULL &&
        pp_pattern_new(expression, PP_PATTERN_ANYWHERE, &loading.filter, &reason) != 0)
        return pp_fail(err, -EINVAL, 0, "--filter: %s", reason.message);
    if (find_files(folder, &found) != 0)
        rc = pp_fail(err, -ENOENT, 0,
                     "there is no baseline %s in %s; make it with --save-baseline %s", baseline,
                     store_of(suite), baseline);
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++)
        rc = load_file(&loading, found.gl_pathv[i], err);
    globfree(&found);
    pp_pattern_free(loading.filter);
    if (rc == 0 && n_others_out != NULL)
        *n_others_out = loading.n_others;
    return rc;
}

/* ---- saving ---- */

/* The file under a name of its own, until all of a case is written. */
static int write_new(const char *path, const struct pp_buffer *bytes, struct pprofc_error *err)
{
    char name[PATH_MAX + 8];

    (void)snprintf(name, sizeof name, "%s.new", path);
    return bytes->failed ? pp_fail(err, -ENOMEM, 0, "no memory to write %s", path)
                         : pp_file_write(name, bytes->bytes, bytes->n_bytes, true, err);
}

static int put_in_place(const char *path, struct pprofc_error *err)
{
    char name[PATH_MAX + 8];

    (void)snprintf(name, sizeof name, "%s.new", path);
    return rename(name, path) == 0
               ? 0
               : pp_fail(err, -errno, 0, "cannot write %s: %s", path, strerror(errno));
}

static void remove_new(const char *path)
{
    char name[PATH_MAX + 8];

    (void)snprintf(name, sizeof name, "%s.new", path);
    (void)unlink(name);
}

static int encode_profiles(const struct pp_bench_case *one, struct pp_buffer *bytes,
                           struct pprofc_error *err)
{
    struct pprofc_profile *sum = pp_profile_new();
    int rc = sum == NULL
                 ? pp_fail(err, -ENOMEM, 0, "no memory for a profile")
                 : pp_runs_join(sum, one->profiles[PP_AFTER], one->times[PP_AFTER].n_runs, err);

    if (rc == 0)
        rc = pp_pprof_write(sum, true, bytes, err);
    pprofc_profile_free(sum);
    return rc;
}

static int save_case(const struct pp_bench_suite *suite, const char *baseline,
                     const struct pp_bench_case *one, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer times = PP_BUFFER_INIT, profiles = PP_BUFFER_INIT;
    const bool has_profiles = one->profiles[PP_AFTER] != NULL;
    char times_path[PATH_MAX], profiles_path[PATH_MAX];
    int rc = path_of(suite, baseline, one->name, ".json", times_path, err);

    if (rc == 0)
        rc = path_of(suite, baseline, one->name, ".pb.gz", profiles_path, err);
    if (rc == 0 && has_profiles)
        rc = encode_profiles(one, &profiles, err);
    if (rc < 0)
        return rc;
    pp_bench_times_write(&one->times[PP_AFTER], &times);
    rc = write_new(times_path, &times, err);
    if (rc == 0 && has_profiles)
        rc = write_new(profiles_path, &profiles, err);
    if (rc == 0 && has_profiles)
        rc = put_in_place(profiles_path, err);
    else if (rc == 0)
        (void)unlink(profiles_path); /* of runs before, which these times are not of */
    if (rc == 0)
        rc = put_in_place(times_path, err);
    if (rc < 0) {
        remove_new(times_path);
        remove_new(profiles_path);
    }
    return rc;
}

int pp_bench_store_save(const struct pp_bench_suite *suite, const char *baseline,
                        struct pprofc_error *err)
{
    char folder[PATH_MAX];
    int rc = folder_of(suite, baseline, folder, err);

    if (rc == 0)
        rc = pp_make_folders(folder, err);
    for (size_t i = 0; i < suite->n_cases && rc == 0; i++)
        rc = save_case(suite, baseline, &suite->cases[i], err);
    return rc;
}
