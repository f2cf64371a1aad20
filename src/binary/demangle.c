/* Demangling that cannot be blown up: C++ and Rust names by libiberty, the output capped.
 *
 * C++ functions are shown as profiles are read, 'ns::Class<int>::method', without their parameter
 * lists: libiberty does so without DMGL_PARAMS.  Template arguments stay.  Rust's legacy names lose
 * their hash, v0 names their crate disambiguators: libiberty does so without DMGL_VERBOSE. */
#include "binary/demangle.h"

#include <errno.h>
#include <setjmp.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include <libiberty/demangle.h>

/* libiberty takes about 72 bytes of stack for each byte of a C++ name, whatever the name holds. */
enum { MAX_MANGLED_BYTES = 8 * 1024 };

struct capped_text {
    char *bytes;
    size_t n_bytes;
    size_t capacity;
    jmp_buf full;
};

/* Leaves the demangler at the cap: a legal 256-byte name expands to 1 GB, for which ignoring its
 * output would still cost 5 seconds.  The C++ printer holds no memory but its stack; Rust's may
 * lose one buffer of a punycode name. */
static void take_text(const char *text, size_t n_bytes, void *opaque)
{
    struct capped_text *out = opaque;

    if (n_bytes >= out->capacity - out->n_bytes)
        longjmp(out->full, 1);
    memcpy(out->bytes + out->n_bytes, text, n_bytes);
    out->n_bytes += n_bytes;
}

static bool is_mangled(const char *name)
{
    return strncmp(name, "_Z", 2) == 0 || strncmp(name, "_R", 2) == 0 ||
           strncmp(name, "__Z", 3) == 0 || strncmp(name, "___Z", 4) == 0;
}

int pp_demangle(const char *mangled, char *text_out, size_t capacity)
{
    struct capped_text out = {.bytes = text_out, .capacity = capacity};

    if (capacity == 0 || !is_mangled(mangled) ||
        strnlen(mangled, MAX_MANGLED_BYTES + 1) > MAX_MANGLED_BYTES)
        return -EINVAL;
    if (capacity > INT32_MAX)
        out.capacity = INT32_MAX;
    if (setjmp(out.full) != 0)
        return -EINVAL;
    if (rust_demangle_callback(mangled, DMGL_NO_OPTS, take_text, &out) == 0) {
        out.n_bytes = 0;
        if (cplus_demangle_v3_callback(mangled, DMGL_ANSI, take_text, &out) == 0)
            return -EINVAL;
    }
    if (out.n_bytes == 0)
        return -EINVAL;
    text_out[out.n_bytes] = '\0';
    return (int)out.n_bytes;
}
