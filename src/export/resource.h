/* Who a profile is of: OpenTelemetry's resource, and the same facts for Pyroscope's labels. */
#ifndef PP_EXPORT_RESOURCE_H
#define PP_EXPORT_RESOURCE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "export/teller.h"

enum { PP_RESOURCE_MAX = 64 };

struct pp_attribute {
    const char *key, *text; /* text NULL: the number */
    int64_t number;
};

struct pp_resource {
    struct pp_arena arena;
    struct pp_attribute attributes[PP_RESOURCE_MAX];
    size_t n_attributes;
    size_t n_given; /* the first of them: from OTEL_RESOURCE_ATTRIBUTES */
    bool failed;    /* no memory */
};

struct pp_resource_wish {
    const char *service_name; /* before all variables; NULL: by them, else the program's name */
    const char *program;
    int32_t pid; /* 0: not known, nothing of it is told */
    bool hides_command;
};

/* Begin with = {.failed = false}. */
void pp_resource_make(struct pp_resource *resource, const struct pp_resource_wish *wish,
                      const struct pp_teller *teller);
void pp_resource_done(struct pp_resource *resource);

/* When the process began, in ticks since the machine's start; 0: it has ended. */
uint64_t pp_process_start(int32_t pid);

/* The text of an attribute, or NULL. */
const char *pp_resource_text(const struct pp_resource *resource, const char *key);

#endif
