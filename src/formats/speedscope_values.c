/* Reading speedscope's weights and events.  Values are whole numbers here: times become
 * nanoseconds, and what else has a fraction is rounded so that the total is right to one unit. */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/print.h"
#include "formats/speedscope_reader.h"
#include "profile/tables.h"

enum {
    FETCHED_AHEAD = 8,            /* samples */
    FORGOTTEN_BYTES = 512 * 1024, /* at a time */
};

struct pp_speedscope_unit {
    const char *name;
    int64_t factor;
    const char *type, *unit;
};

static const struct pp_speedscope_unit units[] = {
    {"none", 1, "samples", "count"},
    {"nanoseconds", 1, "time", "nanoseconds"},
    {"microseconds", 1000, "time", "nanoseconds"},
    {"milliseconds", 1000000, "time", "nanoseconds"},
    {"seconds", 1000000000, "time", "nanoseconds"},
    {"bytes", 1, "memory", "bytes"},
};

const struct pp_speedscope_unit *pp_speedscope_unit_of(struct pp_json_string name)
{
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (pp_json_is(name, units[i].name))
            return &units[i];
    }
    return NULL;
}

int pp_speedscope_refuse(struct pp_speedscope_reader *reader, const char *format, ...)
{
    const uint64_t offset = (uint64_t)(reader->json.at - reader->json.begin);
    char what[256];
    va_list arguments;

    va_start(arguments, format);
    (void)pp_vprint(what, sizeof what, format, arguments);
    va_end(arguments);
    return pp_fail(reader->err, -EBADMSG, offset, "'%s': %s at byte %" PRIu64, reader->name, what,
                   offset);
}

int pp_speedscope_no_frame(struct pp_speedscope_reader *reader, uint32_t frame)
{
    return pp_speedscope_refuse(reader, "frame %" PRIu32 " of a table of %zu", frame,
                                reader->n_frames);
}

/* ---- which type, and whose ---- */

/* "alloc_space (kilobytes)" of ours is a type and a unit that speedscope does not have. */
static int type_of_title(struct pp_speedscope_reader *reader,
                         const struct pp_speedscope_piece *piece)
{
    struct pprofc_profile *profile = reader->profile;
    const char *title = profile->strings[piece->title];
    const size_t n_title = profile->string_bytes[piece->title];
    const char *open = n_title > 0 && title[n_title - 1] == ')' ? strrchr(title, '(') : NULL;
    const bool is_count = strcmp(piece->unit->name, "none") == 0;
    struct pp_value_type type = {
        .type = piece->title,
        .unit = pp_profile_text(profile, is_count ? "count" : piece->unit->name)};
    int made;

    if (is_count && open != NULL && open > title && open[-1] == ' ') {
        const char *inside = open + 1;
        type.unit = pp_profile_string(profile, inside, (size_t)(title + n_title - 1 - inside));
        type.type = pp_profile_string(profile, title, (size_t)(open - 1 - title));
    }
    made = pp_profile_add_type(profile, "", "");
    if (made >= 0)
        profile->types[made] = type;
    return made;
}

static int type_of_unit(struct pp_speedscope_reader *reader, const struct pp_speedscope_unit *unit)
{
    const struct pprofc_profile *profile = reader->profile;

    for (uint32_t type = 0; type < profile->n_types; type++) {
        if (strcmp(profile->strings[profile->types[type].unit], unit->unit) == 0)
            return (int)type;
    }
    return pp_profile_add_type(reader->profile, unit->type, unit->unit);
}

static int choose_type(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece)
{
    struct pprofc_profile *profile = reader->profile;
    const struct pp_label label = {.key = pp_profile_text(profile, "thread_name"),
                                   .text = piece->title};
    const int type =
        reader->is_ours ? type_of_title(reader, piece) : type_of_unit(reader, piece->unit);

    if (type < 0)
        return type == -E2BIG
                   ? pp_speedscope_refuse(reader, "more than %d sample types", PP_MAX_TYPES)
                   : type;
    piece->type = (uint32_t)type;
    piece->has_type = true;
    if (!reader->is_ours && piece->title != 0)
        piece->labels = pp_profile_label_set(profile, &label, 1);
    reader->has_threads |= reader->has_type[type];
    reader->has_type[type] = true;
    if (reader->n_profiles == reader->active)
        profile->default_type = piece->type;
    return 0;
}

/* ---- values ---- */

static int add_value(struct pp_speedscope_reader *reader, const struct pp_speedscope_piece *piece,
                     pp_id stack, int64_t value)
{
    int64_t values[PP_MAX_TYPES] = {0};

    if (value < 0)
        return pp_speedscope_refuse(reader, "a negative value, which the format does not have,");
    if (value == 0)
        return 0;
    values[piece->type] = value;
    pp_profile_add(reader->profile, stack, piece->labels, 0, values);
    return pp_profile_failed(reader->profile) ? -ENOMEM : 0;
}

/* 'number' in our unit, with the carry of those before; the value in '*value_out'. */
static int scale(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece,
                 const struct pp_json_number *number, int64_t *value_out)
{
    const int64_t factor = reader->is_ours ? 1 : piece->unit->factor;
    long double exact, rounded;

    if (number->is_whole && !__builtin_mul_overflow(number->whole, factor, value_out))
        return 0;
    exact = number->value * (long double)factor + piece->carry;
    if (!isfinite(exact) || exact >= 0x1p63L || exact <= -0x1p63L)
        return pp_speedscope_refuse(reader, "a value beyond 2^63");
    rounded = floorl(exact + 0.5L);
    piece->carry = exact - rounded;
    reader->n_rounded += fabsl(piece->carry) > 1e-3L;
    *value_out = (int64_t)rounded;
    return 0;
}

void pp_speedscope_forget(struct pp_speedscope_reader *reader)
{
    const size_t n_read = (size_t)(reader->json.at - reader->json.begin);

    if (reader->buffer != NULL && reader->n_later == 0 &&
        n_read - reader->n_forgotten >= FORGOTTEN_BYTES)
        reader->n_forgotten = pp_buffer_forget(reader->buffer, reader->n_forgotten, n_read);
}

int pp_speedscope_read_weights(struct pp_speedscope_reader *reader,
                               struct pp_speedscope_piece *piece)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_number number;
    size_t n_weights = 0;
    int64_t value;
    int failed = piece->has_type ? 0 : choose_type(reader, piece);

    if (failed != 0 || !pp_json_read_array(json))
        return failed;
    while (failed == 0 && pp_json_next_item(json) && pp_json_read_number(json, &number)) {
        if (n_weights == piece->n_stacks)
            return pp_speedscope_refuse(reader, "more weights than samples (%zu)", n_weights);
        pp_speedscope_forget(reader);
        failed = scale(reader, piece, &number, &value);
        if (n_weights + FETCHED_AHEAD < piece->n_stacks)
            pp_profile_fetch_sample(reader->profile, piece->stacks[n_weights + FETCHED_AHEAD],
                                    piece->labels, 0);
        if (failed == 0)
            failed = add_value(reader, piece, piece->stacks[n_weights++], value);
    }
    if (failed == 0 && json->problem == NULL && n_weights != piece->n_stacks)
        return pp_speedscope_refuse(reader, "%zu weights for %zu samples", n_weights,
                                    piece->n_stacks);
    return failed;
}

/* ---- evented ---- */

/* The frames that are open, root first. */
struct path {
    uint32_t *frames;
    pp_id *nodes;
    size_t frames_capacity, nodes_capacity, depth;
};

static void path_done(struct path *path)
{
    free(path->frames);
    free(path->nodes);
}

static int reserve_path(struct path *path, size_t depth)
{
    return pp_array_reserve(&path->frames, &path->frames_capacity, depth, sizeof *path->frames) !=
                       0 ||
                   pp_array_reserve(&path->nodes, &path->nodes_capacity, depth,
                                    sizeof *path->nodes) != 0
               ? -ENOMEM
               : 0;
}

struct event {
    bool is_open, has_kind, has_frame, has_time;
    uint32_t frame;
    struct pp_json_number at;
};

static void read_event(struct pp_json_reader *json, struct event *event)
{
    struct pp_json_string key, kind;

    *event = (struct event){.is_open = false};
    if (!pp_json_read_object(json))
        return;
    while (pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "type") && pp_json_read_string(json, &kind)) {
            event->is_open = pp_json_is(kind, "O");
            event->has_kind = event->is_open || pp_json_is(kind, "C");
        } else if (pp_json_is(key, "frame")) {
            event->has_frame = pp_json_read_index(json, &event->frame);
        } else if (pp_json_is(key, "at")) {
            event->has_time = pp_json_read_number(json, &event->at);
        } else {
            (void)pp_json_skip(json);
        }
    }
}

/* The stack after the event. */
static int apply(struct pp_speedscope_reader *reader, const struct event *event, struct path *path)
{
    const size_t depth = path->depth;
    pp_id node;

    if (event->frame >= reader->n_frames)
        return pp_speedscope_no_frame(reader, event->frame);
    if (!event->is_open) {
        if (depth == 0 || path->frames[depth - 1] != event->frame)
            return pp_speedscope_refuse(
                reader, "frame %" PRIu32 " is closed, which is not the innermost", event->frame);
        path->depth--;
        return 0;
    }
    node = pp_profile_child(reader->profile, depth > 0 ? path->nodes[depth - 1] : 0,
                            reader->frames[event->frame]);
    if (node == 0 || reserve_path(path, depth + 1) != 0)
        return -ENOMEM;
    path->frames[depth] = event->frame;
    path->nodes[depth] = node;
    path->depth++;
    return 0;
}

/* The time from the event before to this one belongs to the stack in between. */
static int take_event(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece,
                      const struct event *event, struct path *path, int64_t *last)
{
    int64_t now = 0, passed;
    int failed;

    if (!event->has_kind || !event->has_frame || !event->has_time)
        return pp_speedscope_refuse(reader, "an event without its type (O or C), frame or time");
    piece->carry = 0;
    failed = scale(reader, piece, &event->at, &now);
    if (failed == 0 && path->depth > 0) {
        if (__builtin_sub_overflow(now, *last, &passed) || passed < 0)
            return pp_speedscope_refuse(reader, "an event before the one that precedes it");
        failed = add_value(reader, piece, path->nodes[path->depth - 1], passed);
    }
    *last = now;
    return failed != 0 ? failed : apply(reader, event, path);
}

/* Frames that nothing closes end with the profile. */
static int close_all(struct pp_speedscope_reader *reader, struct pp_speedscope_piece *piece,
                     const struct path *path, int64_t last)
{
    int64_t end = 0, passed;
    int failed;

    reader->n_unclosed += path->depth;
    if (!piece->has_end)
        return 0;
    piece->carry = 0;
    failed = scale(reader, piece, &piece->end, &end);
    if (failed != 0 || __builtin_sub_overflow(end, last, &passed) || passed < 0)
        return failed;
    return add_value(reader, piece, path->nodes[path->depth - 1], passed);
}

int pp_speedscope_read_events(struct pp_speedscope_reader *reader,
                              struct pp_speedscope_piece *piece)
{
    __attribute__((cleanup(path_done))) struct path path = {.depth = 0};
    struct pp_json_reader *json = &reader->json;
    struct event event;
    int64_t last = 0;
    int failed = piece->has_type ? 0 : choose_type(reader, piece);

    if (failed != 0 || !pp_json_read_array(json))
        return failed;
    while (failed == 0 && pp_json_next_item(json)) {
        pp_speedscope_forget(reader);
        read_event(json, &event);
        if (json->problem == NULL)
            failed = take_event(reader, piece, &event, &path, &last);
    }
    if (failed != 0 || json->problem != NULL || path.depth == 0)
        return failed;
    return close_all(reader, piece, &path, last);
}
