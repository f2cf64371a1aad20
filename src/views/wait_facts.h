/* What a profile of waits says of all threads. */
#ifndef PP_VIEWS_WAIT_FACTS_H
#define PP_VIEWS_WAIT_FACTS_H

#include "base/buffer.h"
#include "profile/profile.h"

/* "Threads  8 for 80.0 s in all: 2.1 % on CPU, ..", and the first of them; nothing where waits were
 * not followed. */
void pp_wait_facts_write(const struct pprofc_profile *profile, struct pp_buffer *out);

#endif
