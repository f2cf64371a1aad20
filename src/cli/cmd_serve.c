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
#include "serve/flight_signal.h"
#include "serve/server.h"

enum {
    OPTION_LISTEN,
    OPTION_TOKEN_FILE,
    OPTION_TLS_CERT,
    OPTION_TLS_KEY,
    OPTION_INSECURE,
    OPTION_HIDE_CMDLINE,
    OPTION_CHILD,
    OPTION_KINDS,
    OPTION_RATE,
    OPTION_BLOCK,
    OPTION_QUIET,
    OPTION_HELP,
    OPTION_OF_CONTINUOUS,
    N_OPTIONS = OPTION_OF_CONTINUOUS + PP_N_CONTINUOUS_OPTIONS
};

static const struct pp_option serve_options[N_OPTIONS] = {
    [OPTION_LISTEN] = {"listen", 'l', true, false},
    [OPTION_TOKEN_FILE] = {"token-file", 0, true, false},
    [OPTION_TLS_CERT] = {"tls-cert", 0, true, false},
    [OPTION_TLS_KEY] = {"tls-key", 0, true, false},
    [OPTION_INSECURE] = {"insecure", 0, false, false},
    [OPTION_HIDE_CMDLINE] = {"hide-cmdline", 0, false, false},
    [OPTION_CHILD] = {"child", 0, false, false},
    [OPTION_KINDS] = {"kinds", 'k', true, false},
    [OPTION_RATE] = {"frequency", 'F', true, false},
    [OPTION_BLOCK] = {"block-lib", 0, true, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
    [OPTION_OF_CONTINUOUS] = PP_CONTINUOUS_OPTIONS,
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
 * recorder's signal has it write a bundle of each process, beside us. */
static void wait_for_end(const sigset_t *signals, int flight_signo)
{
    int signo = 0;

    while (sigwait(signals, &signo) != 0 || signo == flight_signo) {
        if (signo == flight_signo)
            pp_flight_signal_note();
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

/* Windows are taken before anybody can ask: who asks at once would hear that there are none. */
static int begin_windows(struct serving *serving, struct pp_service *service,
                         struct pp_continuous **continuous_out, struct pprofc_error *err)
{
    const int status = serving->continuous.is_on
                           ? pp_continuous_start(service, &serving->continuous, continuous_out, err)
                           : 0;

    if (status == 0 && serving->continuous.is_on)
        pp_continuous_say_begin(&serving->continuous);
    return status;
}

/* The last ones are written; or we do not wait for what takes too long, and are gone. */
static void end_windows(const struct serving *serving, struct pp_continuous *continuous)
{
    char doing[PP_CONTINUOUS_DOING_BYTES];
    struct pp_continuous_facts facts;

    if (continuous == NULL)
        return;
    if (pp_continuous_finish_in_time(continuous, &facts, doing)) {
        pp_continuous_say_end(&serving->continuous, &facts);
        return;
    }
    pp_complain(
        "%s could not be written in %g s and is dropped; a slow disk, or many names to read", doing,
        serving->continuous.end_seconds);
    pp_continuous_say_end(&serving->continuous, &facts);
    _exit(PP_EXIT_FAILED); /* its thread cannot be ended, and must not see what is taken down */
}

static int begin_server(const struct serving *serving, struct pp_service *service,
                        struct pp_listener *listener, struct pp_server **server_out,
                        struct pprofc_error *err)
{
    char url[sizeof listener->url];
    int status;

    memcpy(url, listener->url, sizeof url);
    status = pp_server_start(service, listener, &serving->options, server_out, err);
    if (status == 0)
        say_urls(service, url);
    return status;
}

/* Until we are told to end. */
static int serve(struct serving *serving, struct pp_service *service, struct pprofc_error *err)
{
    const bool has_address = serving->address != NULL;
    const int flight_signo = serving->continuous.is_on ? serving->continuous.triggers.signo : 0;
    struct pp_continuous *continuous = NULL;
    struct pp_server *server = NULL;
    struct pp_listener listener;
    sigset_t signals;
    int status = has_address ? listen_at(serving, &listener, err) : 0;

    if (status != 0)
        return status;
    block_signals(&signals, flight_signo); /* before there are threads */
    status = begin_windows(serving, service, &continuous, err);
    if (status == 0 && has_address)
        status = begin_server(serving, service, &listener, &server, err);
    else if (has_address)
        pp_listener_close(&listener);
    pp_tls_done(&serving->options.tls);
    if (status == 0) {
        if (serving->is_child)
            let_go_of_output();
        wait_for_end(&signals, flight_signo);
        if (continuous != NULL)
            pp_continuous_begin_end(continuous); /* who waits for a bundle waits no more */
        pp_server_stop(server);
    }
    end_windows(serving, continuous);
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
