/* From OTLP's profiles to samples of ours.  Each of its profiles has one sample type; those of the
 * same type, of several processes say, are one profile here. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/memory.h"
#include "formats/otlp_reader.h"
#include "formats/pprof.h"
#include "profile/tables.h"

/* ---- profiles ---- */

/* JSON spells zeroes as '0' (hexadecimal, as ids of traces) or 'A' (base64). */
static bool is_zero(const unsigned char *bytes, size_t n_bytes)
{
    for (size_t i = 0; i < n_bytes; i++)
        if (strchr("0A=", bytes[i]) == NULL) /* finds the NUL, too */
            return false;
    return true;
}

void pp_otlp_take_id(struct pp_otlp_profile *profile, const void *bytes, size_t n_bytes)
{
    profile->id = (struct pp_otlp_id){.n_bytes = 0};
    if (n_bytes > PP_OTLP_MAX_ID_BYTES || is_zero(bytes, n_bytes))
        return;
    memcpy(profile->id.bytes, bytes, n_bytes);
    profile->id.n_bytes = (uint32_t)n_bytes;
}

static bool is_same_id(const struct pp_otlp_id *a, const struct pp_otlp_id *b)
{
    return a->type == b->type && a->n_bytes == b->n_bytes &&
           memcmp(a->bytes, b->bytes, a->n_bytes) == 0;
}

/* Whether one of the same id and sample type came before; it is remembered. */
static int look_for_repetition(struct pp_otlp_reader *reader, struct pp_otlp_profile *profile)
{
    struct pp_id_probe probe;
    uint64_t hash = pp_hash_add(profile->type, profile->id.n_bytes);

    profile->id.type = profile->type;
    if (profile->id.n_bytes == 0)
        return 0;
    for (uint32_t i = 0; i < profile->id.n_bytes; i++)
        hash = pp_hash_add(hash, profile->id.bytes[i]);
    for (probe = pp_id_table_first(&reader->ids_table, hash); probe.id != 0;
         probe = pp_id_table_after(&reader->ids_table, hash, probe))
        profile->is_repeated |= is_same_id(&reader->ids[probe.id - 1], &profile->id);
    reader->n_repeated += profile->is_repeated;
    if (profile->is_repeated)
        return 0;
    if (!PP_OTLP_ROOM(reader, ids) ||
        pp_id_table_put(&reader->ids_table, hash, (uint32_t)reader->n_ids + 1) != 0)
        return -ENOMEM;
    reader->ids[reader->n_ids++] = profile->id;
    return 0;
}

static int choose_type(struct pp_otlp_reader *reader, struct pp_otlp_profile *profile,
                       uint32_t type, uint32_t unit)
{
    struct pprofc_profile *ours = reader->profile;
    struct pp_value_type wanted;
    int made = pp_otlp_check(reader, "type_strindex", type, reader->n_strings);

    if (made == 0)
        made = pp_otlp_check(reader, "unit_strindex", unit, reader->n_strings);
    if (made != 0)
        return made;
    wanted = (struct pp_value_type){pp_otlp_string(reader, type), pp_otlp_string(reader, unit)};
    profile->has_type = true;
    for (uint32_t i = 0; i < ours->n_types; i++) {
        if (ours->types[i].type == wanted.type && ours->types[i].unit == wanted.unit) {
            profile->type = i;
            return 0;
        }
    }
    made = pp_profile_add_type(ours, "", "");
    if (made == -E2BIG)
        return pp_otlp_refuse(reader, "more than %d sample types", PP_MAX_TYPES);
    if (made < 0)
        return made;
    profile->type = (uint32_t)made;
    ours->types[made] = wanted;
    return 0;
}

int pp_otlp_begin_profile(struct pp_otlp_reader *reader, struct pp_otlp_profile *profile,
                          uint32_t type, uint32_t unit)
{
    const int failed = choose_type(reader, profile, type, unit);

    return failed != 0 ? failed : look_for_repetition(reader, profile);
}

static void take_comment(struct pp_otlp_reader *reader, pp_id text)
{
    if (!pp_pprof_read_comment(reader->profile, reader->profile->strings[text]))
        pp_profile_comment(reader->profile, "%s", reader->profile->strings[text]);
}

static void take_attribute(struct pp_otlp_reader *reader, const struct pp_otlp_attribute *attribute)
{
    struct pprofc_profile *profile = reader->profile;
    const char *key = profile->strings[pp_otlp_key(reader, attribute)];

    if (strcmp(key, PP_OTLP_COMMENT) == 0) {
        for (size_t i = 0; attribute->value.kind == PP_OTLP_TEXTS && i < attribute->value.texts.n;
             i++)
            take_comment(reader, reader->texts[attribute->value.texts.first + i]);
        if (pp_otlp_text(reader, attribute) != 0)
            take_comment(reader, pp_otlp_text(reader, attribute));
    } else if (strcmp(key, PP_OTLP_DROP_FRAMES) == 0) {
        profile->drop_frames = pp_otlp_text(reader, attribute);
    } else if (strcmp(key, PP_OTLP_KEEP_FRAMES) == 0) {
        profile->keep_frames = pp_otlp_text(reader, attribute);
    }
}

/* From the begin of the first to the end of the last: profiles of several processes overlap, those
 * of one follow each other. */
static void take_time(struct pp_otlp_reader *reader, const struct pp_otlp_profile *profile)
{
    struct pprofc_profile *ours = reader->profile;
    const uint64_t most = INT64_MAX,
                   duration_ns = profile->duration_ns > 0 ? (uint64_t)profile->duration_ns : 0;

    if (profile->time_ns == 0 || profile->time_ns > most - duration_ns) {
        if (ours->duration_ns < profile->duration_ns)
            ours->duration_ns = profile->duration_ns;
        return;
    }
    if (ours->time_ns == 0 || profile->time_ns < (uint64_t)ours->time_ns)
        ours->time_ns = (int64_t)profile->time_ns;
    if (reader->end_ns < profile->time_ns + duration_ns)
        reader->end_ns = profile->time_ns + duration_ns;
    if (ours->duration_ns < (int64_t)(reader->end_ns - (uint64_t)ours->time_ns))
        ours->duration_ns = (int64_t)(reader->end_ns - (uint64_t)ours->time_ns);
}

/* Each profile of ours says the same of all; of others the first is taken that says something. */
int pp_otlp_end_profile(struct pp_otlp_reader *reader, const struct pp_otlp_profile *profile,
                        struct pp_otlp_range attributes)
{
    struct pprofc_profile *ours = reader->profile;
    int failed = pp_otlp_check(reader, "type_strindex", profile->period_type, reader->n_strings);

    if (failed == 0)
        failed = pp_otlp_check(reader, "unit_strindex", profile->period_unit, reader->n_strings);
    for (size_t i = 0; failed == 0 && i < attributes.n; i++)
        failed = pp_otlp_check(reader, "attribute_index", reader->indexes[attributes.first + i],
                               reader->n_attributes);
    if (failed != 0)
        return failed;
    take_time(reader, profile);
    if (ours->period_type.type == 0 && ours->period_type.unit == 0) {
        ours->period_type.type = pp_otlp_string(reader, profile->period_type);
        ours->period_type.unit = pp_otlp_string(reader, profile->period_unit);
    }
    if (ours->period == 0)
        ours->period = profile->period;
    for (size_t i = 0; reader->n_profiles == 0 && i < attributes.n; i++) {
        const uint32_t index = reader->indexes[attributes.first + i];
        if (index != 0)
            take_attribute(reader, &reader->attributes[index]);
    }
    reader->n_profiles++;
    return pp_profile_failed(ours) ? -ENOMEM : 0;
}

/* ---- labels ---- */

static pp_id label_key(struct pp_otlp_reader *reader, pp_id key)
{
    const char *name = reader->profile->strings[key];

    if (strcmp(name, "thread.name") == 0)
        return pp_profile_text(reader->profile, "thread_name");
    if (strcmp(name, "thread.id") == 0)
        return pp_profile_text(reader->profile, "thread_id");
    return key;
}

/* False without memory. */
static bool add_label(struct pp_otlp_reader *reader, const struct pp_otlp_attribute *attribute)
{
    struct pp_label label = {.key = label_key(reader, pp_otlp_key(reader, attribute)),
                             .unit = pp_otlp_string(reader, attribute->unit_index)};

    switch (attribute->value.kind) {
    case PP_OTLP_TEXT:
    case PP_OTLP_STRING:
        label.text = pp_otlp_text(reader, attribute);
        break;
    case PP_OTLP_NUMBER:
        label.number = attribute->value.number;
        break;
    case PP_OTLP_BOOL:
        label.text =
            pp_profile_text(reader->profile, attribute->value.number != 0 ? "true" : "false");
        break;
    case PP_OTLP_NO_VALUE:
    case PP_OTLP_TEXTS:
        reader->n_ignored++;
        return true;
    }
    if (!PP_OTLP_ROOM(reader, labels))
        return false;
    reader->labels[reader->n_labels++] = label;
    return true;
}

static bool add_id(struct pp_otlp_reader *reader, const char *key, const unsigned char *bytes,
                   size_t n_bytes)
{
    static const char digits[] = "0123456789abcdef";
    char text[2 * PP_OTLP_TRACE_BYTES];
    bool is_zero = true;

    for (size_t i = 0; i < n_bytes; i++) {
        text[2 * i] = digits[bytes[i] >> 4];
        text[2 * i + 1] = digits[bytes[i] & 15];
        is_zero &= bytes[i] == 0;
    }
    if (is_zero)
        return true;
    if (!PP_OTLP_ROOM(reader, labels))
        return false;
    reader->labels[reader->n_labels++] =
        (struct pp_label){.key = pp_profile_text(reader->profile, key),
                          .text = pp_profile_string(reader->profile, text, 2 * n_bytes)};
    return true;
}

/* Those of the sample, of its link and, where there are several, of its resource. */
static bool make_labels(struct pp_otlp_reader *reader, const struct pp_otlp_sample *sample)
{
    const struct pp_otlp_link *link = sample->link > 0 ? &reader->links[sample->link] : NULL;

    reader->n_labels = 0;
    for (size_t i = 0; i < sample->n_attributes; i++) {
        const uint32_t index = reader->sample_attributes[i];
        if (index != 0 && !add_label(reader, &reader->attributes[index]))
            return false;
    }
    for (size_t i = 0; reader->n_resources > 1 && i < reader->n_resource; i++) {
        if (!add_label(reader, &reader->resource[i]))
            return false;
    }
    return link == NULL || (add_id(reader, "trace_id", link->trace, sizeof link->trace) &&
                            add_id(reader, "span_id", link->span, sizeof link->span));
}

/* ---- samples ---- */

/* Without values each of its times is one. */
int pp_otlp_add_sample(struct pp_otlp_reader *reader, const struct pp_otlp_profile *profile,
                       const struct pp_otlp_sample *sample)
{
    int64_t values[PP_MAX_TYPES] = {0};
    int failed = pp_otlp_check(reader, "stack_index", sample->stack, reader->n_stacks);

    if (failed == 0)
        failed = pp_otlp_check(reader, "link_index", sample->link, reader->n_links);
    for (size_t i = 0; failed == 0 && i < sample->n_attributes; i++)
        failed = pp_otlp_check(reader, "attribute_index", reader->sample_attributes[i],
                               reader->n_attributes);
    if (failed != 0)
        return failed;
    if (sample->n_values > 0 && sample->n_times > 0 && sample->n_values != sample->n_times)
        return pp_otlp_refuse(reader, "a sample with %zu values at %zu times", sample->n_values,
                              sample->n_times);
    if (profile->is_repeated)
        return 0;
    if (!make_labels(reader, sample))
        return -ENOMEM;
    values[profile->type] = sample->n_values > 0 ? sample->value : (int64_t)sample->n_times;
    pp_profile_add(
        reader->profile, sample->stack == 0 ? 0 : reader->stacks_of[sample->stack],
        pp_profile_label_set(reader->profile, reader->labels, (uint32_t)reader->n_labels), 0,
        values);
    return pp_profile_failed(reader->profile) ? -ENOMEM : 0;
}

/* ---- the resource and the whole ---- */

/* Of several resources these are labels of their samples. */
void pp_otlp_take_resource(struct pp_otlp_reader *reader)
{
    struct pprofc_profile *profile = reader->profile;

    for (size_t i = 0; reader->n_resources <= 1 && i < reader->n_resource; i++) {
        const struct pp_otlp_attribute *attribute = &reader->resource[i];
        const pp_id key = pp_otlp_key(reader, attribute), text = pp_otlp_text(reader, attribute);
        if (strcmp(profile->strings[key], PP_OTLP_COMMAND) == 0 && text != 0)
            profile->command = text;
        else if (text != 0)
            pp_profile_comment(profile, "%s: %s", profile->strings[key], profile->strings[text]);
        else if (attribute->value.kind == PP_OTLP_NUMBER)
            pp_profile_comment(profile, "%s: %" PRId64, profile->strings[key],
                               attribute->value.number);
    }
}

int pp_otlp_finish(struct pp_otlp_reader *reader)
{
    struct pprofc_profile *profile = reader->profile;

    reader->is_placed = false;
    if (profile->n_types == 0)
        return pp_otlp_refuse(reader, "no profiles in this OTLP message");
    for (uint32_t type = 0; reader->default_type != 0 && type < profile->n_types; type++) {
        if (profile->types[type].type == reader->default_type)
            profile->default_type = type;
    }
    if (reader->n_ignored > 0)
        pp_profile_note(profile,
                        "%" PRIu64
                        " attributes of samples were lists, bytes or fractions, and left out",
                        reader->n_ignored);
    if (reader->n_repeated > 0)
        pp_profile_note(profile,
                        "%" PRIu32 " profiles have the id of one before them, and the same sample "
                        "type: they were sent twice and are counted once",
                        reader->n_repeated);
    if (pp_profile_failed(profile) || pp_profile_estimate_heap(profile) != 0)
        return -ENOMEM;
    return 0;
}
