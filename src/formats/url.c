/* Profiles over HTTP: what a server hands out as /debug/pprof/profile, or a file in a store. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/gzip.h"
#include "formats/curl_library.h"
#include "formats/formats.h"

/* A server that measures for ?seconds= says nothing meanwhile. */
enum { CONNECT_S = 10, SILENCE_S = 60, MOST_SECONDS = 24 * 3600, MOST_REDIRECTS = 5 };

bool pp_is_url(const char *path)
{
    return strncmp(path, "http://", 7) == 0 || strncmp(path, "https://", 8) == 0;
}

/* ---- what comes ---- */

struct body {
    struct pp_buffer *bytes;
    bool is_too_large;
};

static size_t take(char *bytes, size_t one, size_t n_bytes, void *context)
{
    struct body *body = context;

    (void)one;
    if (body->bytes->n_bytes + n_bytes > PP_GZIP_DEFAULT_LIMIT) {
        body->is_too_large = true;
        return 0;
    }
    pp_buffer_append(body->bytes, bytes, n_bytes);
    return body->bytes->failed ? 0 : n_bytes;
}

/* ?seconds=30 in the address: so long the server may be silent, beyond the usual. */
static long silence_s(const char *url)
{
    const char *query = strchr(url, '?');
    const char *seconds = query != NULL ? strstr(query, "seconds=") : NULL;
    const long given = seconds != NULL ? strtol(seconds + strlen("seconds="), NULL, 10) : 30;

    return SILENCE_S + (given > 0 && given < MOST_SECONDS ? given : MOST_SECONDS);
}

static void prepare(const struct pp_curl_library *curl, CURL *request, const char *url,
                    struct body *body, char *why)
{
    (void)curl->set(request, CURLOPT_URL, url);
    (void)curl->set(request, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)curl->set(request, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    (void)curl->set(request, CURLOPT_FOLLOWLOCATION, 1L);
    (void)curl->set(request, CURLOPT_MAXREDIRS, (long)MOST_REDIRECTS);
    (void)curl->set(request, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_S);
    (void)curl->set(request, CURLOPT_LOW_SPEED_LIMIT, 1L);
    (void)curl->set(request, CURLOPT_LOW_SPEED_TIME, silence_s(url));
    (void)curl->set(request, CURLOPT_NOSIGNAL, 1L);
    (void)curl->set(request, CURLOPT_USERAGENT, "pprofc/" PP_VERSION);
    (void)curl->set(request, CURLOPT_ERRORBUFFER, why);
    (void)curl->set(request, CURLOPT_WRITEFUNCTION, take);
    (void)curl->set(request, CURLOPT_WRITEDATA, body);
}

static void set_fetch(const struct pp_curl_library *curl, CURL *request,
                      const struct pp_fetch *fetch)
{
    if (fetch->timeout_s > 0)
        (void)curl->set(request, CURLOPT_TIMEOUT, (long)fetch->timeout_s);
    if (fetch->ca_file != NULL)
        (void)curl->set(request, CURLOPT_CAINFO, fetch->ca_file);
    if (fetch->certificate_file != NULL)
        (void)curl->set(request, CURLOPT_SSLCERT, fetch->certificate_file);
    if (fetch->key_file != NULL)
        (void)curl->set(request, CURLOPT_SSLKEY, fetch->key_file);
}

/* The address with "?seconds=" where that is wanted and not in it; before a fragment.  In 'longer',
 * which holds it. */
static const char *address_of(const char *url, uint32_t seconds, struct pp_buffer *longer)
{
    const size_t n = strcspn(url, "#");
    const char *query = memchr(url, '?', n);

    if (seconds == 0 || (query != NULL && strstr(query, "seconds=") != NULL))
        return url;
    pp_buffer_append(longer, url, n);
    pp_buffer_printf(longer, "%cseconds=%u%s", query != NULL ? '&' : '?', seconds, url + n);
    pp_buffer_append(longer, "", 1);
    return longer->failed ? NULL : longer->bytes;
}

/* The first line of what a server says about its refusal. */
static int refuse(const char *url, long status, const struct pp_buffer *said,
                  struct pprofc_error *err)
{
    char line[120];
    size_t n = 0;

    for (; n < said->n_bytes && n + 1 < sizeof line; n++) {
        if ((unsigned char)said->bytes[n] < ' ')
            break;
        line[n] = said->bytes[n];
    }
    line[n] = '\0';
    return pp_fail(err, -EIO, 0, "'%s': the server answers %ld%s%s; check the address", url, status,
                   n > 0 ? ": " : "", line);
}

int pp_url_read(const char *url, const struct pp_fetch *fetch, struct pp_buffer *bytes,
                struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer longer = PP_BUFFER_INIT;
    const char *address = address_of(url, fetch != NULL ? fetch->seconds : 0, &longer);
    const struct pp_curl_library *curl = pp_curl_library();
    struct body body = {bytes, false};
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    CURL *request;
    CURLcode code;

    if (curl == NULL)
        return pp_fail(
            err, -ENOENT, 0,
            "cannot fetch '%s': there is no libcurl.so.4 here; install libcurl4, or fetch "
            "it with another program and give its file or - for standard input",
            url);
    request = address != NULL ? curl->init() : NULL;
    if (request == NULL)
        return pp_fail(err, -ENOMEM, 0, "cannot fetch '%s': out of memory", url);
    prepare(curl, request, address, &body, why);
    if (fetch != NULL)
        set_fetch(curl, request, fetch);
    code = curl->perform(request);
    (void)curl->get(request, CURLINFO_RESPONSE_CODE, &status);
    curl->cleanup(request);
    if (body.is_too_large)
        return pp_fail(err, -EFBIG, 0, "'%s' is larger than 1 GiB; fetch it to a file", url);
    if (bytes->failed)
        return pp_fail(err, -ENOMEM, 0, "cannot fetch '%s': out of memory", url);
    if (code != CURLE_OK)
        return pp_fail(err, -EIO, 0, "cannot fetch '%s': %s; check the address and the server", url,
                       why[0] != '\0' ? why : curl->text(code));
    return status >= 200 && status < 300 ? 0 : refuse(url, status, bytes, err);
}
