/* Which container a process is in, by what the kernel shows of it. */
#ifndef PP_EXPORT_CONTAINER_ID_H
#define PP_EXPORT_CONTAINER_ID_H

#include <stdbool.h>
#include <stddef.h>

enum { PP_CONTAINER_ID_BYTES = 80 };

/* From the text of /proc/PID/cgroup: version 1, and version 2 seen from outside a namespace. */
bool pp_container_id_of_cgroup(const char *text, char id[PP_CONTAINER_ID_BYTES]);

/* From the text of /proc/PID/mountinfo: version 2 inside a namespace shows no more than "0::/". */
bool pp_container_id_of_mountinfo(const char *text, char id[PP_CONTAINER_ID_BYTES]);

#endif
