/* What sending a window costs: send_cost SAMPLES STACKS ROUNDS.  The window is one of a program of
 * 1 500 addresses in 800 functions of 6 modules, with stacks 8 to 30 deep that share their callers;
 * each sample has its own CPU time and one of 8 threads' names.  Prints, as JSON, the bytes of its
 * .pb.gz and the CPU milliseconds of encoding and compressing it, and of making OTLP's request. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/gzip.h"
#include "formats/formats.h"

enum { N_LOCATIONS = 1500, N_FUNCTIONS = 800, N_MODULES = 6, N_THREADS = 8 };

static uint64_t state = 88172645463325252ULL;

static uint32_t draw(uint32_t n)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)((state >> 32) * n >> 32);
}

static double cpu_ms(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static pp_id make_location(struct pprofc_profile *profile, uint32_t i, const pp_id *modules)
{
    const uint32_t number = i % N_FUNCTIONS;
    struct pp_function function = {.start_line = 10 + number};
    struct pp_line line = {.line = 12 + number + i / N_FUNCTIONS * 9};
    const struct pp_location location = {.address = 0x55d0c0400000 + 37ULL * i + 4096ULL * number,
                                         .mapping = modules[number % N_MODULES],
                                         .n_lines = 1};
    char name[96], file[64];

    (void)snprintf(name, sizeof name, "shop::basket_%u::add_item_%u(int, char const*)", number / 40,
                   number);
    function.name = pp_profile_text(profile, name);
    (void)snprintf(name, sizeof name, "_ZN4shop9basket_%u12add_item_%uEiPKc", number / 40, number);
    function.system_name = pp_profile_text(profile, name);
    (void)snprintf(file, sizeof file, "/build/shop/src/basket_%u.cc", number / 10);
    function.file = pp_profile_text(profile, file);
    line.function = pp_profile_function(profile, &function);
    return pp_profile_location(profile, &location, &line);
}

/* Each frame has few callees, that its place in the program decides. */
static pp_id make_stack(struct pprofc_profile *profile, const pp_id *locations)
{
    const uint32_t depth = 8 + draw(23);
    uint32_t at = 0;
    pp_id stack = 0;

    for (uint32_t i = 0; i < depth; i++) {
        stack = pp_profile_child(profile, stack, locations[at % N_LOCATIONS]);
        at = (at * 31 + 7 + draw(i < 4 || draw(4) == 0 ? 3 : 1)) % 100003;
    }
    return stack;
}

static void add_modules(struct pprofc_profile *profile, pp_id *modules)
{
    static const char *const paths[N_MODULES] = {"/usr/bin/shop",
                                                 "/lib/x86_64-linux-gnu/libc.so.6",
                                                 "/usr/lib/libbasket.so.1",
                                                 "/usr/lib/libprice.so.2",
                                                 "/usr/lib/x86_64-linux-gnu/libstdc++.so.6",
                                                 "[vdso]"};

    for (uint32_t i = 0; i < N_MODULES; i++) {
        char build_id[41];
        for (size_t k = 0; k < 40; k++)
            build_id[k] = "0123456789abcdef"[draw(16)];
        build_id[40] = '\0';
        modules[i] = pp_profile_mapping(
            profile, &(struct pp_mapping){.start = 0x55d0c0400000 + i * 0x1000000ULL,
                                          .limit = 0x55d0c0400000 + (i + 1) * 0x1000000ULL,
                                          .path = pp_profile_text(profile, paths[i]),
                                          .build_id = pp_profile_text(profile, build_id),
                                          .has_functions = true,
                                          .has_filenames = true,
                                          .has_lines = true});
    }
}

static struct pprofc_profile *make_profile(uint32_t n_samples, uint32_t n_stacks)
{
    struct pprofc_profile *profile = pp_profile_new();
    pp_id modules[N_MODULES], *stacks = calloc(n_stacks, sizeof *stacks);
    static pp_id locations[N_LOCATIONS];
    uint32_t n_made = 0, n_nodes;

    if (profile == NULL || stacks == NULL)
        exit(1);
    (void)pp_profile_add_type(profile, "samples", "count");
    (void)pp_profile_add_type(profile, "cpu", "nanoseconds");
    add_modules(profile, modules);
    for (uint32_t i = 0; i < N_LOCATIONS; i++)
        locations[i] = make_location(profile, i, modules);
    while (n_made < n_stacks) { /* each another one */
        n_nodes = profile->n_nodes;
        stacks[n_made] = make_stack(profile, locations);
        n_made += profile->n_nodes > n_nodes;
    }
    for (uint32_t i = 0; i < n_samples; i++) {
        const int64_t values[] = {1, 10000000 + draw(4000000)};
        struct pp_label label = {.key = pp_profile_text(profile, "thread_name")};
        const uint32_t stack = i < n_stacks ? i : draw(draw(n_stacks) + 1);
        char thread[24];
        (void)snprintf(thread, sizeof thread, "worker-%u", stack % N_THREADS);
        label.text = pp_profile_text(profile, thread);
        pp_profile_add(profile, stacks[stack], pp_profile_label_set(profile, &label, 1), 0, values);
    }
    free(stacks);
    profile->time_ns = INT64_C(1795000000000000000);
    profile->duration_ns = INT64_C(60000000000);
    profile->period = 5000000;
    return profile;
}

static double make_otlp(const struct pprofc_profile *profile, size_t *n_bytes)
{
    static const uint8_t id[16] = {1};
    const struct pp_otlp_origin origin = {
        .resource = "", .n_resource_bytes = 0, .id = id, .has_common_names = true};
    pp_autobuffer struct pp_buffer message = PP_BUFFER_INIT, packed = PP_BUFFER_INIT;
    const double begin_ms = cpu_ms();

    if (pp_otlp_write_request(profile, &origin, &message, NULL) != 0 ||
        pp_gzip_deflate(message.bytes, message.n_bytes, &packed, NULL) != 0)
        exit(1);
    *n_bytes = packed.n_bytes;
    return cpu_ms() - begin_ms;
}

static double make_pprof(const struct pprofc_profile *profile, size_t *n_bytes)
{
    pp_autobuffer struct pp_buffer packed = PP_BUFFER_INIT;
    const double begin_ms = cpu_ms();

    if (pp_pprof_write(profile, true, &packed, NULL) != 0)
        exit(1);
    *n_bytes = packed.n_bytes;
    return cpu_ms() - begin_ms;
}

int main(int argc, char **argv)
{
    const int n_rounds = argc == 4 ? atoi(argv[3]) : 0;
    struct pprofc_profile *profile;
    double pprof_ms = 1e9, otlp_ms = 1e9;
    size_t n_pprof = 0, n_otlp = 0;

    if (n_rounds < 1)
        return 2;
    profile = make_profile((uint32_t)atoi(argv[1]), (uint32_t)atoi(argv[2]));
    for (int i = 0; i < n_rounds; i++) {
        const double once_ms = make_pprof(profile, &n_pprof),
                     other_ms = make_otlp(profile, &n_otlp);
        pprof_ms = once_ms < pprof_ms ? once_ms : pprof_ms;
        otlp_ms = other_ms < otlp_ms ? other_ms : otlp_ms;
    }
    printf(
        "{\"samples\": %u, \"pprof_bytes\": %zu, \"pprof_ms\": %.3f, \"otlp_bytes\": %zu, \"otlp_ms\": %.3f}\n",
        profile->n_samples, n_pprof, pprof_ms, n_otlp, otlp_ms);
    pprofc_profile_free(profile);
    return 0;
}
