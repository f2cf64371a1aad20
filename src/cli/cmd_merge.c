/* pprofc merge: several profiles as one. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/numbers.h"
#include "cli/merged_input.h"
#include "cli/messages.h"
#include "cli/options.h"
#include "cli/output_format.h"
#include "cli/verbs.h"
#include "formats/encode.h"

enum {
    OPTION_OUTPUT,
    OPTION_SAMPLE,
    OPTION_SAMPLE_INDEX,
    OPTION_FORCE,
    OPTION_QUIET,
    OPTION_HELP,
    N_OPTIONS
};

static const struct pp_option merge_options[N_OPTIONS] = {
    [OPTION_OUTPUT] = {"output", 'o', true, false},
    [OPTION_SAMPLE] = {"sample", 0, true, false},
    [OPTION_SAMPLE_INDEX] = {"sample_index", 0, true, false},
    [OPTION_FORCE] = {"force", 'f', false, false},
    [OPTION_QUIET] = {"quiet", 'q', false, false},
    [OPTION_HELP] = {"help", 'h', false, false},
};

struct merge {
    const char **paths; /* NULL-terminated, the caller's words */
    size_t n_paths, capacity;
    const char *output;
    struct pp_input_wish wish;
    enum pp_format format;
    bool overwrites, wants_help;
};

static void merge_done(struct merge *merge)
{
    free(merge->paths);
}

static int take(void *command, int option, const char *value, struct pprofc_error *err)
{
    struct merge *merge = command;

    switch (option) {
    case OPTION_OUTPUT:
        merge->output = value;
        return 0;
    case OPTION_SAMPLE:
    case OPTION_SAMPLE_INDEX:
        merge->wish.sample = value;
        return 0;
    case OPTION_FORCE:
        merge->overwrites = true;
        return 0;
    case OPTION_QUIET:
        pp_messages_set_loudness(PP_QUIET);
        return 0;
    case OPTION_HELP:
        merge->wants_help = true;
        return 0;
    default: /* a word */
        if (pp_array_reserve(&merge->paths, &merge->capacity, merge->n_paths + 2,
                             sizeof *merge->paths) != 0)
            return pp_fail(err, -ENOMEM, 0, "no memory for the names of the profiles");
        merge->paths[merge->n_paths++] = value;
        merge->paths[merge->n_paths] = NULL;
        return 0;
    }
}

static int read_options(char **words, struct merge *merge, struct pprofc_error *err)
{
    struct pp_option_reader reader = {
        .options = merge_options, .n_options = N_OPTIONS, .verb = "merge", .words = words};
    const int rc = pp_option_each(&reader, take, merge, err);

    if (rc < 0 || merge->wants_help)
        return rc;
    if (merge->n_paths == 0 || merge->output == NULL)
        return pp_fail(err, -EINVAL, 0, "write pprofc merge FILE.. -o OUT");
    if (strcmp(merge->output, "-") == 0) {
        merge->format = PP_FORMAT_PPROF;
        return 0;
    }
    return pp_format_for_writing(merge->output, &merge->format, err);
}

static int write_profile(const struct merge *merge, const struct pprofc_profile *profile,
                         uint32_t type, struct pprofc_error *err)
{
    pp_autobuffer struct pp_buffer bytes = PP_BUFFER_INIT;
    char size[PP_NUMBER_TEXT_BYTES];
    int rc = pp_encode_profile(profile, merge->format, type, &bytes, err);

    if (rc < 0)
        return rc;
    rc = pp_file_write(merge->output, bytes.bytes, bytes.n_bytes, merge->overwrites, err);
    if (rc == -EEXIST)
        return pp_fail(err, rc, 0, "%s exists; give -f to overwrite or another name",
                       merge->output);
    if (rc == 0 && strcmp(merge->output, "-") != 0)
        pp_say("wrote %s (%s), the sum of %zu profile%s", merge->output,
               pp_bytes_text((double)bytes.n_bytes, size), merge->n_paths,
               merge->n_paths == 1 ? "" : "s");
    return rc;
}

int pp_cmd_merge(char **words)
{
    __attribute__((cleanup(merge_done))) struct merge merge = {.paths = NULL};
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    uint32_t type = 0;
    int code;

    if (read_options(words, &merge, &err) < 0) {
        pp_complain("%s", err.message);
        return PP_EXIT_USAGE;
    }
    if (merge.wants_help) {
        (void)pp_help_show("merge");
        return PP_EXIT_OK;
    }
    code = pp_inputs_read(merge.paths, &merge.wish, &profile, &type);
    if (code != 0)
        return code;
    if (write_profile(&merge, profile, type, &err) < 0) {
        pp_complain("%s", err.message);
        code = PP_EXIT_FAILED;
    }
    pprofc_profile_free(profile);
    return code;
}
