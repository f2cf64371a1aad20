/* Options of continuous mode. */
#include "serve/continuous_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/quantities.h"

static const int64_t second_ns = 1000000000;
static const int64_t shortest_ns = 10000000;

void pp_continuous_options_init(struct pp_continuous_options *options)
{
    *options = (struct pp_continuous_options){
        .keep = PP_KEEP_DEFAULT,
        .rate_hz = 10,
        .on_ns = 60 * second_ns,
        .whole_ns = 60 * second_ns,
        .block = PP_CONTINUOUS_BLOCK,
        .triggers = {.every_ns = 600 * second_ns},
        .end_seconds = 5,
    };
}

int pp_continuous_parse_cycle(const char *text, struct pp_continuous_options *options,
                              struct pprofc_error *err)
{
    const size_t n_on = strcspn(text, "/");
    char on[32];
    int64_t on_ns = 0, whole_ns = 0;
    int status = -EINVAL;

    if (n_on < sizeof on) {
        memcpy(on, text, n_on);
        on[n_on] = '\0';
        status = pp_parse_duration(on, &on_ns, NULL);
        whole_ns = on_ns;
        if (status == 0 && text[n_on] == '/')
            status = pp_parse_duration(text + n_on + 1, &whole_ns, NULL);
    }
    if (status != 0 || on_ns < shortest_ns || whole_ns < on_ns)
        return pp_fail(
            err, -EINVAL, 0,
            "'%s' is no cycle; write 60s for windows of a minute, or 60s/360s for one in "
            "every six",
            text);
    options->on_ns = on_ns;
    options->whole_ns = whole_ns;
    return 0;
}

void pp_continuous_set_block(const char *text, struct pp_continuous_options *options)
{
    options->block = strcasecmp(text, "none") == 0 ? "" : text;
}

/* ---- the environment ---- */

static int set_folder(const char *text, struct pp_continuous_options *options,
                      struct pprofc_error *err)
{
    (void)err;
    options->folder = text;
    options->is_on = true;
    return 0;
}

static int set_export(const char *text, struct pp_continuous_options *options,
                      struct pprofc_error *err)
{
    (void)err;
    options->export_to = text;
    options->is_on = true;
    return 0;
}

static int set_keep(const char *text, struct pp_continuous_options *options,
                    struct pprofc_error *err)
{
    return pp_keep_parse(text, &options->keep, err);
}

static int set_rate(const char *text, struct pp_continuous_options *options,
                    struct pprofc_error *err)
{
    return pp_parse_rate(text, &options->rate_hz, err);
}

static int set_mode(const char *text, struct pp_continuous_options *options,
                    struct pprofc_error *err)
{
    return pp_parse_mode(text, &options->rate_hz, err);
}

static int set_block(const char *text, struct pp_continuous_options *options,
                     struct pprofc_error *err)
{
    (void)err;
    pp_continuous_set_block(text, options);
    return 0;
}

static int set_flight(const char *text, struct pp_continuous_options *options,
                      struct pprofc_error *err)
{
    return pp_triggers_parse(text, &options->triggers, err);
}

int pp_continuous_options_read(struct pp_continuous_options *options, struct pprofc_error *err)
{
    static const struct {
        const char *name;
        int (*set)(const char *, struct pp_continuous_options *, struct pprofc_error *);
    } variables[] = {{"PPROFC_HISTORY", set_folder}, {"PPROFC_CYCLE", pp_continuous_parse_cycle},
                     {"PPROFC_KEEP", set_keep},      {"PPROFC_MODE", set_mode},
                     {"PPROFC_FREQUENCY", set_rate}, {"PPROFC_BLOCK", set_block},
                     {"PPROFC_FLIGHT", set_flight},  {"PPROFC_EXPORT", set_export}};

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        const char *value = getenv(variables[i].name);
        struct pprofc_error why;
        int status;
        if (value == NULL || value[0] == '\0')
            continue;
        status = variables[i].set(value, options, &why);
        if (status != 0)
            return pp_fail(err, status, 0, "%s: %s", variables[i].name, why.message);
    }
    return 0;
}
