/* pprofc convert: a profile in another format. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/output_format.h"
#include "formats/encode.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/profile_input.h"
#include "cli/verbs.h"

enum {
    OPTION_SAMPLE,
    OPTION_SAMPLE_INDEX,
    OPTION_FORMAT,
    OPTION_BY,
    OPTION_HEAP_PEAK,
    OPTION_FORCE,
    OPTION_QUIET,
    OPTION_HELP,
    N_OPTIONS
};

static const struct pp_option convert_options[N_OPTIONS] = {
    [OPTION_SAMPLE] = {"sample", 0, true, false},
    [OPTION_SAMPLE_INDEX] = {"sample_index", 0, true, false},
    [OPTION_FORMAT] = {"format", 0, true, false},
    [OPTION_BY] = {"by", 0, true, false},
    [OPTION_HEAP_PEAK] = {"heap-peak", 0, false, false},
    [OPTION_FORCE] = {"force", 'f', false, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

struct conversion {
    const char *from, *to;
    bool has_format; /* it was given, whatever OUT's name says */
    struct pp_input_wish wish;
    enum pp_format format;
    bool by_thread;        /* a profile of the file is a thread */
    const char *label_key; /* or a value of this label; NULL: neither */
    bool overwrites, wants_help;
};

/* "folded", or as an extension is written: ".pb.gz". */
static int set_format(struct conversion *conversion, const char *value, struct pprofc_error *err)
{
    const bool is_speedscope = strcmp(value, "speedscope") == 0;
    char name[64];

    (void)snprintf(name, sizeof name, "x%s%s%s", value[0] == '.' ? "" : ".", value,
                   is_speedscope ? ".json" : "");
    conversion->has_format = true;
    conversion->format = pp_format_of_path(name);
    if (conversion->format != PP_FORMAT_UNKNOWN && conversion->format != PP_FORMAT_RECORDING)
        return 0;
    return pp_fail(err, -EINVAL, 0,
                   "--format '%s' is none; there are pb.gz, pb, folded, speedscope, otlp, json, "
                   "csv, txt and svg",
                   value);
}

static const char label_prefix[] = "label:";

static int set_by(struct conversion *conversion, const char *value, struct pprofc_error *err)
{
    const size_t n_prefix = sizeof label_prefix - 1;

    conversion->by_thread = strcmp(value, "thread") == 0;
    conversion->label_key = strncmp(value, label_prefix, n_prefix) == 0 && value[n_prefix] != '\0'
                                ? value + n_prefix
                                : NULL;
    return conversion->by_thread || conversion->label_key != NULL
               ? 0
               : pp_fail(err, -EINVAL, 0,
                         "--by '%s' is nothing to part a file by; give thread or label:KEY", value);
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct conversion *conversion = command;

    switch (option) {
    case OPTION_SAMPLE:
    case OPTION_SAMPLE_INDEX:
        conversion->wish.sample = value;
        return 0;
    case OPTION_FORMAT:
        return set_format(conversion, value, err);
    case OPTION_BY:
        return set_by(conversion, value, err);
    case OPTION_HEAP_PEAK:
        conversion->wish.at_heap_peak = true;
        return 0;
    case OPTION_FORCE:
        conversion->overwrites = true;
        return 0;
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    case OPTION_HELP:
        conversion->wants_help = true;
        return 0;
    default: /* a word */
        if (conversion->from == NULL)
            conversion->from = value;
        else if (conversion->to == NULL)
            conversion->to = value;
        else
            return pp_fail(err, -EINVAL, 0, "one IN and one OUT; %s is the third file", value);
        return 0;
    }
}

static bool is_parted(const struct conversion *conversion)
{
    return conversion->by_thread || conversion->label_key != NULL;
}

static int read_options(char **words, struct conversion *conversion, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = convert_options, .n_options = N_OPTIONS, .verb = "convert", .words = words};
    const int rc = pp_option_each(&reader, take, conversion, err);

    if (rc < 0)
        return rc;
    if (conversion->wants_help)
        return 0;
    if (conversion->to == NULL && conversion->has_format && conversion->from != NULL)
        conversion->to = "-";
    if (conversion->to == NULL)
        return pp_fail(err, -EINVAL, 0, "convert needs two files; write pprofc convert IN OUT");
    if (!conversion->has_format)
        conversion->format = PP_FORMAT_PPROF;
    if (!conversion->has_format && strcmp(conversion->to, "-") != 0 &&
        pp_format_for_writing(conversion->to, &conversion->format, err) != 0)
        return -EINVAL;
    if (is_parted(conversion) && conversion->format != PP_FORMAT_SPEEDSCOPE)
        return pp_fail(
            err, -EINVAL, 0,
            "--by parts a speedscope file, and '%s' is none; give OUT.speedscope.json or "
            "--format speedscope",
            conversion->to);
    return 0;
}

static int write_profile(const struct conversion *conversion, const struct pprofc_profile *profile,
                         uint32_t type, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    char size[PP_NUMBER_TEXT_BYTES], left_out[256];
    int rc = is_parted(conversion)
                 ? pp_speedscope_write_by(profile, type,
                                          conversion->by_thread ? PP_BY_THREAD : PP_BY_LABEL,
                                          conversion->label_key, &bytes, err)
                 : pp_encode_profile(profile, conversion->format, type, &bytes, err);

    if (rc < 0)
        return rc;
    rc = pp_file_write(conversion->to, bytes.bytes, bytes.n_bytes, conversion->overwrites, err);
    if (rc == -EEXIST)
        return pp_fail(err, rc, 0, "%s exists; give -f to overwrite or another name",
                       conversion->to);
    if (rc == 0 && strcmp(conversion->to, "-") != 0)
        pp_say("wrote %s (%s)", conversion->to, pp_bytes_text((double)bytes.n_bytes, size));
    if (rc == 0 && is_parted(conversion) && profile->n_types > 1)
        pp_say("%s has the sample type %s alone; --sample NAME gives another", conversion->to,
               pp_profile_chars(profile, profile->types[type].type));
    if (rc == 0 && bytes.n_bytes == 0 && profile->n_samples > 0)
        pp_say("%s is empty: no sample has any %s%s", conversion->to,
               pp_profile_chars(profile, profile->types[type].type),
               profile->n_types > 1 ? "; --sample NAME gives another type" : "");
    pp_format_leaves_out(profile, conversion->format, left_out, sizeof left_out);
    if (rc == 0 && left_out[0] != '\0')
        pp_say("%s has no room for %s; .pb.gz has",
               strcmp(conversion->to, "-") == 0 ? "the format" : conversion->to, left_out);
    return rc;
}

int pp_cmd_convert(char **words)
{
    struct conversion conversion = {.from = NULL};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    uint32_t type = 0;
    int code;

    if (read_options(words, &conversion, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (conversion.wants_help) {
        (void)pp_help_show("convert");
        return PP_EXIT_OK;
    }
    code = pp_input_read(conversion.from, &conversion.wish, &profile, &type);
    if (code != 0)
        return code;
    if (write_profile(&conversion, profile, type, &err) < 0) {
        pp_complain("%s", err.message);
        code = PP_EXIT_FAILED;
    }
    pprofc_profile_free(profile);
    return code;
}
