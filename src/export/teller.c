/* Lines for whoever listens. */
#include "export/teller.h"

#include <stdarg.h>
#include <stdio.h>

#include "base/print.h"

enum { LINE_BYTES = 640 };

void pp_tell(const struct pp_teller *teller, const char *format, ...)
{
    char line[LINE_BYTES];
    va_list arguments;

    if (teller == NULL || teller->tell == NULL)
        return;
    va_start(arguments, format);
    (void)pp_vprint(line, sizeof line, format, arguments);
    va_end(arguments);
    teller->tell(teller->context, line);
}
