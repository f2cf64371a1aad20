/* The flame graph's file: what it says about itself, the picture for readers without scripts, the
 * data and the page that draws from it. */
#include "views/flamegraph.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "views/diff_table.h"
#include "views/flamegraph_parts.h"
#include "views/flamegraph_plain.h"

static void write_title(struct pp_flame_picture *picture)
{
    const struct pprofc_profile *profile = picture->profile;
    const pp_id command = profile->command;
    const char *title = picture->options->title;

    if (title != NULL)
        pp_flame_clean(&picture->title, title, strlen(title), 1000);
    else if (profile->string_bytes[command] > 0)
        pp_flame_clean(&picture->title, profile->strings[command], profile->string_bytes[command],
                       1000);
    else
        pp_buffer_printf(&picture->title, "Flame graph: %s", pp_flame_kind_title(picture->kind));
    pp_buffer_text(&picture->title, "");
}

static int64_t count_samples(const struct pprofc_profile *profile)
{
    uint32_t type;

    if (profile->quality.is_known && profile->quality.n_samples >= 0)
        return profile->quality.n_samples;
    for (type = 0; type < profile->n_types; type++)
        if (strcmp(pp_profile_chars(profile, profile->types[type].type), "samples") == 0)
            return pp_profile_total(profile, type);
    return -1;
}

/* "CPU time · 2026-11-24 13:05:59 UTC · 12.3 s · 1 229 samples · 12.2 s cpu" */
static void write_facts(struct pp_flame_picture *picture)
{
    const struct pprofc_profile *profile = picture->profile;
    const pp_id type = profile->types[picture->options->type].type;
    const int64_t n_samples = count_samples(profile);
    struct pp_buffer *facts = &picture->facts;

    pp_buffer_text(facts, pp_flame_kind_title(picture->kind));
    if (picture->change != NULL) {
        pp_flame_change_facts(facts, picture->change->diff);
        pp_buffer_text(facts, "");
        return;
    }
    if (profile->time_ns > 0) {
        pp_buffer_text(facts, " · ");
        pp_flame_date(facts, profile->time_ns);
    }
    if (profile->duration_ns > 0) {
        pp_buffer_text(facts, " · ");
        pp_flame_value(facts, profile->duration_ns, "nanoseconds");
    }
    if (n_samples >= 0) {
        pp_buffer_text(facts, " · ");
        pp_flame_number(facts, n_samples);
        pp_buffer_text(facts, n_samples == 1 ? " sample" : " samples");
    }
    if (strcmp(pp_profile_chars(profile, type), "samples") != 0) {
        pp_buffer_text(facts, " · ");
        pp_flame_value(facts, picture->tree->nodes[0].total, picture->unit);
        pp_buffer_text(facts, " ");
        pp_flame_clean(facts, profile->strings[type], profile->string_bytes[type], 60);
    }
    pp_buffer_text(facts, "");
}

static void write_quality(struct pp_flame_picture *picture)
{
    char line[512] = "";

    if (picture->change != NULL)
        pp_diff_method_write(picture->change->diff, &picture->quality);
    pp_profile_quality_line(picture->profile, line, sizeof line);
    pp_flame_clean(&picture->quality, line, strlen(line), sizeof line);
    pp_buffer_text(&picture->quality, "");
}

static void put_web_files(struct pp_buffer *svg, const char *suffix)
{
    const struct pp_web_file *file;

    for (file = pp_web_files; file->name != NULL; file++) {
        const size_t n_name = strlen(file->name), n_suffix = strlen(suffix);
        if (n_name > n_suffix && strcmp(file->name + n_name - n_suffix, suffix) == 0)
            pp_buffer_append(svg, file->bytes, (size_t)(file->end - file->bytes));
    }
}

/* A command line may be long: the title is what a tab or a list shows, the description has it all.
 */
static void put_title(const struct pp_flame_picture *picture, struct pp_buffer *svg)
{
    const struct pp_buffer *title = &picture->title;
    pp_autobuffer struct pp_buffer shown = PP_BUFFER_INIT;

    pp_flame_cut(&shown, title->bytes, title->n_bytes, PP_FLAME_TITLE_COLUMNS);
    pp_flame_xml(svg, shown.bytes, shown.n_bytes);
    pp_buffer_text(svg, "</title>\n<desc>");
    if (shown.n_bytes != title->n_bytes) {
        pp_flame_xml(svg, title->bytes, title->n_bytes);
        pp_buffer_text(svg, "; ");
    }
    svg->failed = svg->failed || shown.failed;
}

static void put_head(const struct pp_flame_picture *picture, uint32_t height, struct pp_buffer *svg)
{
    pp_buffer_printf(
        svg,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"100%%\" viewBox=\"0 0 %d %u\" "
        "preserveAspectRatio=\"xMinYMin\" role=\"document\">\n<title>",
        PP_FLAME_WIDTH, height);
    put_title(picture, svg);
    pp_flame_xml(svg, picture->facts.bytes, picture->facts.n_bytes);
    pp_buffer_text(svg, picture->quality.n_bytes > 0 ? "; " : "");
    pp_flame_xml(svg, picture->quality.bytes, picture->quality.n_bytes);
    pp_buffer_text(
        svg,
        "</desc>\n<defs><pattern id=\"hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" "
        "patternTransform=\"rotate(45)\"><rect class=\"line\" width=\"1.5\" height=\"5\"/></pattern></defs>\n"
        "<style><![CDATA[\n");
    pp_flame_palette(svg, picture->kind);
    if (picture->change != NULL)
        pp_flame_change_palette(svg);
    put_web_files(svg, ".css");
    pp_buffer_printf(svg, "]]></style>\n<script>%s</script>\n", pp_web_mark_script);
}

static int write_picture(const struct pp_flame_picture *picture, struct pp_buffer *svg,
                         struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer still = PP_BUFFER_INIT;
    uint32_t height;
    int rc = pp_flame_write_static(picture, &still, &height, err);

    if (rc != 0)
        return rc;
    if (still.failed)
        return pp_fail(err, -ENOMEM, 0, "no memory for a flame graph's picture");
    put_head(picture, height, svg);
    pp_buffer_append(svg, still.bytes, still.n_bytes);
    pp_buffer_done(&still);
    pp_buffer_text(svg, "<script type=\"application/json\" id=\"pp-data\">");
    rc = pp_flame_write_data(picture, svg, err);
    if (rc != 0)
        return rc;
    pp_buffer_printf(svg, "</script>\n<script><![CDATA[%s", pp_web_script_opening);
    put_web_files(svg, ".js");
    pp_buffer_printf(svg, "%s]]></script>\n</svg>\n", pp_web_script_closing);
    return 0;
}

/* 'picture' holds the profile, the options and what changes; the tree becomes this function's. */
static int write_tree(struct pp_flame_picture *picture, struct pp_flame_tree *tree,
                      struct pp_buffer *svg, struct pprofc_error *err)
{
    const struct pprofc_profile *profile = picture->profile;
    const uint32_t type = picture->options->type;
    const size_t start = svg->n_bytes;
    struct pp_flame_modules modules;
    int rc;

    picture->tree = tree;
    picture->modules = &modules;
    rc = pp_flame_modules_init(&modules, profile, tree, err);
    if (rc == 0) {
        picture->kind = pp_flame_kind_of(profile, type);
        picture->by_name = picture->options->color == PP_COLOR_NAME || modules.n_items == 1;
        picture->unit = pp_profile_chars(profile, profile->types[type].unit);
        write_title(picture);
        write_facts(picture);
        write_quality(picture);
        if (picture->title.failed || picture->facts.failed || picture->quality.failed)
            rc = pp_fail(err, -ENOMEM, 0, "no memory for a flame graph's title");
        else
            rc = write_picture(picture, svg, err);
        if (rc == 0 && svg->failed)
            rc = pp_fail(err, -ENOMEM, 0, "no memory for a flame graph");
    }
    if (rc != 0)
        svg->n_bytes = start;
    pp_buffer_done(&picture->title);
    pp_buffer_done(&picture->facts);
    pp_buffer_done(&picture->quality);
    pp_flame_modules_done(&modules);
    pp_flame_tree_done(tree);
    return rc;
}

/* A plain profile's picture needs a tree only of what may be drawn without scripts.  1 when the
 * profile is not plain. */
static int write_plain(struct pp_flame_picture *picture, uint32_t type_after, struct pp_buffer *svg,
                       struct pprofc_error *err)
{
    struct pp_flame_tree tree = {0};
    struct pp_flame_draft draft;
    int rc =
        pp_flame_plain_init(&draft, picture->profile, picture->options->type, type_after, &tree);

    if (rc > 0) {
        picture->plain = &draft;
        rc = pp_flame_plain_tree(
            &draft, pp_flame_least_total(picture->options, pp_flame_total(&draft, 0)), &tree);
        rc = rc == 0 ? write_tree(picture, &tree, svg, err) : rc;
    } else if (rc == 0) {
        rc = 1;
    }
    pp_flame_tree_done(&tree);
    pp_flame_draft_done(&draft);
    return rc == -ENOMEM ? pp_fail(err, rc, 0, "no memory for a flame graph") : rc;
}

int pp_flamegraph_write_general(const struct pprofc_profile *profile,
                                const struct pp_flamegraph_options *options, struct pp_buffer *svg,
                                struct pprofc_error *err)
{
    struct pp_flame_picture picture = {.profile = profile, .options = options};
    struct pp_flame_tree tree;
    const int rc = pp_flame_tree_build(profile, options->type, &tree, err);

    return rc != 0 ? rc : write_tree(&picture, &tree, svg, err);
}

int pp_flamegraph_write(const struct pprofc_profile *profile,
                        const struct pp_flamegraph_options *options, struct pp_buffer *svg,
                        struct pprofc_error *err)
{
    struct pp_flame_picture picture = {.profile = profile, .options = options};
    const int rc =
        options->type < profile->n_types ? write_plain(&picture, PP_FLAME_NO_TYPE, svg, err) : 1;

    return rc > 0 ? pp_flamegraph_write_general(profile, options, svg, err) : rc;
}

int pp_flamegraph_write_diff_general(const struct pp_diff *diff,
                                     const struct pp_flamegraph_options *options,
                                     struct pp_buffer *svg, struct pprofc_error *err)
{
    const struct pp_flame_change change = pp_flame_change_of(diff);
    struct pp_flamegraph_options own = *options;
    struct pp_flame_picture picture = {.profile = diff->joint, .options = &own, .change = &change};
    struct pp_flame_tree tree;
    const int rc = pp_flame_tree_build_diff(diff, &tree, err);

    own.type = 0;
    return rc != 0 ? rc : write_tree(&picture, &tree, svg, err);
}

int pp_flamegraph_write_diff(const struct pp_diff *diff,
                             const struct pp_flamegraph_options *options, struct pp_buffer *svg,
                             struct pprofc_error *err)
{
    const struct pp_flame_change change = pp_flame_change_of(diff);
    struct pp_flamegraph_options own = *options;
    struct pp_flame_picture picture = {.profile = diff->joint, .options = &own, .change = &change};
    int rc;

    own.type = 2 * PP_BEFORE;
    rc = write_plain(&picture, 2 * PP_AFTER, svg, err);
    return rc > 0 ? pp_flamegraph_write_diff_general(diff, options, svg, err) : rc;
}

const char *pp_flamegraph_script_sources(void)
{
    return pp_web_script_sources;
}
