/* Callers and callees, for programs. */
#include <errno.h>

#include "base/json_writer.h"
#include "cli/report_json.h"

static bool is_wanted(const struct pp_call_table_options *options, const struct pp_graph_node *node)
{
    return options->pattern == NULL || pp_pattern_matches(options->pattern, node->name);
}

static void put_edges(struct pp_json *json, const struct pp_graph *graph, const char *key,
                      const uint32_t *edges, uint32_t n_edges, bool is_in)
{
    pp_json_begin_array(json, key);
    for (uint32_t i = 0; i < n_edges; i++) {
        const struct pp_graph_edge *edge = &graph->edges[edges[i]];
        const struct pp_graph_node *other = &graph->nodes[is_in ? edge->from : edge->to];
        pp_json_begin_object(json, NULL);
        pp_json_text(json, "name", other->name);
        pp_json_text(json, "source_file", other->file);
        pp_json_integer(json, "source_line", other->line);
        pp_json_integer(json, "value", edge->weight);
        pp_json_bool(json, "is_inlined", edge->is_inlined);
        pp_json_bool(json, "is_indirect", edge->is_residual);
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
}

int pp_calls_json_write(const struct pprofc_profile *profile,
                        const struct pp_call_table_options *options, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    const struct pp_value_type *type = &profile->types[options->scope.type];
    struct pp_json json = {.out = out};
    struct pp_graph graph;
    const int rc = pp_graph_make(profile, &options->wish, &graph, err);

    if (rc < 0)
        return rc;
    pp_json_begin_object(&json, NULL);
    pp_json_text(&json, "sample_type", pp_profile_chars(profile, type->type));
    pp_json_text(&json, "unit", pp_profile_chars(profile, type->unit));
    pp_json_text(&json, "by", pp_group_names[options->wish.group]);
    pp_json_integer(&json, "total", pp_view_whole(profile, &options->scope));
    pp_json_integer(&json, "shown", graph.total);
    pp_json_begin_array(&json, "calls");
    for (uint32_t i = 0; i < graph.n_nodes; i++) {
        const struct pp_graph_node *node = &graph.nodes[i];
        if (!is_wanted(options, node))
            continue;
        pp_json_begin_object(&json, NULL);
        pp_json_text(&json, "name", node->name);
        pp_json_text(&json, "source_file", node->file);
        pp_json_integer(&json, "source_line", node->line);
        pp_json_integer(&json, "flat", node->flat);
        pp_json_integer(&json, "cum", node->cum);
        put_edges(&json, &graph, "callers", graph.in + node->first_in, node->n_in, true);
        put_edges(&json, &graph, "callees", graph.out + node->first_out, node->n_out, false);
        pp_json_end_object(&json);
    }
    pp_json_end_array(&json);
    pp_json_end_object(&json);
    pp_buffer_append(out, "\n", 1);
    pp_graph_done(&graph);
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the report") : 0;
}
