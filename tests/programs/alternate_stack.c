/* Faults on purpose, over and over, and handles it on an alternate stack of a stated size, by
 * returning and by siglongjmp in turn (as virtual machines do); the alternate stack has to read as
 * it was set, before, in the handler and after.  Below it lies a page of a known pattern: nobody
 * may write there.  Arguments: CPU seconds (3), bytes of the stack (8192, what SIGSTKSZ long was),
 * "blocked" to have all signals blocked in the handler, which then only returns: siglongjmp
 * unblocks them before it leaves the stack. */
#include <setjmp.h>
#include <signal.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "truth.h"

enum { PAGE_BYTES = 4096, PATTERN = 0x5c };

static stack_t alternate;
static char *page;
static sigjmp_buf after_fault;
static volatile int n_faults, n_changed;
static bool recovers = true;

static bool is_as_set(void)
{
    stack_t now;
    return sigaltstack(NULL, &now) == 0 && now.ss_sp == alternate.ss_sp &&
           now.ss_size == alternate.ss_size && (now.ss_flags & ~SS_ONSTACK) == 0;
}

/* Small: there is hardly room for two signal frames. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    greg_t *registers = ((ucontext_t *)context)->uc_mcontext.gregs;

    (void)signo, (void)info;
    n_faults = n_faults + 1;
    if (!is_as_set())
        n_changed = n_changed + 1;
    TRUTH_SPIN_US(200);
    if (recovers && n_faults % 2 == 0)
        siglongjmp(after_fault, 1);
    registers[REG_RAX] = (greg_t)(uintptr_t)page; /* where it may write */
}

TRUTH_NOINLINE static void fault(void)
{
    __asm__ volatile("movq $16, %%rax\n\tmovb $1, (%%rax)" ::: "rax", "memory");
}

TRUTH_NOINLINE static void fault_and_recover(void)
{
    if (sigsetjmp(after_fault, 1) == 0)
        fault();
    TRUTH_KEEP_FRAME();
}

TRUTH_NOINLINE static void ordinary(void)
{
    TRUTH_SPIN_US(50);
}

static bool set_up(size_t n_bytes, bool blocks_all)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    const size_t n_whole = (n_bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;

    page = mmap(NULL, PAGE_BYTES + n_whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
                0);
    if (page == MAP_FAILED)
        return false;
    memset(page + PAGE_BYTES / 2, PATTERN, PAGE_BYTES / 2);
    alternate.ss_sp = page + PAGE_BYTES;
    alternate.ss_size = n_bytes;
    recovers = !blocks_all;
    if (blocks_all)
        (void)sigfillset(&action.sa_mask);
    return sigaltstack(&alternate, NULL) == 0 && sigaction(SIGSEGV, &action, NULL) == 0;
}

int main(int argc, char **argv)
{
    const double seconds = truth_argument(argc, argv, 1, 3);
    const size_t n_bytes = (size_t)truth_argument(argc, argv, 2, 8192);
    int n_written = 0;
    char extra[128];

    (void)truth_calibrate();
    if (!set_up(n_bytes, argc > 3 && strcmp(argv[3], "blocked") == 0) || !is_as_set())
        return 2;
    const uint64_t end_ns = truth_deadline_ns(seconds);
    while (truth_thread_ns() < end_ns) {
        fault_and_recover();
        ordinary();
    }
    for (int i = PAGE_BYTES / 2; i < PAGE_BYTES; i++)
        n_written += page[i] != PATTERN;
    (void)snprintf(extra, sizeof extra,
                   ", \"n_faults\": %d, \"n_changed\": %d, \"n_written\": %d, \"is_as_set\": %s",
                   n_faults, n_changed, n_written, is_as_set() ? "true" : "false");
    truth_print("alternate_stack", NULL, 0, truth_main_root, extra);
    return 0;
}
