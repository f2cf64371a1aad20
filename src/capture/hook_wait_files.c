/* Hooks of calls that wait for a file or a disk. */
#include <fcntl.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/hook_waits.h"

#define FILES(type, name, descriptor, parameters, arguments) \
    PP_HOOK_WAIT(type, name, PP_WAIT_FILE, descriptor, parameters, arguments)

/* The mode is there or not: in a register, in either case. */
#define OPENED (-1) /* what there is to wait for is the path */
FILES(int, open, OPENED, (const char *path, int flags, mode_t mode), (path, flags, mode))
FILES(int, open64, OPENED, (const char *path, int flags, mode_t mode), (path, flags, mode))
FILES(int, openat, OPENED, (int folder, const char *path, int flags, mode_t mode),
      (folder, path, flags, mode))
FILES(int, openat64, OPENED, (int folder, const char *path, int flags, mode_t mode),
      (folder, path, flags, mode))
FILES(int, creat, OPENED, (const char *path, mode_t mode), (path, mode))
FILES(int, creat64, OPENED, (const char *path, mode_t mode), (path, mode))
FILES(int, __open_2, OPENED, (const char *path, int flags), (path, flags))
FILES(int, __open64_2, OPENED, (const char *path, int flags), (path, flags))
FILES(int, __openat_2, OPENED, (int folder, const char *path, int flags), (folder, path, flags))
FILES(int, __openat64_2, OPENED, (int folder, const char *path, int flags), (folder, path, flags))

FILES(int, fsync, descriptor, (int descriptor), (descriptor))
FILES(int, fdatasync, descriptor, (int descriptor), (descriptor))
FILES(int, syncfs, descriptor, (int descriptor), (descriptor))
FILES(int, msync, PP_DESCRIPTOR_KNOWN(PP_DESCRIPTOR_FILE),
      (void *address, size_t n_bytes, int flags), (address, n_bytes, flags))
FILES(int, flock, descriptor, (int descriptor, int operation), (descriptor, operation))
FILES(int, lockf, descriptor, (int descriptor, int command, off_t n_bytes),
      (descriptor, command, n_bytes))
FILES(int, lockf64, descriptor, (int descriptor, int command, off_t n_bytes),
      (descriptor, command, n_bytes))

PP_HOOK_FUNCTION void pp_hook_sync(void);
PP_HEAP_TEXT void pp_hook_sync(void)
{
    void (*const real)(void) = (void (*)(void))pp_wait_real(PP_HOOK_sync);
    struct pp_sig_wait timed;
    const bool is_timed = pp_sig_wait_begin(&timed, PP_WAITS_OFFCPU, PP_WAIT_FILE, (uintptr_t)real);

    real();
    if (is_timed)
        pp_sig_wait_end(&timed, PP_WAIT_FILE, -1, (uintptr_t)real);
}

/* Only locks are waited for. */
static inline bool waits(int command)
{
    return command == F_SETLKW || command == F_OFD_SETLKW;
}

#define CONTROL(name)                                                                   \
    PP_HOOK_FUNCTION int pp_hook_##name(int descriptor, int command, void *argument);   \
    PP_HEAP_TEXT int pp_hook_##name(int descriptor, int command, void *argument)        \
    {                                                                                   \
        int (*const real)(int, int, void *) =                                           \
            (int (*)(int, int, void *))pp_wait_real(PP_HOOK_##name);                    \
        struct pp_sig_wait timed;                                                       \
        int result;                                                                     \
                                                                                        \
        if (!waits(command) ||                                                          \
            !pp_sig_wait_begin(&timed, PP_WAITS_OFFCPU, PP_WAIT_FILE, (uintptr_t)real)) \
            return real(descriptor, command, argument);                                 \
        result = real(descriptor, command, argument);                                   \
        pp_sig_wait_end(&timed, PP_WAIT_FILE, descriptor, (uintptr_t)real);             \
        return result;                                                                  \
    }
CONTROL(fcntl)
CONTROL(fcntl64)
