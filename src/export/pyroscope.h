/* The sink that sends profiles to Grafana Pyroscope. */
#ifndef PP_EXPORT_PYROSCOPE_H
#define PP_EXPORT_PYROSCOPE_H

#include "export/uploader.h"

struct pp_pyroscope_options {
    const char *address; /* http://HOST:4040; NULL: PYROSCOPE_SERVER_ADDRESS, else the local one */
    const char *service_name; /* NULL: by the variables, else the program's */
    struct pp_uploader_options upload;
};

/* Credentials are those of PYROSCOPE_AUTH_TOKEN, or PYROSCOPE_BASIC_AUTH_USER and _PASSWORD, and
 * PYROSCOPE_TENANT_ID.  -EINVAL for what is no address; errors of pp_uploader_new(). */
int pp_pyroscope_sink_new(const struct pp_pyroscope_options *options, struct pp_sink **sink_out,
                          struct pprofc_error *err);

#endif
