/* Reading JSON from memory, piece by piece: whoever reads says what he expects next, and skips the
 * rest.  Nothing is kept of what was passed, so a document may be much larger than what is made of
 * it.  The first problem stays, everything after it answers "no", and a reader asks once, at its
 * end. */
#ifndef PP_BASE_JSON_READER_H
#define PP_BASE_JSON_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buffer.h"

struct pp_json_reader {
    const char *begin, *at, *end;
    const char *problem; /* what is wrong at 'at', NULL: nothing so far */
    bool is_first;       /* no comma is due before the next member */
    struct pp_buffer decoded;
};

/* Of the document, or of the reader's own where it has escapes: then only until the next one. */
struct pp_json_string {
    const char *bytes;
    size_t n_bytes;
};

struct pp_json_number {
    long double value;
    int64_t whole; /* where is_whole */
    bool is_whole;
};

enum pp_json_kind {
    PP_JSON_NOTHING,
    PP_JSON_OBJECT,
    PP_JSON_ARRAY,
    PP_JSON_STRING,
    PP_JSON_NUMBER,
    PP_JSON_WORD, /* true, false, null */
};

/* Nesting that pp_json_skip() follows; deeper is a problem. */
enum { PP_JSON_MAX_DEPTH = 1000 };

void pp_json_reader_init(struct pp_json_reader *json, const void *bytes, size_t n_bytes);
void pp_json_reader_done(struct pp_json_reader *json);

/* Say what is wrong where the reader stands; answers false. */
bool pp_json_refuse(struct pp_json_reader *json, const char *problem);

/* What comes next; NOTHING at the end, or for what begins no value. */
enum pp_json_kind pp_json_peek(struct pp_json_reader *json);

/* Go into an object and from member to member: next_key() is false at its end. */
bool pp_json_read_object(struct pp_json_reader *json);
bool pp_json_next_key(struct pp_json_reader *json, struct pp_json_string *key_out);

/* The same of an array. */
bool pp_json_read_array(struct pp_json_reader *json);
bool pp_json_next_item(struct pp_json_reader *json);

bool pp_json_read_string(struct pp_json_reader *json, struct pp_json_string *string_out);
bool pp_json_read_number(struct pp_json_reader *json, struct pp_json_number *number_out);

/* A whole number, also one in quotes: protobuf writes 64 bits so. */
bool pp_json_read_int64(struct pp_json_reader *json, int64_t *number_out);

/* A whole number from 0 to UINT32_MAX - 1: an index of something. */
bool pp_json_read_index(struct pp_json_reader *json, uint32_t *index_out);

/* true or false. */
bool pp_json_read_bool(struct pp_json_reader *json, bool *value_out);

/* Whatever value comes next. */
bool pp_json_skip(struct pp_json_reader *json);

/* Whether nothing but blanks is left. */
bool pp_json_at_end(struct pp_json_reader *json);

static inline bool pp_json_is(struct pp_json_string string, const char *text)
{
    return strlen(text) == string.n_bytes && memcmp(string.bytes, text, string.n_bytes) == 0;
}

#endif
