/* The picture without scripts: boxes and names 1200 wide, scaled to the window. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "views/flamegraph.h"
#include "views/flamegraph_parts.h"

/* Where there are more boxes, the narrowest are gathered.  A browser takes about 50 ms to parse
 * 1000 of them. */
enum { MAX_BOXES = 2500, MAX_LEVELS = 240, MAX_TITLE_BYTES = 400 };

enum { WIDTH = PP_FLAME_WIDTH, MARGIN = 10, ROW = 18, BOX = 17, HEADER = 86, FOOTER = 46 };

static const double COLUMN = 6.62; /* advance of an 11 px monospaced character */

struct drawing {
    const struct pp_flame_picture *picture;
    struct pp_buffer *out;
    struct pp_flame_tree tree;
    int64_t *cursor;          /* by node: where its next child starts */
    struct pp_buffer inlined; /* path data of the inlined boxes */
    struct pp_buffer name, scratch;
    double scale; /* pixels of a unit */
    uint32_t n_rows;
    double top; /* of the rows */
};

static void put_xml(struct pp_buffer *out, const struct pp_buffer *text)
{
    pp_flame_xml(out, text->bytes, text->n_bytes);
}

static void name_node(struct drawing *drawing, const struct pp_flame_node *node)
{
    struct pp_buffer *name = &drawing->name;

    name->n_bytes = 0;
    if (node->level == 0) {
        pp_buffer_text(name, "all");
    } else if (node->kind == PP_FLAME_FRAME) {
        const struct pp_flame_frame *frame = &drawing->picture->tree->frames[node->frame];
        pp_flame_clean(name, frame->name, frame->n_bytes, MAX_TITLE_BYTES);
    } else {
        pp_buffer_text(name, node->kind == PP_FLAME_OTHER ? "other (" : "");
        pp_flame_number(name, node->n_gathered);
        pp_buffer_text(name, node->kind == PP_FLAME_OTHER ? ")"
                             : node->n_gathered == 1      ? " deeper level"
                                                          : " deeper levels");
    }
}

/* What became of it, and an outline where one side has nothing of it. */
static void put_change_class(struct drawing *drawing, const struct pp_flame_node *node)
{
    const int64_t after = drawing->tree.after[node - drawing->tree.nodes].total;

    pp_buffer_printf(drawing->out, "d%u%s",
                     pp_flame_change_level(drawing->picture->change, node->total, after),
                     after == 0             ? " died"
                     : after == node->total ? " born"
                                            : "");
}

static void put_class(struct drawing *drawing, const struct pp_flame_node *node)
{
    const struct pp_flame_picture *picture = drawing->picture;
    const struct pp_flame_frame *frame = &picture->tree->frames[node->frame];
    const struct pp_flame_module *module;
    uint32_t hash;

    if (node->level == 0 || node->kind != PP_FLAME_FRAME) {
        pp_buffer_text(drawing->out, node->level == 0 ? "a0" : "o0");
        return;
    }
    if (drawing->picture->change != NULL) {
        put_change_class(drawing, node);
        return;
    }
    if (pp_flame_is_pseudo(frame)) {
        pp_buffer_text(drawing->out, "p0");
        return;
    }
    hash = pp_flame_hash(frame->name, frame->n_bytes) % PP_FLAME_HUES;
    module = &picture->modules->items[picture->modules->of_string[frame->module]];
    if (picture->by_name)
        pp_buffer_printf(drawing->out, "%c%u", module->is_program || frame->module == 0 ? 'n' : 'l',
                         hash);
    else
        pp_buffer_printf(drawing->out, "m%u",
                         module->color * PP_FLAME_SHADES + hash % PP_FLAME_SHADES);
}

/* "parse_item (1.23 s, 12.34 %)" */
static void put_title(struct drawing *drawing, const struct pp_flame_node *node)
{
    const int64_t whole = drawing->tree.nodes[0].total;
    struct pp_buffer *text = &drawing->scratch;

    text->n_bytes = 0;
    pp_buffer_append(text, drawing->name.bytes, drawing->name.n_bytes);
    pp_buffer_text(text, " (");
    if (drawing->picture->change != NULL) {
        pp_flame_change_text(text, drawing->picture->change, node->total,
                             drawing->tree.after[node - drawing->tree.nodes].total);
        pp_buffer_text(text, ")");
    } else {
        pp_flame_value(text, node->total, drawing->picture->unit);
        pp_buffer_printf(text, ", %.2f %%)",
                         whole > 0 ? 100.0 * (double)node->total / (double)whole : 0);
    }
    pp_buffer_text(drawing->out, "<title>");
    put_xml(drawing->out, text);
    pp_buffer_text(drawing->out, "</title>");
}

static void put_box(struct drawing *drawing, const struct pp_flame_node *node, int64_t start)
{
    struct pp_buffer *out = drawing->out;
    const double x = MARGIN + (double)start * drawing->scale;
    const double width = (double)node->total * drawing->scale;
    const uint32_t row =
        drawing->picture->options->inverted ? node->level : drawing->n_rows - 1 - node->level;
    const double y = drawing->top + ROW * (double)row;
    const double drawn = width > 2 ? width - 0.6 : width;

    name_node(drawing, node);
    pp_buffer_text(out, "<rect class=\"");
    put_class(drawing, node);
    pp_buffer_printf(out, "\" x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"%d\"%s>", x, y, drawn,
                     BOX, width > 6 ? " rx=\"2\"" : "");
    if (width >= 2) /* narrower ones cannot be pointed at */
        put_title(drawing, node);
    pp_buffer_text(out, "</rect>");
    if (node->is_inlined)
        pp_buffer_printf(&drawing->inlined, "M%.1f %.0fh%.1fv%dh-%.1fz", x, y, drawn, BOX, drawn);
    drawing->scratch.n_bytes = 0;
    pp_flame_shorten(&drawing->scratch, drawing->name.bytes, drawing->name.n_bytes,
                     width < 8 ? 0 : (size_t)((width - 7) / COLUMN));
    if (drawing->scratch.n_bytes > 0) {
        pp_buffer_printf(out, "<text x=\"%.2f\" y=\"%.1f\">", x + 3.5, y + 12.5);
        put_xml(out, &drawing->scratch);
        pp_buffer_text(out, "</text>");
    }
    pp_buffer_append(out, "\n", 1);
}

static void put_boxes(struct drawing *drawing)
{
    uint32_t i;

    pp_buffer_text(drawing->out, "<g class=\"box\">\n");
    for (i = 0; i < drawing->tree.n_nodes; i++) {
        const struct pp_flame_node *node = &drawing->tree.nodes[i];
        const int64_t start = i == 0 ? 0 : drawing->cursor[node->parent];
        drawing->cursor[i] = start;
        if (i > 0 && __builtin_add_overflow(start, node->total, &drawing->cursor[node->parent]))
            drawing->cursor[node->parent] = INT64_MAX;
        put_box(drawing, node, start);
    }
    pp_buffer_text(drawing->out, "</g>\n<path class=\"inl\" d=\"");
    pp_buffer_append(drawing->out, drawing->inlined.bytes, drawing->inlined.n_bytes);
    pp_buffer_text(drawing->out, "\"/>\n");
}

static void put_header(struct drawing *drawing)
{
    const struct pp_flame_picture *picture = drawing->picture;
    struct pp_buffer *out = drawing->out;

    drawing->scratch.n_bytes = 0;
    pp_flame_cut(&drawing->scratch, picture->title.bytes, picture->title.n_bytes,
                 PP_FLAME_TITLE_COLUMNS);
    pp_buffer_printf(
        out, "<rect class=\"k0\" x=\"%d\" y=\"14\" width=\"4\" height=\"58\" rx=\"2\"/>", MARGIN);
    pp_buffer_printf(out, "<text class=\"h1\" x=\"%d\" y=\"30\">", MARGIN + 14);
    put_xml(out, &drawing->scratch);
    pp_buffer_printf(out, "</text>\n<text class=\"h2\" x=\"%d\" y=\"50\">", MARGIN + 14);
    put_xml(out, &picture->facts);
    pp_buffer_printf(out, "</text>\n<text class=\"h3\" x=\"%d\" y=\"68\">", MARGIN + 14);
    put_xml(out, &picture->quality);
    pp_buffer_text(out, "</text>\n");
}

static void put_change_legend(struct drawing *drawing, double y)
{
    static const struct {
        const char *class, *text;
    } items[] = {{"d0", "cheaper by half"}, {"d2", "cheaper"},        {"d4", "no more than chance"},
                 {"d6", "dearer"},          {"d8", "dearer by half"}, {"d8 born", "new"},
                 {"d0 died", "gone"}};
    double x = MARGIN;

    pp_buffer_text(drawing->out, "<g class=\"legend\">");
    for (size_t i = 0; i < sizeof items / sizeof items[0]; i++) {
        pp_buffer_printf(
            drawing->out,
            "<rect class=\"%s\" x=\"%.0f\" y=\"%.0f\" width=\"11\" height=\"11\" rx=\"2\"/>"
            "<text x=\"%.0f\" y=\"%.0f\">%s</text>",
            items[i].class, x, y, x + 16, y + 10, items[i].text);
        x += 34 + COLUMN * (double)strlen(items[i].text);
    }
    pp_buffer_printf(drawing->out,
                     "<text x=\"%.0f\" y=\"%.0f\">width: before and after together</text></g>\n",
                     x + 10, y + 10);
}

/* What the colours mean: the hottest modules, or that names decide. */
static void put_legend(struct drawing *drawing, double y)
{
    const struct pp_flame_picture *picture = drawing->picture;
    const struct pprofc_profile *profile = picture->profile;
    struct pp_buffer *out = drawing->out;
    double x = MARGIN;
    uint32_t color, i;

    pp_buffer_printf(
        out,
        "<g class=\"legend\"><rect class=\"a0\" x=\"%.0f\" y=\"%.0f\" width=\"11\" height=\"11\" rx=\"2\"/>"
        "<path class=\"inl\" d=\"M%.0f %.0fh11v11h-11z\"/><text x=\"%.0f\" y=\"%.0f\">inlined</text>",
        x, y, x, y, x + 16, y + 10);
    x += 80;
    if (picture->by_name) {
        pp_buffer_printf(
            out, "<text x=\"%.0f\" y=\"%.0f\">colour by name; libraries are paler</text></g>\n", x,
            y + 10);
        return;
    }
    for (color = 0; color < PP_FLAME_MODULES && x < WIDTH - 200; color++)
        for (i = 0; i < picture->modules->n_items && x < WIDTH - 200; i++) {
            const struct pp_flame_module *module = &picture->modules->items[i];
            const char *name = pp_flame_base_name(profile->strings[module->path]);
            if (module->color != color || module->path == 0)
                continue;
            drawing->name.n_bytes = drawing->scratch.n_bytes = 0;
            pp_flame_clean(&drawing->name, name, strlen(name), 200);
            pp_flame_shorten(&drawing->scratch, drawing->name.bytes, drawing->name.n_bytes, 24);
            pp_buffer_printf(
                out,
                "<rect class=\"m%u\" x=\"%.0f\" y=\"%.0f\" width=\"11\" height=\"11\" rx=\"2\"/>"
                "<text x=\"%.0f\" y=\"%.0f\">",
                module->color * PP_FLAME_SHADES + 1, x, y, x + 16, y + 10);
            put_xml(out, &drawing->scratch);
            pp_buffer_text(out, "</text>");
            x += 34 + COLUMN * (double)pp_flame_columns(drawing->scratch.bytes,
                                                        drawing->scratch.n_bytes);
        }
    pp_buffer_text(out, "</g>\n");
}

static void put_picture(struct drawing *drawing)
{
    struct pp_buffer *out = drawing->out;
    const double bottom = drawing->top + ROW * (double)drawing->n_rows;

    pp_buffer_printf(out, "<rect class=\"bg\" width=\"%d\" height=\"%.0f\"/>\n", WIDTH,
                     bottom + FOOTER);
    put_header(drawing);
    if (drawing->tree.nodes[0].total > 0)
        put_boxes(drawing);
    else
        pp_buffer_printf(out, "<text class=\"h2\" x=\"%d\" y=\"%.0f\">no samples</text>\n",
                         MARGIN + 14, drawing->top + 12);
    if (drawing->picture->change != NULL)
        put_change_legend(drawing, bottom + 14);
    else
        put_legend(drawing, bottom + 14);
}

int64_t pp_flame_least_total(const struct pp_flamegraph_options *options, int64_t whole)
{
    const double share =
        options->min_share > 0 && options->min_share < 1 ? options->min_share : 1.0 / 4000;
    const int64_t least = (int64_t)((double)whole * share);

    return least < 1 ? 1 : least;
}

int pp_flame_write_static(const struct pp_flame_picture *picture, struct pp_buffer *out,
                          uint32_t *height_out, struct pprofc_error *err)
{
    struct drawing drawing = {.picture = picture, .out = out, .top = HEADER};
    const int64_t whole = picture->tree->nodes[0].total;
    const int64_t threshold = pp_flame_threshold(
        picture->tree, pp_flame_least_total(picture->options, whole), MAX_LEVELS, MAX_BOXES);
    int rc = pp_flame_gather(picture->tree, threshold, MAX_LEVELS, &drawing.tree, err);

    if (rc != 0)
        return rc;
    drawing.n_rows = drawing.tree.n_levels + 1;
    drawing.scale = whole > 0 ? (WIDTH - 2.0 * MARGIN) / (double)whole : 0;
    drawing.cursor = calloc(drawing.tree.n_nodes, sizeof *drawing.cursor);
    *height_out = HEADER + ROW * drawing.n_rows + FOOTER;
    pp_buffer_text(out, "<g id=\"pp-static\">\n");
    if (drawing.cursor != NULL)
        put_picture(&drawing);
    pp_buffer_text(out, "</g>\n");
    if (drawing.cursor == NULL || drawing.inlined.failed || drawing.name.failed ||
        drawing.scratch.failed)
        rc = pp_fail(err, -ENOMEM, 0, "no memory for a flame graph's picture");
    free(drawing.cursor);
    pp_buffer_done(&drawing.inlined);
    pp_buffer_done(&drawing.name);
    pp_buffer_done(&drawing.scratch);
    pp_flame_tree_done(&drawing.tree);
    return rc;
}
