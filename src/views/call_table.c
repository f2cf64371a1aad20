/* Callers and callees of each function, as text. */
#include "views/call_table.h"

#include <errno.h>

#include "base/error.h"
#include "base/numbers.h"
#include "views/frame_text.h"

static const char rule[] =
    "-----------------------------------------------+----------------------+-------------------\n";

struct writing {
    const struct pprofc_profile *profile;
    const struct pp_call_table_options *options;
    const struct pp_graph *graph;
    int64_t whole;
    struct pp_buffer *out;
};

static void put_name(const struct writing *writing, const struct pp_graph_node *node)
{
    pp_frame_text(writing->out, writing->options->wish.group, node->name, node->file, node->line);
}

/* One caller or callee of 'node'. */
static void put_edge(const struct writing *writing, const struct pp_graph_edge *edge,
                     const struct pp_graph_node *node, const struct pp_graph_node *other)
{
    char value[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(writing->out, "%46s | %11s %6.1f %% |   ", "",
                     pp_view_value(writing->profile, &writing->options->scope, edge->weight, value),
                     pp_percent(edge->weight, node->cum));
    put_name(writing, other);
    pp_buffer_text(writing->out, edge->is_inlined ? " (inlined)\n" : "\n");
}

static void put_node(const struct writing *writing, const struct pp_graph_node *node,
                     int64_t flat_sum)
{
    const struct pp_graph *graph = writing->graph;
    const struct pp_view_scope *scope = &writing->options->scope;
    char flat[PP_NUMBER_TEXT_BYTES], cum[PP_NUMBER_TEXT_BYTES];

    pp_buffer_text(writing->out, rule);
    for (uint32_t i = 0; i < node->n_in; i++) {
        const struct pp_graph_edge *edge = &graph->edges[graph->in[node->first_in + i]];
        put_edge(writing, edge, node, &graph->nodes[edge->from]);
    }
    pp_buffer_printf(writing->out, "%10s %6.1f %% %6.1f %% %9s %6.1f %% | %20s | ",
                     pp_view_value(writing->profile, scope, node->flat, flat),
                     pp_percent(node->flat, writing->whole), pp_percent(flat_sum, writing->whole),
                     pp_view_value(writing->profile, scope, node->cum, cum),
                     pp_percent(node->cum, writing->whole), "");
    put_name(writing, node);
    pp_buffer_text(writing->out, "\n");
    for (uint32_t i = 0; i < node->n_out; i++) {
        const struct pp_graph_edge *edge = &graph->edges[graph->out[node->first_out + i]];
        put_edge(writing, edge, node, &graph->nodes[edge->to]);
    }
}

/* Nothing is left out without a word. */
static void put_left_out(const struct writing *writing)
{
    const struct pp_graph *graph = writing->graph;

    if (graph->n_light_nodes > 0)
        pp_buffer_printf(writing->out, "%u of less than %.4g %% left out (--nodefraction)\n",
                         graph->n_light_nodes, 100 * writing->options->wish.node_share);
    if (graph->n_heavy_nodes > graph->n_nodes)
        pp_buffer_printf(writing->out, "the first %u of %u (--nodecount)\n", graph->n_nodes,
                         graph->n_heavy_nodes);
    if (graph->n_light_edges > 0)
        pp_buffer_printf(writing->out, "%u calls of less than %.4g %% left out (--edgefraction)\n",
                         graph->n_light_edges, 100 * writing->options->wish.edge_share);
}

int pp_call_table_write(const struct pprofc_profile *profile,
                        const struct pp_call_table_options *options, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    struct writing writing = {.profile = profile,
                              .options = options,
                              .whole = pp_view_whole(profile, &options->scope),
                              .out = out};
    struct pp_graph graph;
    uint32_t n_matches = 0;
    int64_t flat_sum = 0;
    const int failed = pp_graph_make(profile, &options->wish, &graph, err);

    if (failed != 0)
        return failed;
    writing.graph = &graph;
    pp_profile_head_write(profile, &options->scope, out);
    put_left_out(&writing);
    pp_buffer_printf(out, "%10s %8s %8s %9s %8s | %11s %8s |   %s\n", "flat", "flat %", "sum %",
                     "cum", "cum %", "calls", "calls %", "callers, function, callees");
    for (uint32_t i = 0; i < graph.n_nodes; i++) {
        const struct pp_graph_node *node = &graph.nodes[i];
        if (options->pattern != NULL && !pp_pattern_matches(options->pattern, node->name))
            continue;
        if (__builtin_add_overflow(flat_sum, node->flat, &flat_sum))
            flat_sum = node->flat < 0 ? INT64_MIN : INT64_MAX;
        put_node(&writing, node, flat_sum);
        n_matches++;
    }
    pp_buffer_text(out, n_matches > 0 ? rule : "");
    pp_graph_done(&graph);
    if (options->pattern != NULL && n_matches == 0)
        return pp_fail(err, -ENOENT, 0, "no function matches '%s'",
                       pp_pattern_text(options->pattern));
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write the calls: out of memory") : 0;
}
