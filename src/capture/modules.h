/* Which code is mapped where, and how to unwind it.  Used by the helper thread only, which reads
 * /proc/self/maps and copies ELF headers and .eh_frame through /proc/self/mem: no loader lock, no
 * fault when a library goes away meanwhile. Memory comes from mmap; malloc is never called. */
#ifndef PP_CAPTURE_MODULES_H
#define PP_CAPTURE_MODULES_H

#include <stdbool.h>
#include <stdint.h>

#include "sigsafe/unwind.h"

enum { PP_BUILD_ID_BYTES = 32, PP_MODULE_PATH_BYTES = 512 };

/* One binary's executable mapping, as the recording wants it. */
struct pp_mapped_module {
    uint64_t start, limit, offset; /* the executable mapping and the file offset of 'start' */
    uint64_t bias;                 /* run-time address less the file's virtual address */
    uint8_t build_id[PP_BUILD_ID_BYTES];
    uint32_t n_build_id_bytes;
    bool is_vdso;
    char path[PP_MODULE_PATH_BYTES];
};

/* Told of each module that came (appeared true) or went (false) in a refresh. */
typedef void (*pp_module_seen_fn)(void *context, const struct pp_mapped_module *module,
                                  bool appeared);

/* Called after the new set is published and before the old one is freed: returns when no handler
 * can hold it. */
typedef void (*pp_wait_for_handlers_fn)(void *context);

struct pp_modules; /* the helper's own book-keeping */

/* Set while a session begins before main() of a program that has called no dlopen: what is mapped
 * then are its start-up libraries. */
extern bool pp_modules_begin_at_start;

/* Make the set of what is mapped now, quickly (without tables: handlers interpret .eh_frame of the
 * objects that cannot be unloaded: the program, its loader, its start-up libraries, the vdso), and
 * publish it.  NULL on failure (errno says why). */
struct pp_modules *pp_modules_new(pp_module_seen_fn seen, pp_wait_for_handlers_fn wait,
                                  void *context);

/* Look again at /proc/self/maps and build what tables are missing for modules that handlers have
 * asked for (a sample fell there; often enough, where they can do without) or that came after
 * pp_modules_new (until then handlers follow frame pointers there), within about 'budget_ns';
 * publish by pointer swap.  Returns 1 when something is left to do, 0 when not, or a negative
 * errno.  A table that takes longer is made in pieces, a call each, and what is mapped is looked at
 * again when it is done. */
int pp_modules_refresh(struct pp_modules *modules, int64_t budget_ns);

/* Bytes of tables held, for the memory report. */
uint64_t pp_modules_table_bytes(const struct pp_modules *modules);

/* Unpublish and free (after waiting for handlers). */
void pp_modules_free(struct pp_modules *modules);

#endif
