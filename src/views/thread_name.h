/* Which thread exact figures are of, as text. */
#ifndef PP_VIEWS_THREAD_NAME_H
#define PP_VIEWS_THREAD_NAME_H

#include "base/buffer.h"
#include "profile/profile.h"

/* Append "worker (4711)", or "84 others". */
void pp_thread_name_append(struct pp_buffer *out, const struct pprofc_profile *profile,
                           const struct pp_thread_who *who);

#endif
