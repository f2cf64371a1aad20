/* The call graph in callgrind's format (valgrind's manual, "Callgrind Format Specification"): names
 * are written once and known by their numbers from then on, each kind of name with numbers of its
 * own. */
#include "views/callgrind_view.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/id_table.h"
#include "profile/tables.h"
#include "views/clean_text.h"

/* What the format calls something that has no name. */
static const char no_name[] = "???";

enum name_kind { MODULE, SOURCE_FILE, FUNCTION, N_NAME_KINDS };

/* The names that were written, in their order: the n-th has the number n. */
struct names {
    const char **texts;
    uint32_t *ways; /* a name of one function by several ways, in a call tree: which; else 0 */
    uint32_t n;
    size_t texts_capacity, ways_capacity;
    struct pp_id_table table;
};

struct writing {
    const struct pprofc_profile *profile;
    const struct pp_callgrind_options *options;
    const struct pp_graph *graph;
    uint32_t *order;        /* of nodes: a function's lie together */
    uint32_t *way, *n_ways; /* by node, in a call tree: which of how many of its function */
    struct names names[N_NAME_KINDS];
    struct pp_buffer *out;
    bool failed;
};

static void writing_done(struct writing *writing)
{
    for (int kind = 0; kind < N_NAME_KINDS; kind++) {
        free(writing->names[kind].texts);
        free(writing->names[kind].ways);
        pp_id_table_done(&writing->names[kind].table);
    }
    free(writing->order);
    free(writing->way);
    free(writing->n_ways);
}

/* ---- names ---- */

/* The name's number, and whether it was written before; 0 without memory. */
static uint32_t number_of(struct names *names, const char *text, uint32_t way, bool *is_known_out)
{
    uint64_t hash = way;
    struct pp_id_probe probe;

    for (const char *c = text; *c != '\0'; c++)
        hash = (hash ^ (unsigned char)*c) * 0x100000001b3ULL;
    hash = pp_hash_mix(hash);
    probe = pp_id_table_first(&names->table, hash);
    *is_known_out = true;
    for (; probe.id != 0; probe = pp_id_table_after(&names->table, hash, probe))
        if (names->ways[probe.id - 1] == way && strcmp(names->texts[probe.id - 1], text) == 0)
            return probe.id;
    *is_known_out = false;
    if (pp_array_reserve(&names->texts, &names->texts_capacity, names->n + 1UL,
                         sizeof *names->texts) != 0 ||
        pp_array_reserve(&names->ways, &names->ways_capacity, names->n + 1UL,
                         sizeof *names->ways) != 0 ||
        pp_id_table_put(&names->table, hash, names->n + 1) != 0)
        return 0;
    names->texts[names->n] = text;
    names->ways[names->n] = way;
    return ++names->n;
}

/* "fn=(3) parse" at first, "fn=(3)" afterwards. */
static void put_name(struct writing *writing, const char *word, enum name_kind kind,
                     const char *text, uint32_t way, uint32_t n_ways)
{
    bool is_known = false;
    const uint32_t number =
        number_of(&writing->names[kind], text[0] != '\0' ? text : no_name, way, &is_known);

    writing->failed |= number == 0;
    pp_buffer_printf(writing->out, "%s=(%u)", word, number);
    if (!is_known) {
        pp_buffer_text(writing->out, " ");
        pp_clean_text_append(writing->out, text[0] != '\0' ? text : no_name);
        if (n_ways > 1)
            pp_buffer_printf(writing->out, " [%u/%u]", way + 1, n_ways);
    }
    pp_buffer_text(writing->out, "\n");
}

static void put_function(struct writing *writing, const char *word, uint32_t node)
{
    put_name(writing, word, FUNCTION, writing->graph->nodes[node].name, writing->way[node],
             writing->n_ways[node]);
}

/* ---- order ---- */

static int compare_functions(const struct pp_graph_node *a, const struct pp_graph_node *b)
{
    int order = strcmp(a->module, b->module);

    if (order == 0)
        order = strcmp(a->file, b->file);
    return order != 0 ? order : strcmp(a->name, b->name);
}

static int order_nodes(const void *left, const void *right, void *context)
{
    const struct pp_graph *graph = context;
    const uint32_t a = *(const uint32_t *)left, b = *(const uint32_t *)right;
    const int order = compare_functions(&graph->nodes[a], &graph->nodes[b]);

    if (order != 0)
        return order;
    if (graph->nodes[a].line != graph->nodes[b].line)
        return graph->nodes[a].line < graph->nodes[b].line ? -1 : 1;
    return (a > b) - (a < b);
}

/* A function's nodes one after the other; in a call tree they are numbered. */
static int order_all(struct writing *writing)
{
    const struct pp_graph *graph = writing->graph;
    uint32_t first = 0;

    writing->order = calloc((size_t)graph->n_nodes + 1, sizeof *writing->order);
    writing->way = calloc((size_t)graph->n_nodes + 1, sizeof *writing->way);
    writing->n_ways = calloc((size_t)graph->n_nodes + 1, sizeof *writing->n_ways);
    if (writing->order == NULL || writing->way == NULL || writing->n_ways == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        writing->order[i] = i;
    qsort_r(writing->order, graph->n_nodes, sizeof *writing->order, order_nodes, (void *)graph);
    for (uint32_t i = 1; writing->options->wish.is_tree && i <= graph->n_nodes; i++) {
        if (i < graph->n_nodes && compare_functions(&graph->nodes[writing->order[first]],
                                                    &graph->nodes[writing->order[i]]) == 0)
            continue;
        for (uint32_t at = first; at < i; at++) {
            writing->way[writing->order[at]] = at - first;
            writing->n_ways[writing->order[at]] = i - first;
        }
        first = i;
    }
    return 0;
}

/* ---- what is written ---- */

static int refuse_negative(const struct pp_graph *graph, struct pprofc_error *err)
{
    for (uint32_t i = 0; i < graph->n_nodes; i++)
        if (graph->nodes[i].flat < 0)
            return pp_fail(err, -EINVAL, 0,
                           "callgrind's format has no room for less than nothing, which %s is; "
                           "give --drop_negative, or look at --tree",
                           graph->nodes[i].name);
    return 0;
}

/* "events: cpu(nanoseconds)": a word without spaces. */
static void put_event(const struct writing *writing)
{
    const struct pprofc_profile *profile = writing->profile;
    const struct pp_value_type *type = &profile->types[writing->options->scope.type];
    pp_autobuffer struct pp_buffer event = PP_BUFFER_INIT;

    pp_clean_text_append(&event, pp_profile_chars(profile, type->type));
    pp_buffer_text(&event, "(");
    pp_clean_text_append(&event, pp_profile_chars(profile, type->unit));
    pp_buffer_text(&event, ")");
    for (size_t i = 0; i < event.n_bytes; i++)
        if (event.bytes[i] == ' ' || event.bytes[i] == ',' || event.bytes[i] == ':')
            event.bytes[i] = '_';
    pp_buffer_append(writing->out, event.bytes, event.n_bytes);
    writing->out->failed |= event.failed;
}

static void put_head(const struct writing *writing)
{
    struct pp_buffer *out = writing->out;
    const char *command = pp_profile_chars(writing->profile, writing->profile->command);
    const char *filters = writing->options->scope.filters;

    pp_buffer_text(out, "# callgrind format\nversion: 1\ncreator: pprofc " PP_VERSION "\n");
    if (command[0] != '\0') {
        pp_buffer_text(out, "cmd: ");
        pp_clean_text_append(out, command);
        pp_buffer_text(out, "\n");
    }
    if (filters != NULL) {
        pp_buffer_text(out, "desc: Filters: ");
        pp_clean_text_append(out, filters);
        pp_buffer_text(out, "\n");
    }
    pp_buffer_text(out, "positions: line\nevents: ");
    put_event(writing);
    pp_buffer_printf(out, "\nsummary: %" PRId64 "\n", writing->graph->total);
}

/* How often something was called samples do not tell; callgrind_annotate takes what lies below a
 * call for the caller's own when it happened 0 times, so it is once. */
static void put_calls(struct writing *writing, const struct pp_graph_node *node)
{
    const struct pp_graph *graph = writing->graph;

    for (uint32_t i = 0; i < node->n_out; i++) {
        const struct pp_graph_edge *edge = &graph->edges[graph->out[node->first_out + i]];
        const struct pp_graph_node *callee = &graph->nodes[edge->to];
        if (edge->weight <= 0)
            continue;
        if (strcmp(callee->module, node->module) != 0)
            put_name(writing, "cob", MODULE, callee->module, 0, 0);
        if (strcmp(callee->file, node->file) != 0)
            put_name(writing, "cfi", SOURCE_FILE, callee->file, 0, 0);
        put_function(writing, "cfn", edge->to);
        pp_buffer_printf(writing->out, "calls=1 %" PRId64 "\n%" PRId64 " %" PRId64 "\n",
                         callee->line, node->line, edge->weight);
    }
}

static void put_nodes(struct writing *writing)
{
    const struct pp_graph *graph = writing->graph;
    const struct pp_graph_node *before = NULL;

    for (uint32_t i = 0; i < graph->n_nodes; i++) {
        const struct pp_graph_node *node = &graph->nodes[writing->order[i]];
        if (before == NULL || writing->options->wish.is_tree ||
            compare_functions(before, node) != 0) {
            pp_buffer_text(writing->out, "\n");
            if (before == NULL || strcmp(before->module, node->module) != 0)
                put_name(writing, "ob", MODULE, node->module, 0, 0);
            put_name(writing, "fl", SOURCE_FILE, node->file, 0, 0);
            put_function(writing, "fn", writing->order[i]);
        }
        pp_buffer_printf(writing->out, "%" PRId64 " %" PRId64 "\n", node->line, node->flat);
        put_calls(writing, node);
        before = node;
    }
}

int pp_callgrind_write(const struct pprofc_profile *profile,
                       const struct pp_callgrind_options *options, struct pp_buffer *out,
                       struct pprofc_error *err)
{
    __attribute__((cleanup(writing_done))) struct writing writing = {
        .profile = profile, .options = options, .out = out};
    struct pp_graph graph;
    int rc = pp_graph_make(profile, &options->wish, &graph, err);

    if (rc != 0)
        return rc;
    writing.graph = &graph;
    rc = refuse_negative(&graph, err);
    writing.failed = rc == 0 && order_all(&writing) != 0;
    if (rc == 0 && !writing.failed) {
        put_head(&writing);
        put_nodes(&writing);
    }
    pp_graph_done(&graph);
    if (rc == 0 && (writing.failed || out->failed))
        rc = pp_fail(err, -ENOMEM, 0, "cannot write the calls: out of memory");
    return rc;
}
