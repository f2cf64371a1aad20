/* How often and how long the control group that this process is in was kept from the CPU. */
#ifndef PP_CAPTURE_THROTTLE_H
#define PP_CAPTURE_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "recording/layout.h"

struct pp_throttle {
    uint64_t n, ns;
};

enum { PP_THROTTLE_PATH_BYTES = 512 };

/* The folder of the group that limits this process's CPU time, or its nearest ancestor that has
 * figures; "" when there is none.  'cgroups' and 'mounts' are /proc/self/cgroup and
 * /proc/self/mountinfo, of either version. */
void pp_throttle_find(const char *cgroups, const char *mounts,
                      char folder_out[PP_THROTTLE_PATH_BYTES]);

/* What a cpu.stat says.  False when it has no such figures. */
bool pp_throttle_parse(const char *cpu_stat, struct pp_throttle *throttle_out);

/* Begin to count in the group of this process; 'folder' instead, when it is not "". */
void pp_throttle_begin(const char *folder);

/* Write what has come since to the recording; nothing where there are no figures. */
void pp_throttle_update(struct pp_rec_header *header);

#endif
