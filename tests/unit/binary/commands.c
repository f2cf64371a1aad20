/* Running compilers and binary tools from a test. */
#include "commands.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_OUTPUT_BYTES = 1024 * 1024 };

static char directory[] = "/tmp/pprofc-binary-test-XXXXXX";

static void remove_directory(void)
{
    (void)run("cd / && rm -rf '%s'", directory);
}

const char *test_directory(void)
{
    static bool is_made;

    if (!is_made) {
        if (mkdtemp(directory) == NULL)
            abort();
        is_made = true;
        (void)atexit(remove_directory);
    }
    return directory;
}

static char *output_of_va(const char *format, va_list arguments)
{
    char *command = NULL;
    char *whole = NULL;
    char *output = calloc(1, MAX_OUTPUT_BYTES);
    FILE *stream;

    if (output == NULL || vasprintf(&command, format, arguments) < 0 ||
        asprintf(&whole, "cd '%s' && { %s ; } 2>>errors.txt", test_directory(), command) < 0)
        abort();
    stream = popen(whole, "r");
    free(command);
    free(whole);
    if (stream == NULL)
        abort();
    (void)fread(output, 1, MAX_OUTPUT_BYTES - 1, stream);
    if (pclose(stream) != 0) {
        free(output);
        return NULL;
    }
    return output;
}

char *output_of(const char *format, ...)
{
    va_list arguments;
    char *output;

    va_start(arguments, format);
    output = output_of_va(format, arguments);
    va_end(arguments);
    return output;
}

bool run(const char *format, ...)
{
    va_list arguments;
    char *output;
    bool is_good;

    va_start(arguments, format);
    output = output_of_va(format, arguments);
    va_end(arguments);
    is_good = output != NULL;
    free(output);
    return is_good;
}

bool is_there(const char *name)
{
    return run("command -v '%s'", name);
}

uint64_t address_of(const char *file, const char *symbol, uint64_t *size_out)
{
    char *output = output_of("nm -S '%s' | grep -w '%s' | head -1", file, symbol);
    uint64_t addr = 0;
    uint64_t size_bytes = 0;

    if (output != NULL)
        (void)sscanf(output, "%" SCNx64 " %" SCNx64, &addr, &size_bytes);
    if (size_out != NULL)
        *size_out = size_bytes;
    free(output);
    return addr;
}
