/* What people and what symbol tables call a function. */
#include "binary/symbol_name.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "binary/demangle.h"

/* A longer name would not be read by anyone; the mangled one is shown instead. */
enum { MAX_SHOWN_BYTES = 64 * 1024 - 1 };

/* The length of 'name' up to the first suffix that a compiler gives to clones. */
static size_t length_without_suffix(const char *name, size_t n_bytes)
{
    static const char *const SUFFIXES[] = {"isra", "part",     "constprop",  "cold",   "clone",
                                           "llvm", "lto_priv", "localalias", "__uniq", "warm"};

    for (size_t at = 1; at < n_bytes; at++) {
        if (name[at] != '.')
            continue;
        for (size_t i = 0; i < sizeof SUFFIXES / sizeof *SUFFIXES; i++) {
            const size_t n = strlen(SUFFIXES[i]);
            if (n_bytes - at - 1 >= n && memcmp(name + at + 1, SUFFIXES[i], n) == 0 &&
                (at + 1 + n == n_bytes || name[at + 1 + n] == '.'))
                return at;
        }
    }
    return n_bytes;
}

int pp_symbol_name(struct pp_string_pool *pool, const char *raw, const char **shown_out,
                   const char **system_out)
{
    const size_t n_raw = strlen(raw);
    const char *version = strchr(raw + (n_raw > 0), '@'); /* a name may begin with '@' */
    const bool is_stub = version != NULL && strcmp(version, "@plt") == 0;
    const size_t n_system = version != NULL && !is_stub ? (size_t)(version - raw) : n_raw;
    const size_t n_bare =
        length_without_suffix(raw, version != NULL ? (size_t)(version - raw) : n_raw);
    pp_autofree char *system = strndup(raw, n_system);
    pp_autofree char *bare = strndup(raw, n_bare);
    pp_autofree char *shown = malloc(MAX_SHOWN_BYTES + sizeof "@plt");
    const char *kept_shown, *kept_system;
    int n_shown;

    if (system == NULL || bare == NULL || shown == NULL)
        return -ENOMEM;
    n_shown = pp_demangle(bare, shown, MAX_SHOWN_BYTES);
    if (n_shown < 0) {
        n_shown = (int)(n_bare < MAX_SHOWN_BYTES ? n_bare : MAX_SHOWN_BYTES);
        memcpy(shown, bare, (size_t)n_shown);
    }
    memcpy(shown + n_shown, is_stub ? "@plt" : "", is_stub ? sizeof "@plt" : 1);
    kept_shown = pp_string_pool_add(pool, shown);
    kept_system = pp_string_pool_add(pool, system);
    if (kept_shown == NULL || kept_system == NULL)
        return -ENOMEM;
    *shown_out = kept_shown;
    *system_out = kept_system;
    return 0;
}
