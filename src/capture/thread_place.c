/* Reads where threads stand. */
#include "capture/thread_place.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "capture/proc_file.h"

enum { N_ARGUMENTS = 6 };

/* "running", "-1 SP PC" (it waits outside of any call) or "NUMBER six arguments SP PC". */
static void parse_place(const char *text, struct pp_thread_place *place)
{
    uint64_t words[N_ARGUMENTS + 2];
    uint32_t n = 0;
    char *at, *end;

    place->state = PP_PLACE_UNKNOWN;
    if (strncmp(text, "running", strlen("running")) == 0) {
        place->state = PP_PLACE_RUNS;
        return;
    }
    place->call = strtoll(text, &at, 10);
    for (; at != text && n < N_ARGUMENTS + 2; at = end, n++) {
        words[n] = strtoull(at, &end, 16);
        if (end == at)
            break;
    }
    if (n < 2)
        return;
    if (n == N_ARGUMENTS + 2) {
        place->arguments[0] = words[0];
        place->arguments[1] = words[1];
    }
    place->sp = words[n - 2];
    place->pc = words[n - 1];
    place->state = PP_PLACE_WAITS;
}

void pp_thread_place_read(int32_t tid, struct pp_thread_place *place_out)
{
    char path[64], text[256];
    ssize_t n;

    *place_out = (struct pp_thread_place){.state = PP_PLACE_GONE, .call = -1};
    (void)snprintf(path, sizeof path, "/proc/self/task/%d/syscall", tid);
    n = pp_proc_read(path, text, sizeof text);
    if (n <= 0 && errno != ENOENT && errno != ESRCH)
        place_out->state = PP_PLACE_UNKNOWN;
    if (n <= 0)
        return;
    parse_place(text, place_out);
}
