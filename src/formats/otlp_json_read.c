/* Reading OTLP profiles in JSON, protobuf's with two rules of OpenTelemetry's own: ids are in
 * hexadecimal, and names are in lowerCamelCase alone.  The dictionary first, wherever it stands. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "formats/formats.h"
#include "formats/otlp_json.h"
#include "profile/tables.h"

/* Messages point at where the document's reader stands. */
static void place(struct pp_otlp_json *reader)
{
    reader->all.offset = (uint64_t)(reader->json.at - reader->json.begin);
}

/* ---- samples ---- */

static int read_values(struct pp_otlp_json *reader, struct pp_otlp_sample *sample)
{
    int64_t value;

    if (!pp_json_read_array(&reader->json))
        return 0;
    while (pp_json_next_item(&reader->json) && pp_json_read_int64(&reader->json, &value)) {
        sample->value = pp_add_values(sample->value, value);
        sample->n_values++;
    }
    return 0;
}

static int read_times(struct pp_otlp_json *reader, struct pp_otlp_sample *sample)
{
    if (!pp_json_read_array(&reader->json))
        return 0;
    for (; pp_json_next_item(&reader->json); sample->n_times++)
        (void)pp_json_skip(&reader->json);
    return 0;
}

static int read_attributes(struct pp_otlp_json *reader, struct pp_otlp_sample *sample)
{
    struct pp_otlp_reader *all = &reader->all;
    uint32_t index;

    all->n_sample_attributes = 0;
    if (!pp_json_read_array(&reader->json))
        return 0;
    while (pp_json_next_item(&reader->json) && pp_json_read_index(&reader->json, &index)) {
        if (!PP_OTLP_ROOM(all, sample_attributes))
            return -ENOMEM;
        all->sample_attributes[all->n_sample_attributes++] = index;
    }
    sample->n_attributes = all->n_sample_attributes;
    return 0;
}

static int read_sample(struct pp_otlp_json *reader, const struct pp_otlp_profile *profile)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_otlp_sample sample = {.stack = 0};
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    place(reader);
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "stackIndex"))
            (void)pp_json_read_index(json, &sample.stack);
        else if (pp_json_is(key, "linkIndex"))
            (void)pp_json_read_index(json, &sample.link);
        else if (pp_json_is(key, "attributeIndices"))
            failed = read_attributes(reader, &sample);
        else if (pp_json_is(key, "values"))
            failed = read_values(reader, &sample);
        else if (pp_json_is(key, "timestampsUnixNano"))
            failed = read_times(reader, &sample);
        else
            (void)pp_json_skip(json);
    }
    if (failed != 0 || json->problem != NULL)
        return failed;
    return pp_otlp_add_sample(&reader->all, profile, &sample);
}

static int read_samples(struct pp_otlp_json *reader, const struct pp_otlp_profile *profile)
{
    int failed = 0;

    if (!pp_json_read_array(&reader->json))
        return 0;
    while (failed == 0 && pp_json_next_item(&reader->json))
        failed = read_sample(reader, profile);
    return failed;
}

/* ---- profiles ---- */

static void read_value_type(struct pp_json_reader *json, uint32_t *type, uint32_t *unit)
{
    struct pp_json_string key;

    if (!pp_json_read_object(json))
        return;
    while (pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "typeStrindex"))
            (void)pp_json_read_index(json, type);
        else if (pp_json_is(key, "unitStrindex"))
            (void)pp_json_read_index(json, unit);
        else
            (void)pp_json_skip(json);
    }
}

/* What a profile's object says, and where its samples stand. */
struct head {
    uint32_t type, unit;
    struct pp_otlp_range attributes;
    const char *samples; /* NULL: none */
};

static int read_head(struct pp_otlp_json *reader, struct pp_otlp_profile *profile,
                     struct head *head)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key, id;
    int64_t number;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "profileId") && pp_json_peek(json) == PP_JSON_STRING &&
            pp_json_read_string(json, &id)) {
            pp_otlp_take_id(profile, id.bytes, id.n_bytes);
        } else if (pp_json_is(key, "sampleType")) {
            read_value_type(json, &head->type, &head->unit);
        } else if (pp_json_is(key, "periodType")) {
            read_value_type(json, &profile->period_type, &profile->period_unit);
        } else if (pp_json_is(key, "timeUnixNano") && pp_json_read_int64(json, &number)) {
            profile->time_ns = (uint64_t)number;
        } else if (pp_json_is(key, "durationNano")) {
            (void)pp_json_read_int64(json, &profile->duration_ns);
        } else if (pp_json_is(key, "period")) {
            (void)pp_json_read_int64(json, &profile->period);
        } else if (pp_json_is(key, "attributeIndices")) {
            failed = pp_otlp_json_read_indexes(reader, &head->attributes);
        } else if (pp_json_is(key, "samples")) {
            head->samples = json->at;
            (void)pp_json_skip(json);
        } else {
            (void)pp_json_skip(json);
        }
    }
    return failed;
}

/* Its samples lean on what may stand behind them, so they are read last. */
static int read_profile(struct pp_otlp_json *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_otlp_profile profile = {.has_type = false};
    struct head head = {.samples = NULL};
    const char *end;
    int failed = read_head(reader, &profile, &head);

    if (failed != 0 || json->problem != NULL)
        return failed;
    place(reader);
    failed = pp_otlp_begin_profile(&reader->all, &profile, head.type, head.unit);
    if (failed == 0)
        failed = pp_otlp_end_profile(&reader->all, &profile, head.attributes);
    if (failed != 0 || head.samples == NULL)
        return failed;
    end = json->at;
    json->at = head.samples;
    failed = read_samples(reader, &profile);
    if (failed == 0 && json->problem == NULL)
        json->at = end;
    return failed;
}

/* Hand each attribute of an object that has "attributes" to 'take'. */
static int read_attributes_of(struct pp_otlp_json *reader,
                              int (*take)(struct pp_otlp_json *, const struct pp_otlp_attribute *))
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (!pp_json_is(key, "attributes")) {
            (void)pp_json_skip(json);
            continue;
        }
        if (!pp_json_read_array(json))
            return 0;
        while (failed == 0 && pp_json_next_item(json)) {
            struct pp_otlp_attribute attribute;
            failed = pp_otlp_json_read_attribute(reader, &attribute);
            if (failed == 0)
                failed = take(reader, &attribute);
        }
    }
    return failed;
}

/* The attribute of the scope that names the default sample type. */
static int take_of_scope(struct pp_otlp_json *reader, const struct pp_otlp_attribute *attribute)
{
    struct pp_otlp_reader *all = &reader->all;

    if (attribute->value.kind == PP_OTLP_TEXT &&
        strcmp(all->profile->strings[attribute->key], PP_OTLP_DEFAULT_TYPE) == 0)
        all->default_type = attribute->value.text;
    return 0;
}

static int read_scope_profiles(struct pp_otlp_json *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "scope")) {
            failed = read_attributes_of(reader, take_of_scope);
        } else if (!pp_json_is(key, "profiles")) {
            (void)pp_json_skip(json);
        } else if (pp_json_read_array(json)) {
            while (failed == 0 && pp_json_next_item(json))
                failed = read_profile(reader);
        }
    }
    return failed;
}

/* ---- resources ---- */

static int take_of_resource(struct pp_otlp_json *reader, const struct pp_otlp_attribute *attribute)
{
    struct pp_otlp_reader *all = &reader->all;
    int failed;

    place(reader);
    failed = pp_otlp_check(all, "keyStrindex", attribute->key_index, all->n_strings);
    if (failed == 0)
        failed = pp_otlp_check(all, "stringValueStrindex", attribute->value.string, all->n_strings);
    if (failed == 0 && !PP_OTLP_ROOM(all, resource))
        failed = -ENOMEM;
    if (failed == 0)
        all->resource[all->n_resource++] = *attribute;
    return failed;
}

/* The resource stands before its profiles; where it does not, they do without. */
static int read_resource_profiles(struct pp_otlp_json *reader)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    reader->all.n_resource = 0;
    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "resource")) {
            failed = read_attributes_of(reader, take_of_resource);
            if (failed == 0)
                pp_otlp_take_resource(&reader->all);
        } else if (!pp_json_is(key, "scopeProfiles")) {
            (void)pp_json_skip(json);
        } else if (pp_json_read_array(json)) {
            while (failed == 0 && pp_json_next_item(json))
                failed = read_scope_profiles(reader);
        }
    }
    return failed;
}

/* ---- the document ---- */

/* Over the document once, to see where the profiles are and how many resources; the dictionary is
 * read on the way. */
static int find_profiles(struct pp_otlp_json *reader, const char **profiles_out)
{
    struct pp_json_reader *json = &reader->json;
    struct pp_json_string key;
    int failed = 0;

    if (!pp_json_read_object(json))
        return 0;
    while (failed == 0 && pp_json_next_key(json, &key)) {
        if (pp_json_is(key, "dictionary")) {
            failed = pp_otlp_json_read_dictionary(reader);
        } else if (pp_json_is(key, "resourceProfiles")) {
            *profiles_out = json->at;
            if (!pp_json_read_array(json))
                return 0;
            for (; pp_json_next_item(json); reader->all.n_resources++)
                (void)pp_json_skip(json);
        } else {
            (void)pp_json_skip(json);
        }
    }
    if (failed == 0 && !pp_json_at_end(json))
        (void)pp_json_refuse(json, "something behind the document");
    return failed;
}

static int read_document(struct pp_otlp_json *reader)
{
    struct pp_json_reader *json = &reader->json;
    const char *profiles = NULL;
    int failed = find_profiles(reader, &profiles);

    if (failed == 0 && json->problem == NULL)
        failed = pp_otlp_dictionary_resolve(&reader->all);
    if (failed != 0 || json->problem != NULL || profiles == NULL)
        return failed;
    json->at = profiles;
    if (!pp_json_read_array(json))
        return 0;
    while (failed == 0 && pp_json_next_item(json))
        failed = read_resource_profiles(reader);
    return failed;
}

static void reader_done(struct pp_otlp_json *reader)
{
    pp_otlp_reader_done(&reader->all);
    pp_json_reader_done(&reader->json);
}

int pp_otlp_json_read(const void *bytes, size_t n_bytes, const char *name,
                      struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    __attribute__((cleanup(reader_done))) struct pp_otlp_json reader = {
        .all = {.name = name, .err = err, .is_placed = true}};
    int failed = -ENOMEM;

    pp_json_reader_init(&reader.json, bytes, n_bytes);
    reader.all.profile = pp_profile_new();
    if (reader.all.profile != NULL)
        failed = read_document(&reader);
    if (failed == 0 && reader.json.decoded.failed)
        failed = -ENOMEM;
    if (failed == 0 && reader.json.problem != NULL) {
        place(&reader);
        failed = pp_otlp_refuse(&reader.all, "%s", reader.json.problem);
    }
    if (failed == 0)
        failed = pp_otlp_finish(&reader.all);
    if (failed == -ENOMEM)
        return pp_fail(err, failed, 0, "'%s': out of memory", name);
    if (failed != 0)
        return failed;
    *profile_out = reader.all.profile;
    reader.all.profile = NULL;
    return 0;
}
