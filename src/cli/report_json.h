/* The rows of a report, for programs. */
#ifndef PP_CLI_REPORT_JSON_H
#define PP_CLI_REPORT_JSON_H

#include "base/buffer.h"
#include "base/error.h"
#include "views/call_table.h"
#include "views/top_table.h"

enum { PP_N_GROUPS = PP_BY_LABEL + 1 };

extern const char *const pp_group_names[PP_N_GROUPS]; /* by enum pp_group, as --by names them */

/* Append one object: command, sample_type, unit, by, total, shown (what filters left of it),
 * n_samples, heap, lost_samples,
 * truncated_samples, cpu_ns, sampled_ns, own_cpu_ns (null when not known) and "top", the rows:
 * {<by>, source_file, source_line, module_path, flat, flat_share, cum, cum_share, n_flat_samples,
 * n_cum_samples}, where <by> is "function" and so on, and shares are 0 to 1.  Where values are
 * estimates also total_error, flat_error and cum_error, as in formats/json_heap.h. */
int pp_report_json_write(const struct pprofc_profile *profile,
                         const struct pp_top_table_options *options, struct pp_buffer *out,
                         struct pprofc_error *err);

/* Append one object: sample_type, unit, by, total, shown and "calls", of each function name,
 * source_file, source_line, flat, cum, "callers" and "callees" {name, source_file, source_line,
 * value, is_inlined, is_indirect: by functions that were left out}. */
int pp_calls_json_write(const struct pprofc_profile *profile,
                        const struct pp_call_table_options *options, struct pp_buffer *out,
                        struct pprofc_error *err);

#endif
