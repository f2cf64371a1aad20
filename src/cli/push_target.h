/* Where `pprofc push` sends to, by the address that people give. */
#ifndef PP_CLI_PUSH_TARGET_H
#define PP_CLI_PUSH_TARGET_H

#include <stdbool.h>

#include "base/error.h"

struct pp_push_target {
    bool is_pyroscope;
    const char *endpoint; /* NULL: as the variables say */
    const char *protocol; /* of OTLP; NULL: as the address or the variables say */
};

/* "http://HOST:4318", "grpc://HOST:4317", "pyroscope+http://HOST:4040".  Without a protocol the
 * usual ports say it: 4040 is Pyroscope's, 4317 gRPC's.  'to' and 'protocol' may be NULL.  -EINVAL.
 */
int pp_push_target_read(const char *to, const char *protocol, struct pp_push_target *target_out,
                        struct pprofc_error *err);

#endif
