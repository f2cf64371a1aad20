/* Reading an address. */
#include "cli/push_target.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const char pyroscope_prefix[] = "pyroscope+";

static bool has_port(const char *url, const char *port)
{
    const char *host = strstr(url, "://");
    const char *end, *colon;

    host = host != NULL ? host + 3 : url;
    end = host + strcspn(host, "/?#");
    colon = memrchr(host, ':', (size_t)(end - host));
    return colon != NULL && (size_t)(end - colon) == strlen(port) + 1 &&
           strncmp(colon + 1, port, strlen(port)) == 0;
}

static int check_protocol(const char *protocol, struct pprofc_error *err)
{
    static const char *const known[] = {"pyroscope", "grpc", "http/protobuf", "http/json"};

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++)
        if (strcmp(protocol, known[i]) == 0)
            return 0;
    return pp_fail(err, -EINVAL, 0,
                   "unknown protocol '%s'; there are http/protobuf, http/json, grpc and pyroscope",
                   protocol);
}

int pp_push_target_read(const char *to, const char *protocol, struct pp_push_target *target_out,
                        struct pprofc_error *err)
{
    struct pp_push_target target = {.endpoint = to, .protocol = protocol};

    if (protocol != NULL) {
        const int rc = check_protocol(protocol, err);
        if (rc != 0)
            return rc;
        target.is_pyroscope = strcmp(protocol, "pyroscope") == 0;
    }
    if (to != NULL && strncmp(to, pyroscope_prefix, strlen(pyroscope_prefix)) == 0) {
        target.endpoint = to + strlen(pyroscope_prefix);
        target.is_pyroscope = true;
        if (protocol != NULL && strcmp(protocol, "pyroscope") != 0)
            return pp_fail(err, -EINVAL, 0, "'%s' is an address of Pyroscope, not of %s", to,
                           protocol);
    } else if (to != NULL && protocol == NULL && has_port(to, "4040")) {
        target.is_pyroscope = true;
    } else if (to != NULL && protocol == NULL && has_port(to, "4317")) {
        target.protocol = "grpc";
    }
    *target_out = target;
    return 0;
}
