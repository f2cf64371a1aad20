/* Zstandard, by libzstd. */
#include "base/zstd.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

enum { WINDOW_LOG_MOST = 27 }; /* 128 MiB, what `zstd` itself reads without being told otherwise */

bool pp_is_zstd(const void *bytes, size_t n_bytes)
{
    return n_bytes >= 4 && memcmp(bytes, "\x28\xb5\x2f\xfd", 4) == 0;
}

static void free_stream(ZSTD_DStream **stream)
{
    (void)ZSTD_freeDStream(*stream);
}

int pp_zstd_inflate(const void *bytes, size_t n_bytes, size_t limit_bytes, const char *name,
                    struct pp_buffer *out, struct pprofc_error *err)
{
    __attribute__((cleanup(free_stream))) ZSTD_DStream *stream = ZSTD_createDStream();
    const size_t n_before = out->n_bytes;
    ZSTD_inBuffer in = {bytes, n_bytes, 0};
    size_t rest = 1;

    if (stream == NULL)
        return pp_fail(err, -ENOMEM, 0, "'%s': out of memory", name);
    (void)ZSTD_DCtx_setParameter(stream, ZSTD_d_windowLogMax, WINDOW_LOG_MOST);
    while (in.pos < in.size || rest != 0) {
        const size_t n_room = ZSTD_DStreamOutSize();
        char *room = pp_buffer_room(out, n_room);
        ZSTD_outBuffer made = {room, n_room, 0};
        const size_t n_used = in.pos;
        if (room == NULL)
            return pp_fail(err, -ENOMEM, 0, "'%s': out of memory", name);
        rest = ZSTD_decompressStream(stream, &made, &in);
        if (ZSTD_isError(rest))
            return pp_fail(err, -EBADMSG, in.pos, "'%s': damaged zstd data (%s); fetch it again",
                           name, ZSTD_getErrorName(rest));
        out->n_bytes += made.pos;
        if (out->n_bytes - n_before > limit_bytes)
            return pp_fail(err, -EFBIG, in.pos, "'%s': inflates to more than %zu bytes", name,
                           limit_bytes);
        if (made.pos == 0 && in.pos == n_used && rest != 0)
            return pp_fail(err, -EBADMSG, in.pos, "'%s': truncated zstd data; fetch it again",
                           name);
    }
    return 0;
}
