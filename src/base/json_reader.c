/* Reading JSON (RFC 8259).  No recursion: what is skipped is followed with a byte a level. */
#include "base/json_reader.h"

#include "base/numbers.h"
#include "base/utf8.h"

void pp_json_reader_init(struct pp_json_reader *json, const void *bytes, size_t n_bytes)
{
    *json = (struct pp_json_reader){.begin = bytes, .at = bytes, .is_first = true};
    json->end = json->begin + n_bytes;
    if (n_bytes >= 3 && memcmp(bytes, "\xef\xbb\xbf", 3) == 0)
        json->at += 3;
}

void pp_json_reader_done(struct pp_json_reader *json)
{
    pp_buffer_done(&json->decoded);
}

bool pp_json_refuse(struct pp_json_reader *json, const char *problem)
{
    if (json->problem == NULL)
        json->problem = problem;
    return false;
}

static void skip_blanks(struct pp_json_reader *json)
{
    const char *at = json->at;

    while (at < json->end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
        at++;
    json->at = at;
}

enum pp_json_kind pp_json_peek(struct pp_json_reader *json)
{
    if (json->problem != NULL)
        return PP_JSON_NOTHING;
    skip_blanks(json);
    if (json->at == json->end)
        return PP_JSON_NOTHING;
    switch (*json->at) {
    case '{':
        return PP_JSON_OBJECT;
    case '[':
        return PP_JSON_ARRAY;
    case '"':
        return PP_JSON_STRING;
    case 't':
    case 'f':
    case 'n':
        return PP_JSON_WORD;
    default:
        return *json->at == '-' || (*json->at >= '0' && *json->at <= '9') ? PP_JSON_NUMBER
                                                                          : PP_JSON_NOTHING;
    }
}

/* Whether 'wanted' comes next; the end of the document has a name of its own. */
static bool expect(struct pp_json_reader *json, enum pp_json_kind wanted, const char *problem)
{
    if (pp_json_peek(json) == wanted)
        return true;
    return pp_json_refuse(json, json->at == json->end ? "the document ends too early" : problem);
}

/* ---- objects and arrays ---- */

static bool begin(struct pp_json_reader *json, enum pp_json_kind kind, const char *problem)
{
    if (!expect(json, kind, problem))
        return false;
    json->at++;
    json->is_first = true;
    return true;
}

bool pp_json_read_object(struct pp_json_reader *json)
{
    return begin(json, PP_JSON_OBJECT, "an object was expected");
}

bool pp_json_read_array(struct pp_json_reader *json)
{
    return begin(json, PP_JSON_ARRAY, "an array was expected");
}

/* Over the comma to the next member; false behind the bracket that ends them. */
static bool next_member(struct pp_json_reader *json, char bracket)
{
    if (json->problem != NULL)
        return false;
    skip_blanks(json);
    if (json->at == json->end)
        return pp_json_refuse(json, "the document ends too early");
    if (*json->at == bracket) {
        json->at++;
        json->is_first = false;
        return false;
    }
    if (!json->is_first) {
        if (*json->at != ',')
            return pp_json_refuse(json, "a comma was expected");
        json->at++;
    }
    json->is_first = false;
    return true;
}

bool pp_json_next_item(struct pp_json_reader *json)
{
    return next_member(json, ']');
}

bool pp_json_next_key(struct pp_json_reader *json, struct pp_json_string *key_out)
{
    if (!next_member(json, '}') || !pp_json_read_string(json, key_out))
        return false;
    skip_blanks(json);
    if (json->at == json->end || *json->at != ':')
        return pp_json_refuse(json, "a colon was expected");
    json->at++;
    return true;
}

/* ---- strings ---- */

static int hexadecimal(char digit)
{
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    digit = (char)(digit | 0x20);
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The four digits behind "\u", or -1. */
static int32_t read_unit(const struct pp_json_reader *json, const char *at)
{
    int32_t unit = 0;

    if (json->end - at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        const int digit = hexadecimal(at[i]);
        if (digit < 0)
            return -1;
        unit = unit << 4 | digit;
    }
    return unit;
}

/* "\u" and digits, and the second half of a pair when there is one. */
static bool decode_unit(struct pp_json_reader *json)
{
    int32_t code = read_unit(json, json->at + 2);

    if (code < 0)
        return pp_json_refuse(json, "\\u without four hexadecimal digits");
    json->at += 6;
    if (code >= 0xd800 && code < 0xdc00 && json->end - json->at >= 6 &&
        memcmp(json->at, "\\u", 2) == 0) {
        const int32_t low = read_unit(json, json->at + 2);
        if (low >= 0xdc00 && low < 0xe000) {
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            json->at += 6;
        }
    }
    pp_utf8_append_code(&json->decoded, (uint32_t)code);
    return true;
}

static bool decode_escape(struct pp_json_reader *json)
{
    static const char names[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    const char *name;

    if (json->end - json->at < 2)
        return pp_json_refuse(json, "the document ends in a string");
    if (json->at[1] == 'u')
        return decode_unit(json);
    name = json->at[1] != '\0' ? strchr(names, json->at[1]) : NULL;
    if (name == NULL)
        return pp_json_refuse(json, "an escape that JSON does not have");
    pp_buffer_append(&json->decoded, &meanings[name - names], 1);
    json->at += 2;
    return true;
}

/* Where the next quote or backslash is; the document's end when there is none. */
static const char *find_special(const struct pp_json_reader *json, const char *at)
{
    while (at < json->end && *at != '"' && *at != '\\')
        at++;
    return at;
}

static bool decode_string(struct pp_json_reader *json, struct pp_json_string *string_out)
{
    json->decoded.n_bytes = 0;
    for (;;) {
        const char *special = find_special(json, json->at);
        pp_buffer_append(&json->decoded, json->at, (size_t)(special - json->at));
        json->at = special;
        if (special == json->end)
            return pp_json_refuse(json, "the document ends in a string");
        if (*special == '"')
            break;
        if (!decode_escape(json))
            return false;
    }
    json->at++;
    if (json->decoded.failed)
        return pp_json_refuse(json, "no memory for a string");
    *string_out = (struct pp_json_string){json->decoded.n_bytes > 0 ? json->decoded.bytes : "",
                                          json->decoded.n_bytes};
    return true;
}

bool pp_json_read_string(struct pp_json_reader *json, struct pp_json_string *string_out)
{
    const char *special;

    if (!expect(json, PP_JSON_STRING, "a string was expected"))
        return false;
    special = find_special(json, ++json->at);
    if (special == json->end || *special != '"')
        return decode_string(json, string_out);
    *string_out = (struct pp_json_string){json->at, (size_t)(special - json->at)};
    json->at = special + 1;
    return true;
}

static bool skip_string(struct pp_json_reader *json)
{
    const char *at = find_special(json, json->at + 1);

    while (at < json->end && *at == '\\')
        at = json->end - at > 2 ? find_special(json, at + 2) : json->end;
    if (at == json->end)
        return pp_json_refuse(json, "the document ends in a string");
    json->at = at + 1;
    return true;
}

/* ---- numbers ---- */

static long double power_of_ten(unsigned exponent)
{
    long double power = 1, square = 10;

    for (; exponent > 0; exponent >>= 1, square *= square)
        power *= (exponent & 1) != 0 ? square : 1;
    return power;
}

/* Digits from 'at' on into a mantissa that holds 19 of them; 'n_dropped_out' were too many. */
static const char *read_digits(const char *at, const char *end, uint64_t *mantissa,
                               long *n_dropped_out, long *n_kept_out)
{
    for (; at < end && *at >= '0' && *at <= '9'; at++) {
        if (*mantissa > (UINT64_MAX - 9) / 10) {
            ++*n_dropped_out;
        } else {
            *mantissa = *mantissa * 10 + (uint64_t)(*at - '0');
            ++*n_kept_out;
        }
    }
    return at;
}

/* "e-7" at 'at': 'at' behind it, or NULL.  Beyond any number of ours it stays at 10000. */
static const char *read_exponent(const char *at, const char *end, long *exponent)
{
    bool is_negative;
    long size = 0;
    const char *digits;

    at++;
    is_negative = at < end && *at == '-';
    at += at < end && (*at == '-' || *at == '+');
    for (digits = at; at < end && *at >= '0' && *at <= '9'; at++)
        size = size < 1000 ? size * 10 + (*at - '0') : 10000;
    *exponent += is_negative ? -size : size;
    return at > digits ? at : NULL;
}

/* Not by strtod(): its point is a comma in some locales. */
static bool read_any_number(struct pp_json_reader *json, struct pp_json_number *number_out)
{
    const bool is_negative = *json->at == '-';
    const char *at = json->at + is_negative, *before;
    uint64_t mantissa = 0;
    long n_dropped = 0, n_kept = 0, n_ignored = 0, exponent;
    long double value;

    at = read_digits(at, json->end, &mantissa, &n_dropped, &n_kept);
    if (n_kept == 0)
        return pp_json_refuse(json, "a digit was expected");
    exponent = n_dropped;
    if (at < json->end && *at == '.') {
        before = ++at;
        n_kept = 0;
        at = read_digits(at, json->end, &mantissa, &n_ignored, &n_kept);
        if (at == before)
            return pp_json_refuse(json, "a digit was expected behind the point");
        exponent -= n_kept;
    }
    if (at < json->end && (*at | 0x20) == 'e' &&
        (at = read_exponent(at, json->end, &exponent)) == NULL)
        return pp_json_refuse(json, "an exponent without digits");
    value = (long double)mantissa;
    if (exponent < 0)
        value /= power_of_ten((unsigned)-exponent);
    else if (exponent > 0 && mantissa != 0)
        value *= power_of_ten((unsigned)exponent);
    number_out->value = is_negative ? -value : value;
    number_out->is_whole = exponent == 0 && mantissa <= INT64_MAX;
    number_out->whole = !number_out->is_whole ? 0
                        : is_negative         ? -(int64_t)mantissa
                                              : (int64_t)mantissa;
    json->at = at;
    return true;
}

bool pp_json_read_number(struct pp_json_reader *json, struct pp_json_number *number_out)
{
    return expect(json, PP_JSON_NUMBER, "a number was expected") &&
           read_any_number(json, number_out);
}

static bool ends_number(char c)
{
    return c == ',' || c == ']' || c == '}' || c == ' ' || c == '\n' || c == '\r';
}

/* Most numbers of a profile: a few digits and what ends a value. */
static bool read_short(struct pp_json_reader *json, uint32_t *number_out)
{
    const char *at = json->at;
    uint32_t number = 0;

    while (at < json->end && *at >= '0' && *at <= '9' && at - json->at < 9)
        number = number * 10 + (uint32_t)(*at++ - '0');
    if (at == json->at || at == json->end || !ends_number(*at))
        return false;
    json->at = at;
    *number_out = number;
    return true;
}

bool pp_json_read_index(struct pp_json_reader *json, uint32_t *index_out)
{
    const char *at;
    int64_t number;

    if (pp_json_peek(json) == PP_JSON_NUMBER && read_short(json, index_out))
        return true;
    at = json->at;
    if (!pp_json_read_int64(json, &number))
        return false;
    if (number < 0 || number >= UINT32_MAX) {
        json->at = at;
        return pp_json_refuse(json, "an index that no table has");
    }
    *index_out = (uint32_t)number;
    return true;
}

bool pp_json_read_int64(struct pp_json_reader *json, int64_t *number_out)
{
    struct pp_json_number number;
    struct pp_json_string digits;
    const char *at;

    if (pp_json_peek(json) == PP_JSON_STRING) {
        at = json->at;
        if (!pp_json_read_string(json, &digits))
            return false;
        if (pp_parse_int64(digits.bytes, digits.n_bytes, number_out))
            return true;
    } else {
        if (!expect(json, PP_JSON_NUMBER, "a whole number was expected"))
            return false;
        at = json->at;
        if (!read_any_number(json, &number))
            return false;
        *number_out = number.whole;
        if (number.is_whole)
            return true;
    }
    json->at = at;
    return pp_json_refuse(json, "a whole number below 2^63 was expected");
}

/* ---- the rest ---- */

static bool read_word(struct pp_json_reader *json, const char *word)
{
    const size_t n_bytes = strlen(word);

    if ((size_t)(json->end - json->at) < n_bytes || memcmp(json->at, word, n_bytes) != 0)
        return false;
    json->at += n_bytes;
    return true;
}

bool pp_json_read_bool(struct pp_json_reader *json, bool *value_out)
{
    if (!expect(json, PP_JSON_WORD, "true or false was expected"))
        return false;
    *value_out = *json->at == 't';
    return read_word(json, "true") || read_word(json, "false") ||
           pp_json_refuse(json, "true or false was expected");
}

static bool skip_scalar(struct pp_json_reader *json, enum pp_json_kind kind)
{
    struct pp_json_number number;
    uint32_t index;

    switch (kind) {
    case PP_JSON_STRING:
        return skip_string(json);
    case PP_JSON_NUMBER:
        return read_short(json, &index) || read_any_number(json, &number);
    default:
        return read_word(json, "true") || read_word(json, "false") || read_word(json, "null") ||
               pp_json_refuse(json, json->at == json->end ? "the document ends too early"
                                                          : "a value was expected");
    }
}

bool pp_json_skip(struct pp_json_reader *json)
{
    unsigned char kinds[PP_JSON_MAX_DEPTH];
    struct pp_json_string key;
    size_t depth = 0;

    do {
        const enum pp_json_kind kind = pp_json_peek(json);
        if (kind == PP_JSON_OBJECT || kind == PP_JSON_ARRAY) {
            if (depth == PP_JSON_MAX_DEPTH)
                return pp_json_refuse(json, "nested more than 1000 deep");
            kinds[depth++] = (unsigned char)kind;
            json->at++;
            json->is_first = true;
        } else if (!skip_scalar(json, kind)) {
            return false;
        }
        while (depth > 0 && !(kinds[depth - 1] == PP_JSON_OBJECT ? pp_json_next_key(json, &key)
                                                                 : pp_json_next_item(json))) {
            if (json->problem != NULL)
                return false;
            depth--;
        }
    } while (depth > 0);
    return true;
}

bool pp_json_at_end(struct pp_json_reader *json)
{
    skip_blanks(json);
    return json->problem == NULL && json->at == json->end;
}
