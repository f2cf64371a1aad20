/* Any bytes: read as pprof, and what could be read is written, read again and written again with
 * the same bytes; ranked, folded and printed too, since those see the strangest profiles here. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "formats/formats.h"
#include "profile/filter_tags.h"
#include "profile/top.h"
#include "views/call_table.h"
#include "views/dot_view.h"
#include "views/sample_views.h"
#include "views/top_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

/* The profile's own expressions are a stranger's, like all of it. */
static void filter(struct pprofc_profile *profile)
{
    struct pp_filter filter = {.tag_root = "a", .without_inlines = true, .without_time = true};

    if (pp_pattern_new(pp_profile_chars(profile, profile->drop_frames), PP_PATTERN_WHOLE,
                       &filter.drop, NULL) != 0)
        filter.drop = NULL;
    if (pp_pattern_new("[a-m]", PP_PATTERN_ANYWHERE, &filter.show_from, NULL) != 0 ||
        pp_pattern_new("[n-z]", PP_PATTERN_ANYWHERE, &filter.hide, NULL) != 0 ||
        pp_pattern_new("a", PP_PATTERN_ANYWHERE, &filter.prune_from, NULL) != 0 ||
        pp_tag_filter_new("1:100kb", &filter.tag_ignore, NULL) != 0 ||
        pp_profile_filter(profile, &filter, NULL, NULL) != 0)
        abort();
    pp_pattern_free(filter.drop);
    pp_pattern_free(filter.show_from);
    pp_pattern_free(filter.hide);
    pp_pattern_free(filter.prune_from);
    pp_tag_filter_free(filter.tag_ignore);
}

static void view(const struct pprofc_profile *profile)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    const struct pp_call_table_options calls = {.wish = {.node_share = 0.01, .max_nodes = 5}};
    const struct pp_dot_options dot = {.wish = {.is_picture = true, .group = PP_BY_LINE}};
    const struct pp_view_scope scope = {.type = 0};

    if (pp_call_table_write(profile, &calls, &out, NULL) != 0 ||
        pp_dot_write(profile, &dot, &out, NULL) != 0 ||
        pp_traces_write(profile, &scope, PP_BY_ADDRESS, &out, NULL) != 0 ||
        pp_tags_write(profile, &scope, &out, NULL) != 0 || pp_raw_write(profile, &out, NULL) != 0)
        abort();
}

static void use(struct pprofc_profile *profile)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    const struct pp_top_table_options options = {.type = profile->default_type,
                                                 .group = PP_BY_LINE};

    if (pp_json_write(profile, &out, NULL) != 0 || pp_folded_write(profile, 0, &out, NULL) != 0 ||
        pp_top_table_write(profile, &options, &out, NULL) != 0)
        abort();
    for (enum pp_group group = PP_BY_FUNCTION; group <= PP_BY_NAME; group++) {
        struct pp_top top;
        if (pp_top_make(profile, 0, group, &top, NULL) != 0)
            abort();
        pp_top_done(&top);
    }
    if (profile->n_types > 0)
        view(profile);
    if (pp_profile_block(profile, "libc,a", false, NULL) != 0)
        abort();
    filter(profile);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    pp_autobuffer struct pp_buffer first = PP_BUFFER_INIT, second = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL, *again = NULL;
    struct pprofc_error err = {.message = ""};

    (void)pp_format_of_bytes(bytes, n_bytes);
    if (pp_pprof_read(bytes, n_bytes, "fuzz", &profile, &err) != 0) {
        if (profile != NULL || err.message[0] == '\0')
            abort();
        return 0;
    }
    if (pp_pprof_write(profile, false, &first, NULL) != 0 ||
        pp_pprof_read(first.bytes, first.n_bytes, "again", &again, NULL) != 0 ||
        pp_pprof_write(again, false, &second, NULL) != 0)
        abort();
    for (uint32_t type = 0; type < profile->n_types; type++) {
        if (pp_profile_total(profile, type) != pp_profile_total(again, type))
            abort();
    }
    use(profile);
    pprofc_profile_free(profile);
    pprofc_profile_free(again);
    return 0;
}
