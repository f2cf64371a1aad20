/* The helper's own table of descriptors: the program neither sees ours nor loses numbers to them.
 */
#ifndef PP_CAPTURE_OWN_DESCRIPTORS_H
#define PP_CAPTURE_OWN_DESCRIPTORS_H

#include "pprofc/error.h"

/* Give the calling thread an empty table of its own.  0 or a negative errno: then it still has the
 * program's. */
int pp_own_descriptors_take(struct pprofc_error *err);

#endif
