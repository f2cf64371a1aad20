/* OpenTelemetry's profiles, opentelemetry-proto 1.11, package profiles.v1development: field
 * numbers, and the names of attributes that carry what the messages have no fields for.  The
 * message of a file (ProfilesData) and that of a request (ExportProfilesServiceRequest) are the
 * same bytes. Element 0 of each table of the dictionary means "none". */
#ifndef PP_FORMATS_OTLP_H
#define PP_FORMATS_OTLP_H

enum pp_otlp_data_field { PP_OTLP_RESOURCE_PROFILES = 1, PP_OTLP_DICTIONARY = 2 };

enum pp_otlp_table { /* fields of the dictionary */
                     PP_OTLP_MAPPINGS = 1,
                     PP_OTLP_LOCATIONS = 2,
                     PP_OTLP_FUNCTIONS = 3,
                     PP_OTLP_LINKS = 4,
                     PP_OTLP_STRINGS = 5,
                     PP_OTLP_ATTRIBUTES = 6,
                     PP_OTLP_STACKS = 7,
};

enum pp_otlp_resource_profiles_field { PP_OTLP_RP_RESOURCE = 1, PP_OTLP_RP_SCOPE_PROFILES = 2 };
enum pp_otlp_resource_field { PP_OTLP_RESOURCE_ATTRIBUTES = 1 };
enum pp_otlp_scope_profiles_field { PP_OTLP_SP_SCOPE = 1, PP_OTLP_SP_PROFILES = 2 };
enum pp_otlp_scope_field {
    PP_OTLP_SCOPE_NAME = 1,
    PP_OTLP_SCOPE_VERSION = 2,
    PP_OTLP_SCOPE_ATTRIBUTES = 3,
};

enum pp_otlp_profile_field {
    PP_OTLP_P_SAMPLE_TYPE = 1,
    PP_OTLP_P_SAMPLES = 2,
    PP_OTLP_P_TIME = 3,
    PP_OTLP_P_DURATION = 4,
    PP_OTLP_P_PERIOD_TYPE = 5,
    PP_OTLP_P_PERIOD = 6,
    PP_OTLP_P_ID = 7,
    PP_OTLP_P_ATTRIBUTES = 11,
};

enum pp_otlp_sample_field {
    PP_OTLP_S_STACK = 1,
    PP_OTLP_S_ATTRIBUTES = 2,
    PP_OTLP_S_LINK = 3,
    PP_OTLP_S_VALUES = 4,
    PP_OTLP_S_TIMES = 5,
};

enum pp_otlp_value_type_field { PP_OTLP_VT_TYPE = 1, PP_OTLP_VT_UNIT = 2 };

enum pp_otlp_mapping_field {
    PP_OTLP_M_START = 1,
    PP_OTLP_M_LIMIT = 2,
    PP_OTLP_M_OFFSET = 3,
    PP_OTLP_M_FILENAME = 4,
    PP_OTLP_M_ATTRIBUTES = 5,
};

enum pp_otlp_stack_field { PP_OTLP_STACK_LOCATIONS = 1 };

enum pp_otlp_location_field {
    PP_OTLP_L_MAPPING = 1,
    PP_OTLP_L_ADDRESS = 2,
    PP_OTLP_L_LINES = 3,
    PP_OTLP_L_ATTRIBUTES = 4,
};

enum pp_otlp_line_field { PP_OTLP_LINE_FUNCTION = 1, PP_OTLP_LINE_LINE = 2 };

enum pp_otlp_function_field {
    PP_OTLP_F_NAME = 1,
    PP_OTLP_F_SYSTEM_NAME = 2,
    PP_OTLP_F_FILENAME = 3,
    PP_OTLP_F_START_LINE = 4,
};

enum pp_otlp_link_field { PP_OTLP_LINK_TRACE = 1, PP_OTLP_LINK_SPAN = 2 };
enum { PP_OTLP_TRACE_BYTES = 16, PP_OTLP_SPAN_BYTES = 8, PP_OTLP_ID_BYTES = 16 };

enum pp_otlp_attribute_field { PP_OTLP_A_KEY = 1, PP_OTLP_A_VALUE = 2, PP_OTLP_A_UNIT = 3 };
enum pp_otlp_key_value_field { PP_OTLP_KV_KEY = 1, PP_OTLP_KV_VALUE = 2, PP_OTLP_KV_KEY_INDEX = 3 };

enum pp_otlp_any_value_field {
    PP_OTLP_V_STRING = 1,
    PP_OTLP_V_BOOL = 2,
    PP_OTLP_V_INT = 3,
    PP_OTLP_V_DOUBLE = 4,
    PP_OTLP_V_ARRAY = 5,
    PP_OTLP_V_STRING_INDEX = 8,
};
enum { PP_OTLP_ARRAY_VALUES = 1 };

#define PP_OTLP_BUILD_ID "process.executable.build_id.gnu"
#define PP_OTLP_GO_BUILD_ID "process.executable.build_id.go"
#define PP_OTLP_HTLHASH "process.executable.build_id.htlhash"
#define PP_OTLP_FRAME_TYPE "profile.frame.type"
#define PP_OTLP_IS_FOLDED "pprof.location.is_folded"
#define PP_OTLP_HAS_FUNCTIONS "pprof.mapping.has_functions"
#define PP_OTLP_HAS_FILENAMES "pprof.mapping.has_filenames"
#define PP_OTLP_HAS_LINES "pprof.mapping.has_line_numbers"
#define PP_OTLP_HAS_INLINES "pprof.mapping.has_inline_frames"
#define PP_OTLP_COMMENT "pprof.profile.comment"
#define PP_OTLP_DROP_FRAMES "pprof.profile.drop_frames"
#define PP_OTLP_KEEP_FRAMES "pprof.profile.keep_frames"
#define PP_OTLP_DEFAULT_TYPE "pprof.scope.default_sample_type"
#define PP_OTLP_COMMAND "process.command_line"

#endif
