/* Pictures by graphviz, where it is installed. */
#ifndef PP_CLI_GRAPHVIZ_H
#define PP_CLI_GRAPHVIZ_H

#include "base/buffer.h"
#include "base/error.h"

/* Append the picture of 'dot' in 'format' ("svg", "png", "pdf").  -ENOENT without graphviz, -EIO
 * when it fails. */
int pp_graphviz_draw(const struct pp_buffer *dot, const char *format, struct pp_buffer *picture,
                     struct pprofc_error *err);

#endif
