/* Lines and inlined calls from a child: what they are read from would cost the program tens of
 * megabytes. */
#ifndef PP_SERVE_LINE_NUMBERS_H
#define PP_SERVE_LINE_NUMBERS_H

#include "profile/profile.h"

/* Replace '*profile' by what `pprofc symbolize` makes of it.  Where there is no such command, or it
 * fails or takes longer than half a minute, the profile stays as it is and a comment says why. */
void pp_add_line_numbers(struct pprofc_profile **profile);

#endif
