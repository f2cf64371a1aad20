/* The service of the process that serves itself: one, for HTTP and for continuous mode. */
#ifndef PP_SERVE_OWN_SERVICE_H
#define PP_SERVE_OWN_SERVICE_H

#include "serve/service.h"

/* Have a session (one that nobody asked for stands ready, paused) and the service of it; nothing of
 * either is ended before the process.  -ENOSYS without libpprofc, errors of pprofc_start(). */
int pp_own_service(struct pp_service **service_out, struct pprofc_error *err);

#endif
