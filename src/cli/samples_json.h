/* The views of samples, of labels and of source lines, for programs. */
#ifndef PP_CLI_SAMPLES_JSON_H
#define PP_CLI_SAMPLES_JSON_H

#include "base/json_writer.h"
#include "views/sample_views.h"
#include "views/source_view.h"

/* Open one object with what all of them begin with: sample_type, unit, total, shown. */
void pp_scope_json_begin(struct pp_json *json, const struct pprofc_profile *profile,
                         const struct pp_view_scope *scope);

/* Append one object: the above and "traces", of each sample its value, labels {key, text or number
 * with unit}, and frames from the innermost {name, source_file, source_line, module_path, address,
 * is_inlined}. */
int pp_traces_json_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                         struct pp_buffer *out, struct pprofc_error *err);

/* Append one object: the above and "tags", of each key its value and values {text, value, share},
 * the heaviest first. */
int pp_tags_json_write(const struct pprofc_profile *profile, const struct pp_view_scope *scope,
                       struct pp_buffer *out, struct pprofc_error *err);

/* Append one object: the above and "functions" {name, source_file, flat, cum, problem: why there is
 * no source, or null, lines {line, flat, cum, text: null without source}}. */
int pp_source_json_write(const struct pprofc_profile *profile,
                         const struct pp_source_options *options, struct pp_buffer *out,
                         struct pprofc_error *err);

#endif
