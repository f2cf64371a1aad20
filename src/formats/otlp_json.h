/* What the parts of OTLP's JSON reader share: otlp_json.c goes over the document,
 * otlp_json_tables.c reads the dictionary. */
#ifndef PP_FORMATS_OTLP_JSON_H
#define PP_FORMATS_OTLP_JSON_H

#include "base/json_reader.h"
#include "formats/otlp_reader.h"

struct pp_otlp_json {
    struct pp_otlp_reader all;
    struct pp_json_reader json;
};

/* Where the document is wrong its reader knows; these answer 0 then, or a refusal of ours, or
 * -ENOMEM. */

/* A KeyValue, or an entry of the attribute table. */
int pp_otlp_json_read_attribute(struct pp_otlp_json *reader, struct pp_otlp_attribute *attribute);

/* An array of indexes, behind those in 'indexes'. */
int pp_otlp_json_read_indexes(struct pp_otlp_json *reader, struct pp_otlp_range *range);

/* The tables as they stand in the document. */
int pp_otlp_json_read_dictionary(struct pp_otlp_json *reader);

#endif
