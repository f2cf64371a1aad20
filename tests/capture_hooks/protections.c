/* Linked with libpprofc: prints what is mapped from files before the session, within it and after
 * a second one; a library that is loaded in between has its entries patched too. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "pprofc/pprofc.h"
#include "truth.h"

static char text[1 << 20];

static void print_maps(const char *title)
{
    const int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t n_read;

    while ((n_read = read(fd, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)n_read;
    (void)close(fd);
    text[n] = '\0';
    (void)printf("== %s\n%s", title, text);
}

static void *nothing(void *argument)
{
    return argument;
}

int main(int argc, char **argv)
{
    struct pprofc_error err;
    void *plugin;
    pthread_t thread;

    /* What libc itself maps and binds on first use is there before we look. */
    (void)signal(SIGUSR1, SIG_IGN);
    if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
        return 2;
    plugin = dlopen(argc > 1 ? argv[1] : "", RTLD_NOW);
    if (plugin == NULL)
        return 3;
    print_maps("before");
    if (pprofc_start(NULL, &err) != 0)
        return 1;
    print_maps("within");
    if (pprofc_stop(NULL, &err) != 0 || pprofc_start(NULL, &err) != 0 ||
        pprofc_stop(NULL, &err) != 0)
        return 1;
    print_maps("after");
    return dlclose(plugin);
}
