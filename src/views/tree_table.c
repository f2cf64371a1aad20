/* The call tree, as text: the flame graph's tree with its sums, one line a node. */
#include "views/tree_table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/numbers.h"
#include "views/flamegraph_parts.h"

enum { MAX_LEVELS = 100, MAX_NAME_BYTES = 400 };

static const double DEFAULT_SHARE = 0.005;

struct writing {
    const struct pprofc_profile *profile;
    const struct pp_flame_tree *names; /* of frames */
    const struct pp_flame_tree *tree;  /* gathered */
    const char *unit;
    struct pp_buffer *out;
};

static void put_node(const struct writing *writing, const struct pp_flame_node *node)
{
    const int64_t all = writing->tree->nodes[0].total;
    struct pp_buffer *out = writing->out;
    char total[PP_NUMBER_TEXT_BYTES], self[PP_NUMBER_TEXT_BYTES];

    (void)pp_value_text(node->total, writing->unit, total);
    (void)pp_value_text(node->self, writing->unit, self);
    pp_buffer_printf(out, "%6.1f %% %11s %6.1f %% %11s  %*s", pp_percent(node->total, all), total,
                     pp_percent(node->self, all), self, 2 * (int)node->level, "");
    if (node->kind == PP_FLAME_FRAME) {
        const struct pp_flame_frame *frame = &writing->names->frames[node->frame];
        pp_flame_clean(out, frame->name, frame->n_bytes, MAX_NAME_BYTES);
        pp_buffer_text(out, node->is_inlined ? " (inlined)\n" : "\n");
    } else {
        pp_buffer_printf(out, node->kind == PP_FLAME_OTHER ? "(%u others)\n" : "(%u levels more)\n",
                         node->n_gathered);
    }
}

static int compare(const void *left, const void *right, void *context)
{
    const struct pp_flame_node *nodes = context;
    const int64_t a = nodes[*(const uint32_t *)left].total;
    const int64_t b = nodes[*(const uint32_t *)right].total;

    return (a > b) - (a < b);
}

/* What is still to be written is a stack: the heaviest child lies on top. */
static int put_all(const struct writing *writing)
{
    const struct pp_flame_tree *tree = writing->tree;
    pp_autofree uint32_t *stack = malloc((tree->n_nodes + 1UL) * sizeof *stack);
    uint32_t n = 0;

    if (stack == NULL)
        return -ENOMEM;
    stack[n++] = 0;
    while (n > 0) {
        const uint32_t node = stack[--n], first = n;
        if (node != 0)
            put_node(writing, &tree->nodes[node]);
        for (uint32_t child = node + 1; child < tree->nodes[node].end;
             child = tree->nodes[child].end)
            stack[n++] = child;
        qsort_r(stack + first, n - first, sizeof *stack, compare, tree->nodes);
    }
    return 0;
}

static void put_head(const struct writing *writing)
{
    char total[PP_NUMBER_TEXT_BYTES], quality[400];

    (void)pp_value_text(writing->tree->nodes[0].total, writing->unit, total);
    pp_buffer_printf(writing->out, "Total    %s\n", total);
    pp_profile_quality_line(writing->profile, quality, sizeof quality);
    if (quality[0] != '\0')
        pp_buffer_printf(writing->out, "Quality  %s\n", quality);
    pp_buffer_printf(writing->out, "\n%8s %11s %8s %11s  function\n", "cum %", "cum", "flat %",
                     "flat");
}

int pp_tree_table_write(const struct pprofc_profile *profile,
                        const struct pp_tree_table_options *options, struct pp_buffer *out,
                        struct pprofc_error *err)
{
    const double share = options->min_share > 0 ? options->min_share : DEFAULT_SHARE;
    struct pp_flame_tree tree, gathered;
    struct writing writing = {.profile = profile, .names = &tree, .tree = &gathered, .out = out};
    int status = pp_flame_tree_build(profile, options->type, &tree, err);

    if (status != 0)
        return status;
    status = pp_flame_gather(&tree, (int64_t)((double)tree.nodes[0].total * share), MAX_LEVELS,
                             &gathered, err);
    if (status == 0) {
        writing.unit = pp_profile_chars(profile, profile->types[options->type].unit);
        put_head(&writing);
        if (put_all(&writing) != 0 || out->failed)
            status = pp_fail(err, -ENOMEM, 0, "cannot write the tree: out of memory");
        pp_flame_tree_done(&gathered);
    }
    pp_flame_tree_done(&tree);
    return status;
}
