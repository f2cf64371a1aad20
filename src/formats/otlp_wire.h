/* What the parts of OTLP's protobuf reader share: otlp_read.c goes over the message,
 * otlp_read_tables.c reads the dictionary. */
#ifndef PP_FORMATS_OTLP_WIRE_H
#define PP_FORMATS_OTLP_WIRE_H

#include "formats/otlp_reader.h"
#include "formats/wire.h"

struct pp_otlp_wire {
    struct pp_otlp_reader all;
    const uint8_t *begin;
};

/* int32 fields are indexes here; a negative one is beyond any table. */
static inline uint32_t pp_otlp_index(uint64_t value)
{
    return value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

/* The next field: 1, 0 at the end, or the refusal. */
int pp_otlp_next_field(struct pp_otlp_wire *reader, struct pp_wire *message,
                       struct pp_wire_field *field);

/* Every number of a repeated field, packed or not, given to 'take'. */
int pp_otlp_each_number(struct pp_otlp_wire *reader, const struct pp_wire_field *field,
                        int (*take)(struct pp_otlp_reader *all, uint64_t value, void *context),
                        void *context);

/* Puts a number into 'indexes', and makes the range that is 'context' longer. */
int pp_otlp_take_index(struct pp_otlp_reader *all, uint64_t value, void *context);

/* A KeyValue, or an entry of the attribute table. */
int pp_otlp_read_attribute(struct pp_otlp_wire *reader, struct pp_wire message, bool is_entry,
                           struct pp_otlp_attribute *attribute);

/* The tables as they stand in the message. */
int pp_otlp_read_dictionary(struct pp_otlp_wire *reader, struct pp_wire message);

#endif
