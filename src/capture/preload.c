/* What the preload does before the session begins, and around an exec. */
#include "capture/preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <unistd.h>

#include "capture/autostart.h"
#include "capture/heap_exec.h"
#include "capture/result_file.h"
#include "capture/session.h"
#include "sigsafe/handler.h"
#include "sigsafe/store.h"

char pp_preload_path[512];

void *pp_preload_next(const char *name)
{
    return dlsym(RTLD_NEXT, name);
}

static bool has_samples(const struct pp_rec_header *header)
{
    const uint32_t n = atomic_load(&header->threads.n_items);

    for (uint32_t i = 0; i < n && i < 64; i++) {
        const struct pp_rec_thread *slot =
            pp_sig_table_item((struct pp_rec_header *)(uintptr_t)header,
                              (struct pp_rec_table *)(uintptr_t)&header->threads, i);
        if (slot != NULL && atomic_load(&slot->n_samples) > 0)
            return true;
    }
    return false;
}

/* After vfork() the parent's memory is ours: what is the parent's stays. */
static const struct pp_rec_header *own_recording(void)
{
    const struct pp_rec_header *header =
        pp_sig_gate == NULL ? NULL : atomic_load(&pp_sig_gate->header);

    return header != NULL && header->pid == getpid() ? header : NULL;
}

void pp_preload_before_exec(void)
{
    const struct pp_rec_header *header = own_recording();

    if (header == NULL)
        return;
    pp_heap_before_exec(&pp_session);
    /* A child that execs ends its recording here; the command collects it by its name when it has
     * seen anything. */
    if (getpid() != pp_root_pid && (!pp_environment.has_run_id || !has_samples(header)))
        (void)unlink(pp_session.file.path);
}

int pp_preload_after_exec(int result)
{
    const int saved_errno = errno;

    if (own_recording() != NULL)
        pp_heap_after_exec(&pp_session);
    errno = saved_errno;
    return result;
}

bool pp_preload_goes_along(void)
{
    return pp_environment.n_taken > 0 && getpid() == pp_root_pid &&
           !atomic_load(&pp_session_is_banned);
}

static bool is_sanitized(void)
{
#ifdef __SANITIZE_ADDRESS__
    return false; /* the runtime came with us ('make asan-hazards') */
#else
    /* Sanitizers own malloc, signals and stacks; two owners do not go together. */
    const bool is_there = dlsym(RTLD_DEFAULT, "__asan_init") != NULL ||
                          dlsym(RTLD_DEFAULT, "__tsan_init") != NULL ||
                          dlsym(RTLD_DEFAULT, "__msan_init") != NULL;

    /* It keeps a message of what it did not find until it is called again, which the program would
     * be seen to free. */
    (void)dlsym(RTLD_DEFAULT, "free");
    return is_there;
#endif
}

bool pp_preload_begin(int argc, char **argv, char **variables)
{
    Dl_info self;

    if (dladdr((void *)(uintptr_t)pp_preload_begin, &self) != 0 && self.dli_fname != NULL)
        pp_copy_text(pp_preload_path, sizeof pp_preload_path, self.dli_fname);
    if (!pp_environment.follows && pp_preload_path[0] != '\0')
        pp_preload_take_environment(argc, argv, variables, pp_preload_path);
    if (!pp_environment.is_on || pp_environment.is_off || pp_environment.is_secure ||
        !is_sanitized())
        return true;
    pp_result_begin();
    pp_result_say("the program is built with a sanitizer; it runs unprofiled");
    return false;
}
