/* Another copy of libpprofc in this process. */
#ifndef PP_CAPTURE_OTHER_COPY_H
#define PP_CAPTURE_OTHER_COPY_H

/* The file of another copy whose handler is installed (it has profiled this process, and may
 * again); NULL when there is none.  Takes the loader's lock. */
const char *pp_other_copy(void);

#endif
