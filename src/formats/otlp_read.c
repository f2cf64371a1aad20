/* Reading OTLP profiles in protobuf: a file (ProfilesData) or the body of a request.  The
 * dictionary first, wherever it stands; what is unknown is skipped. */
#include <errno.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "formats/otlp_wire.h"
#include "profile/tables.h"

/* ---- profiles ---- */

static int take_attribute(struct pp_otlp_reader *all, uint64_t value, void *context)
{
    struct pp_otlp_sample *sample = context;

    all->n_sample_attributes = sample->n_attributes;
    if (!PP_OTLP_ROOM(all, sample_attributes))
        return -ENOMEM;
    all->sample_attributes[sample->n_attributes++] = pp_otlp_index(value);
    return 0;
}

static int take_value(struct pp_otlp_reader *all, uint64_t value, void *context)
{
    struct pp_otlp_sample *sample = context;

    (void)all;
    sample->value = pp_add_values(sample->value, (int64_t)value);
    sample->n_values++;
    return 0;
}

static int read_sample(struct pp_otlp_wire *reader, const struct pp_otlp_profile *profile,
                       struct pp_wire message)
{
    const uint64_t offset = (uint64_t)(message.at - reader->begin);
    struct pp_otlp_sample sample = {.stack = 0};
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number == PP_OTLP_S_STACK)
            sample.stack = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_S_LINK)
            sample.link = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_S_ATTRIBUTES)
            failed = pp_otlp_each_number(reader, &field, take_attribute, &sample);
        else if (field.number == PP_OTLP_S_VALUES)
            failed = pp_otlp_each_number(reader, &field, take_value, &sample);
        else if (field.number == PP_OTLP_S_TIMES)
            sample.n_times +=
                field.type == PP_WIRE_LEN ? (size_t)(field.bytes.end - field.bytes.at) / 8 : 1;
    }
    reader->all.offset = offset;
    return failed != 0 ? failed : pp_otlp_add_sample(&reader->all, profile, &sample);
}

static int read_value_type(struct pp_otlp_wire *reader, struct pp_wire message, uint32_t *type,
                           uint32_t *unit)
{
    struct pp_wire_field field;
    int found;

    while ((found = pp_otlp_next_field(reader, &message, &field)) > 0) {
        if (field.number == PP_OTLP_VT_TYPE)
            *type = pp_otlp_index(field.value);
        else if (field.number == PP_OTLP_VT_UNIT)
            *unit = pp_otlp_index(field.value);
    }
    return found;
}

/* All but its samples. */
static int read_head(struct pp_otlp_wire *reader, struct pp_wire message,
                     struct pp_otlp_profile *profile, struct pp_otlp_range *attributes)
{
    uint32_t type = 0, unit = 0;
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number == PP_OTLP_P_SAMPLE_TYPE)
            failed = read_value_type(reader, field.bytes, &type, &unit);
        else if (field.number == PP_OTLP_P_TIME)
            profile->time_ns = field.value;
        else if (field.number == PP_OTLP_P_DURATION)
            profile->duration_ns = (int64_t)field.value;
        else if (field.number == PP_OTLP_P_PERIOD_TYPE)
            failed =
                read_value_type(reader, field.bytes, &profile->period_type, &profile->period_unit);
        else if (field.number == PP_OTLP_P_PERIOD)
            profile->period = (int64_t)field.value;
        else if (field.number == PP_OTLP_P_ID && field.type == PP_WIRE_LEN)
            pp_otlp_take_id(profile, field.bytes.at, (size_t)(field.bytes.end - field.bytes.at));
        else if (field.number == PP_OTLP_P_ATTRIBUTES)
            failed = pp_otlp_each_number(reader, &field, pp_otlp_take_index, attributes);
    }
    return failed != 0 ? failed : pp_otlp_begin_profile(&reader->all, profile, type, unit);
}

static int read_profile(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_otlp_profile profile = {.has_type = false};
    struct pp_otlp_range attributes = {reader->all.n_indexes, 0};
    struct pp_wire_field field;
    int found, failed = read_head(reader, message, &profile, &attributes);

    if (failed == 0)
        failed = pp_otlp_end_profile(&reader->all, &profile, attributes);
    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        failed = found < 0 ? found : 0;
        if (failed == 0 && field.number == PP_OTLP_P_SAMPLES && field.type == PP_WIRE_LEN)
            failed = read_sample(reader, &profile, field.bytes);
    }
    return failed;
}

/* The text of the scope's attribute that names the default sample type. */
static int read_scope(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_otlp_attribute attribute;
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number != PP_OTLP_SCOPE_ATTRIBUTES || field.type != PP_WIRE_LEN)
            continue;
        failed = pp_otlp_read_attribute(reader, field.bytes, false, &attribute);
        if (failed == 0 && attribute.value.kind == PP_OTLP_TEXT &&
            strcmp(all->profile->strings[attribute.key], PP_OTLP_DEFAULT_TYPE) == 0)
            all->default_type = attribute.value.text;
    }
    return failed;
}

static int read_scope_profiles(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        failed = found < 0 ? found : 0;
        if (failed == 0 && field.number == PP_OTLP_SP_SCOPE)
            failed = read_scope(reader, field.bytes);
        else if (failed == 0 && field.number == PP_OTLP_SP_PROFILES)
            failed = read_profile(reader, field.bytes);
    }
    return failed;
}

static int read_resource(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_otlp_reader *all = &reader->all;
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        if (found < 0)
            return found;
        if (field.number != PP_OTLP_RESOURCE_ATTRIBUTES || field.type != PP_WIRE_LEN)
            continue;
        if (!PP_OTLP_ROOM(all, resource))
            return -ENOMEM;
        failed =
            pp_otlp_read_attribute(reader, field.bytes, false, &all->resource[all->n_resource]);
        if (failed == 0)
            failed = pp_otlp_check(all, "key_strindex", all->resource[all->n_resource].key_index,
                                   all->n_strings);
        if (failed == 0)
            failed = pp_otlp_check(all, "string_value_strindex",
                                   all->resource[all->n_resource].value.string, all->n_strings);
        all->n_resource++;
    }
    return failed;
}

static int read_resource_profiles(struct pp_otlp_wire *reader, struct pp_wire message)
{
    struct pp_wire again = message;
    struct pp_wire_field field;
    int found, failed = 0;

    reader->all.n_resource = 0;
    while (failed == 0 && (found = pp_otlp_next_field(reader, &again, &field)) != 0) {
        failed = found < 0 ? found : 0;
        if (failed == 0 && field.number == PP_OTLP_RP_RESOURCE)
            failed = read_resource(reader, field.bytes);
    }
    if (failed == 0)
        pp_otlp_take_resource(&reader->all);
    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        failed = found < 0 ? found : 0;
        if (failed == 0 && field.number == PP_OTLP_RP_SCOPE_PROFILES)
            failed = read_scope_profiles(reader, field.bytes);
    }
    return failed;
}

/* ---- the message ---- */

static int read_all(struct pp_otlp_wire *reader, struct pp_wire all)
{
    struct pp_wire message = all;
    struct pp_wire_field field;
    int found, failed = 0;

    while (failed == 0 && (found = pp_otlp_next_field(reader, &message, &field)) != 0) {
        failed = found < 0 ? found : 0;
        if (failed == 0 && field.number == PP_OTLP_DICTIONARY && field.type == PP_WIRE_LEN)
            failed = pp_otlp_read_dictionary(reader, field.bytes);
        reader->all.n_resources += failed == 0 && field.number == PP_OTLP_RESOURCE_PROFILES;
    }
    if (failed == 0)
        failed = pp_otlp_dictionary_resolve(&reader->all);
    while (failed == 0 && (found = pp_otlp_next_field(reader, &all, &field)) != 0) {
        failed = found < 0 ? found : 0;
        if (failed == 0 && field.number == PP_OTLP_RESOURCE_PROFILES && field.type == PP_WIRE_LEN)
            failed = read_resource_profiles(reader, field.bytes);
    }
    return failed != 0 ? failed : pp_otlp_finish(&reader->all);
}

static void reader_done(struct pp_otlp_wire *reader)
{
    pp_otlp_reader_done(&reader->all);
}

int pp_otlp_read(const void *bytes, size_t n_bytes, const char *name,
                 struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct pp_otlp_wire reader = {
        .all = {.name = name, .err = err, .is_placed = true}, .begin = bytes};
    int failed = -ENOMEM;

    reader.all.profile = pp_profile_new();
    if (reader.all.profile != NULL)
        failed = read_all(&reader, pp_wire_of(bytes, n_bytes));
    if (failed == -ENOMEM)
        return pp_fail(err, failed, 0, "'%s': out of memory", name);
    if (failed != 0)
        return failed;
    *profile_out = reader.all.profile;
    reader.all.profile = NULL;
    return 0;
}
