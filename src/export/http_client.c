/* Posting over libcurl. */
#include "export/http_client.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "export/retry.h"
#include "formats/curl_library.h"

enum {
    CONNECT_MS = 5000,
    MOST_ANSWER_BYTES = 4 << 20, /* what OTLP recommends */
    /* Debian 12's libcurl 7.88 breaks the second HTTP/2 request of a connection (curl issue 10634).
     */
    FIRST_VERSION_WITH_GOOD_HTTP2 = 0x080000,
};

struct pp_http_client {
    const struct pp_curl_library *curl;
    CURL *handle; /* keeps its connection from one request to the next */
};

int pp_http_client_new(struct pp_http_client **client_out, struct pprofc_error *err)
{
    const struct pp_curl_library *curl = pp_curl_library();
    struct pp_http_client *client;

    if (curl == NULL)
        return pp_fail(err, -ENOENT, 0,
                       "cannot send: there is no libcurl.so.4 here; install libcurl4");
    client = calloc(1, sizeof *client);
    if (client == NULL)
        return pp_fail(err, -ENOMEM, 0, "cannot send: out of memory");
    client->curl = curl;
    client->handle = curl->init();
    if (client->handle == NULL) {
        free(client);
        return pp_fail(err, -ENOMEM, 0, "cannot send: out of memory");
    }
    *client_out = client;
    return 0;
}

void pp_http_client_free(struct pp_http_client *client)
{
    if (client == NULL)
        return;
    client->curl->cleanup(client->handle);
    free(client);
}

void pp_http_reply_done(struct pp_http_reply *reply)
{
    pp_buffer_done(&reply->body);
}

/* ---- addresses ---- */

bool pp_url_is_loopback(const char *url)
{
    const char *host = strstr(url, "://");
    const char *end, *at;
    size_t n_chars;

    if (host == NULL)
        return false;
    host += 3;
    end = host + strcspn(host, "/?#");
    at = memrchr(host, '@', (size_t)(end - host));
    if (at != NULL)
        host = at + 1;
    if (host[0] == '[')
        return strncmp(host, "[::1]", 5) == 0;
    n_chars = strcspn(host, ":/?#");
    return (n_chars == 9 && strncasecmp(host, "localhost", 9) == 0) ||
           (n_chars > 4 && strncmp(host, "127.", 4) == 0);
}

void pp_url_for_people(const char *url, char *text, size_t capacity)
{
    const char *host = strstr(url, "://");
    const char *end, *at;

    host = host != NULL ? host + 3 : url;
    end = host + strcspn(host, "/?#");
    at = memrchr(host, '@', (size_t)(end - host));
    (void)snprintf(text, capacity, "%.*s%s", (int)(host - url), url, at != NULL ? at + 1 : host);
}

/* ---- what comes ---- */

/* More than the limit is passed over: the server has accepted or refused by then. */
static size_t take_body(char *bytes, size_t one, size_t n_bytes, void *context)
{
    struct pp_http_reply *reply = context;
    const size_t n_left = MOST_ANSWER_BYTES - reply->body.n_bytes;

    (void)one;
    pp_buffer_append(&reply->body, bytes, n_bytes < n_left ? n_bytes : n_left);
    return n_bytes;
}

/* The value of "name: value\r\n" into 'value', when it is that header. */
static bool take_value(const char *line, size_t n_bytes, const char *name, char *value,
                       size_t capacity)
{
    const size_t n_name = strlen(name);
    size_t begin = n_name + 1, n;

    if (n_bytes <= n_name || strncasecmp(line, name, n_name) != 0 || line[n_name] != ':')
        return false;
    while (begin < n_bytes && (line[begin] == ' ' || line[begin] == '\t'))
        begin++;
    while (n_bytes > begin && (unsigned char)line[n_bytes - 1] <= ' ')
        n_bytes--;
    n = n_bytes - begin < capacity - 1 ? n_bytes - begin : capacity - 1;
    memcpy(value, line + begin, n);
    value[n] = '\0';
    return true;
}

/* Headers, and behind the body trailers. */
static size_t take_header(char *line, size_t one, size_t n_bytes, void *context)
{
    struct pp_http_reply *reply = context;
    char value[64];

    (void)one;
    if (take_value(line, n_bytes, "retry-after", value, sizeof value))
        reply->retry_after_s = pp_retry_after_s(value, (int64_t)time(NULL));
    else if (take_value(line, n_bytes, "grpc-status", value, sizeof value))
        reply->grpc_status = value[0] >= '0' && value[0] <= '9' ? atoi(value) : PP_GRPC_UNKNOWN;
    else if (!take_value(line, n_bytes, "content-type", reply->content_type,
                         sizeof reply->content_type) &&
             !take_value(line, n_bytes, "location", reply->location, sizeof reply->location) &&
             !take_value(line, n_bytes, "grpc-message", reply->grpc_message,
                         sizeof reply->grpc_message))
        (void)take_value(line, n_bytes, "grpc-status-details-bin", reply->grpc_details,
                         sizeof reply->grpc_details);
    return n_bytes;
}

static int look(void *context, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
                curl_off_t up)
{
    const atomic_bool *is_cancelled = context;

    (void)down_total, (void)down, (void)up_total, (void)up;
    return atomic_load(is_cancelled) ? 1 : 0;
}

/* ---- sending ---- */

static void set_http2(const struct pp_http_client *client, const struct pp_http_post *post)
{
    const curl_version_info_data *version = client->curl->version(CURLVERSION_NOW);
    const bool is_tls = strncasecmp(post->url, "https:", 6) == 0;

    (void)client->curl->set(client->handle, CURLOPT_HTTP_VERSION,
                            is_tls ? (long)CURL_HTTP_VERSION_2TLS
                                   : (long)CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE);
    if (version->version_num < FIRST_VERSION_WITH_GOOD_HTTP2)
        (void)client->curl->set(client->handle, CURLOPT_FRESH_CONNECT, 1L);
}

static void set_tls(const struct pp_http_client *client, const struct pp_http_tls *tls)
{
    if (tls->ca_file != NULL)
        (void)client->curl->set(client->handle, CURLOPT_CAINFO, tls->ca_file);
    if (tls->certificate_file != NULL)
        (void)client->curl->set(client->handle, CURLOPT_SSLCERT, tls->certificate_file);
    if (tls->key_file != NULL)
        (void)client->curl->set(client->handle, CURLOPT_SSLKEY, tls->key_file);
}

static void prepare(const struct pp_http_client *client, const struct pp_http_post *post,
                    struct curl_slist *headers, struct pp_http_reply *reply, char *why)
{
    __typeof__(&curl_easy_setopt) set = client->curl->set;
    CURL *handle = client->handle;

    client->curl->reset(handle); /* its connections stay */
    (void)set(handle, CURLOPT_URL, post->url);
    (void)set(handle, CURLOPT_PROTOCOLS_STR, "http,https");
    (void)set(handle, CURLOPT_FOLLOWLOCATION, 0L);
    (void)set(handle, CURLOPT_POST, 1L);
    (void)set(handle, CURLOPT_POSTFIELDS, post->body);
    (void)set(handle, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)post->n_body_bytes);
    (void)set(handle, CURLOPT_HTTPHEADER, headers);
    (void)set(handle, CURLOPT_USERAGENT, "pprofc/" PP_VERSION); /* a header may say another */
    (void)set(handle, CURLOPT_TIMEOUT_MS, post->timeout_ms);
    (void)set(handle, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    (void)set(handle, CURLOPT_NOSIGNAL, 1L);
    (void)set(handle, CURLOPT_ERRORBUFFER, why);
    (void)set(handle, CURLOPT_WRITEFUNCTION, take_body);
    (void)set(handle, CURLOPT_WRITEDATA, reply);
    (void)set(handle, CURLOPT_HEADERFUNCTION, take_header);
    (void)set(handle, CURLOPT_HEADERDATA, reply);
    if (pp_url_is_loopback(post->url))
        (void)set(handle, CURLOPT_PROXY, "");
    if (post->is_cancelled != NULL) {
        (void)set(handle, CURLOPT_NOPROGRESS, 0L);
        (void)set(handle, CURLOPT_XFERINFOFUNCTION, look);
        (void)set(handle, CURLOPT_XFERINFODATA, post->is_cancelled);
    }
    if (post->is_http2)
        set_http2(client, post);
    set_tls(client, &post->tls);
}

/* What another try may cure: the network, and a server that is not there yet. */
static bool may_be_repeated(CURLcode code)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
    case CURLE_HTTP2:
    case CURLE_HTTP2_STREAM:
    case CURLE_SSL_CONNECT_ERROR: /* also a connection lost in the handshake */
    case CURLE_ABORTED_BY_CALLBACK:
        return true;
    default:
        return false;
    }
}

static bool make_headers(const struct pp_curl_library *curl, const char *const *headers,
                         struct curl_slist **list_out)
{
    /* Nobody waits for "100 Continue" a second before a large body. */
    struct curl_slist *list = curl->append(NULL, "Expect:"), *longer;

    for (size_t i = 0; list != NULL && headers[i] != NULL; i++) {
        longer = curl->append(list, headers[i]);
        if (longer == NULL)
            curl->free_all(list);
        list = longer;
    }
    *list_out = list;
    return list != NULL;
}

void pp_http_client_post(struct pp_http_client *client, const struct pp_http_post *post,
                         struct pp_http_reply *reply)
{
    const struct pp_curl_library *curl = client->curl;
    char why[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers;
    CURLcode code;

    *reply = (struct pp_http_reply){.retry_after_s = -1, .grpc_status = -1};
    if (!make_headers(curl, post->headers, &headers)) {
        (void)snprintf(reply->why, sizeof reply->why, "out of memory");
        reply->may_be_repeated = true;
        return;
    }
    prepare(client, post, headers, reply, why);
    code = curl->perform(client->handle);
    if (code == CURLE_OK) {
        (void)curl->get(client->handle, CURLINFO_RESPONSE_CODE, &reply->status);
    } else {
        (void)snprintf(reply->why, sizeof reply->why, "%s",
                       why[0] != '\0' ? why : curl->text(code));
        reply->may_be_repeated = may_be_repeated(code);
    }
    (void)curl->set(client->handle, CURLOPT_HTTPHEADER, NULL);
    (void)curl->set(client->handle, CURLOPT_ERRORBUFFER, NULL);
    curl->free_all(headers);
}
