/* What a profile says of itself. */
#include "cli/comments.h"

#include <errno.h>

#include "base/error.h"
#include "base/json_writer.h"
#include "formats/pprof.h"
#include "views/clean_text.h"

struct writing {
    struct pp_json json;
    bool is_json, failed;
};

/* NULL: out of memory. */
static void put(void *context, const char *comment)
{
    struct writing *writing = context;

    if (comment == NULL) {
        writing->failed = true;
    } else if (writing->is_json) {
        pp_json_text(&writing->json, NULL, comment);
    } else {
        pp_clean_text_append(writing->json.out, comment);
        pp_buffer_text(writing->json.out, "\n");
    }
}

int pp_comments_write(const struct pprofc_profile *profile, bool is_json, struct pp_buffer *out,
                      struct pprofc_error *err)
{
    struct writing writing = {.json = {.out = out}, .is_json = is_json};

    if (is_json) {
        pp_json_begin_object(&writing.json, NULL);
        pp_json_begin_array(&writing.json, "comments");
    }
    for (uint32_t i = 0; i < profile->n_comments; i++)
        put(&writing, pp_profile_chars(profile, profile->comments[i]));
    pp_pprof_write_comments(profile, put, &writing);
    if (is_json) {
        pp_json_end_array(&writing.json);
        pp_json_end_object(&writing.json);
        pp_buffer_text(out, "\n");
    }
    return writing.failed || out->failed
               ? pp_fail(err, -ENOMEM, 0, "cannot write the comments: out of memory")
               : 0;
}
