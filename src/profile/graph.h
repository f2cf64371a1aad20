/* Who calls whom: the frames of a profile as nodes, calls as edges between them, what weighs little
 * left out.  A node and an edge count once in a sample however often they recur. */
#ifndef PP_PROFILE_GRAPH_H
#define PP_PROFILE_GRAPH_H

#include "profile/top.h"

struct pp_graph_node {
    const char *name, *file; /* their bytes live as long as the profile and the graph */
    const char *module;      /* path of a mapping that it is in, "" when not known */
    int64_t line;            /* for PP_BY_LINE, else 0 */
    int64_t flat, cum;
    uint32_t first_in, n_in, first_out, n_out; /* into pp_graph.in and .out, the heaviest first */
};

struct pp_graph_edge {
    uint32_t from, to; /* nodes */
    int64_t weight;
    bool is_residual; /* some of the calls go by functions that were left out */
    bool is_inlined;  /* all of them */
    bool is_gone;     /* left out itself: in no node's lists */
};

struct pp_graph {
    struct pp_arena arena; /* made-up names */
    struct pp_graph_node *nodes;
    uint32_t n_nodes;
    struct pp_graph_edge *edges;
    uint32_t n_edges;
    uint32_t *in, *out;                    /* edges, node by node */
    uint32_t n_light_nodes, n_light_edges; /* left out for their weight */
    uint32_t n_heavy_nodes; /* that were not; more than n_nodes where those are limited */
    int64_t total;          /* flat of all nodes before any was left out */
};

struct pp_graph_wish {
    uint32_t type;
    enum pp_group group;           /* of frames: neither thread nor label */
    double node_share, edge_share; /* of the total: what is less is left out */
    uint32_t max_nodes;            /* 0: no limit */
    bool by_cum;                   /* order, and what a limit leaves: by cum, not by flat */
    bool is_picture; /* by how much they tell, and without edges that say nothing new */
    bool is_tree;    /* a node for each way in which a group was reached: one caller at most */
    bool drops_negative;
};

/* -EINVAL, -ENOMEM. */
int pp_graph_make(const struct pprofc_profile *profile, const struct pp_graph_wish *wish,
                  struct pp_graph *graph_out, struct pprofc_error *err);
void pp_graph_done(struct pp_graph *graph);

#endif
