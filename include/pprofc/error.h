/* What went wrong, for people: the last, optional argument of every pprof-c call that can fail. */
#ifndef PPROFC_ERROR_H
#define PPROFC_ERROR_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PPROFC_ERROR_MESSAGE_BYTES 512

/* Filled only when a call fails; the caller's memory, nothing to free. */
struct pprofc_error {
    int code;                                 /* the negative errno that the call returned */
    uint64_t offset_bytes;                    /* where in the input, 0 when that has no meaning */
    char message[PPROFC_ERROR_MESSAGE_BYTES]; /* one line without a final full stop or newline */
};

#ifdef __cplusplus
}
#endif

#endif
