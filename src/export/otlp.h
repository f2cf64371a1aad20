/* The sink that sends profiles, metrics and spans to an OpenTelemetry collector. */
#ifndef PP_EXPORT_OTLP_H
#define PP_EXPORT_OTLP_H

#include "export/otlp_settings.h"
#include "export/uploader.h"

struct pp_otlp_options {
    struct pp_otlp_wish wish;
    const char *service_name; /* NULL: by the variables, else the program's */
    bool hides_command;
    bool sends[PP_N_SIGNALS]; /* less those that the variables switch off; none: all */
    struct pp_uploader_options upload;
};

/* -ECANCELED when OTEL_SDK_DISABLED is true or no signal is left; errors of pp_uploader_new() and
 * pp_otlp_settings_read(). */
int pp_otlp_sink_new(const struct pp_otlp_options *options, struct pp_sink **sink_out,
                     struct pprofc_error *err);

#endif
