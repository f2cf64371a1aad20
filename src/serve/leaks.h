/* What nothing leads to in a process's heap, and what grows there, for clients. */
#ifndef PP_SERVE_LEAKS_H
#define PP_SERVE_LEAKS_H

#include "profile/leaks.h"
#include "serve/service.h"

struct pp_leak_wish {
    struct pp_served *target;
    uint32_t limit_ms; /* of the pause; 0: 100, UINT32_MAX: any */
    const char *way;   /* how a longer pause is allowed, for the message that refuses it */
    bool may_be_old;   /* do not pause the program for more than one percent of the time */
    const struct pp_http_request *request; /* whose client may go away; NULL */
};

/* Have the process work out for how long a look would pause it. */
int pp_leak_pause_predict(struct pp_served *target, double *predicted_ns_out,
                          struct pprofc_error *err);

/* Have the process look: the results are in its recording then.  Clients that come while another
 * one's look has not begun share it, and with 'may_be_old' the last look stands for a hundred times
 * as long as it has paused the program.  -E2BIG when the pause would be too long, -ENODATA when the
 * heap is not profiled, -ESRCH when the process has ended, -ECANCELED and -ESHUTDOWN when the
 * client went away or the server is being stopped. */
int pp_leak_look(const struct pp_leak_wish *wish, struct pprofc_error *err);

/* What the target's recording knows now: 'report_out' with names for the first 'n_named' stacks of
 * each part (pp_leak_report_done() ends it) and, unless NULL, a profile of the suspects, whose
 * comments say how they were found.  Errors are those of pp_recording_leaks(). */
int pp_service_leaks(struct pp_service *service, struct pp_served *target, uint32_t n_named,
                     struct pp_leak_report *report_out, struct pprofc_profile **profile_out,
                     struct pprofc_error *err);

#endif
