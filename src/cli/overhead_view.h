/* What `pprofc overhead` shows: for people, and for programs. */
#ifndef PP_CLI_OVERHEAD_VIEW_H
#define PP_CLI_OVERHEAD_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "cli/own_cost.h"
#include "profile/overhead.h"

struct pp_overhead_result {
    uint32_t n_rounds, kinds;
    double rate_hz;
    struct pp_overhead wall, cpu;
    struct pp_own_cost own;                          /* of all profiled runs */
    double baseline_peak_bytes, profiled_peak_bytes; /* means over runs */
    bool
        knows_peak; /* the program was larger than this command, whose size the kernel counts too */
    bool has_profile;
    double names_s; /* CPU time of naming one run's stacks and making its file, in this command */
    uint64_t profile_bytes; /* of that file, .pb.gz */
};

void pp_overhead_write_text(const struct pp_overhead_result *result, struct pp_buffer *out);
void pp_overhead_write_json(const struct pp_overhead_result *result, struct pp_buffer *out);

#endif
