/* pprofc push: profiles to a collector or to Pyroscope. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/profile_input.h"
#include "cli/push_target.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "export/otlp.h"
#include "export/pyroscope.h"

enum {
    OPTION_TO,
    OPTION_PROTOCOL,
    OPTION_SERVICE,
    OPTION_SIGNALS,
    OPTION_TIMEOUT,
    OPTION_QUIET,
    OPTION_HELP,
    N_OPTIONS
};

static const struct pp_option push_options[N_OPTIONS] = {
    [OPTION_TO] = {"to", 0, true, false},
    [OPTION_PROTOCOL] = {"protocol", 0, true, false},
    [OPTION_SERVICE] = {"service", 0, true, false},
    [OPTION_SIGNALS] = {"signals", 0, true, false},
    [OPTION_TIMEOUT] = {"timeout", 0, true, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

enum { MOST_WAITING_BYTES = 32 << 20 };

#define DEFAULT_TIMEOUT_NS (INT64_C(30) * 1000000000)

struct push {
    const char **paths; /* the caller's words */
    size_t n_paths, capacity;
    const char *to, *protocol, *service;
    bool sends[PP_N_SIGNALS];
    int64_t timeout_ns;
    struct pp_push_target target;
    struct pp_sink *sink;
    bool wants_help;
};

static void push_done(struct push *push)
{
    free(push->paths);
    if (push->sink != NULL)
        push->sink->free(push->sink);
}

/* ---- options ---- */

static int read_signals(struct push *push, const char *value, struct pprofc_error *err)
{
    pp_autofree char *copy = strdup(value);
    char *rest = copy, *word;

    if (copy == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the options");
    memset(push->sends, 0, sizeof push->sends);
    while ((word = strsep(&rest, ",")) != NULL) {
        bool is_known = strcmp(word, "all") == 0;
        for (int i = 0; i < PP_N_SIGNALS; i++) {
            if (strcmp(word, "all") != 0 && strcmp(word, pp_signal_name((enum pp_signal)i)) != 0)
                continue;
            push->sends[i] = true;
            is_known = true;
        }
        if (!is_known)
            return pp_fail(err, -EINVAL, 0,
                           "unknown signal '%s'; there are profiles, metrics, traces and all",
                           word);
    }
    return 0;
}

static int take_word(struct push *push, const char *word, struct pprofc_error *err)
{
    if (pp_array_reserve(&push->paths, &push->capacity, push->n_paths + 1, sizeof *push->paths) !=
        0)
        return pp_fail(err, -ENOMEM, 0, "no memory for the names of the profiles");
    push->paths[push->n_paths++] = word;
    return 0;
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct push *push = command;

    switch (option) {
    case OPTION_TO:
        push->to = value;
        return 0;
    case OPTION_PROTOCOL:
        push->protocol = value;
        return 0;
    case OPTION_SERVICE:
        push->service = value;
        return 0;
    case OPTION_SIGNALS:
        return read_signals(push, value, err);
    case OPTION_TIMEOUT:
        return pp_parse_duration(value, &push->timeout_ns, err);
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    case OPTION_HELP:
        push->wants_help = true;
        return 0;
    default:
        return take_word(push, value, err);
    }
}

static bool environment_has_target(const struct push *push)
{
    const char *const name =
        push->target.is_pyroscope ? "PYROSCOPE_SERVER_ADDRESS" : "OTEL_EXPORTER_OTLP_ENDPOINT";

    return getenv(name) != NULL ||
           (!push->target.is_pyroscope && getenv("OTEL_EXPORTER_OTLP_PROFILES_ENDPOINT") != NULL);
}

static int read_options(char **words, struct push *push, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = push_options, .n_options = N_OPTIONS, .verb = "push", .words = words};
    int rc = pp_option_each(&reader, take, push, err);

    if (rc < 0 || push->wants_help)
        return rc;
    rc = pp_push_target_read(push->to, push->protocol, &push->target, err);
    if (rc < 0)
        return rc;
    if (push->n_paths == 0 || (push->to == NULL && !environment_has_target(push)))
        return pp_fail(err, -EINVAL, 0,
                       "write pprofc push FILE.. --to URL, with http://HOST:4318, grpc://HOST:4317 "
                       "or pyroscope+http://HOST:4040");
    return 0;
}

/* ---- sending ---- */

/* Lines of the thread that sends: what was accepted, what was not. */
static void tell(void *context, const char *line)
{
    (void)context;
    if (strstr(line, " accepted") != NULL && strstr(line, "not accepted") == NULL)
        pp_say("%s", line);
    else
        pp_complain("%s", line);
}

static int open_sink(struct push *push, struct pprofc_error *err)
{
    /* Files are sent, of whatever age they are, or it is said that they were not. */
    const struct pp_uploader_options upload = {
        .queue_bytes = UINT64_MAX, .queue_age_s = -1, .teller = {tell, NULL}, .tells_all = true};
    struct pp_otlp_options otlp = {.wish = {push->target.endpoint, push->target.protocol},
                                   .service_name = push->service,
                                   .upload = upload};
    const struct pp_pyroscope_options pyroscope = {
        .address = push->target.endpoint, .service_name = push->service, .upload = upload};

    if (push->target.is_pyroscope)
        return pp_pyroscope_sink_new(&pyroscope, &push->sink, err);
    memcpy(otlp.sends, push->sends, sizeof otlp.sends);
    return pp_otlp_sink_new(&otlp, &push->sink, err);
}

/* What a profile is of: its own word, or its sample types. */
static const char *kind_of(const struct pprofc_profile *profile)
{
    static const struct {
        const char *type, *kind;
    } kinds[] = {{"alloc_space", "heap"},
                 {"inuse_space", "heap"},
                 {"contentions", "lock"},
                 {"waits", "offcpu"},
                 {"wall", "wall"}};

    if (profile->kind != 0)
        return pp_profile_chars(profile, profile->kind);
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++)
        if (pp_profile_find_type(profile, kinds[i].type, NULL) >= 0)
            return kinds[i].kind;
    return "cpu";
}

/* The program's name: of its command line, else of the file's ("myprog.4711.pb.gz"). */
static void name_program(const struct pprofc_profile *profile, const char *path, char *name,
                         size_t capacity)
{
    const char *command = pp_profile_chars(profile, profile->command);
    const char *base;
    int n_chars;

    if (command[0] != '\0') {
        char first[256];
        (void)snprintf(first, sizeof first, "%.*s", (int)strcspn(command, " "), command);
        (void)snprintf(name, capacity, "%s", pp_profile_base_name(first));
        return;
    }
    base = pp_profile_base_name(path);
    n_chars = (int)strcspn(base, ".?");
    (void)snprintf(name, capacity, "%.*s", n_chars, base);
}

static int send_file(struct push *push, const char *path)
{
    const struct pp_input_wish wish = {.sample = NULL};
    struct pprofc_profile *profile = NULL;
    struct pp_export_window window = {.pid = 0};
    struct pprofc_error err;
    char program[128];
    uint32_t type;
    int code = pp_input_read(path, &wish, &profile, &type);

    if (code != 0)
        return code;
    if (profile->n_samples == 0) {
        pp_complain("%s has no samples; it is not sent", path);
        pprofc_profile_free(profile);
        return PP_EXIT_NO_SAMPLES;
    }
    name_program(profile, path, program, sizeof program);
    window.kind = kind_of(profile);
    window.program = program;
    window.profile = profile;
    pp_window_times(profile, &window.begin_ns, &window.end_ns);
    if (push->sink->take(push->sink, &window, &err) != 0) {
        pp_complain("%s: %s", path, err.message);
        code = PP_EXIT_FAILED;
    }
    pprofc_profile_free(profile);
    return code;
}

/* All of them need not be in memory at once. */
static int make_room(struct push *push)
{
    struct pp_sink_facts facts;

    push->sink->facts(push->sink, &facts);
    return facts.bytes_waiting < MOST_WAITING_BYTES
               ? 0
               : push->sink->drain(push->sink, (double)push->timeout_ns / 1e9, NULL);
}

static int finish(struct push *push)
{
    struct pp_sink_facts facts;
    struct pprofc_error err;
    char size[PP_NUMBER_TEXT_BYTES];
    const int rc = push->sink->drain(push->sink, (double)push->timeout_ns / 1e9, &err);

    push->sink->facts(push->sink, &facts);
    if (rc != 0)
        pp_complain("%s%s%s", err.message, facts.last_error[0] != '\0' ? ": " : "",
                    facts.last_error);
    if (facts.n_done > 0)
        pp_say("sent %llu profile%s (%s)", (unsigned long long)facts.n_done,
               facts.n_done == 1 ? "" : "s", pp_bytes_text((double)facts.bytes_done, size));
    return rc == 0 && facts.n_refused == 0 && facts.n_dropped == 0 ? PP_EXIT_OK : PP_EXIT_FAILED;
}

int pp_cmd_push(char **words)
{
    __attribute__((cleanup(push_done))) struct push push = {.timeout_ns = DEFAULT_TIMEOUT_NS,
                                                            .sends = {[PP_SIGNAL_PROFILES] = true}};
    struct pprofc_error err;
    int code = PP_EXIT_OK, failed = PP_EXIT_OK;

    if (read_options(words, &push, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (push.wants_help) {
        (void)pp_help_show("push");
        return PP_EXIT_OK;
    }
    if (open_sink(&push, &err) != 0) {
        pp_complain("%s", err.message);
        return err.code == -EINVAL ? PP_EXIT_USAGE : PP_EXIT_FAILED;
    }
    for (size_t i = 0; i < push.n_paths; i++) {
        if (make_room(&push) != 0) {
            pp_complain("%s and what is behind it is not read: what was is still not sent",
                        push.paths[i]);
            code = PP_EXIT_FAILED;
            break;
        }
        failed = send_file(&push, push.paths[i]);
        code = failed != 0 ? failed : code;
    }
    failed = finish(&push);
    return code != 0 ? code : failed;
}
