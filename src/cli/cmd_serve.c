/* pprofc serve: /debug/pprof for processes and recordings, beside them. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "cli/continuous_options.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/verbs.h"
#include "serve/continuous.h"
#include "serve/server.h"

enum {
    OPTION_LISTEN,
    OPTION_TOKEN_FILE,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_INSECURE,
    OPTION_HIDE_CMDLINE,
    OPTION_CHILD,
    OPTION_CONTINUOUS,
    OPTION_HISTORY,
    OPTION_CYCLE,
    OPTION_KEEP,
    OPTION_FLIGHT,
    OPTION_EXPORT,
    OPTION_KINDS,
    OPTION_RATE,
    OPTION_BLOCK,
    OPTION_QUIET,
    OPTION_HELP,
    N_OPTIONS
};

static const struct pp_option serve_options[N_OPTIONS] = {
    [OPTION_LISTEN] = {"listen", 'l', true, false},
    [OPTION_TOKEN_FILE] = {"token-file", 0, true, false},
    [OPTION_TLS_CERT] = {"tls-cert", 0, true, false},
    [OPTION_TLS_KEY] = {"tls-key", 0, true, false},
    [OPTION_INSECURE] = {"insecure", 0, false, false},
    [OPTION_HIDE_CMDLINE] = {"hide-cmdline", 0, false, false},
    [OPTION_CHILD] = {"child", 0, false, false},
    [OPTION_CONTINUOUS] = {"continuous", 0, false, false},
    [OPTION_HISTORY] = {"history", 0, true, false},
    [OPTION_CYCLE] = {"cycle", 0, true, false},
    [OPTION_KEEP] = {"keep", 0, true, false},
    [OPTION_FLIGHT] = {"flight", 0, true, false},
    [OPTION_EXPORT] = {"export", 0, true, false},
    [OPTION_KINDS] = {"kinds", 'k', true, false},
    [OPTION_RATE] = {"frequency", 'F', true, false},
    [OPTION_BLOCK] = {"block-lib", 0, true, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

enum { MAX_NAMES = 256 };

static const char default_address[] = "127.0.0.1:6060";

struct serving {
    const char *names[MAX_NAMES];
    size_t n_names;
    const char *address;
    struct pp_secret_files files;
    bool hides_command_line, is_child, wants_help;
    struct pp_server_options options;
    struct pp_continuous_options continuous;
};

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct serving *serving = command;

    switch (option) {
    case OPTION_LISTEN:
        serving->address = value;
        return 0;
    case OPTION_TOKEN_FILE:
        serving->files.token = value;
        return 0;
    case OPTION_TLS_CERT:
        serving->files.certificate = value;
        return 0;
    case OPTION_TLS_KEY:
        serving->files.key = value;
        return 0;
    case OPTION_INSECURE:
        serving->options.is_insecure = true;
        return 0;
    case OPTION_HIDE_CMDLINE:
        serving->hides_command_line = true;
        return 0;
    case OPTION_CHILD:
        serving->is_child = true;
        return 0;
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    case OPTION_HELP:
        serving->wants_help = true;
        return 0;
    case PP_OPTION_WORD:
        if (serving->n_names == MAX_NAMES)
            return pp_fail(err, -EINVAL, 0, "%d processes at most", MAX_NAMES);
        serving->names[serving->n_names++] = value;
        return 0;
    default:
        return pp_continuous_take(&serving->continuous, serve_options[option].name, value, err);
    }
}

static int read_options(char **words, struct serving *serving, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = serve_options, .n_options = N_OPTIONS, .verb = "serve", .words = words};
    struct pprofc_error unread;
    int rc, rc_of_environment;

    pp_continuous_options_init(&serving->continuous);
    rc_of_environment = pp_continuous_options_read(&serving->continuous, &unread);
    rc = pp_option_each(&reader, take, serving, err);
    if (rc == 0 && rc_of_environment < 0 && serving->continuous.is_on)
        rc = pp_fail(err, rc_of_environment, 0, "%s", unread.message);
    if (rc == 0)
        rc = pp_continuous_check(&serving->continuous, err);
    serving->continuous.rests = serving->is_child;
    serving->continuous.hides_command = serving->hides_command_line;
    if (rc < 0)
        return rc;
    if (serving->n_names == 0 && !serving->wants_help)
        return pp_fail(err, -EINVAL, 0,
                       "no process given; write pprofc serve PID, or a recording's path");
    if (serving->address == NULL)
        serving->address = getenv("PPROFC_HTTP");
    /* A child without an address is there for its windows alone. */
    if (!(serving->is_child && serving->continuous.is_on) &&
        (serving->address == NULL || serving->address[0] == '\0'))
        serving->address = default_address;
    return 0;
}

/* Until we are told to end: by ^C or TERM, which no thread of the server takes.  The flight
 * recorder's signal has it write a bundle of each process. */
static void wait_for_end(const sigset_t *signals, int flight_signo,
                         struct pp_continuous *continuous)
{
    struct pprofc_error err;
    char path[PATH_MAX];
    int signo = 0;

    while (sigwait(signals, &signo) != 0 || signo == flight_signo) {
        if (signo != flight_signo || continuous == NULL)
            continue;
        if (pp_continuous_flight(continuous, NULL, "signal", NULL, path, &err) == 0)
            pp_say("wrote %s", path);
        else
            pp_complain("%s", err.message);
        signo = 0;
    }
}

/* Beside a program that has exec'ed the server of the old image may be ending just now. */
static int listen_at(const struct serving *serving, struct pp_listener *listener,
                     struct pprofc_error *err)
{
    const struct timespec moment = {0, 20 * 1000 * 1000};
    int status =
        pp_listen(serving->address, serving->options.tls.certificate != NULL, listener, err);

    for (int i = 0; serving->is_child && status == -EADDRINUSE && i < 100; i++) {
        (void)nanosleep(&moment, NULL);
        status =
            pp_listen(serving->address, serving->options.tls.certificate != NULL, listener, err);
    }
    return status;
}

/* The program's standard error is its own again when it has been said where we are. */
static void let_go_of_output(void)
{
    const int nothing = open("/dev/null", O_WRONLY | O_CLOEXEC);

    if (nothing >= 0)
        (void)dup2(nothing, STDERR_FILENO);
    if (nothing > STDERR_FILENO)
        (void)close(nothing);
}

static void say_urls(const struct pp_service *service, const char *url)
{
    for (uint32_t i = 0; i < service->n_targets; i++)
        pp_say("serving %s (process %d) at %s/debug/pprof/", service->targets[i]->program,
               service->targets[i]->pid, url);
    pp_say_more("next:  go tool pprof '%s/debug/pprof/profile?seconds=5'", url);
}

/* What we wait for; no thread of ours takes it. */
static void block_signals(sigset_t *signals, int flight_signo)
{
    (void)sigemptyset(signals);
    (void)sigaddset(signals, SIGINT);
    (void)sigaddset(signals, SIGTERM);
    (void)sigaddset(signals, SIGHUP);
    if (flight_signo != 0)
        (void)sigaddset(signals, flight_signo);
    (void)pthread_sigmask(SIG_BLOCK, signals, NULL);
}

/* Serve until we are told to end; the windows' last ones are written then. */
static int attend(struct serving *serving, struct pp_service *service, struct pp_server *server,
                  struct pprofc_error *err)
{
    const int flight_signo = serving->continuous.is_on ? serving->continuous.triggers.signo : 0;
    sigset_t signals;
    struct pp_continuous *continuous = NULL;
    struct pp_continuous_facts facts;
    int status = 0;

    block_signals(&signals, flight_signo);
    if (serving->continuous.is_on)
        status = pp_continuous_start(service, &serving->continuous, &continuous, err);
    if (status != 0)
        return status;
    if (continuous != NULL)
        pp_continuous_say_begin(&serving->continuous);
    if (serving->is_child)
        let_go_of_output();
    wait_for_end(&signals, flight_signo, continuous);
    pp_server_stop(server);
    if (continuous == NULL)
        return 0;
    pp_continuous_finish(continuous, &facts);
    pp_continuous_say_end(&serving->continuous, &facts);
    return 0;
}

static int serve(struct serving *serving, struct pp_service *service, struct pprofc_error *err)
{
    struct pp_server *server = NULL;
    struct pp_listener listener;
    char url[sizeof listener.url];
    sigset_t signals;
    int status;

    if (serving->address == NULL)
        return attend(serving, service, NULL, err);
    status = listen_at(serving, &listener, err);
    if (status != 0)
        return status;
    block_signals(&signals, 0); /* before there are threads */
    memcpy(url, listener.url, sizeof url);
    status = pp_server_start(service, &listener, &serving->options, &server, err);
    pp_tls_done(&serving->options.tls);
    if (status != 0)
        return status;
    say_urls(service, url);
    status = attend(serving, service, server, err);
    if (status != 0)
        pp_server_stop(server);
    return status;
}

int pp_cmd_serve(char **words)
{
    struct serving serving = {.n_names = 0};
    struct pp_service service;
    struct pprofc_error err;
    int status;

    if (read_options(words, &serving, &err) < 0 ||
        (!serving.wants_help && pp_secrets_read(&serving.files, &serving.options.access,
                                                &serving.options.tls, &err) < 0)) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (serving.wants_help) {
        (void)pp_help_show("serve");
        return PP_EXIT_OK;
    }
    status = pp_service_init(&service, false, &err);
    for (size_t i = 0; status == 0 && i < serving.n_names; i++)
        status = pp_service_add(&service, serving.names[i], &err);
    service.hides_command_line = serving.hides_command_line;
    if (status == 0)
        status = serve(&serving, &service, &err);
    pp_service_done(&service);
    if (status == 0)
        return PP_EXIT_OK;
    pp_complain("%s", err.message);
    return status == -EPERM || status == -EACCES ? PP_EXIT_NOT_PERMITTED : PP_EXIT_FAILED;
}
