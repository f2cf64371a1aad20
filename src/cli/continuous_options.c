/* Options and messages of continuous mode. */
#include "cli/continuous_options.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/numbers.h"
#include "base/quantities.h"
#include "cli/messages.h"
#include "cli/values.h"
#include "serve/continuous_kinds.h"

static int set_kinds(struct pp_continuous_options *options, const char *value,
                     struct pprofc_error *err)
{
    uint32_t kinds = 0;
    const int status = pp_parse_kinds(value, &kinds, err);

    if (status != 0)
        return status;
    kinds &= ~(uint32_t)PP_KIND_LEAK; /* its windows are those of the heap */
    if ((kinds & ~pp_continuous_all_kinds()) != 0) {
        pp_autobuffer struct pp_buffer known = PP_BUFFER_INIT;
        pp_continuous_kinds_text(&known);
        return pp_fail(err, -EINVAL, 0, "windows are of %s, not of '%s'",
                       known.failed ? "other kinds" : known.bytes, value);
    }
    options->kinds = kinds;
    return 0;
}

/* ---- one option each ---- */

static int set_on(struct pp_continuous_options *options, const char *value,
                  struct pprofc_error *err)
{
    (void)value, (void)err;
    options->is_on = true;
    if (options->folder == NULL)
        options->folder = PP_CONTINUOUS_FOLDER;
    return 0;
}

static int set_history(struct pp_continuous_options *options, const char *value,
                       struct pprofc_error *err)
{
    (void)err;
    options->is_on = true;
    options->folder = value;
    return 0;
}

static int set_export(struct pp_continuous_options *options, const char *value,
                      struct pprofc_error *err)
{
    (void)err;
    options->is_on = true;
    options->export_to = value;
    return 0;
}

static int set_cycle(struct pp_continuous_options *options, const char *value,
                     struct pprofc_error *err)
{
    return pp_continuous_parse_cycle(value, options, err);
}

static int set_keep(struct pp_continuous_options *options, const char *value,
                    struct pprofc_error *err)
{
    return pp_keep_parse(value, &options->keep, err);
}

static int set_rate(struct pp_continuous_options *options, const char *value,
                    struct pprofc_error *err)
{
    return pp_parse_rate(value, &options->rate_hz, err);
}

static int set_block(struct pp_continuous_options *options, const char *value,
                     struct pprofc_error *err)
{
    (void)err;
    pp_continuous_set_block(value, options);
    return 0;
}

static int set_flight(struct pp_continuous_options *options, const char *value,
                      struct pprofc_error *err)
{
    return pp_triggers_parse(value, &options->triggers, err);
}

int pp_continuous_take(struct pp_continuous_options *options, const char *name, const char *value,
                       struct pprofc_error *err)
{
    static const struct {
        const char *name;
        int (*set)(struct pp_continuous_options *, const char *, struct pprofc_error *);
        bool is_detail; /* says how, not that */
    } known[] = {
        {"continuous", set_on, false},  {"history", set_history, false},
        {"export", set_export, false},  {"cycle", set_cycle, true},
        {"keep", set_keep, true},       {"flight", set_flight, true},
        {"kinds", set_kinds, true},     {"frequency", set_rate, true},
        {"block-lib", set_block, true},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].name, name) != 0)
            continue;
        options->has_details |= known[i].is_detail;
        return known[i].set(options, value, err);
    }
    return -EINVAL;
}

static void tell(void *context, const char *line)
{
    (void)context;
    pp_complain("%s", line);
}

static void tell_good_news(void *context, const char *line)
{
    (void)context;
    pp_say("%s", line);
}

int pp_continuous_check(struct pp_continuous_options *options, struct pprofc_error *err)
{
    if (!options->is_on && options->has_details)
        return pp_fail(err, -EINVAL, 0,
                       "--cycle, --keep and what else says how to sample needs --continuous, "
                       "--history FOLDER or --export LIST");
    options->teller = (struct pp_teller){.tell = tell};
    options->good_news = (struct pp_teller){.tell = tell_good_news};
    return 0;
}

/* ---- messages ---- */

void pp_continuous_say_begin(const struct pp_continuous_options *options)
{
    char on[PP_NUMBER_TEXT_BYTES], whole[PP_NUMBER_TEXT_BYTES];
    pp_autobuffer struct pp_buffer text = PP_BUFFER_INIT;

    (void)pp_duration_text((double)options->on_ns, on);
    (void)pp_duration_text((double)options->whole_ns, whole);
    if (options->whole_ns > options->on_ns)
        pp_buffer_printf(&text, "%s in every %s", on, whole);
    else
        pp_buffer_printf(&text, "windows of %s", on);
    if (options->folder != NULL)
        pp_buffer_printf(&text, ", kept in %s", options->folder);
    if (options->export_to != NULL)
        pp_buffer_printf(&text, ", sent to %s", options->export_to);
    if (!text.failed)
        pp_say("continuous: %g Hz, %s", options->rate_hz, text.bytes);
}

static void say_sink(const char *name, const struct pp_sink_facts *facts)
{
    if (facts->n_done > 0 && strcmp(name, "directory") != 0)
        pp_say("%s: %llu window%s sent", name, (unsigned long long)facts->n_done,
               facts->n_done == 1 ? "" : "s");
    if (facts->n_dropped + facts->n_refused + facts->n_waiting == 0)
        return;
    pp_complain("%s: %llu windows dropped, %llu refused, %llu wait%s%s", name,
                (unsigned long long)facts->n_dropped, (unsigned long long)facts->n_refused,
                (unsigned long long)facts->n_waiting, facts->last_error[0] != '\0' ? ": " : "",
                facts->last_error);
}

void pp_continuous_say_end(const struct pp_continuous_options *options,
                           const struct pp_continuous_facts *facts)
{
    if (facts->n_missed > 0)
        pp_complain("%llu windows could not be taken: %s", (unsigned long long)facts->n_missed,
                    facts->last_error);
    for (uint32_t i = 0; i < facts->n_sinks; i++)
        say_sink(facts->sinks[i].name, &facts->sinks[i].facts);
    if (facts->n_flights > 0)
        pp_say("the flight recorder wrote %llu bundle%s; %llu came too soon after one",
               (unsigned long long)facts->n_flights, facts->n_flights == 1 ? "" : "s",
               (unsigned long long)facts->n_flights_held_back);
    if (options->folder != NULL)
        pp_say("%llu window%s in %s;   next:  pprofc history --dir %s",
               (unsigned long long)facts->n_windows, facts->n_windows == 1 ? "" : "s",
               options->folder, options->folder);
}
