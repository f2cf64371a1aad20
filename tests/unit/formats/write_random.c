/* Writes random profiles for other programs to read: write_random FOLDER N. */
#include <stdio.h>
#include <stdlib.h>

#include "formats/formats.h"
#include "random_profile.h"

static int write_one(const char *folder, unsigned long seed)
{
    pp_autobuffer struct pp_buffer out = PP_BUFFER_INIT;
    struct pprofc_profile *profile = make_random_profile(seed);
    struct pprofc_error err = {.message = "out of memory"};
    char path[4096];
    int failed = 1;

    (void)snprintf(path, sizeof path, "%s/%lu.pb.gz", folder, seed);
    if (profile != NULL && pp_pprof_write(profile, true, &out, &err) == 0)
        failed = pp_file_write(path, out.bytes, out.n_bytes, true, &err);
    if (failed != 0)
        (void)fprintf(stderr, "write_random: %s\n", err.message);
    pprofc_profile_free(profile);
    return failed;
}

int main(int n_arguments, char **arguments)
{
    if (n_arguments != 3)
        return 2;
    for (unsigned long seed = 1; seed <= strtoul(arguments[2], NULL, 10); seed++) {
        if (write_one(arguments[1], seed) != 0)
            return 1;
    }
    return 0;
}
