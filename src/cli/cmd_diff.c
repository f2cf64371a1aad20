/* pprofc diff: what became dearer or cheaper from one profile to another, beyond chance. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/find_program.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/profile_input.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/encode.h"
#include "profile/diff.h"

enum {
    OPTION_FAIL_ABOVE,
    OPTION_JUDGE,
    OPTION_CUM,
    OPTION_TOP,
    OPTION_SAMPLE,
    OPTION_SAMPLE_INDEX,
    OPTION_JSON,
    OPTION_OUTPUT,
    OPTION_BEFORE_SVG,
    OPTION_AFTER_SVG,
    OPTION_FORCE,
    OPTION_QUIET,
    OPTION_HELP,
    N_OPTIONS
};

static const struct pp_option diff_options[N_OPTIONS] = {
    [OPTION_FAIL_ABOVE] = {"fail-above", 0, true, false},
    [OPTION_JUDGE] = {"judge", 0, true, false},
    [OPTION_CUM] = {"cum", 0, false, false},
    [OPTION_TOP] = {"top", 0, true, false},
    [OPTION_SAMPLE] = {"sample", 0, true, false},
    [OPTION_SAMPLE_INDEX] = {"sample_index", 0, true, false},
    [OPTION_JSON] = {"json", 0, false, false},
    [OPTION_OUTPUT] = {"output", 'o', true, false},
    [OPTION_BEFORE_SVG] = {"before-svg", 0, true, false},
    [OPTION_AFTER_SVG] = {"after-svg", 0, true, false},
    [OPTION_FORCE] = {"force", 'f', false, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

enum { DEFAULT_ROWS = 20 };

struct side {
    const char **paths;
    struct pprofc_profile **profiles;
    uint32_t n;
    const char *picture; /* where its flame graph goes, or NULL */
};

struct comparison {
    struct side sides[PP_N_SIDES];
    enum pp_diff_side reading; /* words are files of this side */
    const char *output;
    struct pp_diff_options options;
    enum pp_format format; /* of 'output' */
    uint32_t n_rows;
    double limit; /* a fraction; negative: none */
    bool by_cum, is_json, overwrites, wants_help;
};

static void comparison_done(struct comparison *comparison)
{
    for (int side = 0; side < PP_N_SIDES; side++) {
        struct side *one = &comparison->sides[side];
        for (uint32_t i = 0; one->profiles != NULL && i < one->n; i++)
            pprofc_profile_free(one->profiles[i]);
        free(one->profiles);
        free(one->paths);
    }
}

/* ---- the command line ---- */

static int set_judge(struct comparison *comparison, const char *value, struct pprofc_error *err)
{
    static const char *const names[] = {[PP_JUDGE_AUTO] = "auto",
                                        [PP_JUDGE_COST] = "cost",
                                        [PP_JUDGE_SHARE] = "share",
                                        [PP_JUDGE_BOTH] = "both"};

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (strcmp(names[i], value) == 0) {
            comparison->options.judge = (enum pp_diff_judge)i;
            return 0;
        }
    return pp_fail(err, -EINVAL, 0, "--judge '%s' is none of cost, share, both and auto", value);
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct comparison *comparison = command;
    struct side *side = &comparison->sides[comparison->reading];

    switch (option) {
    case OPTION_FAIL_ABOVE:
        return pp_parse_percent(value, &comparison->limit, err);
    case OPTION_JUDGE:
        return set_judge(comparison, value, err);
    case OPTION_CUM:
        comparison->by_cum = true;
        return 0;
    case OPTION_TOP:
        return pp_parse_top(value, &comparison->n_rows, err);
    case OPTION_SAMPLE:
    case OPTION_SAMPLE_INDEX:
        comparison->options.sample = value;
        return 0;
    case OPTION_JSON:
        comparison->is_json = true;
        return 0;
    case OPTION_OUTPUT:
        comparison->output = value;
        return 0;
    case OPTION_BEFORE_SVG:
        comparison->sides[PP_BEFORE].picture = value;
        return 0;
    case OPTION_AFTER_SVG:
        comparison->sides[PP_AFTER].picture = value;
        return 0;
    case OPTION_FORCE:
        comparison->overwrites = true;
        return 0;
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    case OPTION_HELP:
        comparison->wants_help = true;
        return 0;
    default: /* a word */
        side->paths[side->n++] = value;
        return 0;
    }
}

/* "--" parts the sides, and options may stand on either. */
static int read_part(struct comparison *comparison, char **words, enum pp_diff_side side,
                     struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = diff_options, .n_options = N_OPTIONS, .verb = "diff", .words = words};

    comparison->reading = side;
    return pp_option_each(&reader, take, comparison, err);
}

/* Two files and no "--": the one before the other. */
static void part_two(struct comparison *comparison)
{
    struct side *before = &comparison->sides[PP_BEFORE], *after = &comparison->sides[PP_AFTER];

    if (before->n == 2 && after->n == 0) {
        before->n = after->n = 1;
        after->paths[0] = before->paths[1];
    }
}

static int check(struct comparison *comparison, bool has_parts, struct pprofc_error *err)
{
    const struct side *before = &comparison->sides[PP_BEFORE];
    const struct side *after = &comparison->sides[PP_AFTER];

    if (!has_parts)
        part_two(comparison);
    if (before->n == 0 || after->n == 0)
        return pp_fail(err, -EINVAL, 0,
                       "a side has no profiles; write pprofc diff BEFORE.. -- AFTER..");
    comparison->format = PP_FORMAT_TEXT;
    if (comparison->output != NULL && strcmp(comparison->output, "-") != 0)
        comparison->format = pp_format_of_path(comparison->output);
    if (comparison->format != PP_FORMAT_TEXT && comparison->format != PP_FORMAT_JSON &&
        comparison->format != PP_FORMAT_SVG)
        return pp_fail(err, -EINVAL, 0, "%s: a comparison is written as .svg, .json or .txt",
                       comparison->output);
    for (int side = 0; side < PP_N_SIDES; side++) {
        const char *picture = comparison->sides[side].picture;
        if (picture != NULL && pp_format_of_path(picture) != PP_FORMAT_SVG)
            return pp_fail(err, -EINVAL, 0, "%s: the flame graph of a side is an .svg", picture);
    }
    return 0;
}

static int read_options(char **words, struct comparison *comparison, struct pprofc_error *err)
{
    size_t n_words = 0, n_before;
    pp_autofree char **before = NULL;
    int rc;

    while (words[n_words] != NULL)
        n_words++;
    for (n_before = 0; n_before < n_words && strcmp(words[n_before], "--") != 0; n_before++)
        continue;
    before = calloc(n_before + 1, sizeof *before);
    for (int side = 0; side < PP_N_SIDES; side++)
        comparison->sides[side].paths = calloc(n_words + 1, sizeof(char *));
    if (before == NULL || comparison->sides[PP_BEFORE].paths == NULL ||
        comparison->sides[PP_AFTER].paths == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the command line");
    memcpy(before, words, n_before * sizeof *before);
    rc = read_part(comparison, before, PP_BEFORE, err);
    if (rc == 0 && n_before < n_words)
        rc = read_part(comparison, words + n_before + 1, PP_AFTER, err);
    if (rc < 0 || comparison->wants_help)
        return rc;
    return check(comparison, n_before < n_words, err);
}

/* ---- profiles ---- */

static int read_side(const struct comparison *comparison, struct side *side)
{
    const struct pp_input_wish wish = {.sample = comparison->options.sample};

    side->profiles = calloc(side->n, sizeof(struct pprofc_profile *));
    if (side->profiles == NULL) {
        pp_complain("no memory for %u profiles", side->n);
        return PP_EXIT_FAILED;
    }
    for (uint32_t i = 0; i < side->n; i++) {
        uint32_t type;
        const int code = pp_input_read(side->paths[i], &wish, &side->profiles[i], &type);
        if (code != 0)
            return code;
    }
    return 0;
}

static int write_file(const struct comparison *comparison, const char *path,
                      const struct pp_buffer *bytes, struct pprofc_error *err)
{
    char size[PP_NUMBER_TEXT_BYTES];
    int rc = pp_file_write(path, bytes->bytes, bytes->n_bytes, comparison->overwrites, err);

    if (rc == -EEXIST)
        return pp_fail(err, rc, 0, "%s exists; give -f to overwrite or another name", path);
    if (rc == 0 && strcmp(path, "-") != 0)
        pp_say("wrote %s (%s)", path, pp_bytes_text((double)bytes->n_bytes, size));
    return rc;
}

/* The flame graph of one side: of all its profiles together. */
static int write_side(const struct comparison *comparison, const struct side *side,
                      struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    struct pprofc_profile *all = NULL;
    const struct pprofc_profile *shown = side->profiles[0];
    int rc = 0, type;

    if (side->n > 1) {
        all = pp_profile_new();
        shown = all;
        if (all == NULL)
            return pp_fail(err, -ENOMEM, 0, "no memory for the flame graph of a side");
        for (uint32_t i = 0; i < side->n && rc == 0; i++)
            rc = pp_profile_merge(all, side->profiles[i], err);
    }
    type = rc != 0 ? rc
           : comparison->options.sample != NULL
               ? pp_profile_find_type(shown, comparison->options.sample, err)
               : (int)shown->default_type;
    rc = type < 0 ? type : pp_encode_profile(shown, PP_FORMAT_SVG, (uint32_t)type, &bytes, err);
    if (rc == 0)
        rc = write_file(comparison, side->picture, &bytes, err);
    pprofc_profile_free(all);
    return rc;
}

/* "before.pb.gz", "run_0.ppc and 19 more" */
static void put_files(const struct side *side, struct pp_buffer *title)
{
    pp_buffer_text(title, pp_base_name(side->paths[0]));
    if (side->n > 1) {
        pp_buffer_printf(title, " and %u more", side->n - 1);
        pp_buffer_text(title, "");
    }
}

static int write_diff(const struct comparison *comparison, const struct pp_diff *diff,
                      enum pp_format format, const char *path, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT, title = PP_BUFFER_INIT;
    struct pp_diff_encoding encoding = {.n_rows = comparison->n_rows, .by_cum = comparison->by_cum};
    int rc;

    put_files(&comparison->sides[PP_BEFORE], &title);
    pp_buffer_text(&title, " → ");
    put_files(&comparison->sides[PP_AFTER], &title);
    if (title.failed)
        return pp_fail(err, -ENOMEM, 0, "no memory for a title");
    encoding.title = title.bytes;
    rc = pp_encode_diff(diff, format, &encoding, &bytes, err);
    return rc < 0 ? rc : write_file(comparison, path, &bytes, err);
}

/* Standard output has the table, or JSON, whatever file is asked for besides: a log should say what
 * changed. */
static int write_all(const struct comparison *comparison, const struct pp_diff *diff,
                     struct pprofc_error *err)
{
    const bool has_file = comparison->output != NULL && strcmp(comparison->output, "-") != 0;
    int rc = 0;

    if (!has_file || comparison->is_json || comparison->format == PP_FORMAT_SVG)
        rc = write_diff(comparison, diff, comparison->is_json ? PP_FORMAT_JSON : PP_FORMAT_TEXT,
                        "-", err);
    if (rc == 0 && has_file)
        rc = write_diff(comparison, diff, comparison->format, comparison->output, err);
    for (int side = 0; side < PP_N_SIDES && rc == 0; side++)
        if (comparison->sides[side].picture != NULL)
            rc = write_side(comparison, &comparison->sides[side], err);
    return rc;
}

/* ---- the verdict ---- */

static int judge(const struct comparison *comparison, const struct pp_diff *diff)
{
    const int64_t worse = comparison->limit < 0
                              ? -ENOENT
                              : pp_diff_find_worse(diff, comparison->limit, comparison->by_cum);
    const struct pp_diff_row *row = worse >= 0 ? &diff->rows[worse] : NULL;

    if (worse == -ENOENT)
        return PP_EXIT_OK;
    if (row == NULL)
        pp_complain(
            "the whole is dearer by %.1f %%, and surely by more than chance: the limit is %.4g %%",
            100 * (pp_diff_run_total(diff, PP_AFTER) / pp_diff_run_total(diff, PP_BEFORE) - 1),
            100 * comparison->limit);
    else
        pp_complain("%s is dearer by %.1f %% of the whole: the limit is %.4g %%", row->name,
                    100 * pp_diff_growth(diff, comparison->by_cum ? &row->cum : &row->flat),
                    100 * comparison->limit);
    return PP_EXIT_WORSE;
}

static int compare(const struct comparison *comparison)
{
    const struct side *before = &comparison->sides[PP_BEFORE];
    const struct side *after = &comparison->sides[PP_AFTER];
    struct pp_diff *diff = NULL;
    struct pprofc_error err;
    int code;
    const int rc = pp_diff_make((const struct pprofc_profile *const *)before->profiles, before->n,
                                (const struct pprofc_profile *const *)after->profiles, after->n,
                                &comparison->options, &diff, &err);

    if (rc < 0) {
        pp_complain("%s", err.message);
        return rc == -ENODATA ? PP_EXIT_NO_SAMPLES : PP_EXIT_FAILED;
    }
    if (comparison->by_cum)
        pp_diff_sort(diff, true);
    if (write_all(comparison, diff, &err) < 0) {
        pp_complain("%s", err.message);
        code = PP_EXIT_FAILED;
    } else {
        code = judge(comparison, diff);
    }
    pp_diff_free(diff);
    return code;
}

int pp_cmd_diff(char **words)
{
    __attribute__((cleanup(comparison_done))) struct comparison comparison = {
        .limit = -1, .n_rows = DEFAULT_ROWS};
    struct pprofc_error err;
    int code;

    if (read_options(words, &comparison, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (comparison.wants_help) {
        (void)pp_help_show("diff");
        return PP_EXIT_OK;
    }
    for (int side = 0; side < PP_N_SIDES; side++) {
        code = read_side(&comparison, &comparison.sides[side]);
        if (code != 0)
            return code;
    }
    return compare(&comparison);
}
