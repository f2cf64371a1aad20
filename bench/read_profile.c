/* read_profile inflate|walk|read|open FILE: takes a gzipped pprof file apart, or only inflates it,
 * or inflates it and looks at each number in it, in memory, or does all that it takes from the
 * file's name; and prints the CPU time of that and the most memory that was held. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "base/gzip.h"
#include "formats/formats.h"
#include "formats/pprof.h"
#include "formats/wire.h"

static double cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The sum of all numbers of all samples: what no reader can do without. */
static uint64_t walk(struct pp_wire file)
{
    struct pp_wire_field sample, field;
    uint64_t sum = 0, value;

    while (pp_wire_field(&file, &sample) > 0) {
        if (sample.number != PP_PPROF_SAMPLE)
            continue;
        while (pp_wire_field(&sample.bytes, &field) > 0) {
            sum += field.value;
            while (pp_wire_varint(&field.bytes, &value))
                sum += value;
        }
    }
    return sum;
}

int main(int argc, char **argv)
{
    pp_autobuffer struct pp_buffer file = PP_BUFFER_INIT, raw = PP_BUFFER_INIT;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {.message = "read_profile inflate|walk|read|open FILE"};
    uint64_t sum = 0;
    bool walks;
    struct rusage used;
    double begun_s;
    const bool opens = argc == 3 && strcmp(argv[1], "open") == 0;
    int rc = argc != 3 ? -1 : opens ? 0 : pp_file_read(argv[2], &file, &err);

    walks = rc == 0 && strcmp(argv[1], "walk") == 0;
    begun_s = cpu_s();
    if (rc == 0 && opens)
        rc = pprofc_profile_read(argv[2], &profile, &err);
    else if (walks || (rc == 0 && strcmp(argv[1], "inflate") == 0))
        rc = pp_gzip_inflate(file.bytes, file.n_bytes, SIZE_MAX, argv[2], &raw, &err);
    else if (rc == 0)
        rc = pp_pprof_read(file.bytes, file.n_bytes, argv[2], &profile, &err);
    if (rc == 0 && walks)
        sum = walk(pp_wire_of(raw.bytes, raw.n_bytes));
    if (rc != 0) {
        (void)fprintf(stderr, "%s\n", err.message);
        return 1;
    }
    (void)getrusage(RUSAGE_SELF, &used);
    (void)printf("{\"cpu_s\": %.6f, \"peak_kb\": %ld, \"samples\": %u, \"sum\": %llu}\n",
                 cpu_s() - begun_s, used.ru_maxrss, profile != NULL ? profile->n_samples : 0,
                 (unsigned long long)sum);
    pprofc_profile_free(profile);
    return 0;
}
