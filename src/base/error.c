/* Errors that explain themselves: a negative errno plus one message for a person. */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/print.h"

int pp_fail(struct pprofc_error *err, int code, uint64_t offset_bytes, const char *format, ...)
{
    va_list arguments;

    if (err == NULL)
        return code;
    err->code = code;
    err->offset_bytes = offset_bytes;
    va_start(arguments, format);
    (void)pp_vprint(err->message, sizeof err->message, format, arguments);
    va_end(arguments);
    return code;
}
