/* Loading libmicrohttpd. */
#include "serve/http_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/loaded_symbol.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct pp_http_library library;

static bool find(const char *name, void *function_pointer_out)
{
    return pp_loaded_symbol(library.handle, name, function_pointer_out);
}

static bool find_all(void)
{
    return find("MHD_start_daemon", &library.start) && find("MHD_stop_daemon", &library.stop) &&
           find("MHD_run", &library.run) && find("MHD_get_timeout", &library.timeout) &&
           find("MHD_get_daemon_info", &library.daemon_info) &&
           find("MHD_get_connection_info", &library.connection_info) &&
           find("MHD_suspend_connection", &library.suspend) &&
           find("MHD_resume_connection", &library.resume) &&
           find("MHD_lookup_connection_value", &library.value) &&
           find("MHD_get_connection_values", &library.each_value) &&
           find("MHD_create_response_from_buffer", &library.response) &&
           find("MHD_add_response_header", &library.add_header) &&
           find("MHD_queue_response", &library.queue) &&
           find("MHD_destroy_response", &library.destroy);
}

static void load(void)
{
    library.handle = dlopen("libmicrohttpd.so.12", RTLD_NOW | RTLD_LOCAL);
    if (library.handle != NULL && !find_all())
        library.handle = NULL;
}

const struct pp_http_library *pp_http_library(void)
{
    (void)pthread_once(&once, load);
    return library.handle != NULL ? &library : NULL;
}
