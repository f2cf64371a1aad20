/* What cmocka.h wants before it. */
#ifndef PP_TESTS_CLI_CMOCKA_INCLUDES_H
#define PP_TESTS_CLI_CMOCKA_INCLUDES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
