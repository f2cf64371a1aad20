/* Any bytes: as the target and headers of a request.  What is split and decoded lies within the
 * text, has no NUL of the client's, and is the same however it is asked for. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "serve/access.h"
#include "serve/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_query(const char *text)
{
    struct pp_http_pair pairs[PP_HTTP_MAX_PARAMETERS];
    const size_t n_text = strlen(text);
    char *query = strdup(text);
    int n;

    if (query == NULL)
        return;
    n = pp_http_split_query(query, pairs);
    if (n > PP_HTTP_MAX_PARAMETERS)
        abort();
    for (int i = 0; i < n; i++) {
        const struct pp_http_request request = {.query = pairs, .n_query = (size_t)n};
        if (pairs[i].name < query || pairs[i].name + strlen(pairs[i].name) > query + n_text)
            abort();
        if (pp_http_parameter(&request, pairs[i].name) == NULL)
            abort();
    }
    free(query);
}

static void check_path(const char *text)
{
    char *path = strdup(text);

    if (path == NULL)
        return;
    if (pp_http_decode(path, false) && strlen(path) > strlen(text))
        abort();
    free(path);
}

/* Without a token a name of somebody else's is refused; with one only the token counts. */
static void check_access(const char *text)
{
    struct pp_access access = {.token = ""};
    int status = 0;

    if (pp_access_refusal(&access, text, NULL, &status) != NULL && status != 403)
        abort();
    if (pp_access_refusal(&access, "evil.example", text, &status) == NULL)
        abort();
    (void)strcpy(access.token, "0123456789abcdef-secret");
    if (pp_access_refusal(&access, "localhost", text, &status) == NULL &&
        strstr(text, access.token) == NULL)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *text = malloc(n_bytes + 1);

    if (text == NULL)
        return 0;
    memcpy(text, bytes, n_bytes);
    text[n_bytes] = '\0';
    check_query(text);
    check_path(text);
    check_access(text);
    free(text);
    return 0;
}
