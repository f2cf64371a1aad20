/* One request a window: /ingest, or the PusherService for what has to say its name. */
#include "export/pyroscope.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/memory.h"
#include "export/otlp_reply.h"
#include "export/pyroscope_request.h"
#include "export/resource_cache.h"

enum { PART_QUERY, MAX_HEADERS = 8, TIMEOUT_MS = 30000, URL_BYTES = 160 };

struct pyroscope {
    struct pp_arena arena; /* owns the texts */
    const char *url;       /* with its path: ../ingest */
    const char *headers[MAX_HEADERS];
    size_t n_headers;
    const char *service_name;
    struct pp_teller teller;
    struct pp_buffer query;
    struct pp_resource_cache resources;
    bool failed; /* no memory */
};

static void free_pyroscope(void *state)
{
    struct pyroscope *pyroscope = state;

    pp_buffer_done(&pyroscope->query);
    pp_resource_cache_done(&pyroscope->resources);
    pp_arena_done(&pyroscope->arena);
    free(pyroscope);
}

/* ---- describing ---- */

static int describe(void *state, const struct pp_export_window *window,
                    const struct pp_sink_facts *facts, struct pp_window_record *record,
                    struct pprofc_error *err)
{
    struct pyroscope *pyroscope = state;
    const struct pp_resource_wish wish = {pyroscope->service_name, window->program, window->pid,
                                          true};

    (void)facts;
    pp_buffer_done(&pyroscope->query);
    pyroscope->query = (struct pp_buffer)PP_BUFFER_INIT;
    (pp_pyroscope_is_named(window->kind) ? pp_pyroscope_put_series : pp_pyroscope_put_query)(
        &pyroscope->query, pp_resource_cache_get(&pyroscope->resources, &wish, &pyroscope->teller),
        window);
    record->parts[PART_QUERY] =
        (struct pp_window_part){pyroscope->query.bytes, pyroscope->query.n_bytes};
    return pyroscope->query.failed ? pp_fail(err, -ENOMEM, 0, "no memory to describe a window") : 0;
}

/* ---- sending ---- */

static const char *request_name(unsigned request)
{
    (void)request;
    return "profile";
}

static bool is_wanted(void *state, const struct pp_upload *upload, unsigned request)
{
    (void)state, (void)upload, (void)request;
    return true;
}

static void read_reply(const struct pyroscope *pyroscope, const struct pp_http_reply *reply,
                       struct pp_outcome *outcome)
{
    char url[URL_BYTES];

    pp_url_for_people(pyroscope->url, url, sizeof url);
    outcome->asked_s = reply->retry_after_s;
    if (reply->status == 0) {
        outcome->verdict = reply->may_be_repeated ? PP_VERDICT_RETRY : PP_VERDICT_REFUSED;
        (void)snprintf(outcome->text, sizeof outcome->text, "not sent to %s: %.140s", url,
                       reply->why);
        return;
    }
    outcome->verdict =
        pp_verdict_of_pyroscope(reply->status, reply->body.bytes, reply->body.n_bytes);
    if (outcome->verdict == PP_VERDICT_ACCEPTED)
        return;
    outcome->is_of_time = pp_is_refusal_of_time(reply->body.bytes, reply->body.n_bytes);
    /* Its errors are {"code":..,"message":..}, too. */
    pp_refusal_text(reply, "application/json", url, outcome->text, sizeof outcome->text);
}

/* A line between the parts of a form that is in none of them: of the window's id. */
static void make_boundary(const struct pp_window_record *record, char boundary[40])
{
    (void)snprintf(boundary, 8, "pprofc");
    for (size_t i = 0; i < sizeof record->id; i++)
        (void)snprintf(boundary + 6 + 2 * i, 3, "%02x", record->id[i]);
}

static bool make_request(const struct pyroscope *pyroscope, const struct pp_upload *upload,
                         struct pp_buffer *url, struct pp_buffer *form, struct pp_buffer *type)
{
    const struct pp_window_part *query = &upload->record->parts[PART_QUERY];
    const char *config = pp_pyroscope_type_config(upload->record->kind);
    char boundary[40];

    if (pp_pyroscope_is_named(upload->record->kind)) {
        pp_buffer_append(url, pyroscope->url, strlen(pyroscope->url) - strlen("/ingest"));
        pp_buffer_text(url, "/push.v1.PusherService/Push");
        pp_buffer_append(form, query->bytes, query->n_bytes);
        pp_pyroscope_put_sample(form, upload->record->id, upload->gz, upload->n_gz_bytes);
        pp_buffer_text(type, "Content-Type: application/json");
        return !url->failed && !form->failed && !type->failed;
    }
    pp_buffer_printf(url, "%s?", pyroscope->url);
    pp_buffer_append(url, query->bytes, query->n_bytes);
    pp_buffer_text(url, "");
    make_boundary(upload->record, boundary);
    if (config != NULL) {
        pp_pyroscope_put_form(form, boundary, upload->gz, upload->n_gz_bytes, config);
        pp_buffer_printf(type, "Content-Type: multipart/form-data; boundary=%s", boundary);
    } else {
        pp_buffer_text(type, "Content-Type: application/octet-stream");
    }
    return !url->failed && !form->failed && !type->failed;
}

static void send_profile(void *state, struct pp_http_client *client, const struct pp_upload *upload,
                         unsigned request, struct pp_outcome *outcome_out)
{
    const struct pyroscope *pyroscope = state;
    pp_autobuffer struct pp_buffer url = PP_BUFFER_INIT, form = PP_BUFFER_INIT,
                                   type = PP_BUFFER_INIT;
    const char *headers[MAX_HEADERS + 2] = {NULL};
    struct pp_http_post post = {.timeout_ms = TIMEOUT_MS, .headers = headers};
    struct pp_http_reply reply;

    (void)request;
    if (!make_request(pyroscope, upload, &url, &form, &type)) {
        outcome_out->verdict = PP_VERDICT_RETRY;
        (void)snprintf(outcome_out->text, sizeof outcome_out->text, "not sent: out of memory");
        return;
    }
    memcpy(headers, pyroscope->headers, pyroscope->n_headers * sizeof headers[0]);
    headers[pyroscope->n_headers] = type.bytes;
    post.url = url.bytes;
    post.body = form.n_bytes > 0 ? form.bytes : upload->gz;
    post.n_body_bytes = form.n_bytes > 0 ? form.n_bytes : upload->n_gz_bytes;
    post.is_cancelled = upload->is_cancelled;
    pp_http_client_post(client, &post, &reply);
    outcome_out->n_bytes_sent = post.n_body_bytes;
    read_reply(pyroscope, &reply, outcome_out);
    pp_http_reply_done(&reply);
}

static const struct pp_protocol protocol = {
    .name = "pyroscope",
    .describe = describe,
    .n_requests = 1,
    .request_name = request_name,
    .is_wanted = is_wanted,
    .send = send_profile,
    .free = free_pyroscope,
};

/* ---- making it ---- */

static const char *variable(const char *name)
{
    const char *value = secure_getenv(name);

    return value != NULL && value[0] != '\0' ? value : NULL;
}

static const char *keep(struct pyroscope *pyroscope, const char *text)
{
    const char *kept = pp_arena_copy(&pyroscope->arena, text, strlen(text));

    pyroscope->failed |= kept == NULL;
    return kept;
}

/* Nothing in a value may begin another header. */
static void put_header(struct pyroscope *pyroscope, const char *name, const char *value,
                       const char *from)
{
    pp_autobuffer struct pp_buffer line = PP_BUFFER_INIT;

    for (const char *at = value; *at != '\0'; at++) {
        if ((unsigned char)*at < ' ') {
            pp_tell(&pyroscope->teller, "%s has control characters; it is not sent", from);
            return;
        }
    }
    pp_buffer_printf(&line, "%s%s", name, value);
    pyroscope->failed |= line.failed;
    if (!line.failed)
        pyroscope->headers[pyroscope->n_headers++] = keep(pyroscope, line.bytes);
}

static void put_credentials(struct pyroscope *pyroscope)
{
    const char *token = variable("PYROSCOPE_AUTH_TOKEN");
    const char *user = variable("PYROSCOPE_BASIC_AUTH_USER");
    const char *password = variable("PYROSCOPE_BASIC_AUTH_PASSWORD");
    const char *tenant = variable("PYROSCOPE_TENANT_ID");
    pp_autobuffer struct pp_buffer pair = PP_BUFFER_INIT, encoded = PP_BUFFER_INIT;

    if (tenant != NULL)
        put_header(pyroscope, "X-Scope-OrgID: ", tenant, "PYROSCOPE_TENANT_ID");
    if (token != NULL) {
        put_header(pyroscope, "Authorization: Bearer ", token, "PYROSCOPE_AUTH_TOKEN");
    } else if (user != NULL) {
        pp_buffer_printf(&pair, "%s:%s", user, password != NULL ? password : "");
        pp_base64_append(&encoded, pair.bytes, pair.n_bytes);
        pp_buffer_text(&encoded, "");
        pyroscope->failed |= pair.failed || encoded.failed;
        if (!encoded.failed)
            put_header(pyroscope, "Authorization: Basic ", encoded.bytes,
                       "PYROSCOPE_BASIC_AUTH_USER");
    }
}

static int read_address(struct pyroscope *pyroscope, const char *address, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer url = PP_BUFFER_INIT;

    if (address == NULL)
        address = variable("PYROSCOPE_SERVER_ADDRESS");
    if (address == NULL)
        address = "http://localhost:4040";
    if ((strncasecmp(address, "http://", 7) != 0 && strncasecmp(address, "https://", 8) != 0) ||
        strpbrk(address, " \t\r\n?#") != NULL)
        return pp_fail(err, -EINVAL, 0,
                       "'%s' is no address of Pyroscope; give one like http://HOST:4040", address);
    pp_buffer_text(&url, address);
    while (url.n_bytes > 0 && url.bytes[url.n_bytes - 1] == '/')
        url.n_bytes--;
    if (url.n_bytes < 7 || strncmp(url.bytes + url.n_bytes - 7, "/ingest", 7) != 0)
        pp_buffer_text(&url, "/ingest");
    pp_buffer_text(&url, "");
    pyroscope->failed |= url.failed;
    pyroscope->url = url.failed ? NULL : keep(pyroscope, url.bytes);
    return 0;
}

int pp_pyroscope_sink_new(const struct pp_pyroscope_options *options, struct pp_sink **sink_out,
                          struct pprofc_error *err)
{
    struct pyroscope *pyroscope = calloc(1, sizeof *pyroscope);
    const char *name = options->service_name;
    int rc;

    if (pyroscope == NULL)
        return pp_fail(err, -ENOMEM, 0, "cannot prepare sending: out of memory");
    pyroscope->teller = options->upload.teller;
    rc = read_address(pyroscope, options->address, err);
    put_credentials(pyroscope);
    if (name == NULL)
        name = variable("PYROSCOPE_APPLICATION_NAME");
    if (name != NULL)
        pyroscope->service_name = keep(pyroscope, name);
    if (rc == 0 && pyroscope->failed)
        rc = pp_fail(err, -ENOMEM, 0, "cannot prepare sending: out of memory");
    if (rc != 0) {
        free_pyroscope(pyroscope);
        return rc;
    }
    return pp_uploader_new(&protocol, pyroscope, &options->upload, sink_out, err);
}
