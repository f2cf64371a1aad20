/* The kernel's code in every process, which has no file. */
#ifndef PP_FORMATS_RECORDING_VDSO_H
#define PP_FORMATS_RECORDING_VDSO_H

#include <stddef.h>
#include <stdint.h>

/* This process's own vdso when it has this build id, else NULL. */
const void *pp_own_vdso(const uint8_t *build_id, size_t n_build_id_bytes, size_t *n_bytes_out);

#endif
