/* What people type who know `go tool pprof`, and `pprofc report` does not have. */
#include "cli/report_foreign.h"

#include <stdbool.h>
#include <string.h>

static const char no_viewer[] =
    "no viewer is started; write the picture with --svg -o FILE.svg and open that";
static const char no_names[] =
    "names are taken where the build ids agree: --symbolize local, or pprofc symbolize FILE to keep "
    "them";
static const char no_page[] =
    "there is no page of all views; pprofc convert FILE OUT.svg is the flame graph, for any browser";

/* By pprof's names. */
static const struct {
    const char *name, *advice;
} foreign[] = {
    {"buildid", no_names},
    {"eog", no_viewer},
    {"evince", no_viewer},
    {"gv", no_viewer},
    {"http", no_page},
    {"kcachegrind", "no viewer is started; write --callgrind -o callgrind.out.FILE and open that"},
    {"no_browser", no_page},
    {"showcolumns", "columns of source lines are not kept; --lines shows the lines"},
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
