/* The call graph in graphviz's language. */
#include "views/dot_view.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/error.h"
#include "base/numbers.h"
#include "views/clean_text.h"

struct writing {
    const struct pprofc_profile *profile;
    const struct pp_dot_options *options;
    const struct pp_graph *graph;
    int64_t whole;
    struct pp_buffer *out;
};

/* Inside of quotes: newlines are graphviz's "\l", and no line is longer than a picture can show. */
static void put_quoted(struct pp_buffer *out, const char *text)
{
    pp_autobuffer struct pp_buffer clean = PP_BUFFER_INIT;

    for (const char *line = text; *line != '\0';) {
        const size_t n_chars = strcspn(line, "\n");
        char copy[1024];
        const size_t n_kept = n_chars < sizeof copy ? n_chars : sizeof copy - 1;
        memcpy(copy, line, n_kept);
        copy[n_kept] = '\0';
        clean.n_bytes = 0;
        pp_clean_text_append(&clean, copy);
        for (size_t i = 0; i < clean.n_bytes; i++) {
            if (clean.bytes[i] == '"' || clean.bytes[i] == '\\')
                pp_buffer_append(out, "\\", 1);
            pp_buffer_append(out, clean.bytes + i, 1);
        }
        line += n_chars + (line[n_chars] == '\n');
        pp_buffer_text(out, line[0] != '\0' || line[-1] == '\n' ? "\\l" : "");
    }
    out->failed |= clean.failed;
}

/* Grey at 0, red towards 1, green towards -1; light for areas. */
static void put_color(struct pp_buffer *out, double score, bool is_area)
{
    const double full = is_area ? 0.93 : 0.7;
    const double size = fmin(fabs(score), 1);
    const double saturation = (is_area ? 0.1 : 1) * fmin(size / 0.2, 1);
    const double strength = pow(size, 0.3);
    const int strong = (int)(full * 255);
    const int weak = (int)(full * (1 - saturation * strength) * 255);
    const int blue = (int)(full * (1 - saturation) * 255);

    pp_buffer_printf(out, "\"#%02x%02x%02x\"", score < 0 ? weak : strong, score < 0 ? strong : weak,
                     blue);
}

static double share_of(const struct writing *writing, int64_t value)
{
    return pp_percent(value, writing->whole) / 100;
}

static void put_legend(const struct writing *writing)
{
    pp_autobuffer struct pp_buffer head = PP_BUFFER_INIT;
    const struct pp_graph *graph = writing->graph;

    pp_profile_head_write(writing->profile, &writing->options->scope, &head);
    pp_buffer_printf(&head, "%u of %u %s and %u calls\n", graph->n_nodes,
                     graph->n_heavy_nodes + graph->n_light_nodes,
                     writing->options->wish.is_tree ? "ways to functions" : "functions",
                     graph->n_edges);
    pp_buffer_text(writing->out,
                   "subgraph cluster_legend { legend [shape=box fontsize=16 label=\"");
    if (head.failed)
        writing->out->failed = true;
    else
        put_quoted(writing->out, head.bytes);
    pp_buffer_text(writing->out, "\"] }\n");
}

/* "parse\nmain.c:12\n120 ms (12 %)\nof 1.2 s (40 %)". */
static void put_node(const struct writing *writing, uint32_t number, double most_flat)
{
    const struct pp_graph_node *node = &writing->graph->nodes[number];
    const struct pp_view_scope *scope = &writing->options->scope;
    const double flat = fabs((double)node->flat);
    struct pp_buffer *out = writing->out;
    char value[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(out, "n%u [label=\"", number);
    put_quoted(out, node->name);
    if (node->file[0] != '\0' && strcmp(node->file, node->name) != 0) {
        pp_buffer_text(out, "\\n");
        put_quoted(out, pp_profile_base_name(node->file));
        if (node->line > 0)
            pp_buffer_printf(out, ":%" PRId64, node->line);
    }
    if (node->flat != 0)
        pp_buffer_printf(out, "\\n%s (%.1f %%)",
                         pp_view_value(writing->profile, scope, node->flat, value),
                         pp_percent(node->flat, writing->whole));
    if (node->flat != node->cum || node->flat == 0)
        pp_buffer_printf(out, "\\n%s%s (%.1f %%)", node->flat != 0 ? "of " : "0 of ",
                         pp_view_value(writing->profile, scope, node->cum, value),
                         pp_percent(node->cum, writing->whole));
    pp_buffer_printf(out, "\" fontsize=%d color=",
                     8 + (most_flat > 0 ? (int)ceil(16 * sqrt(flat / most_flat)) : 0));
    put_color(out, share_of(writing, node->cum), false);
    pp_buffer_text(out, " fillcolor=");
    put_color(out, share_of(writing, node->cum), true);
    pp_buffer_text(out, " tooltip=\"");
    put_quoted(out, node->name);
    pp_buffer_text(out, "\"]\n");
}

static void put_edge(const struct writing *writing, const struct pp_graph_edge *edge)
{
    const double share = fmin(fabs(share_of(writing, edge->weight)), 1);
    struct pp_buffer *out = writing->out;
    char value[PP_NUMBER_TEXT_BYTES];

    pp_buffer_printf(
        out, "n%u -> n%u [label=\" %s%s\" weight=%d penwidth=%d color=", edge->from, edge->to,
        pp_view_value(writing->profile, &writing->options->scope, edge->weight, value),
        edge->is_inlined ? "\\n (inlined)" : "", 1 + (int)(share * 100), 1 + (int)(share * 5));
    put_color(out, share_of(writing, edge->weight), false);
    pp_buffer_text(out, edge->is_residual ? " style=dotted]\n" : "]\n");
}

int pp_dot_write(const struct pprofc_profile *profile, const struct pp_dot_options *options,
                 struct pp_buffer *out, struct pprofc_error *err)
{
    struct writing writing = {.profile = profile,
                              .options = options,
                              .whole = pp_view_whole(profile, &options->scope),
                              .out = out};
    double most_flat = 0;
    struct pp_graph graph;
    const int failed = pp_graph_make(profile, &options->wish, &graph, err);

    if (failed != 0)
        return failed;
    writing.graph = &graph;
    pp_buffer_text(out,
                   "digraph \"pprofc\" {\nnode [style=filled shape=box fillcolor=\"#f8f8f8\"]\n");
    put_legend(&writing);
    for (uint32_t i = 0; i < graph.n_nodes; i++)
        most_flat = fmax(most_flat, fabs((double)graph.nodes[i].flat));
    for (uint32_t i = 0; i < graph.n_nodes; i++)
        put_node(&writing, i, most_flat);
    for (uint32_t i = 0; i < graph.n_edges; i++)
        if (!graph.edges[i].is_gone)
            put_edge(&writing, &graph.edges[i]);
    pp_buffer_text(out, "}\n");
    pp_graph_done(&graph);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "cannot write the graph: out of memory") : 0;
}
