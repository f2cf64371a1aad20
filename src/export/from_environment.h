/* The sinks that PPROFC_EXPORT names. */
#ifndef PP_EXPORT_FROM_ENVIRONMENT_H
#define PP_EXPORT_FROM_ENVIRONMENT_H

#include "export/sink.h"
#include "export/uploader.h"

enum { PP_MAX_SINKS = 2 };

/* Make a sink for each word of 'list' ("otlp,pyroscope", the value of PPROFC_EXPORT), with the
 * queues in folders of their names below 'queue_folder' (NULL: in memory).  One that the variables
 * of its protocol switch off is told and left out.  How many there are, or -EINVAL for an unknown
 * word; errors of the sinks.  OTEL_* and PYROSCOPE_* alone make none. */
int pp_sinks_from_list(const char *list, const char *queue_folder, const struct pp_teller *teller,
                       struct pp_sink *sinks_out[PP_MAX_SINKS], struct pprofc_error *err);

#endif
