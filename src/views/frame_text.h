/* How views write a frame, and a value that may be none. */
#ifndef PP_VIEWS_FRAME_TEXT_H
#define PP_VIEWS_FRAME_TEXT_H

#include "base/buffer.h"
#include "profile/top.h"

/* "parse", "parse  main.c:12" where the line tells frames apart, "parse  main.c" where the file
 * does.  Names whole, without what a terminal would obey. */
void pp_frame_text(struct pp_buffer *out, enum pp_group group, const char *name, const char *file,
                   int64_t line);

/* One line of a location, as 'group' tells frames apart. */
void pp_location_text(struct pp_buffer *out, const struct pprofc_profile *profile,
                      enum pp_group group, pp_id location, uint32_t line);

#endif
