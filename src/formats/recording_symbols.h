/* Names of single addresses of a recorded process: what /symbol answers. */
#ifndef PP_FORMATS_RECORDING_SYMBOLS_H
#define PP_FORMATS_RECORDING_SYMBOLS_H

#include <stddef.h>
#include <stdint.h>

#include "binary/symbolizer.h"
#include "recording/reader.h"

/* Call 'visit' with each of 'addresses' and its name: the physical function, "module+0xoffset"
 * where there is none, NULL where nothing was mapped.  0 or a negative errno. */
int pp_recording_symbols(const struct pp_recording_reader *reader, struct pp_symbolizer *symbolizer,
                         const uint64_t *addresses, size_t n_addresses,
                         void (*visit)(void *context, uint64_t address, const char *name),
                         void *context, struct pprofc_error *err);

#endif
