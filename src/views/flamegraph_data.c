/* The tree as columns in a JSON object, which the page (web/) draws from.
 *
 * Numbers of a column are one string: base 32 digits, least significant first, in the 64 characters
 * below; those from the second half say that another digit follows.  Names are sorted and written
 * without what they share with the one before.  A node is (levels up from the node before, flags),
 * its frame, its own value: about five bytes. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "views/flamegraph.h"
#include "views/flamegraph_parts.h"
#include "views/flamegraph_plain.h"

/* 800 000 nodes are 4 to 6 MB; more of them would not open within a second. */
enum { MAX_NODES = 800000, MAX_NAME_BYTES = 4096, MAX_SHARED_BYTES = 4096 };

enum { MOST_DIGITS = 13 }; /* of 64 bits */

enum { FLAG_INLINED = 1, FLAG_OTHER = 2, N_FLAGS = 4 };

struct data {
    const struct pp_flame_picture *picture;
    struct pp_buffer *out;
    struct pp_flame_tree tree; /* what is written, but of a plain profile that is 'kept' */
    struct pp_flame_kept kept;
    uint32_t n_nodes;
    uint32_t *frame_number; /* by frame: 1 + its place among those written; 0: not written */
    uint32_t *used_frames;
    uint32_t n_used_frames;
};

/* Most have one digit or two, and there are millions. */
static void put_number(struct pp_buffer *out, uint64_t number)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char *at;

    if (out->capacity - out->n_bytes < MOST_DIGITS && pp_buffer_room(out, MOST_DIGITS) == NULL)
        return;
    at = out->bytes + out->n_bytes;
    for (; number > 31; number >>= 5)
        *at++ = digits[(number & 31) | 32];
    *at++ = digits[number];
    out->n_bytes = (size_t)(at - out->bytes);
}

static void begin_column(struct data *data, const char *name)
{
    pp_buffer_printf(data->out, ",\n\"%s\":\"", name);
}

static void end_column(struct data *data)
{
    pp_buffer_append(data->out, "\"", 1);
}

static void put_text(struct data *data, const char *name, const char *text)
{
    pp_buffer_printf(data->out, ",\n\"%s\":\"", name);
    pp_flame_json(data->out, text, strlen(text));
    pp_buffer_append(data->out, "\"", 1);
}

static int find_used_frames(struct data *data)
{
    const uint32_t n_frames = data->picture->tree->n_frames;
    uint32_t i;

    data->frame_number = calloc((size_t)n_frames + 1, sizeof *data->frame_number);
    data->used_frames = calloc((size_t)n_frames + 1, sizeof *data->used_frames);
    if (data->frame_number == NULL || data->used_frames == NULL)
        return -ENOMEM;
    for (i = 1; i < data->kept.set.n; i++)
        data->frame_number[data->kept.frame[i]] = 1;
    for (i = 1; i < data->tree.n_nodes; i++)
        if (data->tree.nodes[i].kind == PP_FLAME_FRAME)
            data->frame_number[data->tree.nodes[i].frame] = 1;
    for (i = 0; i < n_frames; i++)
        if (data->frame_number[i] != 0) {
            data->used_frames[data->n_used_frames++] = i;
            data->frame_number[i] = data->n_used_frames;
        }
    return 0;
}

/* Only whole ASCII characters are shared: there bytes are what JavaScript counts, too. */
static size_t shared_bytes(const struct pp_buffer *a, const struct pp_buffer *b)
{
    size_t i = 0;

    while (i < a->n_bytes && i < b->n_bytes && i < MAX_SHARED_BYTES && a->bytes[i] == b->bytes[i] &&
           (a->bytes[i] & 0x80) == 0)
        i++;
    return i;
}

static void put_names(struct data *data)
{
    pp_autobuffer struct pp_buffer shared = PP_BUFFER_INIT;
    pp_autobuffer struct pp_buffer last = PP_BUFFER_INIT;
    pp_autobuffer struct pp_buffer name = PP_BUFFER_INIT;
    uint32_t i;

    pp_buffer_text(data->out, ",\n\"names\":[");
    for (i = 0; i < data->n_used_frames; i++) {
        const struct pp_flame_frame *frame = &data->picture->tree->frames[data->used_frames[i]];
        struct pp_buffer swap;
        size_t n_shared;
        name.n_bytes = 0;
        pp_flame_clean(&name, frame->name, frame->n_bytes, MAX_NAME_BYTES);
        n_shared = shared_bytes(&last, &name);
        put_number(&shared, n_shared);
        pp_buffer_text(data->out, i > 0 ? ",\"" : "\"");
        pp_flame_json(data->out, name.bytes + n_shared, name.n_bytes - n_shared);
        pp_buffer_append(data->out, "\"", 1);
        swap = last, last = name, name = swap;
    }
    pp_buffer_text(data->out, "]");
    begin_column(data, "shared");
    pp_buffer_append(data->out, shared.bytes, shared.n_bytes);
    end_column(data);
    if (shared.failed || last.failed || name.failed)
        data->out->failed = true;
}

static uint64_t natural(int64_t number)
{
    return number < 0 ? 0 : (uint64_t)number;
}

/* Files are numbered as they come: "files" lists them, column "file" points into it. */
static int put_files(struct data *data)
{
    const struct pprofc_profile *profile = data->picture->profile;
    const struct pp_flame_frame *frames = data->picture->tree->frames;
    pp_autofree uint32_t *number = calloc((size_t)profile->n_strings + 1, sizeof *number);
    pp_autobuffer struct pp_buffer column = PP_BUFFER_INIT;
    pp_autobuffer struct pp_buffer path = PP_BUFFER_INIT;
    uint32_t i, n_files = 0;

    if (number == NULL)
        return -ENOMEM;
    pp_buffer_text(data->out, ",\n\"files\":[\"\"");
    for (i = 0; i < data->n_used_frames; i++) {
        const pp_id file = frames[data->used_frames[i]].file;
        if (file != 0 && number[file] == 0) {
            number[file] = ++n_files;
            path.n_bytes = 0;
            pp_flame_clean(&path, profile->strings[file], profile->string_bytes[file],
                           MAX_NAME_BYTES);
            pp_buffer_text(data->out, ",\"");
            pp_flame_json(data->out, path.bytes, path.n_bytes);
            pp_buffer_append(data->out, "\"", 1);
        }
        put_number(&column, number[file]);
    }
    pp_buffer_text(data->out, "]");
    begin_column(data, "file");
    pp_buffer_append(data->out, column.bytes, column.n_bytes);
    end_column(data);
    return column.failed || path.failed ? -ENOMEM : 0;
}

static void put_modules(struct data *data)
{
    const struct pprofc_profile *profile = data->picture->profile;
    const struct pp_flame_modules *modules = data->picture->modules;
    pp_autobuffer struct pp_buffer path = PP_BUFFER_INIT;
    uint32_t i;

    pp_buffer_text(data->out, ",\n\"modules\":[");
    for (i = 0; i < modules->n_items; i++) {
        const struct pp_flame_module *module = &modules->items[i];
        path.n_bytes = 0;
        pp_flame_clean(&path, profile->strings[module->path], profile->string_bytes[module->path],
                       MAX_NAME_BYTES);
        pp_buffer_printf(data->out, "%s[\"", i > 0 ? "," : "");
        pp_flame_json(data->out, path.bytes, path.n_bytes);
        pp_buffer_printf(data->out, "\",%u,%d]", module->color, module->is_program);
    }
    pp_buffer_text(data->out, "]");
    if (path.failed)
        data->out->failed = true;
}

static void put_frame_columns(struct data *data)
{
    const struct pp_flame_frame *frames = data->picture->tree->frames;
    const struct pp_flame_modules *modules = data->picture->modules;
    uint32_t i;

    begin_column(data, "line");
    for (i = 0; i < data->n_used_frames; i++)
        put_number(data->out, natural(frames[data->used_frames[i]].start_line));
    end_column(data);
    begin_column(data, "hot_line");
    for (i = 0; i < data->n_used_frames; i++)
        put_number(data->out, natural(frames[data->used_frames[i]].hot_line));
    end_column(data);
    begin_column(data, "module");
    for (i = 0; i < data->n_used_frames; i++)
        put_number(data->out, modules->of_string[frames[data->used_frames[i]].module]);
    end_column(data);
    begin_column(data, "hue");
    for (i = 0; i < data->n_used_frames; i++) {
        const struct pp_flame_frame *frame = &frames[data->used_frames[i]];
        put_number(data->out, pp_flame_hash(frame->name, frame->n_bytes) % PP_FLAME_HUES +
                                  (pp_flame_is_pseudo(frame) ? PP_FLAME_HUES : 0));
    }
    end_column(data);
}

/* The columns of nodes, which are written side by side. */
struct columns {
    const struct data *data;
    struct pp_buffer nodes, frames, selfs, afters;
    uint32_t n_nodes, last_level;
};

static void put_node(void *context, const struct pp_flame_node *node,
                     const struct pp_flame_after *after)
{
    struct columns *columns = context;
    const uint64_t n_up = (uint64_t)columns->last_level + 1 - node->level;

    if (columns->n_nodes++ > 0) {
        put_number(&columns->nodes, n_up * N_FLAGS + (node->is_inlined ? FLAG_INLINED : 0) +
                                        (node->kind == PP_FLAME_OTHER ? FLAG_OTHER : 0));
        put_number(&columns->frames, node->kind == PP_FLAME_FRAME
                                         ? columns->data->frame_number[node->frame] - 1
                                         : node->n_gathered);
    }
    put_number(&columns->selfs, natural(node->self));
    if (after != NULL)
        put_number(&columns->afters, natural(after->self));
    columns->last_level = node->level;
}

static void put_column(struct data *data, const char *name, struct pp_buffer *column)
{
    begin_column(data, name);
    pp_buffer_append(data->out, column->bytes, column->n_bytes);
    end_column(data);
    data->out->failed = data->out->failed || column->failed;
    pp_buffer_done(column);
}

static void put_nodes(struct data *data)
{
    const struct pp_flame_tree *tree = &data->tree;
    struct columns columns = {.data = data};

    if (data->picture->plain != NULL)
        pp_flame_plain_walk(&data->kept, put_node, &columns);
    pp_flame_kept_done(&data->kept); /* large, and used up */
    for (uint32_t i = 0; i < tree->n_nodes; i++)
        put_node(&columns, &tree->nodes[i], tree->after != NULL ? &tree->after[i] : NULL);
    put_column(data, "node", &columns.nodes);
    put_column(data, "frame", &columns.frames);
    put_column(data, "self", &columns.selfs);
    if (data->picture->change != NULL)
        put_column(data, "after", &columns.afters);
}

static void put_fraction(struct data *data, double number)
{
    pp_buffer_printf(data->out, "%.9g", number);
}

static void put_change(struct data *data)
{
    const struct pp_flame_change *change = data->picture->change;

    if (change == NULL)
        return;
    pp_buffer_printf(data->out, ",\n\"change\":{\"runs\":[%u,%u],\"scale\":[",
                     change->diff->total[PP_BEFORE].n_profiles,
                     change->diff->total[PP_AFTER].n_profiles);
    put_fraction(data, change->scale[PP_BEFORE]);
    pp_buffer_text(data->out, ",");
    put_fraction(data, change->scale[PP_AFTER]);
    pp_buffer_text(data->out, "],\"sample\":[");
    put_fraction(data, change->sample[PP_BEFORE]);
    pp_buffer_text(data->out, ",");
    put_fraction(data, change->sample[PP_AFTER]);
    pp_buffer_text(data->out, "]}");
}

static int put_columns(struct data *data)
{
    const struct pp_flame_picture *picture = data->picture;
    const struct pprofc_profile *profile = picture->profile;
    const pp_id type = profile->types[picture->options->type].type;
    pp_autobuffer struct pp_buffer type_name = PP_BUFFER_INIT;

    pp_flame_clean(&type_name, profile->strings[type], profile->string_bytes[type], 100);
    pp_buffer_text(&type_name, "");
    if (type_name.failed)
        return -ENOMEM;
    pp_buffer_printf(data->out, "{\"version\":1,\"n_nodes\":%u,\"n_frames\":%u", data->n_nodes,
                     data->n_used_frames);
    put_text(data, "kind", pp_flame_kind_id(picture->kind));
    put_text(data, "kind_title", pp_flame_kind_title(picture->kind));
    put_text(data, "type", type_name.bytes);
    put_text(data, "unit", picture->unit);
    put_text(data, "title", picture->title.bytes);
    put_text(data, "facts", picture->facts.bytes);
    put_text(data, "quality", picture->quality.bytes);
    put_text(data, "color", picture->by_name ? "name" : "module");
    pp_buffer_printf(data->out, ",\"inverted\":%s", picture->options->inverted ? "true" : "false");
    put_change(data);
    put_names(data);
    put_modules(data);
    put_frame_columns(data);
    put_nodes(data);
    return put_files(data);
}

/* Find what is written. */
static int choose_nodes(struct data *data)
{
    const struct pp_flame_picture *picture = data->picture;
    int failed;

    if (picture->plain != NULL) {
        failed = pp_flame_plain_keep(picture->plain,
                                     pp_flame_plain_threshold(picture->plain, 1, MAX_NODES), true,
                                     &data->kept);
        data->n_nodes = data->kept.set.n + data->kept.with_rest.n;
        return failed;
    }
    failed =
        pp_flame_gather(picture->tree, pp_flame_threshold(picture->tree, 1, UINT32_MAX, MAX_NODES),
                        UINT32_MAX, &data->tree, NULL);
    data->n_nodes = data->tree.n_nodes;
    return failed;
}

int pp_flame_write_data(const struct pp_flame_picture *picture, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    struct data data = {.picture = picture, .out = out};
    int rc = choose_nodes(&data);

    if (rc == 0)
        rc = find_used_frames(&data);
    if (rc == 0)
        rc = put_columns(&data);
    pp_buffer_text(out, "}");
    pp_flame_tree_done(&data.tree);
    pp_flame_kept_done(&data.kept);
    free(data.frame_number);
    free(data.used_frames);
    if (rc != 0 || out->failed)
        return pp_fail(err, -ENOMEM, 0, "no memory for a flame graph's data");
    return 0;
}
