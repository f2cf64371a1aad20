/* Gives a sink windows, all of the one profile.  Arguments: otlp or pyroscope, endpoint, folder of
 * the queue ("-": memory), its bytes (0: the default), profile, traceparent (or nothing).
 * Reads commands from standard input and answers each with a line: "take N", "drain SECONDS",
 * "counts", "limit BYTES" (of a file: RLIMIT_FSIZE), "fork" (a child tries to take one), "leave"
 * (by exit(), at once); end of input ends it all. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pprofc/export.h"

static struct pprofc_profile *profile;
static const char *traceparent;
static uint64_t n_windows;

static const uint64_t first_ns = UINT64_C(1795000000) * 1000000000;

static int take_one(struct pprofc_sink *sink, struct pprofc_error *err)
{
    struct pprofc_window window = PPROFC_WINDOW_INIT;

    window.begin_ns = first_ns + n_windows++ * 1000000000;
    window.end_ns = window.begin_ns + 1000000000;
    window.traceparent = traceparent;
    return pprofc_sink_take(sink, profile, &window, err);
}

static void take(struct pprofc_sink *sink, int n)
{
    struct pprofc_error err = {.message = ""};
    int n_failed = 0;

    for (int i = 0; i < n; i++)
        n_failed += take_one(sink, &err) != 0;
    printf("failed %d %s\n", n_failed, err.message);
}

static void show_counts(struct pprofc_sink *sink)
{
    struct pprofc_sink_counts counts;

    pprofc_sink_counts(sink, &counts);
    printf("taken %llu done %llu refused %llu dropped %llu retries %llu waiting %llu error %s\n",
           (unsigned long long)counts.n_taken, (unsigned long long)counts.n_done,
           (unsigned long long)counts.n_refused, (unsigned long long)counts.n_dropped,
           (unsigned long long)counts.n_retries, (unsigned long long)counts.n_waiting,
           counts.last_error);
}

static void fork_one(struct pprofc_sink *sink)
{
    struct pprofc_error err;
    int status = 0;
    const pid_t child = fork();

    if (child == 0) {
        const int rc = take_one(sink, &err);
        pprofc_sink_free(sink);
        _exit(rc < 0 ? -rc : 0);
    }
    (void)waitpid(child, &status, 0);
    printf("child %d\n", WEXITSTATUS(status));
}

static void obey(struct pprofc_sink *sink, const char *line)
{
    struct pprofc_error err;

    if (strncmp(line, "take ", 5) == 0)
        take(sink, atoi(line + 5));
    else if (strncmp(line, "drain ", 6) == 0)
        printf("%s\n",
               pprofc_sink_drain(sink, atof(line + 6), &err) == 0 ? "drained" : err.message);
    else if (strncmp(line, "limit ", 6) == 0) {
        const struct rlimit limit = {(rlim_t)atoll(line + 6), RLIM_INFINITY};
        printf("limit %d\n", setrlimit(RLIMIT_FSIZE, &limit));
    } else if (strncmp(line, "fork", 4) == 0)
        fork_one(sink);
    else if (strncmp(line, "leave", 5) == 0)
        exit(3);
    else
        show_counts(sink);
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    struct pprofc_export_options options = PPROFC_EXPORT_OPTIONS_INIT;
    struct pprofc_sink *sink = NULL;
    struct pprofc_error err;
    char line[256];
    int rc;

    if (argc < 6)
        return 2;
    options.endpoint = argv[2];
    options.queue_folder = strcmp(argv[3], "-") != 0 ? argv[3] : NULL;
    options.queue_bytes = (uint64_t)atoll(argv[4]);
    options.queue_age_s = 1e9; /* the windows are of another time */
    options.service_name = "sends";
    traceparent = argv[6];
    rc = pprofc_profile_read(argv[5], &profile, &err);
    if (rc == 0)
        rc = strcmp(argv[1], "otlp") == 0 ? pprofc_export_otlp(&options, &sink, &err)
                                          : pprofc_export_pyroscope(&options, &sink, &err);
    if (rc != 0) {
        printf("%s\n", err.message);
        return 1;
    }
    while (fgets(line, sizeof line, stdin) != NULL)
        obey(sink, line);
    pprofc_sink_free(sink);
    pprofc_profile_free(profile);
    return 0;
}
