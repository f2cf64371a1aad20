/* libmicrohttpd, loaded when something is served: it brings GnuTLS and eight more libraries, and
 * 3 ms to the start of every process that links it.  Its functions have the types of its header. */
#ifndef PP_SERVE_HTTP_LIBRARY_H
#define PP_SERVE_HTTP_LIBRARY_H

#include <microhttpd.h>

struct pp_http_library {
    void *handle;
    __typeof__(&MHD_start_daemon) start;
    __typeof__(&MHD_stop_daemon) stop;
    __typeof__(&MHD_run) run;
    __typeof__(&MHD_get_timeout) timeout;
    __typeof__(&MHD_get_daemon_info) daemon_info;
    __typeof__(&MHD_get_connection_info) connection_info;
    __typeof__(&MHD_suspend_connection) suspend;
    __typeof__(&MHD_resume_connection) resume;
    __typeof__(&MHD_lookup_connection_value) value;
    __typeof__(&MHD_get_connection_values) each_value;
    __typeof__(&MHD_create_response_from_buffer) response;
    __typeof__(&MHD_add_response_header) add_header;
    __typeof__(&MHD_queue_response) queue;
    __typeof__(&MHD_destroy_response) destroy;
};

/* The library, or NULL where there is none.  Any thread; it stays loaded: GnuTLS has exit handlers
 * of its own.  After a server has started it is never NULL. */
const struct pp_http_library *pp_http_library(void);

#endif
