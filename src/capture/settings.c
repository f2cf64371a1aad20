/* What a session is asked for, and whether that can be had. */
#include "capture/settings.h"

#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "capture/environment.h"
#include "capture/heap.h"

enum { FIRST_OPTIONS_BYTES = 40 }; /* of struct pprofc_options, as it first was */

/* A program that was built with an older header has a shorter struct: what came since is 0. */
static int read_options(struct pprofc_options *options_out, const struct pprofc_options *given,
                        struct pprofc_error *err)
{
    if (given->struct_bytes < FIRST_OPTIONS_BYTES || given->struct_bytes > sizeof *options_out)
        return pp_fail(err, -EINVAL, 0,
                       "options.struct_bytes is %zu, not %zu: begin with PPROFC_OPTIONS_INIT",
                       given->struct_bytes, sizeof *options_out);
    memset(options_out, 0, sizeof *options_out);
    memcpy(options_out, given, given->struct_bytes);
    return 0;
}

static const uint32_t ALL_KINDS = PPROFC_KIND_CPU | PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK |
                                  PPROFC_KIND_HEAP | PPROFC_KIND_LEAK | PPROFC_KIND_WALL;

static int take_options(struct pp_settings *settings, const struct pprofc_options *given,
                        struct pprofc_error *err)
{
    struct pprofc_options options;
    const int result = read_options(&options, given, err);

    if (result != 0)
        return result;
    if (options.heap_interval_bytes > UINT32_MAX)
        return pp_fail(err, -EINVAL, 0, "a heap interval of %llu bytes: give 1 to 4 GiB",
                       (unsigned long long)options.heap_interval_bytes);
    if (options.heap_interval_bytes != 0)
        settings->heap_interval_bytes = options.heap_interval_bytes;
    settings->heap_follows_peak = settings->heap_follows_peak || options.heap_peak != 0;
    settings->heap_follows_mappings = settings->heap_follows_mappings || options.heap_mmap != 0;
    settings->heap_usable = settings->heap_usable || options.heap_usable != 0;
    settings->heap_lifetimes = settings->heap_lifetimes || options.heap_lifetimes != 0;
    if (options.kinds != 0)
        settings->kinds = options.kinds;
    if (options.frequency_hz != 0)
        settings->rate_hz = options.frequency_hz;
    if (options.block_libraries != NULL)
        pp_copy_text(settings->block_libraries, sizeof settings->block_libraries,
                     options.block_libraries);
    settings->block_drops = settings->block_drops || options.block_drops != 0;
    return 0;
}

int pp_settings_make(struct pp_settings *settings, const struct pprofc_options *options,
                     struct pprofc_error *err)
{
    extern char **environ;
    const struct pp_environment *env = &pp_environment;
    int result;

    pp_environment_read(environ);
    memset(settings, 0, sizeof *settings);
    settings->kinds = env->kinds != 0 ? env->kinds : PPROFC_KIND_CPU;
    settings->rate_hz = env->rate_hz != 0 ? env->rate_hz : PPROFC_MODE_STANDARD;
    settings->heap_interval_bytes =
        env->heap_interval_bytes != 0 ? env->heap_interval_bytes : PP_HEAP_DEFAULT_INTERVAL;
    settings->heap_follows_peak = env->heap_peak;
    settings->heap_follows_mappings = env->heap_mmap;
    settings->heap_usable = env->heap_usable;
    settings->heap_lifetimes = env->heap_lifetimes;
    settings->budget_share = env->budget_percent / 100;
    settings->block_drops = env->block_drops;
    pp_copy_text(settings->block_libraries, sizeof settings->block_libraries, env->block_libraries);
    if (options != NULL && (result = take_options(settings, options, err)) != 0)
        return result;
    if ((settings->kinds & ~ALL_KINDS) != 0)
        return pp_fail(err, -ENOTSUP, 0,
                       "kinds 0x%x: this version measures cpu (0x%x), offcpu (0x%x), lock (0x%x), "
                       "wall (0x%x), heap (0x%x), leak (0x%x)",
                       settings->kinds, PPROFC_KIND_CPU, PPROFC_KIND_OFFCPU, PPROFC_KIND_LOCK,
                       PPROFC_KIND_WALL, PPROFC_KIND_HEAP, PPROFC_KIND_LEAK);
    if ((settings->kinds & PPROFC_KIND_WALL) != 0) /* whoever reads puts the two together */
        settings->kinds =
            (settings->kinds & ~PPROFC_KIND_WALL) | PPROFC_KIND_CPU | PPROFC_KIND_OFFCPU;
    if ((settings->kinds & PPROFC_KIND_LEAK) != 0)
        settings->kinds |= PPROFC_KIND_HEAP;
    if ((settings->kinds & PPROFC_KIND_HEAP) == 0)
        settings->heap_follows_mappings = false;
    if (!(settings->rate_hz >= 1 && settings->rate_hz <= 10000))
        return pp_fail(err, -EINVAL, 0, "a rate of %g Hz: give 1 to 10000", settings->rate_hz);
    return 0;
}
