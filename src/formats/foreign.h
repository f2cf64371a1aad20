/* Files of other tools that are read by nobody here: known, to say what to do with them. */
#ifndef PP_FORMATS_FOREIGN_H
#define PP_FORMATS_FOREIGN_H

#include <stddef.h>

/* "is a flight recording of Java; .. makes a .pb.gz of it", by how the file begins; NULL: it is
 * none of those. */
const char *pp_foreign_advice(const void *bytes, size_t n_bytes);

#endif
