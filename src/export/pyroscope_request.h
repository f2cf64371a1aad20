/* What Pyroscope's /ingest is asked, as text: the query, and the form around a profile. */
#ifndef PP_EXPORT_PYROSCOPE_REQUEST_H
#define PP_EXPORT_PYROSCOPE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "export/resource.h"
#include "export/sink.h"

/* Append "name=..&from=..": the service with its labels, in names that Pyroscope takes, whatever
 * they were. */
void pp_pyroscope_put_query(struct pp_buffer *out, const struct pp_resource *resource,
                            const struct pp_export_window *window);

/* Whether profiles of that kind must say their name: /ingest would take it for another. */
bool pp_pyroscope_is_named(const char *kind);

/* Append the begin of what PusherService.Push takes for such a profile: the kind as its name, and
 * the same labels as in a query. */
void pp_pyroscope_put_series(struct pp_buffer *out, const struct pp_resource *resource,
                             const struct pp_export_window *window);

/* And the rest of it, with the profile as id 'id'. */
void pp_pyroscope_put_sample(struct pp_buffer *out, const uint8_t id[16], const void *gz,
                             size_t n_bytes);

/* What it has to know of the sample types of that kind, as JSON, or NULL: then the profile is the
 * body of the request (format=pprof), else a file of a form, which has its own field for it. */
const char *pp_pyroscope_type_config(const char *kind);

/* Append a form with the profile and the configuration, parted by 'boundary'. */
void pp_pyroscope_put_form(struct pp_buffer *out, const char *boundary, const void *gz,
                           size_t n_bytes, const char *config);

#endif
