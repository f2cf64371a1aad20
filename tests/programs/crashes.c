/* Burns CPU and then dies as it is told: segv, bus, abort, ill, overflow (of its stack), trap.
 * "mappings" prints what of its memory core dumps leave out, and ends well.  Arguments: how, CPU
 * seconds (0.5). */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>

#include "truth.h"

TRUTH_NOINLINE static void before_the_crash(uint64_t us)
{
    TRUTH_SPIN_US(us);
}

TRUTH_NOINLINE static int overflow(volatile char *above)
{
    volatile char here[1024];
    here[0] = above[0];
    const int depth = here[0] != 0 ? overflow(here) : 0; /* it never is 0, which nobody can know */
    TRUTH_KEEP_FRAME();
    return depth + here[0];
}

/* Beyond the end of a file. */
static void bus(void)
{
    char name[] = "/tmp/crashes.XXXXXX";
    const int fd = mkstemp(name);
    volatile char *page = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    (void)unlink(name);
    (void)page[0];
}

static void crash(const char *how)
{
    static char *volatile nowhere = (char *)16;
    volatile char first = 1;

    if (strcmp(how, "segv") == 0)
        *nowhere = 1;
    else if (strcmp(how, "bus") == 0)
        bus();
    else if (strcmp(how, "abort") == 0)
        abort();
    else if (strcmp(how, "ill") == 0)
        __asm__ volatile("ud2");
    else if (strcmp(how, "trap") == 0)
        __asm__ volatile("int3");
    else if (strcmp(how, "overflow") == 0)
        (void)overflow(&first);
}

/* Of each mapping: where it is, what it is called, whether a core dump has it. */
static void print_mappings(void)
{
    FILE *file = fopen("/proc/self/smaps", "r");
    char line[8192], name[8192] = "";
    unsigned long start, limit, kept_start = 0, kept_limit = 0;

    while (file != NULL && fgets(line, sizeof line, file) != NULL) {
        int n = 0;
        if (sscanf(line, "%lx-%lx %*s %*s %*s %*s %n", &start, &limit, &n) == 2 && n > 0) {
            kept_start = start, kept_limit = limit;
            (void)snprintf(name, sizeof name, "%.*s", (int)strcspn(line + n, "\n"), line + n);
        } else if (strncmp(line, "VmFlags:", 8) == 0) {
            printf("mapping %lx %lx %s %s\n", kept_start, kept_limit,
                   strstr(line, " dd") != NULL ? "out" : "in", name);
        }
    }
    if (file != NULL)
        (void)fclose(file);
}

int main(int argc, char **argv)
{
    const char *how = argc > 1 ? argv[1] : "segv";
    const uint64_t end_ns = truth_deadline_ns(truth_argument(argc, argv, 2, 0.5));

    (void)truth_calibrate();
    while (truth_thread_ns() < end_ns)
        before_the_crash(1000);
    if (strcmp(how, "mappings") == 0)
        print_mappings();
    truth_print("crashes", NULL, 0, truth_main_root, "");
    crash(how);
    return 0;
}
