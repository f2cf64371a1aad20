/* The allocator's own figures.
 *
 * Each has calls of its own; those count that lie in the object that malloc lies in.  For glibc
 * what is in memory is read from /proc/self/smaps: of its heap ([heap], and arenas, which begin at
 * multiples of 64 MiB), no more than it says that it has taken. */
#include "capture/allocator.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <malloc.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "sigsafe/clock.h"
#include "sigsafe/handler.h"
#include "sigsafe/heap_calls.h"
#include "sigsafe/heap_usable.h"
#include "sigsafe/threads.h"
#include "sigsafe/unwind.h"

#pragma weak dlsym
#pragma weak dladdr

enum { READ_BYTES = 4096, LINE_BYTES = 512 };

static const uint64_t NOT_KNOWN = UINT64_MAX;

struct figures {
    enum pp_rec_allocator allocator;
    uint64_t allocated, held, resident, retained;
};

/* A function of the allocator's that malloc comes from, or NULL: the name may be another's. */
static void *own_function(const char *name)
{
    void *function = dlsym == NULL ? NULL : dlsym(RTLD_DEFAULT, name);
    Dl_info here, allocator;

    if (function == NULL || dladdr == NULL || dladdr(function, &here) == 0 ||
        dladdr((void *)(uintptr_t)pp_sig_allocator_itself()->malloc, &allocator) == 0)
        return NULL;
    return here.dli_fbase == allocator.dli_fbase ? function : NULL;
}

/* ---- glibc ---- */

#ifdef __GLIBC__
static const uint64_t ARENA_BYTES = UINT64_C(64) << 20;

struct smaps {
    uint64_t resident;
    bool is_heap; /* the mapping at hand */
};

static void read_line(struct smaps *smaps, const char *line)
{
    char *end;
    uint64_t start, limit;

    if (strncmp(line, "Rss:", 4) == 0) {
        if (smaps->is_heap)
            smaps->resident += strtoull(line + 4, NULL, 10) * 1024;
        return;
    }
    start = strtoull(line, &end, 16);
    if (end == line || *end != '-')
        return;
    limit = strtoull(end + 1, &end, 16);
    if (*end != ' ' ||
        limit <= start) /* "Anonymous:" and the like begin with a hexadecimal digit */
        return;
    smaps->is_heap =
        strstr(end, "[heap]") != NULL || (start % ARENA_BYTES == 0 && strchr(end, '/') == NULL &&
                                          strchr(end, '[') == NULL && limit - start <= ARENA_BYTES);
}

/* Memory of [heap] and of arenas, without stdio: no allocation. */
static uint64_t heap_resident(void)
{
    char bytes[READ_BYTES], line[LINE_BYTES];
    struct smaps smaps = {0, false};
    size_t n_line = 0;
    ssize_t n;
    const int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        return NOT_KNOWN;
    while ((n = read(fd, bytes, sizeof bytes)) > 0)
        for (ssize_t i = 0; i < n; i++) {
            if (bytes[i] != '\n' && n_line < sizeof line - 1) {
                line[n_line++] = bytes[i];
            } else if (bytes[i] == '\n') {
                line[n_line] = '\0';
                read_line(&smaps, line);
                n_line = 0;
            }
        }
    (void)close(fd);
    return smaps.resident;
}

static bool ask_glibc(struct figures *figures)
{
    struct mallinfo2 (*ask)(void) = (struct mallinfo2(*)(void))own_function("mallinfo2");
    struct mallinfo2 info;
    uint64_t resident;

    if (ask == NULL)
        return false;
    info = ask();
    resident = heap_resident();
    figures->allocator = PP_ALLOCATOR_GLIBC;
    figures->allocated = info.uordblks + info.hblkhd;
    figures->held = info.arena + info.hblkhd;
    /* What is mapped for one object is taken to be in memory: mostly it is. */
    figures->resident =
        resident == NOT_KNOWN || resident > info.arena ? figures->held : resident + info.hblkhd;
    figures->retained = figures->held - figures->resident;
    return true;
}
#else /* musl has no such figures */
static bool ask_glibc(struct figures *figures)
{
    (void)figures;
    return false;
}
#endif

/* ---- the others ---- */

typedef int mallctl_function(const char *name, void *old, size_t *old_bytes, void *new,
                             size_t new_bytes);

static uint64_t ask_mallctl(mallctl_function *ask, const char *name)
{
    size_t value = 0, n_bytes = sizeof value;

    return ask(name, &value, &n_bytes, NULL, 0) == 0 ? value : 0;
}

static bool ask_jemalloc(struct figures *figures)
{
    mallctl_function *ask = (mallctl_function *)own_function("mallctl");
    uint64_t epoch = 1;

    if (ask == NULL)
        return false;
    (void)ask("epoch", NULL, NULL, &epoch, sizeof epoch); /* figures are as of the last of these */
    figures->allocator = PP_ALLOCATOR_JEMALLOC;
    figures->allocated = ask_mallctl(ask, "stats.allocated");
    figures->held = ask_mallctl(ask, "stats.mapped");
    figures->resident = ask_mallctl(ask, "stats.resident");
    figures->retained = ask_mallctl(ask, "stats.retained");
    return true;
}

typedef int property_function(const char *name, size_t *value);

static uint64_t ask_property(property_function *ask, const char *name)
{
    size_t value = 0;

    return ask(name, &value) != 0 ? value : 0;
}

static bool ask_tcmalloc(struct figures *figures)
{
    property_function *ask =
        (property_function *)own_function("MallocExtension_GetNumericProperty");

    if (ask == NULL)
        return false;
    figures->allocator = PP_ALLOCATOR_TCMALLOC;
    figures->allocated = ask_property(ask, "generic.current_allocated_bytes");
    figures->held = ask_property(ask, "generic.heap_size");
    figures->retained = ask_property(ask, "tcmalloc.pageheap_unmapped_bytes");
    figures->resident = figures->held - figures->retained;
    return true;
}

typedef void process_function(size_t *elapsed_ms, size_t *user_ms, size_t *system_ms, size_t *rss,
                              size_t *most_rss, size_t *commit, size_t *most_commit,
                              size_t *n_faults);

static bool ask_mimalloc(struct figures *figures)
{
    process_function *ask = (process_function *)own_function("mi_process_info");
    size_t ignored, rss = 0, commit = 0;

    if (ask == NULL)
        return false;
    ask(&ignored, &ignored, &ignored, &rss, &ignored, &commit, &ignored, &ignored);
    figures->allocator = PP_ALLOCATOR_MIMALLOC;
    figures->allocated = NOT_KNOWN; /* its release build counts none */
    figures->held = commit;
    figures->resident = commit < rss ? commit : rss;
    figures->retained = 0;
    return true;
}

/* ---- asking ---- */

void pp_allocator_measure(struct pp_rec_heap *heap)
{
    struct figures figures = {PP_ALLOCATOR_UNKNOWN, NOT_KNOWN, 0, 0, 0};

    if (!ask_jemalloc(&figures) && !ask_tcmalloc(&figures) && !ask_mimalloc(&figures) &&
        !ask_glibc(&figures))
        return;
    atomic_store(&heap->allocator, (uint32_t)figures.allocator);
    atomic_store(&heap->allocated_bytes, figures.allocated);
    atomic_store(&heap->held_bytes, figures.held);
    atomic_store(&heap->resident_bytes, figures.resident);
    atomic_store(&heap->retained_bytes, figures.retained);
    atomic_store(&heap->memory_time_ns,
                 pp_sig_clock_ns(CLOCK_MONOTONIC) - pp_sig_gate->start_monotonic_ns);
}

bool pp_allocator_is_barred(void)
{
    const struct pp_sig_bounds unknown = {0, 0};
    struct pp_sig_thread *thread = pp_sig_thread_running();
    uint64_t pcs[PP_MAX_FRAMES + 1];
    struct pp_sig_walk walk;

    if (thread == NULL)
        return true;
    pp_sig_enter(thread); /* or the helper takes away what the walk looks at */
    pp_sig_unwind_here(unknown, pcs, &walk);
    pp_sig_leave(thread);
    return (walk.flags & PP_WALK_HANDLER) != 0;
}
