/* libcurl, loaded when something is fetched or sent: it brings 33 libraries and 3 ms to the start
 * of every process that links it.  Its functions have the types of its header. */
#ifndef PP_FORMATS_CURL_LIBRARY_H
#define PP_FORMATS_CURL_LIBRARY_H

#include <curl/curl.h>

struct pp_curl_library {
    void *handle;
    __typeof__(&curl_easy_init) init;
    __typeof__(&curl_easy_setopt) set;
    __typeof__(&curl_easy_perform) perform;
    __typeof__(&curl_easy_getinfo) get;
    __typeof__(&curl_easy_reset) reset;
    __typeof__(&curl_easy_cleanup) cleanup;
    __typeof__(&curl_easy_strerror) text;
    __typeof__(&curl_slist_append) append;
    __typeof__(&curl_slist_free_all) free_all;
    __typeof__(&curl_version_info) version;
};

/* The library, or NULL where there is none.  Any thread; it stays loaded: it may have threads and
 * exit handlers of its own. */
const struct pp_curl_library *pp_curl_library(void);

#endif
