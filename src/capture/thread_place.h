/* Where a thread of this process stands, by the kernel's word. */
#ifndef PP_CAPTURE_THREAD_PLACE_H
#define PP_CAPTURE_THREAD_PLACE_H

#include <stdint.h>

enum pp_place_state { PP_PLACE_GONE, PP_PLACE_RUNS, PP_PLACE_WAITS, PP_PLACE_UNKNOWN };

struct pp_thread_place {
    enum pp_place_state state;
    int64_t call;          /* the number of the system call that it waits in; -1: in none */
    uint64_t arguments[2]; /* its first */
    uint64_t sp, pc;
};

/* Reads /proc/self/task/TID/syscall: 3 to 8 us, and nobody is woken. */
void pp_thread_place_read(int32_t tid, struct pp_thread_place *place_out);

#endif
