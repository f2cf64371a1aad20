/* Whose JSON a document is. */
#include "base/json_reader.h"
#include "formats/formats.h"

/* Members that tell by their name. */
static const struct {
    const char *key;
    enum pp_format format;
} signs[] = {
    {"resourceProfiles", PP_FORMAT_OTLP_JSON},
    {"dictionary", PP_FORMAT_OTLP_JSON},
    {"profiles", PP_FORMAT_SPEEDSCOPE},
    {"activeProfileIndex", PP_FORMAT_SPEEDSCOPE},
    {"nodes", PP_FORMAT_CPUPROFILE},
    {"timeDeltas", PP_FORMAT_CPUPROFILE},
    {"meta", PP_FORMAT_FIREFOX},
    {"threads", PP_FORMAT_FIREFOX},
    {"tool", PP_FORMAT_JSON},
};

/* "shared" is speedscope's with frames in it, and Firefox's with tables; "$schema" is anybody's. */
static enum pp_format look_inside(struct pp_json_reader *json, struct pp_json_string key)
{
    struct pp_json_string text;

    if (pp_json_is(key, "shared") && pp_json_peek(json) == PP_JSON_OBJECT) {
        (void)pp_json_read_object(json);
        return pp_json_next_key(json, &text) && !pp_json_is(text, "frames") ? PP_FORMAT_FIREFOX
                                                                            : PP_FORMAT_SPEEDSCOPE;
    }
    if (pp_json_is(key, "$schema") && pp_json_peek(json) == PP_JSON_STRING &&
        pp_json_read_string(json, &text))
        return memmem(text.bytes, text.n_bytes, "speedscope", 10) != NULL ? PP_FORMAT_SPEEDSCOPE
                                                                          : PP_FORMAT_UNKNOWN;
    (void)pp_json_skip(json);
    return PP_FORMAT_UNKNOWN;
}

enum pp_format pp_format_of_json(const void *bytes, size_t n_bytes)
{
    enum pp_format found = PP_FORMAT_UNKNOWN;
    struct pp_json_reader json;
    struct pp_json_string key;

    pp_json_reader_init(&json, bytes, n_bytes);
    if (pp_json_read_object(&json)) {
        while (found == PP_FORMAT_UNKNOWN && pp_json_next_key(&json, &key)) {
            for (size_t i = 0; i < sizeof signs / sizeof signs[0]; i++) {
                if (pp_json_is(key, signs[i].key))
                    found = signs[i].format;
            }
            if (found == PP_FORMAT_UNKNOWN)
                found = look_inside(&json, key);
        }
    }
    pp_json_reader_done(&json);
    return found != PP_FORMAT_UNKNOWN ? found : PP_FORMAT_JSON;
}
