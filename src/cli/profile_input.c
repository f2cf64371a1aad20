/* The profile that a verb works on. */
#include "cli/profile_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/messages.h"
#include "cli/profile_kinds.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/recording.h"
#include "formats/symbolize.h"

static bool is_recording(const char *path)
{
    char magic[sizeof PP_REC_MAGIC - 1];
    pp_autoclose_fd int descriptor = -1;

    if (strcmp(path, "-") != 0) /* O_NONBLOCK: not to wait for a pipe's writer here */
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return descriptor >= 0 && pread(descriptor, magic, sizeof magic, 0) == sizeof magic &&
           memcmp(magic, PP_REC_MAGIC, sizeof magic) == 0;
}

/* What else a recording holds, and how to see it: one line. */
static void say_others(const char *path, const struct pp_profile_kind *shown, uint32_t recorded)
{
    char others[200] = "";
    size_t n = 0;

    for (size_t i = 0; i < PP_N_PROFILE_KINDS; i++) {
        const struct pp_profile_kind *kind = &pp_profile_kinds[i];
        if (kind == shown || (recorded & kind->recorded) != kind->recorded)
            continue;
        n += (size_t)snprintf(others + n, sizeof others - n, "%s%s%s too: --sample %s",
                              n > 0 ? ", " : "", kind->kind == PP_KIND_HEAP ? "the " : "",
                              kind->name, kind->type);
    }
    if (n > 0)
        pp_say("this is the %s profile of %s; it holds %s", shown->name, path, others);
}

/* A profile is of one kind: that of the sample type asked for, else the first that is there. Nobody
 * is told of others who said which one it is to be, but for cpu behind the heap. */
static void choose_kind(const char *path, const struct pp_rec_header *head,
                        const struct pp_input_wish *wish,
                        struct pp_recording_profile_options *options)
{
    const uint32_t recorded = pp_recording_kinds(head);
    const char *sample = wish->at_heap_peak ? "inuse_space" : wish->sample;
    const struct pp_profile_kind *kind =
        sample != NULL ? pp_profile_kind_of_type(sample, recorded) : NULL;

    options->is_at_peak = wish->at_heap_peak;
    for (size_t i = 0; i < PP_N_PROFILE_KINDS && kind == NULL; i++)
        if ((recorded & pp_profile_kinds[i].recorded) == pp_profile_kinds[i].recorded)
            kind = &pp_profile_kinds[i];
    if (kind == NULL)
        return;
    options->kind = kind->family;
    options->view = kind->view;
    if (sample == NULL || kind->kind == PP_KIND_HEAP)
        say_others(path, kind, recorded);
}

/* A raw recording gets its names here and now, so the user's debug files count. */
static int read_recording(const char *path, const struct pp_input_wish *wish,
                          struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pp_recording_profile_options profile_options = {.kind = 0};
    const struct pp_symbolizer_options options = {.debug_path = getenv("PPROFC_DEBUG_PATH")};
    struct pp_recording_reader *reader = NULL;
    struct pp_symbolizer *symbolizer = NULL;
    int rc = pp_recording_open(path, &reader, err);

    if (rc == 0 && wish->at_heap_peak &&
        (pp_recording_kinds(pp_recording_header(reader)) & PP_KIND_HEAP) == 0)
        rc = pp_fail(err, -ENODATA, 0, "'%s' holds nothing of the heap", path);
    if (rc == 0)
        rc = pp_symbolizer_new(&options, &symbolizer, err);
    if (rc == 0) {
        choose_kind(path, pp_recording_header(reader), wish, &profile_options);
        rc = pp_recording_to_profile(reader, symbolizer, &profile_options, profile_out, err);
    }
    pp_symbolizer_free(symbolizer);
    pp_recording_close(reader);
    return rc;
}

/* By the files that its mappings name, where their build ids agree. */
static int take_names(struct pprofc_profile **profile, struct pprofc_error *err)
{
    const struct pp_symbolizer_options options = {.debug_path = getenv("PPROFC_DEBUG_PATH")};
    struct pp_symbolizer *symbolizer = NULL;
    struct pprofc_profile *named = NULL;
    int rc = pp_symbolizer_new(&options, &symbolizer, err);

    if (rc == 0)
        rc = pp_profile_symbolize(*profile, symbolizer, &named, NULL, err);
    pp_symbolizer_free(symbolizer);
    if (rc == 0) {
        pprofc_profile_free(*profile);
        *profile = named;
    }
    return rc;
}

static int read_profile(const char *path, const struct pp_input_wish *wish,
                        struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    int rc;

    if (is_recording(path))
        return read_recording(path, wish, profile_out, err);
    if (wish->at_heap_peak)
        return pp_fail(err, -EINVAL, 0, "'%s' is no raw recording (.ppc): --heap-peak needs one",
                       path);
    rc = pp_profile_read(path, wish->fetch, profile_out, err);
    if (rc == 0 && wish->is_named) {
        rc = take_names(profile_out, err);
        if (rc < 0)
            pprofc_profile_free(*profile_out);
    }
    return rc;
}

/* Nothing that was in the file is left out without a word. */
static void say_notes(const char *path, const struct pprofc_profile *profile)
{
    for (uint32_t i = profile->n_comments - profile->n_notes; i < profile->n_comments; i++)
        pp_say("%s: %s", path, pp_profile_chars(profile, profile->comments[i]));
}

int pp_input_read(const char *path, const struct pp_input_wish *wish,
                  struct pprofc_profile **profile_out, uint32_t *type_out)
{
    const char *sample = wish->sample;
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    int type;

    if (read_profile(path, wish, &profile, &err) < 0) {
        if (err.offset_bytes > 0 && strstr(err.message, " at byte ") == NULL)
            pp_complain("%s (at byte %llu)", err.message, (unsigned long long)err.offset_bytes);
        else
            pp_complain("%s", err.message);
        return PP_EXIT_FAILED;
    }
    type = (int)profile->default_type;
    if (sample != NULL)
        type = pp_profile_find_type(profile, sample, &err);
    if (type < 0) {
        pp_complain("%s", err.message);
        pprofc_profile_free(profile);
        return PP_EXIT_USAGE;
    }
    say_notes(path, profile);
    *profile_out = profile;
    *type_out = (uint32_t)type;
    return 0;
}
