/* Asking another service: one HTTP request, one answer, a connection each. */
#ifndef ORDERS_CALL_H
#define ORDERS_CALL_H

#include <stddef.h>

#include "trace.h"

/* POST 'json' to 'path' of the service at 'address' ("http://host:port"), as part of 'trace'.  Its
 * status; -1 when there was no answer within two seconds. */
int call_service(const char *address, const char *path, const struct trace *trace,
                 const char *json);

#endif
