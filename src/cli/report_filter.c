/* The filters of `pprofc report`: expressions as typed, made into one filter. */
#include "cli/report_filter.h"

#include <errno.h>
#include <string.h>

#include "base/numbers.h"
#include "cli/messages.h"
#include "profile/filter.h"
#include "profile/filter_tags.h"
#include "profile/idle.h"

/* Each expression: its option, its name in messages, where it goes, what says that it matched. */
static const struct {
    enum pp_report_option option;
    const char *name;
    size_t offset; /* in struct pp_filter */
    enum { PATTERN, TAGS, KEYS } kind;
    uint32_t match;
} parts[] = {
    {PP_REPORT_FOCUS, "focus", offsetof(struct pp_filter, focus), PATTERN, PP_MATCHED_FOCUS},
    {PP_REPORT_IGNORE, "ignore", offsetof(struct pp_filter, ignore), PATTERN, PP_MATCHED_IGNORE},
    {PP_REPORT_HIDE, "hide", offsetof(struct pp_filter, hide), PATTERN, PP_MATCHED_HIDE},
    {PP_REPORT_SHOW, "show", offsetof(struct pp_filter, show), PATTERN, PP_MATCHED_SHOW},
    {PP_REPORT_SHOW_FROM, "show_from", offsetof(struct pp_filter, show_from), PATTERN,
     PP_MATCHED_SHOW_FROM},
    {PP_REPORT_PRUNE_FROM, "prune_from", offsetof(struct pp_filter, prune_from), PATTERN,
     PP_MATCHED_PRUNE_FROM},
    {PP_REPORT_TAGFOCUS, "tagfocus", offsetof(struct pp_filter, tag_focus), TAGS,
     PP_MATCHED_TAG_FOCUS},
    {PP_REPORT_TAGIGNORE, "tagignore", offsetof(struct pp_filter, tag_ignore), TAGS,
     PP_MATCHED_TAG_IGNORE},
    {PP_REPORT_TAGSHOW, "tagshow", offsetof(struct pp_filter, tag_show), PATTERN,
     PP_MATCHED_TAG_SHOW},
    {PP_REPORT_TAGHIDE, "taghide", offsetof(struct pp_filter, tag_hide), PATTERN,
     PP_MATCHED_TAG_HIDE},
    {PP_REPORT_TAGROOT, "tagroot", offsetof(struct pp_filter, tag_root), KEYS, PP_MATCHED_TAG_ROOT},
    {PP_REPORT_TAGLEAF, "tagleaf", offsetof(struct pp_filter, tag_leaf), KEYS, PP_MATCHED_TAG_LEAF},
};

enum { N_PARTS = sizeof parts / sizeof parts[0] };

static void *place(struct pp_filter *filter, size_t part)
{
    return (char *)filter + parts[part].offset;
}

static void filter_done(struct pp_filter *filter)
{
    for (size_t i = 0; i < N_PARTS; i++) {
        if (parts[i].kind == PATTERN)
            pp_pattern_free(*(struct pp_pattern **)place(filter, i));
        else if (parts[i].kind == TAGS)
            pp_tag_filter_free(*(struct pp_tag_filter **)place(filter, i));
    }
    pp_pattern_free(filter->drop);
    pp_pattern_free(filter->keep);
}

static int read_part(struct pp_filter *filter, size_t part, const char *value,
                     struct pprofc_error *err)
{
    struct pprofc_error reason;
    int rc = 0;

    if (parts[part].kind == PATTERN)
        rc = pp_pattern_new(value, PP_PATTERN_ANYWHERE, place(filter, part), &reason);
    else if (parts[part].kind == TAGS)
        rc = pp_tag_filter_new(value, place(filter, part), &reason);
    else
        *(const char **)place(filter, part) = value;
    return rc == 0 ? 0 : pp_fail(err, rc, 0, "--%s: %s", parts[part].name, reason.message);
}

/* What the profile itself says is of no interest, as its producer knows ("malloc.*"). */
static void read_drop_frames(struct pp_filter *filter, const struct pprofc_profile *profile)
{
    struct pprofc_error reason;

    if (profile->drop_frames == 0)
        return;
    if (pp_pattern_new(pp_profile_chars(profile, profile->drop_frames), PP_PATTERN_WHOLE,
                       &filter->drop, &reason) != 0 ||
        (profile->keep_frames != 0 &&
         pp_pattern_new(pp_profile_chars(profile, profile->keep_frames), PP_PATTERN_WHOLE,
                        &filter->keep, &reason) != 0)) {
        pp_complain("the profile's drop_frames are not applied: %s", reason.message);
        pp_pattern_free(filter->drop);
        filter->drop = NULL;
    }
}

static void describe(const struct pp_report *report, struct pp_buffer *description)
{
    for (size_t i = 0; i < N_PARTS; i++)
        if (report->values[parts[i].option] != NULL)
            pp_buffer_printf(description, "%s%s=%s", description->n_bytes > 0 ? ", " : "",
                             parts[i].name, report->values[parts[i].option]);
    if (report->values[PP_REPORT_NOINLINES] != NULL)
        pp_buffer_printf(description, "%snoinlines", description->n_bytes > 0 ? ", " : "");
}

/* How much that was is a part of what the report says it shows. */
static int ignore_idle(struct pprofc_profile *profile, const struct pp_report *report,
                       uint32_t type, struct pp_buffer *description, struct pprofc_error *err)
{
    char value[PP_NUMBER_TEXT_BYTES];
    struct pp_idle idle;
    int rc;

    if (report->values[PP_REPORT_IGNORE_IDLE] == NULL)
        return 0;
    rc = pp_profile_ignore_idle(profile, type, &idle, err);
    if (rc != 0)
        return rc;
    pp_buffer_printf(
        description, "ignore-idle (%s in %u stack%s of %u thread%s)",
        pp_value_text(idle.value, pp_profile_chars(profile, profile->types[type].unit), value),
        idle.n_stacks, idle.n_stacks == 1 ? "" : "s", idle.n_threads,
        idle.n_threads == 1 ? "" : "s");
    if (idle.n_stacks == 0)
        pp_complain("--ignore-idle leaves nothing out of this profile");
    return 0;
}

int pp_report_filter(struct pprofc_profile *profile, const struct pp_report *report, uint32_t type,
                     bool without_time, struct pp_buffer *description, struct pprofc_error *err)
{
    __attribute__((cleanup(filter_done))) struct pp_filter filter = {
        .unit = report->values[PP_REPORT_UNIT],
        .without_inlines = report->values[PP_REPORT_NOINLINES] != NULL,
        .without_time = without_time};
    uint32_t matched = 0;
    int rc;

    for (size_t i = 0; i < N_PARTS; i++) {
        const char *value = report->values[parts[i].option];
        rc = value == NULL || value[0] == '\0' ? 0 : read_part(&filter, i, value, err);
        if (rc != 0)
            return rc;
    }
    if (report->values[PP_REPORT_ALL_FRAMES] == NULL)
        read_drop_frames(&filter, profile);
    rc = ignore_idle(profile, report, type, description, err);
    if (rc != 0)
        return rc;
    describe(report, description);
    rc = pp_profile_filter(profile, &filter, &matched, err);
    for (size_t i = 0; i < N_PARTS && rc == 0; i++) {
        const char *value = report->values[parts[i].option];
        if (value != NULL && value[0] != '\0' && (matched & parts[i].match) == 0)
            pp_complain("--%s=%s matches nothing in this profile", parts[i].name, value);
    }
    return rc;
}
