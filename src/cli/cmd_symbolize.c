/* pprofc symbolize: names for a profile whose names were missing where it was taken. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/output_format.h"
#include "cli/profile_input.h"
#include "cli/verbs.h"
#include "formats/encode.h"
#include "formats/symbolize.h"

enum { OPTION_FORCE, OPTION_QUIET, OPTION_HELP, N_OPTIONS };

static const struct pp_option symbolize_options[N_OPTIONS] = {
    [OPTION_FORCE] = {"force", 'f', false, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

struct symbolizing {
    const char *from, *to; /* the same when no other is given */
    enum pp_format format;
    bool overwrites, wants_help;
};

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct symbolizing *work = command;

    switch (option) {
    case OPTION_FORCE:
        work->overwrites = true;
        return 0;
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    case OPTION_HELP:
        work->wants_help = true;
        return 0;
    default: /* a word */
        if (work->from == NULL)
            work->from = value;
        else if (work->to == NULL)
            work->to = value;
        else
            return pp_fail(err, -EINVAL, 0, "one FILE and one OUT; %s is the third", value);
        return 0;
    }
}

static int read_options(char **words, struct symbolizing *work, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = symbolize_options, .n_options = N_OPTIONS, .verb = "symbolize", .words = words};
    const int rc = pp_option_each(&reader, take, work, err);

    if (rc < 0)
        return rc;
    if (work->wants_help)
        return 0;
    if (work->from == NULL)
        return pp_fail(err, -EINVAL, 0, "no profile given; write pprofc symbolize FILE");
    if (work->to == NULL) {
        work->to = work->from;
        work->overwrites = true;
    }
    work->format = PP_FORMAT_PPROF;
    return strcmp(work->to, "-") == 0 ? 0 : pp_format_for_writing(work->to, &work->format, err);
}

static int write_named(const struct symbolizing *work, const struct pprofc_profile *profile,
                       struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    int rc = pp_encode_profile(profile, work->format, profile->default_type, &bytes, err);

    if (rc == 0)
        rc = pp_file_write(work->to, bytes.bytes, bytes.n_bytes, work->overwrites, err);
    if (rc == -EEXIST)
        rc = pp_fail(err, rc, 0, "%s exists; give -f to overwrite or another name", work->to);
    return rc;
}

static int symbolize(const struct symbolizing *work, const struct pprofc_profile *source,
                     struct pprofc_error *err)
{
    const struct pp_symbolizer_options options = {.debug_path = getenv("PPROFC_DEBUG_PATH")};
    struct pp_symbolizer *symbolizer = NULL;
    struct pprofc_profile *profile = NULL;
    char named[PP_NUMBER_TEXT_BYTES], all[PP_NUMBER_TEXT_BYTES];
    uint32_t n_named = 0;
    int rc = pp_symbolizer_new(&options, &symbolizer, err);

    if (rc == 0)
        rc = pp_profile_symbolize(source, symbolizer, &profile, &n_named, err);
    if (rc == 0)
        rc = write_named(work, profile, err);
    if (rc == 0 && strcmp(work->to, "-") != 0)
        pp_say("wrote %s: %s of %s addresses have names", work->to, pp_count_text(n_named, named),
               pp_count_text((int64_t)source->n_locations - 1, all));
    pprofc_profile_free(profile);
    pp_symbolizer_free(symbolizer);
    return rc;
}

int pp_cmd_symbolize(char **words)
{
    static const struct pp_input_wish own_choice = {.sample = NULL};
    struct symbolizing work = {.from = NULL};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    uint32_t type = 0;
    int code;

    if (read_options(words, &work, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (work.wants_help) {
        (void)pp_help_show("symbolize");
        return PP_EXIT_OK;
    }
    code = pp_input_read(work.from, &own_choice, &profile, &type);
    if (code != 0)
        return code;
    if (symbolize(&work, profile, &err) < 0) {
        pp_complain("%s", err.message);
        code = PP_EXIT_FAILED;
    }
    pprofc_profile_free(profile);
    return code;
}
