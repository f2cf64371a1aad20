/* Where the libraries to be preloaded are. */
#include "cli/preload.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/find_program.h"
#include "cli/values.h"

/* Meson gives both; the unit tests need neither. */
#ifndef PPROFC_PRELOAD_DIR
#define PPROFC_PRELOAD_DIR "/usr/local/lib/pprofc"
#define PPROFC_PRELOAD_FROM_COMMAND "../lib/pprofc"
#endif

static bool try_folder(struct pp_preload *preload, const char *library, const char *folder,
                       const char *below)
{
    char path[PATH_MAX];

    if (snprintf(path, sizeof path, "%s%s/%s", folder, below, library) >= PATH_MAX)
        return false;
    return access(path, R_OK) == 0 && realpath(path, preload->path) != NULL;
}

/* LD_PRELOAD is parted by spaces and colons, and knows no quotes: a link with a plain name then. */
static int make_link(struct pp_preload *preload, const char *library, struct pprofc_error *err)
{
    char target[PATH_MAX];

    if (strpbrk(preload->path, ": ") == NULL)
        return 0;
    memcpy(target, preload->path, sizeof target);
    (void)snprintf(preload->folder, sizeof preload->folder, "/tmp/pprofc-XXXXXX");
    if (mkdtemp(preload->folder) == NULL) {
        preload->folder[0] = '\0';
        return pp_fail(err, -errno, 0,
                       "cannot make a link to %s, whose name has a space or colon: %s", target,
                       strerror(errno));
    }
    (void)snprintf(preload->path, sizeof preload->path, "%s/%s", preload->folder, library);
    if (symlink(target, preload->path) != 0)
        return pp_fail(err, -errno, 0, "cannot make a link to %s: %s", target, strerror(errno));
    return 0;
}

const char *pp_preload_library(uint32_t kinds)
{
    const bool with_heap = (kinds & PP_KIND_HEAP) != 0;

    if ((kinds & PP_KINDS_OF_WAITS) != 0)
        return with_heap ? "libpprofc-preload-all.so" : "libpprofc-preload-wait.so";
    return with_heap ? "libpprofc-preload-heap.so" : "libpprofc-preload.so";
}

int pp_preload_find(struct pp_preload *preload, uint32_t kinds, struct pprofc_error *err)
{
    /* As in the build folder; then as it was installed, wherever that tree lies now. */
    static const char *const below[] = {"", "/" PPROFC_PRELOAD_FROM_COMMAND};
    const char *library = pp_preload_library(kinds);
    char folder[PATH_MAX];
    const ssize_t n_chars = readlink("/proc/self/exe", folder, sizeof folder - 1);

    memset(preload, 0, sizeof *preload);
    if (n_chars > 0) {
        folder[n_chars] = '\0';
        folder[pp_base_name(folder) - folder - 1] = '\0';
        for (size_t i = 0; i < sizeof below / sizeof below[0]; i++)
            if (try_folder(preload, library, folder, below[i]))
                return make_link(preload, library, err);
    }
    if (try_folder(preload, library, PPROFC_PRELOAD_DIR, ""))
        return make_link(preload, library, err);
    return pp_fail(err, -ENOENT, 0,
                   "%s is neither beside pprofc nor in %s, so nothing can be profiled; install it "
                   "there",
                   library, PPROFC_PRELOAD_DIR);
}

void pp_preload_done(struct pp_preload *preload)
{
    if (preload->folder[0] == '\0')
        return;
    (void)unlink(preload->path);
    (void)rmdir(preload->folder);
    preload->folder[0] = '\0';
}
