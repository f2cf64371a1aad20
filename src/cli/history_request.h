/* What was asked of `pprofc history`. */
#ifndef PP_CLI_HISTORY_REQUEST_H
#define PP_CLI_HISTORY_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "cli/history_query.h"

/* What is done with the windows. */
enum pp_history_action {
    PP_HISTORY_UNSAID, /* a list, then */
    PP_HISTORY_LIST,
    PP_HISTORY_TOP,
    PP_HISTORY_FLAME,
    PP_HISTORY_DIFF,
    PP_HISTORY_EXPORT,
    PP_HISTORY_N_ACTIONS
};

struct pp_history_request {
    enum pp_history_action action;
    struct pp_history_query query, base;
    int64_t now_s;
    const char *output;
    uint32_t n_rows;
    bool by_cum, is_json, overwrites, wants_help;
};

/* Read the command line's 'words' into 'request', which is zeros but for 'now_s'.  -EINVAL. */
int pp_history_request_read(char **words, struct pp_history_request *request,
                            struct pprofc_error *err);

#endif
