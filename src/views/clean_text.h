/* Names come from binaries and files of strangers: nothing in them may reach a terminal as a
 * command. */
#ifndef PP_VIEWS_CLEAN_TEXT_H
#define PP_VIEWS_CLEAN_TEXT_H

#include "base/buffer.h"

/* Append 'text' as UTF-8 without control characters. */
void pp_clean_text_append(struct pp_buffer *out, const char *text);

#endif
