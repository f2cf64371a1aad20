/* Reading speedscope's own JSON: frames in one table, profiles of samples or of events.  A profile
 * of the file is a thread, as others write it, or a sample type, as we do.  One pass in the order
 * in which it is mostly written; what comes before the things that it leans on is passed over and
 * read at the end of its object. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "formats/formats.h"
#include "formats/speedscope_reader.h"
#include "profile/tables.h"

static void reader_done(struct pp_speedscope_reader *reader)
{
    pprofc_profile_free(reader->profile);
    pp_json_reader_done(&reader->json);
    free(reader->frames);
}

static void piece_done(struct pp_speedscope_piece *piece)
{
    free(piece->stacks);
}

/* ---- frames ---- */

static pp_id intern(struct pp_speedscope_reader *reader, struct pp_json_string string)
{
    return pp_profile_string(reader->profile, string.bytes, string.n_bytes);
}

static int read_frame(struct pp_speedscope_reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_function function = {0};
    struct pp_line line = {0, 0};
    const struct pp_location location = {.n_lines = 1};
    struct pp_json_string key, text;
    struct pp_json_number number;
    bool has_name = false;

    if (!pp_json_read_object(json))
        return 0;
    while (pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "name") && pp_json_read_string(json, &text)) {
            function.name = intern(reader, text);
            has_name = true;
        } else if (pp_json_is(key, "file") && pp_json_peek(json) == PP_JSON_STRING &&
                   pp_json_read_string(json, &text)) {
            function.file = intern(reader, text);
        } else if (pp_json_is(key, "line") && pp_json_peek(json) == PP_JSON_NUMBER &&
                   pp_json_read_number(json, &number)) {
            line.line = number.whole;
        } else {
            (void)pp_json_skip(json);
        }
    }
    if (json->problem != NULL)
        return 0;
    if (!has_name)
        return pp_speedscope_refuse(reader, "frame %zu has no name", reader->n_frames);
    if (pp_array_reserve(&reader->frames, &reader->frames_capacity, reader->n_frames + 1,
                         sizeof *reader->frames) != 0)
        return -ENOMEM;
    line.function = pp_profile_function(reader->profile, &function);
    reader->frames[reader->n_frames++] = pp_profile_location(reader->profile, &location, &line);
    return pp_profile_failed(reader->profile) ? -ENOMEM : 0;
}

static int read_shared(struct pp_speedscope_reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (!pp_json_is(key, "frames")) {
            (void)pp_json_skip(json);
        } else if (pp_json_read_array(json)) {
            while (failed == 0 && pp_json_next_item(json))
                failed = read_frame(reader);
        }
    }
    return failed;
}

/* ---- one profile ---- */

enum { SAMPLES, WEIGHTS, EVENTS, N_PARTS };

static int read_part(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece,
                     int part)
{
    return part == SAMPLES   ? pp_speedscope_read_samples(reader, piece)
           : part == WEIGHTS ? pp_speedscope_read_weights(reader, piece)
                             : pp_speedscope_read_events(reader, piece);
}

/* Whether all is known that a part leans on. */
static bool is_ready(const struct pp_speedscope_piece *piece, int part, bool has_samples)
{
    return part == SAMPLES || (piece->unit != NULL && piece->has_title &&
                               (part == WEIGHTS ? has_samples : piece->has_end));
}

static int read_head(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece,
                     struct pp_json_string key)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string text;

    if (pp_json_is(key, "name") && pp_json_read_string(json, &text)) {
        piece->title = intern(reader, text);
        piece->has_title = true;
    } else if (pp_json_is(key, "unit") && pp_json_read_string(json, &text)) {
        piece->unit = pp_speedscope_unit_of(text);
        if (piece->unit == NULL)
            return pp_speedscope_refuse(reader, "a unit that speedscope does not have,");
    } else if (pp_json_is(key, "endValue")) {
        piece->has_end = pp_json_read_number(json, &piece->end);
    } else if (pp_json_is(key, "type") && pp_json_read_string(json, &text)) {
        if (!pp_json_is(text, "sampled") && !pp_json_is(text, "evented"))
            return pp_speedscope_refuse(reader, "a profile that is neither sampled nor evented");
    } else {
        (void)pp_json_skip(json);
    }
    return 0;
}

/* What came too early, where it stands; then back. */
static int read_rest(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece,
                     const char *const later[N_PARTS])
{
    struct pp_json_reader *json = &reader->json;
    const char *end = json->at;
    int failed = 0;

    if (piece->unit == NULL)
        return pp_speedscope_refuse(reader, "a profile without a unit ends");
    for (int part = 0; part < N_PARTS && failed == 0 && json->problem == NULL; part++) {
        if (later[part] == NULL)
            continue;
        json->at = later[part];
        failed = read_part(reader, piece, part);
        if (failed == 0 && json->problem == NULL)
            json->at = end;
    }
    return failed;
}

static int read_members(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece)
{
    static const char *const names[N_PARTS] = {"samples", "weights", "events"};
    struct pp_json_reader *json = &reader->json;
    const char *later[N_PARTS] = {NULL, NULL, NULL};
    bool has[N_PARTS] = {false, false, false};
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        int part = 0;
        while (part < N_PARTS && !pp_json_is(key, names[part]))
            part++;
        if (part == N_PARTS) {
            failed = read_head(reader, piece, key);
            continue;
        }
        if (has[part])
            return pp_speedscope_refuse(reader, "a second \"%s\" of one profile", names[part]);
        has[part] = true;
        if (is_ready(piece, part, has[SAMPLES] && later[SAMPLES] == NULL)) {
            failed = read_part(reader, piece, part);
        } else {
            later[part] = json->at;
            reader->n_later++;
            (void)pp_json_skip(json);
        }
    }
    if (failed != 0 || json->problem != NULL)
        return failed;
    if (has[SAMPLES] != has[WEIGHTS])
        return pp_speedscope_refuse(reader, "a profile with %s alone ends",
                                    has[SAMPLES] ? "samples" : "weights");
    if (!has[SAMPLES] && !has[EVENTS])
        return pp_speedscope_refuse(reader, "a profile without samples or events ends");
    return read_rest(reader, piece, later);
}

static int read_profiles(struct pp_speedscope_reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    int failed = 0;

    if (!pp_json_read_array(json))
        return 0;
    for (; failed == 0 && pp_json_next_item(json); reader->n_profiles++) {
        __attribute__((cleanup(piece_done))) struct pp_speedscope_piece piece = {.unit = NULL};
        failed = read_members(reader, &piece);
    }
    return failed;
}

/* ---- the document ---- */

static void read_remark(struct pp_speedscope_reader *reader, struct pp_json_string key)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string text;

    if (pp_json_is(key, "activeProfileIndex") && pp_json_peek(json) == PP_JSON_NUMBER) {
        (void)pp_json_read_index(json, &reader->active);
    } else if (pp_json_is(key, "exporter") && pp_json_peek(json) == PP_JSON_STRING &&
               pp_json_read_string(json, &text)) {
        reader->is_ours = text.n_bytes > 8 && memcmp(text.bytes, "pprof-c ", 8) == 0;
    } else if (pp_json_is(key, "name") && pp_json_peek(json) == PP_JSON_STRING &&
               pp_json_read_string(json, &text)) {
        reader->profile->command = intern(reader, text);
    } else {
        (void)pp_json_skip(json);
    }
}

/* Frames first, then profiles, whatever comes first in the file.  Ours begins with its exporter. */
static int read_document(struct pp_speedscope_reader *reader)
{
    struct pp_json_reader *json = &reader->json;
    const char *later = NULL, *end;
    bool has_frames = false, has_profiles = false;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "shared")) {
            failed = read_shared(reader);
            has_frames = true;
        } else if (!pp_json_is(key, "profiles")) {
            read_remark(reader, key);
        } else if (has_frames && !has_profiles) {
            failed = read_profiles(reader);
            has_profiles = true;
        } else {
            later = json->at;
            reader->n_later++;
            (void)pp_json_skip(json);
        }
    }
    if (failed == 0 && !pp_json_at_end(json))
        (void)pp_json_refuse(json, "something behind the document");
    if (failed != 0 || json->problem != NULL || has_profiles)
        return failed;
    if (later == NULL || !has_frames)
        return pp_speedscope_refuse(reader,
                                    "no \"%s\": not a speedscope profile; the document ends",
                                    has_frames ? "profiles" : "shared");
    end = json->at;
    json->at = later;
    failed = read_profiles(reader);
    json->at = failed == 0 && json->problem == NULL ? end : json->at;
    return failed;
}

/* A type has one profile only: then its title is that of the file, and of no thread. */
static void drop_titles(struct pprofc_profile *profile)
{
    for (uint32_t i = 0; i < profile->n_samples; i++)
        profile->sample_labels[i] = 0;
    pp_profile_samples_forget(profile);
    for (uint32_t i = 0; i < profile->n_samples; i++)
        pp_profile_samples_remember(profile, i);
}

static int finish(struct pp_speedscope_reader *reader)
{
    struct pprofc_profile *profile = reader->profile;

    if (profile->n_types == 0 && pp_profile_add_type(profile, "samples", "count") < 0)
        return -ENOMEM;
    if (!reader->has_threads)
        drop_titles(profile);
    if (reader->n_rounded > 0)
        pp_profile_note(profile,
                        "%" PRIu64
                        " values had fractions and were rounded; totals are right to one unit",
                        reader->n_rounded);
    if (reader->n_unclosed > 0)
        pp_profile_note(profile, "%" PRIu64 " frames were not closed and end with their profile",
                        reader->n_unclosed);
    return pp_profile_failed(profile) ? -ENOMEM : 0;
}

/* 'buffer' is the one that 'bytes' are in, or NULL. */
static int read_bytes(const void *bytes, size_t n_bytes, struct pp_buffer *buffer, const char *name,
                      struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct pp_speedscope_reader reader = {
        .name = name, .err = err, .buffer = buffer};
    int failed = -ENOMEM;

    pp_json_reader_init(&reader.json, bytes, n_bytes);
    reader.profile = pp_profile_new();
    if (reader.profile != NULL)
        failed = read_document(&reader);
    if (failed == 0 && reader.json.decoded.failed)
        failed = -ENOMEM;
    if (failed == 0 && reader.json.problem != NULL)
        failed = pp_speedscope_refuse(&reader, "%s", reader.json.problem);
    if (failed == 0)
        failed = finish(&reader);
    if (failed == -ENOMEM)
        return pp_fail(err, failed, 0, "'%s': out of memory", name);
    if (failed != 0)
        return failed;
    pp_profile_settle(reader.profile);
    *profile_out = reader.profile;
    reader.profile = NULL;
    return 0;
}

int pp_speedscope_read(const void *bytes, size_t n_bytes, const char *name,
                       struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    return read_bytes(bytes, n_bytes, NULL, name, profile_out, err);
}

int pp_speedscope_read_buffer(struct pp_buffer *bytes, const char *name,
                              struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    return read_bytes(bytes->bytes, bytes->n_bytes, bytes, name, profile_out, err);
}
