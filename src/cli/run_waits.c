/* The last lines of a run about waits, locks and wall time. */
#include "cli/run_waits.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/messages.h"
#include "cli/run_summary.h"
#include "profile/idle.h"
#include "profile/tables.h"

enum { QUALITY_BYTES = 400, MAX_SHOWN = 5 };

struct share {
    pp_id text;
    int64_t value;
};

static pp_id label_of(const struct pprofc_profile *profile, uint32_t sample, const char *key)
{
    const struct pp_label_set *set = &profile->label_sets[profile->sample_labels[sample]];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if (strcmp(pp_profile_chars(profile, label->key), key) == 0)
            return label->text;
    }
    return 0;
}

static int order_shares(const void *left, const void *right)
{
    const struct share *a = left, *b = right;

    if (a->value != b->value)
        return a->value < b->value ? 1 : -1;
    return a->text < b->text ? -1 : a->text > b->text;
}

/* The texts of label 'key' and what of the default type has them, the largest first; '*n_out' of
 * them, which the caller frees.  NULL without memory. */
static struct share *shares_of(const struct pprofc_profile *profile, const char *key, size_t *n_out)
{
    struct share *shares = calloc(profile->n_strings, sizeof *shares); /* by text, at first */
    size_t n = 0;

    for (uint32_t i = 0; shares != NULL && i < profile->n_samples; i++) {
        struct share *share = &shares[label_of(profile, i, key)];
        share->value = pp_add_values(
            share->value,
            profile->sample_values[(size_t)i * profile->n_types + profile->default_type]);
    }
    for (pp_id text = 1; shares != NULL && text < profile->n_strings; text++)
        if (shares[text].value > 0)
            shares[n++] = (struct share){.text = text, .value = shares[text].value};
    if (n > 0)
        qsort(shares, n, sizeof *shares, order_shares);
    *n_out = n;
    return shares;
}

/* "waited for network 61.2 %, lock 20.1 %, .." */
static void say_shares(const struct pprofc_profile *profile, const char *what, const char *key)
{
    const int64_t total = pp_profile_total(profile, profile->default_type);
    pp_autobuffer struct pp_buffer line = PP_BUFFER_INIT;
    size_t n = 0;
    pp_autofree struct share *shares = shares_of(profile, key, &n);
    size_t n_shown = 0;

    for (size_t i = 0; i < n && n_shown < MAX_SHOWN; i++) {
        if (shares[i].value <= total / 1000)
            continue;
        pp_buffer_printf(&line, "%s%s %.1f %%", n_shown > 0 ? ", " : "",
                         pp_profile_chars(profile, shares[i].text),
                         pp_percent(shares[i].value, total));
        n_shown++;
    }
    pp_buffer_text(&line, "");
    if (n_shown > 0 && !line.failed)
        pp_say("%s %s", what, line.bytes);
}

int pp_run_ignore_idle(struct pprofc_profile *profile, struct pprofc_error *err)
{
    const uint32_t type = profile->default_type;
    char value[PP_NUMBER_TEXT_BYTES], text[160];
    struct pp_idle idle;
    const int rc = pp_profile_ignore_idle(profile, type, &idle, err);

    if (rc != 0)
        return rc;
    (void)pp_value_text(idle.value, pp_profile_chars(profile, profile->types[type].unit), value);
    (void)snprintf(text, sizeof text, "%s in %u stack%s of %u idle thread%s", value, idle.n_stacks,
                   idle.n_stacks == 1 ? "" : "s", idle.n_threads, idle.n_threads == 1 ? "" : "s");
    pp_profile_comment(profile, "left out (--ignore-idle): %s", text);
    pp_say("%s: left out %s", pp_profile_chars(profile, profile->kind), text);
    return 0;
}

void pp_run_say_waits(const struct pp_run *run, const struct pprofc_profile *profile,
                      const char *who)
{
    char end[256], quality[QUALITY_BYTES] = "";

    pp_profile_quality_line(profile, quality, sizeof quality);
    if (who == NULL) {
        pp_run_say_common_hints(run, profile);
        pp_run_end_text(run, end, sizeof end);
        pp_say("%s; %s", end, quality);
    } else {
        pp_say("%s: %s", who, quality);
    }
    if (pp_profile_total(profile, profile->default_type) <= 0)
        return;
    pp_run_say_hot_lines(profile);
    if (strcmp(pp_profile_chars(profile, profile->kind), "lock") == 0)
        say_shares(profile, "waited for the lock", PP_LABEL_LOCK);
    else
        say_shares(profile, "by what threads did:", PP_LABEL_WAIT_KIND);
}
