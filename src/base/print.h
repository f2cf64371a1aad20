/* Numbers in texts, with a point in every locale: a program that links us may have chosen one whose
 * point is a comma, and what we write is read by machines.  Whoever writes a text with printf's
 * formats does it by these. */
#ifndef PP_BASE_PRINT_H
#define PP_BASE_PRINT_H

#include <stdarg.h>
#include <stddef.h>

/* As snprintf() and vsnprintf(). */
int pp_print(char *to, size_t n_bytes, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
int pp_vprint(char *to, size_t n_bytes, const char *format, va_list arguments)
    __attribute__((format(printf, 3, 0)));

/* As strtod(). */
double pp_read_double(const char *text, char **end_out);

#endif
