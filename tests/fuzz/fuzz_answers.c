/* Any bytes, taken for what a server, a header or the kernel says: read, in bounds, and what is
 * shown of them is a line. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "export/container_id.h"
#include "export/grpc.h"
#include "export/otlp_reply.h"
#include "export/otlp_to_json.h"
#include "export/otlp_traces.h"
#include "export/pairs.h"
#include "export/retry.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes);

static void check_line(const struct pp_otlp_reply *reply)
{
    if (strlen(reply->message) >= sizeof reply->message || strchr(reply->message, '\n') != NULL ||
        strchr(reply->message, 27) != NULL)
        abort();
}

static void take_pair(void *context, const char *key, const char *value)
{
    *(size_t *)context += strlen(key) + strlen(value);
}

static void read_text(char *text)
{
    char id[PP_CONTAINER_ID_BYTES];
    struct pp_trace_context context;
    size_t n_chars = 0;
    double delay_s;

    if (pp_retry_after_s(text, 0) > 86400)
        abort();
    (void)pp_grpc_retry_info(text, &delay_s);
    (void)pp_traceparent_read(text, &context);
    (void)pp_container_id_of_cgroup(text, id);
    (void)pp_container_id_of_mountinfo(text, id);
    (void)pp_pairs_read(text, take_pair, &n_chars);
    if (n_chars > strlen(text))
        abort();
    pp_percent_decode(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n_bytes)
{
    char *text = strndup((const char *)bytes, n_bytes);
    struct pp_otlp_reply reply;
    const uint8_t *message;
    size_t n_message;

    for (int is_json = 0; is_json < 2; is_json++) {
        pp_otlp_reply_read(bytes, n_bytes, is_json != 0, &reply);
        check_line(&reply);
    }
    pp_otlp_refusal_read(bytes, n_bytes, "application/json", &reply);
    check_line(&reply);
    pp_otlp_refusal_read(bytes, n_bytes, "application/x-protobuf", &reply);
    check_line(&reply);
    if (pp_grpc_frame(bytes, n_bytes, &message, &n_message) && n_message > n_bytes)
        abort();
    for (int signal = 0; signal < PP_N_SIGNALS; signal++) {
        pp_autobuffer struct pp_buffer json = PP_BUFFER_INIT;
        (void)pp_otlp_to_json((enum pp_signal)signal, bytes, n_bytes, &json);
    }
    if (text != NULL)
        read_text(text);
    free(text);
    return 0;
}
