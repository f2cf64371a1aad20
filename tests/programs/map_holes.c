/* A program that unmaps a range and maps it again at the same place: safe while nobody else maps
 * anything in between. Prints how often somebody had.  It also runs code that no unwind table
 * knows, so that a profiler has work to do. Arguments: how many times (100). */
#include <string.h>
#include <sys/mman.h>

#include "truth.h"

enum { HOLE_BYTES = 8 << 20 };

int main(int argc, char **argv)
{
    /* mov %rdi, %rcx; 1: dec %rcx; jnz 1b; ret */
    static const unsigned char CODE[] = {0x48, 0x89, 0xf9, 0x48, 0xff, 0xc9, 0x75, 0xfb, 0xc3};
    const unsigned long n_wanted = (unsigned long)truth_argument(argc, argv, 1, 100);
    char *hole = mmap(NULL, HOLE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    unsigned long n_times = 0, n_taken = 0;

    while (hole != MAP_FAILED && n_times < n_wanted) {
        char *code = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        memcpy(code, CODE, sizeof CODE);
        (void)mprotect(code, 4096, PROT_READ | PROT_EXEC);
        (void)munmap(hole, HOLE_BYTES);
        ((void (*)(uint64_t))(uintptr_t)code)(20000000);
        if (mmap(hole, HOLE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
                 0) != hole) {
            n_taken++;
            hole = mmap(NULL, HOLE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        }
        n_times++;
        (void)munmap(code, 4096);
    }
    printf("{\"n_times\": %lu, \"n_taken\": %lu}\n", n_times, n_taken);
    return 0;
}
