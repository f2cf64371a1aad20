/* What people type who know `go tool pprof`, and `pprofc report` does not have. */
#include "cli/report_foreign.h"

#include <stdbool.h>
#include <string.h>

static const char no_viewer[] =
    "no viewer is started; write the picture with --svg -o FILE.svg and open that";
static const char no_names[] =
    "the profile is shown as it is; pprofc symbolize FILE gives it the names that it lacks";
static const char no_page[] =
    "there is no page of all views; pprofc convert FILE OUT.svg is the flame graph, for any browser";
static const char no_fetching[] =
    "the address itself says for how long, http://HOST/debug/pprof/profile?seconds=30; what needs "
    "more than an address is fetched by curl and given as -";

/* By pprof's names. */
static const struct {
    const char *name, *advice;
} foreign[] = {
    {"add_comment", "comments of a profile stay as they are"},
    {"buildid", no_names},
    {"call_tree",
     "the tree of calls is the flame graph: pprofc convert FILE OUT.svg; functions with callers and "
     "callees are --tree"},
    {"callgrind", "there is no callgrind format; --tree has the calls, and --json for programs"},
    {"eog", no_viewer},
    {"evince", no_viewer},
    {"gv", no_viewer},
    {"http", no_page},
    {"kcachegrind", no_viewer},
    {"no_browser", no_page},
    {"seconds", no_fetching},
    {"showcolumns", "columns of source lines are not kept; --lines shows the lines"},
    {"timeout", no_fetching},
    {"tls_ca", no_fetching},
    {"tls_cert", no_fetching},
    {"tls_key", no_fetching},
    {"tools", "objdump and dot are looked for in PATH"},
    {"topproto", "there are --top --json, the rows for programs, and --proto, the whole profile"},
    {"web", no_viewer},
};

static bool is_same_name(const char *name, const char *typed, size_t n_chars)
{
    if (strlen(name) != n_chars)
        return false;
    for (size_t i = 0; i < n_chars; i++)
        if (name[i] != typed[i] && !(name[i] == '_' && typed[i] == '-'))
            return false;
    return true;
}

const char *pp_foreign_option(const char *name, size_t n_chars)
{
    for (size_t i = 0; i < sizeof foreign / sizeof foreign[0]; i++)
        if (is_same_name(foreign[i].name, name, n_chars))
            return foreign[i].advice;
    return NULL;
}
