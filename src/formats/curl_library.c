/* Loading libcurl. */
#include "formats/curl_library.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>

#include "base/loaded_symbol.h"

static pthread_once_t once = PTHREAD_ONCE_INIT;
static struct pp_curl_library library;

static bool find(const char *name, void *function_pointer_out)
{
    return pp_loaded_symbol(library.handle, name, function_pointer_out);
}

static bool find_all(void)
{
    return find("curl_easy_init", &library.init) && find("curl_easy_setopt", &library.set) &&
           find("curl_easy_perform", &library.perform) && find("curl_easy_getinfo", &library.get) &&
           find("curl_easy_reset", &library.reset) && find("curl_easy_cleanup", &library.cleanup) &&
           find("curl_easy_strerror", &library.text) &&
           find("curl_slist_append", &library.append) &&
           find("curl_slist_free_all", &library.free_all) &&
           find("curl_version_info", &library.version);
}

/* Its own first initialisation is not safe among threads before 7.84, so it is made here. */
static void load(void)
{
    __typeof__(&curl_global_init) initialise = NULL;

    library.handle = dlopen("libcurl.so.4", RTLD_NOW | RTLD_LOCAL);
    if (library.handle == NULL)
        return;
    if (find_all() && find("curl_global_init", &initialise) &&
        initialise(CURL_GLOBAL_DEFAULT) == CURLE_OK)
        return;
    library.handle = NULL;
}

const struct pp_curl_library *pp_curl_library(void)
{
    (void)pthread_once(&once, load);
    return library.handle != NULL ? &library : NULL;
}
