/* What the command's recordings say of the program's own use of the library.
 *
 * Writers: threads of the program, one at a time, with the session's lock.  Reader: `pprofc run`,
 * when the program has ended. */
#include "capture/run_account.h"

#include <stddef.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/environment.h"
#include "capture/own_mapping.h"
#include "capture/session.h"

static struct pp_rec_header *kept; /* of the last recording, mapped once more */
static pid_t keeper;               /* whose that is: a child of fork() has not got the mapping */

void pp_run_account_program(struct pp_rec_header *header, enum pp_rec_by_program what)
{
    if (pp_environment.has_run_id)
        atomic_fetch_or(&header->by_program, (uint32_t)what);
}

void pp_run_account_keep(struct pp_rec_header *header)
{
    void *again;

    if (!pp_environment.has_run_id || header == NULL)
        return;
    /* No old bytes: the same memory a second time. */
    again = pp_own_mremap(header, 0, PP_REC_HEADER_BYTES, MREMAP_MAYMOVE);
    if (again == MAP_FAILED)
        return;
    (void)madvise(again, PP_REC_HEADER_BYTES, MADV_DONTFORK);
    (void)madvise(again, PP_REC_HEADER_BYTES, MADV_DONTDUMP);
    if (kept != NULL && keeper == getpid())
        (void)pp_own_munmap(kept, PP_REC_HEADER_BYTES);
    kept = again;
    keeper = getpid();
}

void pp_run_account_child(uint64_t cpu_ns)
{
    struct pp_rec_header *header;

    if (!pp_environment.has_run_id)
        return;
    pp_session_lock();
    header = pp_session.header;
    if (header == NULL && keeper == getpid())
        header = kept;
    if (header != NULL)
        atomic_fetch_add(&header->own_children_ns, cpu_ns);
    pp_session_unlock();
}
