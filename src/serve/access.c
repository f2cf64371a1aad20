/* Token and host. */
#include "serve/access.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

int pp_access_read_token(struct pp_access *access, const char *path, struct pprofc_error *err)
{
    char line[PP_TOKEN_MAX_BYTES + 2] = "";
    pp_autoclose FILE *file = fopen(path, "re");
    size_t n;

    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        return pp_fail(err, -EINVAL, 0, "cannot read a token from '%s': %s", path,
                       file == NULL ? strerror(errno) : "it is empty");
    n = strcspn(line, " \t\r\n");
    line[n] = '\0';
    if (n < PP_TOKEN_LEAST_BYTES || n >= PP_TOKEN_MAX_BYTES)
        return pp_fail(err, -EINVAL, 0,
                       "the token in '%s' has %zu characters; give %d to %d, such as those of: "
                       "openssl rand -hex 32",
                       path, n, PP_TOKEN_LEAST_BYTES, PP_TOKEN_MAX_BYTES - 1);
    memcpy(access->token, line, n + 1);
    return 0;
}

/* Takes as long for every text of a length, wherever it differs. */
static bool is_same_secret(const char *given, const char *token)
{
    const size_t n_given = strlen(given), n_token = strlen(token);
    volatile unsigned char difference = n_given == n_token ? 0 : 1;

    for (size_t i = 0; i < n_given; i++)
        difference = difference | (unsigned char)(given[i] ^ token[i % n_token]);
    return difference == 0;
}

/* "HOST", "HOST:PORT", "[V6]:PORT": whether HOST is localhost or an address, which no name of
 * somebody else's leads to. */
static bool is_own_host(const char *host)
{
    struct in6_addr address;
    char name[128];
    size_t n;

    if (host[0] == '[') {
        n = strcspn(++host, "]");
        if (n >= sizeof name || host[n] != ']')
            return false;
    } else {
        n = strcspn(host, ":");
    }
    if (n >= sizeof name)
        return false;
    memcpy(name, host, n);
    name[n] = '\0';
    return strcasecmp(name, "localhost") == 0 || inet_pton(AF_INET, name, &address) == 1 ||
           inet_pton(AF_INET6, name, &address) == 1;
}

const char *pp_access_refusal(const struct pp_access *access, const char *host,
                              const char *authorization, int *status_out)
{
    static const char scheme[] = "Bearer ";

    if (access->token[0] != '\0') {
        *status_out = 401;
        if (authorization == NULL || strncasecmp(authorization, scheme, sizeof scheme - 1) != 0 ||
            !is_same_secret(authorization + sizeof scheme - 1, access->token))
            return "a token is needed: Authorization: Bearer TOKEN";
        return NULL;
    }
    if (access->is_local)
        return NULL;
    *status_out = host == NULL ? 400 : 403;
    if (host == NULL)
        return "the request has no Host";
    return is_own_host(host) ? NULL
                             : "ask for localhost or an address: other names are refused, since "
                               "any page could lead one here";
}
