/* Numbers in texts, with a point in every locale. */
#include "base/print.h"

#include <locale.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

/* Of all categories "C" is an object of libc's own, which takes no memory: whoever comes at the
 * same time gets the same one. */
static locale_t c_locale(void)
{
    static _Atomic(locale_t) made;
    locale_t locale = atomic_load_explicit(&made, memory_order_acquire);

    if (locale == (locale_t)0) {
        locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
        atomic_store_explicit(&made, locale, memory_order_release);
    }
    return locale;
}

int pp_vprint(char *to, size_t n_bytes, const char *format, va_list arguments)
{
    /* Of this thread alone, whatever others choose by setlocale() meanwhile. */
    const locale_t before = uselocale(c_locale());
    const int n_chars = vsnprintf(to, n_bytes, format, arguments);

    (void)uselocale(before);
    return n_chars;
}

int pp_print(char *to, size_t n_bytes, const char *format, ...)
{
    va_list arguments;
    int n_chars;

    va_start(arguments, format);
    n_chars = pp_vprint(to, n_bytes, format, arguments);
    va_end(arguments);
    return n_chars;
}

double pp_read_double(const char *text, char **end_out)
{
    return strtod_l(text, end_out, c_locale());
}
