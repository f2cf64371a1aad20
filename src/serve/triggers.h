/* What makes the flight recorder write down the last minutes: a process that uses much CPU or
 * memory, or that waits for them. */
#ifndef PP_SERVE_TRIGGERS_H
#define PP_SERVE_TRIGGERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

enum { PP_TRIGGER_LOOKS = 4, PP_TRIGGER_FOLDER_BYTES = 512 };

/* 0: not one. */
struct pp_triggers {
    double cpu_ratio;      /* of one CPU, over three seconds */
    uint64_t memory_bytes; /* resident, of the process */
    double memory_share;   /* working set of its control group, of memory.max */
    double pressure;       /* "some avg10" of the group's CPU, memory or I/O, else the machine's */
    int signo;             /* that whoever serves waits for */
    int64_t every_ns;      /* one bundle in that time at most */
};

/* "cpu=90%,memory=80%,pressure=20%,signal=USR1,every=10m"; memory also in bytes.  -EINVAL. */
int pp_triggers_parse(const char *text, struct pp_triggers *triggers_out, struct pprofc_error *err);

/* What was seen at one look; negative: not known. */
struct pp_trigger_values {
    double cpu_ratio;
    int64_t memory_bytes, group_bytes, group_max_bytes;
    double memory_share, pressure;
    const char *pressure_of; /* "cpu", "memory", "io" */
};

/* Of one process; zero at first.  Only its thread's. */
struct pp_trigger_state {
    struct {
        uint64_t time_ns, cpu_ns;
    } looks[PP_TRIGGER_LOOKS];
    uint32_t n_looks;
};

/* Look at process 'pid', about once a second: the name of the trigger whose limit is passed, "cpu",
 * "memory" or "pressure", or NULL.  PPROFC_CGROUP=FOLDER is taken for its group, for tests. */
const char *pp_triggers_look(const struct pp_triggers *triggers, struct pp_trigger_state *state,
                             int32_t pid, uint64_t now_ns, struct pp_trigger_values *values_out);

#endif
