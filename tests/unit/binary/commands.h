/* Running compilers and binary tools from a test. */
#ifndef PP_TEST_BINARY_COMMANDS_H
#define PP_TEST_BINARY_COMMANDS_H

#include <stdbool.h>
#include <stdint.h>

/* Make the test's own directory, which every command runs in; removed at exit. */
const char *test_directory(void);

/* Run a shell command in the test's directory; true when it succeeds. */
bool run(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* What a shell command prints (up to 1 MiB, the caller frees it), NULL when it fails. */
char *output_of(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether the program 'name' is there. */
bool is_there(const char *name);

/* The address of 'symbol' in 'file' as nm gives it, its size in 'size_out' (may be NULL). */
uint64_t address_of(const char *file, const char *symbol, uint64_t *size_out);

#endif
