/* Pictures by graphviz: its program "dot" gets the graph and writes the picture. */
#include "cli/graphviz.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "cli/tool_output.h"

int pp_graphviz_draw(const struct pp_buffer *dot, const char *format, struct pp_buffer *picture,
                     struct pprofc_error *err)
{
    char option[16];
    char *const words[] = {(char[]){"dot"}, option, NULL};
    int rc;

    (void)snprintf(option, sizeof option, "-T%s", format);
    rc = pp_tool_run(words, dot, false, picture);
    if (rc == -ENOENT)
        return pp_fail(err, rc, 0,
                       "a picture of the call graph needs graphviz, and there is no program 'dot' "
                       "here; install graphviz, or write the graph itself: --dot -o FILE.dot");
    if (rc > 0)
        return pp_fail(err, -EIO, 0,
                       "graphviz could not draw the call graph: its dot ended with "
                       "status %d",
                       WIFEXITED(rc) ? WEXITSTATUS(rc) : 128 + WTERMSIG(rc));
    return rc == 0 ? 0 : pp_fail(err, rc, 0, "cannot run graphviz: %s", strerror(-rc));
}
