/* The profile that a verb works on. */
#include "cli/profile_input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/messages.h"
#include "cli/values.h"
#include "cli/verbs.h"
#include "formats/recording.h"

static bool is_recording(const char *path)
{
    char magic[sizeof PP_REC_MAGIC - 1];
    pp_autoclose_fd int descriptor = -1;

    if (strcmp(path, "-") != 0) /* O_NONBLOCK: not to wait for a pipe's writer here */
        descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return descriptor >= 0 && pread(descriptor, magic, sizeof magic, 0) == sizeof magic &&
           memcmp(magic, PP_REC_MAGIC, sizeof magic) == 0;
}

static bool is_of_heap(const char *sample)
{
    static const char *const types[] = {"alloc_objects", "alloc_space", "inuse_objects",
                                        "inuse_space"};

    for (size_t i = 0; sample != NULL && i < sizeof types / sizeof types[0]; i++)
        if (strcmp(sample, types[i]) == 0)
            return true;
    return false;
}

/* A profile is of one kind: cpu, unless something of the heap was asked for or there is nothing
 * else. */
static void choose_kind(const char *path, const struct pp_rec_header *head,
                        const struct pp_input_wish *wish,
                        struct pp_recording_profile_options *options)
{
    const uint32_t kinds = pp_recording_kinds(head);

    options->is_at_peak = wish->at_heap_peak;
    if ((kinds & PP_KIND_HEAP) == 0)
        return;
    if (is_of_heap(wish->sample) || wish->at_heap_peak)
        options->kind = PP_FAMILY_HEAP;
    else if (wish->sample != NULL && kinds != PP_KIND_HEAP)
        options->kind = PP_FAMILY_CPU;
    else if (kinds != PP_KIND_HEAP)
        pp_say("this is the cpu profile of %s; it holds the heap too: --sample inuse_space", path);
    if (options->kind == PP_FAMILY_HEAP && kinds != PP_KIND_HEAP)
        pp_say("this is the heap profile of %s; it holds cpu too: --sample cpu", path);
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

static int read_profile(const char *path, const struct pp_input_wish *wish,
                        struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    if (is_recording(path))
        return read_recording(path, wish, profile_out, err);
    if (wish->at_heap_peak)
        return pp_fail(err, -EINVAL, 0, "'%s' is no raw recording (.ppc): --heap-peak needs one",
                       path);
    return pprofc_profile_read(path, profile_out, err);
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
        if (err.offset_bytes > 0)
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
