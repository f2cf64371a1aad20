/* Loaded by caller.c.  It calls what gets hooked, so that its own entries are patched as well. */
#include <signal.h>
#include <stddef.h>

int plugin_work(void);

int plugin_work(void)
{
    struct sigaction action;

    return sigaction(SIGUSR2, NULL, &action) == 0 ? 42 : 0;
}
