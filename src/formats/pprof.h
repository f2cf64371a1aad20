/* What the pprof reader and writer share: field numbers of profile.proto, and the comments that
 * carry what the format has no fields for.  Source: google/pprof, proto/profile.proto. */
#ifndef PP_FORMATS_PPROF_H
#define PP_FORMATS_PPROF_H

#include "base/buffer.h"
#include "profile/profile.h"

enum pp_pprof_profile_field {
    PP_PPROF_SAMPLE_TYPE = 1,
    PP_PPROF_SAMPLE = 2,
    PP_PPROF_MAPPING = 3,
    PP_PPROF_LOCATION = 4,
    PP_PPROF_FUNCTION = 5,
    PP_PPROF_STRING_TABLE = 6,
    PP_PPROF_DROP_FRAMES = 7,
    PP_PPROF_KEEP_FRAMES = 8,
    PP_PPROF_TIME_NANOS = 9,
    PP_PPROF_DURATION_NANOS = 10,
    PP_PPROF_PERIOD_TYPE = 11,
    PP_PPROF_PERIOD = 12,
    PP_PPROF_COMMENT = 13,
    PP_PPROF_DEFAULT_SAMPLE_TYPE = 14,
};

enum pp_pprof_value_type_field { PP_PPROF_VT_TYPE = 1, PP_PPROF_VT_UNIT = 2 };

enum pp_pprof_sample_field {
    PP_PPROF_S_LOCATION_ID = 1,
    PP_PPROF_S_VALUE = 2,
    PP_PPROF_S_LABEL = 3
};

enum pp_pprof_label_field {
    PP_PPROF_LABEL_KEY = 1,
    PP_PPROF_LABEL_STR = 2,
    PP_PPROF_LABEL_NUM = 3,
    PP_PPROF_LABEL_NUM_UNIT = 4,
};

enum pp_pprof_mapping_field {
    PP_PPROF_M_ID = 1,
    PP_PPROF_M_START = 2,
    PP_PPROF_M_LIMIT = 3,
    PP_PPROF_M_OFFSET = 4,
    PP_PPROF_M_FILENAME = 5,
    PP_PPROF_M_BUILD_ID = 6,
    PP_PPROF_M_HAS_FUNCTIONS = 7,
    PP_PPROF_M_HAS_FILENAMES = 8,
    PP_PPROF_M_HAS_LINES = 9,
    PP_PPROF_M_HAS_INLINES = 10,
};

enum pp_pprof_location_field {
    PP_PPROF_L_ID = 1,
    PP_PPROF_L_MAPPING_ID = 2,
    PP_PPROF_L_ADDRESS = 3,
    PP_PPROF_L_LINE = 4,
    PP_PPROF_L_IS_FOLDED = 5,
};

enum pp_pprof_line_field { PP_PPROF_LINE_FUNCTION_ID = 1, PP_PPROF_LINE_LINE = 2 };

enum pp_pprof_function_field {
    PP_PPROF_F_ID = 1,
    PP_PPROF_F_NAME = 2,
    PP_PPROF_F_SYSTEM_NAME = 3,
    PP_PPROF_F_FILENAME = 4,
    PP_PPROF_F_START_LINE = 5,
};

/* Command, kind and quality travel as comments "pprofc: key=value", one figure each ("pprofc:
 * lost=0"), which `pprof -comments` shows to people.  Each comment is given to 'put'. */
void pp_pprof_write_comments(const struct pprofc_profile *profile,
                             void (*put)(void *context, const char *comment), void *context);

/* Of them that of one thread's allocations, or of the other threads: its key, and its value.  False
 * when it is none. */
extern const char pp_pprof_thread_key[];
void pp_pprof_thread_text(const struct pprofc_profile *profile, const struct pp_heap_thread *thread,
                          struct pp_buffer *out);
bool pp_pprof_thread_read(struct pprofc_profile *profile, const char *text);

/* Take what 'comment' says into 'profile'; false when it is no comment of ours. */
bool pp_pprof_read_comment(struct pprofc_profile *profile, const char *comment);

/* Where threads' time went, as comments; and one of them read: false when it is none. */
void pp_pprof_waits_write(const struct pprofc_profile *profile,
                          void (*put)(void *context, const char *comment), void *context);
bool pp_pprof_waits_read(struct pprofc_profile *profile, const char *key, size_t n_key,
                         const char *text);

#endif
