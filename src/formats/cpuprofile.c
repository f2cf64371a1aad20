/* Reading .cpuprofile, the JSON that V8 writes (node --cpu-prof, Chrome's developer tools): nodes
 * of a tree, the node of each sample, and microseconds between samples.  A sample lasts until the
 * next one, the last one until the end.  "(root)" is left out of the stacks; "(idle)", "(program)"
 * and
 * "(garbage collector)" are functions like others. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/json_reader.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "profile/tables.h"

struct node {
    uint32_t id, parent; /* ids of the file; parent 0: none */
    pp_id location;      /* 0: the root */
    int64_t n_hits;
    pp_id stack; /* ours, where is_known */
    bool is_known;
};

struct edge {
    uint32_t parent, child;
};

struct reader {
    struct pprofc_profile *profile;
    const char *name;
    struct pprofc_error *err;
    struct pp_json_reader json;
    struct node *nodes;
    struct edge *edges;
    uint32_t *samples; /* ids of nodes */
    int64_t *deltas_us;
    uint32_t *path; /* reused: nodes on the way to one that is known */
    size_t n_nodes, nodes_capacity, n_edges, edges_capacity, n_samples, samples_capacity, n_deltas,
        deltas_capacity, path_capacity;
    int64_t begin_us, end_us;
    bool has_nodes;
};

static void reader_done(struct reader *reader)
{
    pprofc_profile_free(reader->profile);
    pp_json_reader_done(&reader->json);
    free(reader->nodes);
    free(reader->edges);
    free(reader->samples);
    free(reader->deltas_us);
    free(reader->path);
}

static int refuse(struct reader *reader, const char *what)
{
    const uint64_t offset = (uint64_t)(reader->json.at - reader->json.begin);

    return pp_fail(reader->err, -EBADMSG, offset, "'%s': %s at byte %" PRIu64, reader->name, what,
                   offset);
}

/* ---- nodes ---- */

static pp_id read_text(struct reader *reader)
{
    struct pp_json_string text;

    return pp_json_read_string(&reader->json, &text)
               ? pp_profile_string(reader->profile, text.bytes, text.n_bytes)
               : 0;
}

/* Lines count from 0, and -1 is none. */
static void read_frame(struct reader *reader, struct node *node)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_function function = {0};
    struct pp_json_string key;
    const struct pp_location location = {.n_lines = 1};
    struct pp_line line = {0, 0};
    int64_t number;

    if (!pp_json_read_object(json))
        return;
    while (pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "functionName"))
            function.name = read_text(reader);
        else if (pp_json_is(key, "url"))
            function.file = read_text(reader);
        else if (pp_json_is(key, "lineNumber") && pp_json_read_int64(json, &number))
            function.start_line = number >= 0 && number < INT32_MAX ? number + 1 : 0;
        else
            (void)pp_json_skip(json);
    }
    if (strcmp(reader->profile->strings[function.name], "(root)") == 0)
        return;
    if (function.name == 0)
        function.name = pp_profile_text(reader->profile, "(anonymous)");
    line.line = function.start_line;
    line.function = pp_profile_function(reader->profile, &function);
    node->location = pp_profile_location(reader->profile, &location, &line);
}

static int read_children(struct reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    uint32_t child;

    if (!pp_json_read_array(json))
        return 0;
    while (pp_json_next_item(json)) {
        if (pp_json_peek(json) == PP_JSON_OBJECT)
            return refuse(reader, "nodes within nodes: a .cpuprofile of before 2016");
        if (!pp_json_read_index(json, &child))
            break;
        if (pp_array_reserve(&reader->edges, &reader->edges_capacity, reader->n_edges + 1,
                             sizeof *reader->edges) != 0)
            return -ENOMEM;
        reader->edges[reader->n_edges++] = (struct edge){0, child};
    }
    return 0;
}

static int read_node(struct reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct node node = {.id = 0};
    const size_t first_edge = reader->n_edges;
    struct pp_json_string key;
    bool has_id = false;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "id"))
            has_id = pp_json_read_index(json, &node.id);
        else if (pp_json_is(key, "parent"))
            (void)pp_json_read_index(json, &node.parent);
        else if (pp_json_is(key, "hitCount"))
            (void)pp_json_read_int64(json, &node.n_hits);
        else if (pp_json_is(key, "callFrame"))
            read_frame(reader, &node);
        else if (pp_json_is(key, "children"))
            failed = read_children(reader);
        else
            (void)pp_json_skip(json);
    }
    if (failed != 0 || json->problem != NULL)
        return failed;
    if (!has_id || node.id == 0)
        return refuse(reader, "a node without an id ends");
    for (size_t i = first_edge; i < reader->n_edges; i++)
        reader->edges[i].parent = node.id;
    if (pp_array_reserve(&reader->nodes, &reader->nodes_capacity, reader->n_nodes + 1,
                         sizeof *reader->nodes) != 0)
        return -ENOMEM;
    reader->nodes[reader->n_nodes++] = node;
    return pp_profile_failed(reader->profile) ? -ENOMEM : 0;
}

static int compare_nodes(const void *left, const void *right)
{
    const struct node *a = left, *b = right;

    return (a->id > b->id) - (a->id < b->id);
}

static struct node *find_node(const struct reader *reader, uint32_t id)
{
    const struct node wanted = {.id = id};

    return reader->n_nodes == 0 ? NULL
                                : bsearch(&wanted, reader->nodes, reader->n_nodes,
                                          sizeof *reader->nodes, compare_nodes);
}

static int no_node(struct reader *reader, uint32_t id)
{
    return pp_fail(reader->err, -EBADMSG, 0, "'%s': node %" PRIu32 ", which is not there",
                   reader->name, id);
}

static int link_nodes(struct reader *reader)
{
    if (reader->n_nodes > 1)
        qsort(reader->nodes, reader->n_nodes, sizeof *reader->nodes, compare_nodes);
    for (size_t i = 1; i < reader->n_nodes; i++) {
        if (reader->nodes[i].id == reader->nodes[i - 1].id)
            return pp_fail(reader->err, -EBADMSG, 0, "'%s': two nodes with id %" PRIu32,
                           reader->name, reader->nodes[i].id);
    }
    for (size_t i = 0; i < reader->n_edges; i++) {
        struct node *child = find_node(reader, reader->edges[i].child);
        if (child == NULL)
            return no_node(reader, reader->edges[i].child);
        child->parent = reader->edges[i].parent;
    }
    return 0;
}

/* Up to a node whose stack is known or that has no parent, then down again. */
static int find_stack(struct reader *reader, uint32_t id, pp_id *stack_out)
{
    size_t depth = 0;
    pp_id stack = 0;

    while (id != 0) {
        const struct node *node = find_node(reader, id);
        if (node == NULL)
            return no_node(reader, id);
        if (node->is_known) {
            stack = node->stack;
            break;
        }
        if (depth == reader->n_nodes)
            return pp_fail(reader->err, -EBADMSG, 0, "'%s': node %" PRIu32 " is above itself",
                           reader->name, id);
        if (pp_array_reserve(&reader->path, &reader->path_capacity, depth + 1,
                             sizeof *reader->path) != 0)
            return -ENOMEM;
        reader->path[depth++] = (uint32_t)(node - reader->nodes);
        id = node->parent;
    }
    while (depth-- > 0) {
        struct node *node = &reader->nodes[reader->path[depth]];
        if (node->location != 0)
            stack = pp_profile_child(reader->profile, stack, node->location);
        node->stack = stack;
        node->is_known = true;
    }
    *stack_out = stack;
    return 0;
}

/* ---- samples ---- */

static int read_samples(struct reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    uint32_t id;

    if (!pp_json_read_array(json))
        return 0;
    while (pp_json_next_item(json) && pp_json_read_index(json, &id)) {
        if (pp_array_reserve(&reader->samples, &reader->samples_capacity, reader->n_samples + 1,
                             sizeof *reader->samples) != 0)
            return -ENOMEM;
        reader->samples[reader->n_samples++] = id;
    }
    return 0;
}

static int read_deltas(struct reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    int64_t delta;

    if (!pp_json_read_array(json))
        return 0;
    while (pp_json_next_item(json) && pp_json_read_int64(json, &delta)) {
        if (pp_array_reserve(&reader->deltas_us, &reader->deltas_capacity, reader->n_deltas + 1,
                             sizeof *reader->deltas_us) != 0)
            return -ENOMEM;
        reader->deltas_us[reader->n_deltas++] = delta;
    }
    return 0;
}

/* In nanoseconds, at the end of the scale rather than wrapped around; V8's clock sometimes steps
 * back. */
static int64_t to_ns(int64_t time_us)
{
    int64_t time_ns;

    if (time_us <= 0)
        return 0;
    return __builtin_mul_overflow(time_us, 1000, &time_ns) ? INT64_MAX : time_ns;
}

static int add_samples(struct reader *reader)
{
    int64_t now_us = reader->begin_us;
    int failed = 0;

    for (size_t i = 0; failed == 0 && i < reader->n_samples; i++) {
        int64_t values[2] = {1, 0}, length_us;
        pp_id stack = 0;
        if (i < reader->n_deltas)
            now_us = pp_add_values(now_us, reader->deltas_us[i]);
        if (i + 1 < reader->n_deltas)
            length_us = reader->deltas_us[i + 1];
        else if (__builtin_sub_overflow(reader->end_us, now_us, &length_us))
            length_us = 0;
        values[1] = to_ns(length_us);
        failed = find_stack(reader, reader->samples[i], &stack);
        if (failed == 0)
            pp_profile_add(reader->profile, stack, 0, 0, values);
    }
    return failed;
}

/* Without samples there are only the counts. */
static int add_hits(struct reader *reader)
{
    int failed = 0;

    for (size_t i = 0; failed == 0 && i < reader->n_nodes; i++) {
        const int64_t values[2] = {reader->nodes[i].n_hits, 0};
        pp_id stack = 0;
        if (values[0] <= 0)
            continue;
        failed = find_stack(reader, reader->nodes[i].id, &stack);
        if (failed == 0)
            pp_profile_add(reader->profile, stack, 0, 0, values);
    }
    return failed;
}

/* ---- the document ---- */

static int read_member(struct reader *reader, struct pp_json_string key)
{
    struct pp_json_reader *json = &reader->json;
    int failed = 0;

    if (pp_json_is(key, "nodes")) {
        reader->has_nodes = true;
        if (pp_json_read_array(json)) {
            while (failed == 0 && pp_json_next_item(json))
                failed = read_node(reader);
        }
    } else if (pp_json_is(key, "samples")) {
        failed = read_samples(reader);
    } else if (pp_json_is(key, "timeDeltas")) {
        failed = read_deltas(reader);
    } else if (pp_json_is(key, "startTime")) {
        (void)pp_json_read_int64(json, &reader->begin_us);
    } else if (pp_json_is(key, "endTime")) {
        (void)pp_json_read_int64(json, &reader->end_us);
    } else {
        (void)pp_json_skip(json);
    }
    return failed;
}

static int read_document(struct reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct pprofc_profile *profile = reader->profile;
    struct pp_json_string key;
    int failed = 0;

    if (pp_profile_add_type(profile, "samples", "count") < 0 ||
        pp_profile_add_type(profile, "time", "nanoseconds") < 0)
        return -ENOMEM;
    if (pp_json_read_object(json)) {
        while (failed == 0 && pp_json_next_key(json, &key))
            failed = read_member(reader, key);
    }
    if (failed == 0 && !pp_json_at_end(json))
        (void)pp_json_refuse(json, "something behind the document");
    if (json->decoded.failed)
        return -ENOMEM;
    if (failed == 0 && json->problem != NULL)
        return refuse(reader, json->problem);
    if (failed == 0 && !reader->has_nodes)
        return refuse(reader, "no \"nodes\": not a profile of V8's; the document ends");
    return failed != 0 ? failed : link_nodes(reader);
}

int pp_cpuprofile_read(const void *bytes, size_t n_bytes, const char *name,
                       struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct reader reader = {.name = name, .err = err};
    int failed = -ENOMEM;

    pp_json_reader_init(&reader.json, bytes, n_bytes);
    reader.profile = pp_profile_new();
    if (reader.profile != NULL)
        failed = read_document(&reader);
    if (failed == 0)
        failed = reader.n_samples > 0 ? add_samples(&reader) : add_hits(&reader);
    if (failed == 0 && pp_profile_failed(reader.profile))
        failed = -ENOMEM;
    if (failed == -ENOMEM)
        return pp_fail(err, failed, 0, "'%s': out of memory", name);
    if (failed != 0)
        return failed;
    reader.profile->default_type = reader.n_samples > 0 && reader.n_deltas > 0 ? 1 : 0;
    if (reader.end_us > reader.begin_us && reader.begin_us >= 0)
        reader.profile->duration_ns = to_ns(reader.end_us - reader.begin_us);
    *profile_out = reader.profile;
    reader.profile = NULL;
    return 0;
}
