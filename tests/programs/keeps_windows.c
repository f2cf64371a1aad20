/* Spins like shares_50_30_20 and keeps windows of its own profiles.  Arguments: CPU seconds, the
 * folder, the cycle; "flight" has the flight recorder write a bundle in the middle, "signal" has it
 * do so at a signal that the program sends itself and has a handler for, "sink" sends the windows
 * by OTLP instead.  Prints what each call returned; leaves the last window to exit().
 */
#include <signal.h>
#include <string.h>

#include "pprofc/export.h"
#include "shares.h"

static volatile sig_atomic_t n_signals;

static void count_signal(int signo)
{
    (void)signo;
    n_signals++;
}

static void spin(double seconds)
{
    const uint64_t end_ns = truth_deadline_ns(seconds);
    static uint64_t random = 2463534242u;

    while (truth_thread_ns() < end_ns)
        (void)run_slice(&random);
}

static void say(const char *what, int status, const struct pprofc_error *err)
{
    printf("%s %d%s%s\n", what, status, status != 0 ? " " : "", status != 0 ? err->message : "");
    fflush(stdout);
}

/* Nothing is kept: the folder is not named. */
static int send_windows(double seconds, const char *cycle)
{
    struct pprofc_continuous_options options = PPROFC_CONTINUOUS_OPTIONS_INIT;
    struct pprofc_sink_counts counts;
    struct pprofc_sink *sink = NULL;
    struct pprofc_error err = {0};

    say("sink", pprofc_export_otlp(NULL, &sink, &err), &err);
    options.cycle = cycle;
    options.frequency_hz = 200;
    options.sinks = &sink;
    options.n_sinks = 1;
    say("start", pprofc_continuous_start(&options, &err), &err);
    spin(seconds);
    say("stop", pprofc_continuous_stop(&err), &err);
    pprofc_sink_counts(sink, &counts);
    printf("windows %d\n", (int)counts.n_done);
    pprofc_sink_free(sink);
    return 0;
}

int main(int argc, char **argv)
{
    struct pprofc_continuous_options options = PPROFC_CONTINUOUS_OPTIONS_INIT;
    struct pprofc_error err = {0};
    const double seconds = truth_argument(argc, argv, 1, 2);

    if (argc < 4)
        return 2;
    (void)truth_calibrate();
    if (argc > 4 && strcmp(argv[4], "sink") == 0)
        return send_windows(seconds, argv[3]);
    options.cycle = argv[3];
    options.frequency_hz = 200;
    if (argc > 4 && strcmp(argv[4], "signal") == 0) {
        options.flight = "signal=USR1";
        (void)signal(SIGUSR1, count_signal);
    }
    say("stop", pprofc_continuous_stop(&err), &err);
    say("directory", pprofc_export_directory(argv[2], "1h,1GiB", &err), &err);
    say("limits", pprofc_export_directory(argv[2], "much", &err), &err);
    say("start", pprofc_continuous_start(&options, &err), &err);
    say("again", pprofc_continuous_start(&options, &err), &err);
    spin(seconds / 2);
    if (argc > 4 && strcmp(argv[4], "flight") == 0)
        say("flight", pprofc_flight_record("too slow", &err), &err);
    if (options.flight != NULL)
        (void)raise(SIGUSR1);
    spin(seconds);
    if (options.flight != NULL)
        printf("signals %d\n", (int)n_signals);
    return 0;
}
