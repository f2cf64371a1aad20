/* The sinks that PPROFC_EXPORT names. */
#ifndef PP_EXPORT_FROM_ENVIRONMENT_H
#define PP_EXPORT_FROM_ENVIRONMENT_H

#include <stdbool.h>

#include "export/sink.h"
#include "export/uploader.h"

enum { PP_MAX_SINKS = 2 };

struct pp_sinks_wish {
    const char *list;         /* "otlp,pyroscope": the value of PPROFC_EXPORT */
    const char *queue_folder; /* each has a folder of its name below it; NULL: in memory */
    bool hides_command;       /* send no command line */
    struct pp_teller teller;
};

/* Make a sink for each word of the list.  One that the variables of its protocol switch off is told
 * and left out.  How many there are, or -EINVAL for an unknown word; errors of the sinks.  OTEL_*
 * and PYROSCOPE_* alone make none. */
int pp_sinks_make(const struct pp_sinks_wish *wish, struct pp_sink *sinks_out[PP_MAX_SINKS],
                  struct pprofc_error *err);

#endif
