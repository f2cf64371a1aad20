/* A library whose RUNPATH leads to the plugin. */
#include <dlfcn.h>
#include <stdio.h>

int load_and_close(const char *name, int space_is_own);

int load_and_close(const char *name, int space_is_own)
{
    void *plugin = space_is_own ? dlmopen(LM_ID_NEWLM, name, RTLD_NOW) : dlopen(name, RTLD_NOW);
    int (*work)(void);

    if (plugin == NULL) {
        (void)fprintf(stderr, "caller: %s\n", dlerror());
        return 1;
    }
    work = (int (*)(void))dlsym(plugin, "plugin_work");
    if (work == NULL || work() != 42)
        return 2;
    return dlclose(plugin);
}
