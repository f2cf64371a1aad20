/* /symbol: names for addresses, as Go's and gperftools' servers give them. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/recording_symbols.h"
#include "serve/routes.h"

enum { MAX_ADDRESSES = 100000 };

struct writing {
    struct pp_buffer *out;
    char separator; /* gperftools' readers want a tab, Go's clients a space */
};

/* "0x401000+0x402000": returns how many, or -EINVAL. */
static int64_t parse_addresses(const char *text, size_t n_bytes, uint64_t **addresses_out)
{
    size_t capacity = 0, n = 0;

    for (size_t at = 0; at < n_bytes;) {
        char word[32];
        char *end;
        size_t length = 0;

        while (at + length < n_bytes && text[at + length] != '+' && text[at + length] != '&')
            length++;
        if (length >= sizeof word || n == MAX_ADDRESSES ||
            pp_array_reserve(addresses_out, &capacity, n + 1, sizeof **addresses_out) != 0)
            return -EINVAL;
        memcpy(word, text + at, length);
        word[length] = '\0';
        word[strcspn(word, "\r\n")] = '\0';
        at += length + 1;
        if (word[0] == '\0')
            continue;
        (*addresses_out)[n++] = strtoull(word, &end, 16);
        if (*end != '\0')
            return -EINVAL;
    }
    return (int64_t)n;
}

static void write_name(void *context, uint64_t address, const char *name)
{
    const struct writing *writing = context;

    if (name != NULL)
        pp_buffer_printf(writing->out, "0x%llx%c%s\n", (unsigned long long)address,
                         writing->separator, name);
}

static int name_all(struct pp_call *call, const uint64_t *addresses, size_t n,
                    struct writing *writing, struct pprofc_error *err)
{
    struct pp_recording_reader *reader = NULL;
    int status = pp_served_snapshot(call->target, PP_RECORDING_NO_EVENTS, &reader, err);

    if (status != 0)
        return status;
    status = pp_recording_symbols(reader, call->service->symbolizer, addresses, n, write_name,
                                  writing, err);
    pp_recording_close(reader);
    return status;
}

void pp_route_symbol(struct pp_call *call)
{
    const struct pp_http_request *request = call->request;
    const bool is_post = request->method == PP_HTTP_POST;
    const char *text = is_post ? request->body : request->query_text;
    const size_t n_text = is_post ? request->n_body_bytes : strlen(request->query_text);
    struct writing writing = {&call->answer->body, is_post ? '\t' : ' '};
    pp_autofree uint64_t *addresses = NULL;
    struct pprofc_error err;
    int64_t n;

    n = parse_addresses(text, n_text, &addresses);
    if (n < 0) {
        pp_http_error(call->answer, 400, "give addresses as 0x401000+0x402000, at most %d",
                      MAX_ADDRESSES);
        return;
    }
    /* That there are names at all is what clients ask first. */
    pp_http_text(call->answer, is_post ? "" : "num_symbols: 1\n");
    if (n > 0 && name_all(call, addresses, (size_t)n, &writing, &err) != 0)
        pp_http_error(call->answer, 500, "Could not name the addresses: %s", err.message);
}
