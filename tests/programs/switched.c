/* Linked with libpprofc, and does what its arguments say, one after the other; what calls gave goes
 * to standard output, a line each.
 *   spin=S      S seconds of CPU in spin()
 *   say=WORD    says it
 *   line        waits for a line of standard input
 *   start, start=HZ, stop, pause        the calls of pprofc.h
 *   maybe=NAME  pprofc_maybe_profile() of 0.1 s
 *   fork        a child that goes on with the arguments behind, while the parent leaves them out
 *   held        a signal's handler holds this thread for 0.3 s when a recording has its name
 *   count       counts SIGCHLD from here on
 *   ignore      ignores SIGCHLD
 *   counted     says how often it came, and whether wait() knows of a child */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "pprofc/pprofc.h"

static volatile sig_atomic_t n_sigchld;

static void on_child(int signo)
{
    (void)signo;
    n_sigchld++;
}

static double cpu_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

__attribute__((noinline)) static void spin(double seconds)
{
    const double end_s = cpu_s() + seconds;
    volatile unsigned number = 1;

    while (cpu_s() < end_s)
        for (int i = 0; i < 10000; i++)
            number = number * 1664525 + 1013904223;
}

static void work(void *argument)
{
    (void)argument;
    spin(0.1);
}

static void say(const char *what, int result)
{
    (void)printf("%s %d\n", what, result);
    (void)fflush(stdout);
}

static void start(const char *rate)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;

    if (rate != NULL)
        options.frequency_hz = atof(rate);
    say("start", pprofc_start(rate == NULL ? NULL : &options, NULL));
}

static void hold(int signo)
{
    const struct timespec pause = {0, 300000000};

    (void)signo;
    (void)nanosleep(&pause, NULL);
}

static void *await_recording(void *main_thread)
{
    char path[64];

    (void)snprintf(path, sizeof path, "/dev/shm/pprofc.%u.%d", geteuid(), getpid());
    while (access(path, F_OK) != 0)
        ;
    (void)pthread_kill(*(const pthread_t *)main_thread, SIGUSR1);
    return NULL;
}

static void be_held(void)
{
    static pthread_t self;
    pthread_t watcher;

    self = pthread_self();
    (void)signal(SIGUSR1, hold);
    if (pthread_create(&watcher, NULL, await_recording, &self) == 0)
        (void)pthread_detach(watcher);
}

static void say_counted(void)
{
    int status;

    say("sigchld", n_sigchld);
    say("wait", wait(&status) < 0 ? -errno : 0);
}

/* Returns whether the arguments behind are for this process. */
static int obey(const char *word, const char *value)
{
    char line[64];

    if (strcmp(word, "spin") == 0)
        spin(atof(value));
    else if (strcmp(word, "say") == 0)
        say(value, 0);
    else if (strcmp(word, "line") == 0)
        say("line", fgets(line, sizeof line, stdin) != NULL);
    else if (strcmp(word, "start") == 0)
        start(value);
    else if (strcmp(word, "stop") == 0)
        say("stop", pprofc_stop(NULL, NULL));
    else if (strcmp(word, "pause") == 0)
        say("pause", pprofc_pause(NULL));
    else if (strcmp(word, "maybe") == 0)
        say("maybe", pprofc_maybe_profile(value, work, NULL, NULL));
    else if (strcmp(word, "fork") == 0)
        return fork() == 0;
    else if (strcmp(word, "held") == 0)
        be_held();
    else if (strcmp(word, "count") == 0)
        (void)signal(SIGCHLD, on_child);
    else if (strcmp(word, "ignore") == 0)
        (void)signal(SIGCHLD, SIG_IGN);
    else if (strcmp(word, "counted") == 0)
        say_counted();
    else
        exit(2);
    return 1;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        char *equals = strchr(argv[i], '=');
        if (equals != NULL)
            *equals = '\0';
        if (!obey(argv[i], equals == NULL ? NULL : equals + 1))
            break;
    }
    while (wait(NULL) > 0) /* for a child that went on in our place */
        ;
    return 0;
}
