/* Walks of this program's own stack: at every instruction of real functions, through signal frames
 * and onto other stacks.
 *
 * Stepping: with the trap flag set each instruction raises SIGTRAP, whose handler walks and
 * compares the root part of the stack with what it was before. */
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <ucontext.h>

#include "sigsafe/arch.h"
#include "walking.h"

int framed_call(int (*called)(int), int value);
int trashing_call(int (*called)(int), int value, unsigned long rbp);
int lazy_distance(const char *text);

#define RETURN_ADDRESS() \
    ((uint64_t)(uintptr_t)__builtin_extract_return_addr(__builtin_return_address(0)))

static uint64_t root[PP_MAX_FRAMES + 1];
static struct pp_sig_walk root_walk;
static uint32_t n_root, n_steps, n_wrong, n_truncated, n_from_wrong, n_from_short;
static uint64_t first_wrong_pc;
static volatile sig_atomic_t ends_steps;

/* From pc and sp alone: the same frames, or the first of them and the mark that it ended early. */
static void compare_from(const ucontext_t *interrupted)
{
    static uint64_t from_pcs[PP_MAX_FRAMES + 1];
    struct pp_sig_walk from;

    pp_sig_unwind_from((uint64_t)interrupted->uc_mcontext.gregs[REG_RIP],
                       (uint64_t)interrupted->uc_mcontext.gregs[REG_RSP], from_pcs, &from);
    n_from_short += (from.flags & PP_WALK_TRUNCATED) != 0;
    if (from.n_frames > walk.n_frames ||
        memcmp(from_pcs, pcs, from.n_frames * sizeof pcs[0]) != 0 ||
        ((from.flags & PP_WALK_TRUNCATED) == 0 && from.n_frames != walk.n_frames))
        n_from_wrong++;
}

static void on_step(int signo, siginfo_t *info, void *context)
{
    ucontext_t *interrupted = context;

    (void)signo, (void)info;
    if (ends_steps) {
        interrupted->uc_mcontext.gregs[REG_EFL] &= ~0x100;
        return;
    }
    pp_sig_unwind(context, bounds, pcs, &walk);
    n_steps++;
    if ((walk.flags & PP_WALK_TRUNCATED) != 0)
        n_truncated++;
    compare_from(interrupted);
    if (walk.n_frames <= n_root || (walk.flags & PP_WALK_INFERRED) != 0 ||
        memcmp(pcs + walk.n_frames - n_root, root, n_root * sizeof root[0]) != 0) {
        if (n_wrong++ == 0)
            first_wrong_pc = pcs[0];
    }
}

/* Call 'stepped' with a walk at each of its instructions.  The frames below this function are right
 * when they do not change; the pc within it does. */
static __attribute__((noinline)) void step(void (*stepped)(void))
{
    pp_sig_unwind_here(bounds, root, &root_walk); /* our caller's frame first */
    n_root = root_walk.n_frames;
    n_steps = n_wrong = n_truncated = n_from_wrong = n_from_short = 0;
    ends_steps = 0;
    install(SIGTRAP, on_step, 0);
    __asm__ volatile("pushfq\n\torq $0x100, (%%rsp)\n\tpopfq" ::: "cc", "memory");
    stepped();
    ends_steps = 1;
    __asm__ volatile("nop");
}

static void assert_steps(uint32_t min_steps)
{
    assert_int_equal(root_walk.flags & PP_WALK_TRUNCATED, 0);
    assert_true(n_root >= 3);
    if (n_wrong != 0)
        fail_msg("%u of %u walks are wrong, the first at %lx", n_wrong, n_steps, first_wrong_pc);
    assert_true(n_steps >= min_steps);
    assert_int_equal(n_from_wrong, 0);
}

static int compare_ints(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static void sorts(void)
{
    static int values[] = {9, 3, 7, 1, 8, 2, 6, 4, 5, 0};
    qsort(values, 10, sizeof values[0], compare_ints);
}

static void allocates_and_copies(void)
{
    char *volatile text = malloc(3000);
    char *volatile copy;
    memset(text, 'x', 2999);
    text[2999] = '\0';
    copy = strdup(text);
    copy = realloc(copy, 5000);
    free(copy);
    free(text);
}

static void reads_the_clock(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
}

static void binds_lazily(void)
{
    (void)lazy_distance("-42");
}

static void raises_and_handles(void)
{
    (void)raise(SIGUSR2);
}

static void on_usr2(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info, (void)context;
}

/* Leaf functions, prologues, epilogues, a callback from libc. */
static void test_every_instruction_of_qsort(void **state)
{
    (void)state;
    step(sorts);
    assert_steps(500);
}

/* malloc, realloc, strdup and the string functions written in assembly. */
static void test_every_instruction_of_malloc(void **state)
{
    (void)state;
    step(allocates_and_copies);
    assert_steps(500);
}

/* The vdso. */
static void test_every_instruction_of_clock_gettime(void **state)
{
    (void)state;
    step(reads_the_clock);
    assert_steps(30);
}

/* PLT stubs, _dl_runtime_resolve (whose CFA hangs on rbx), the loader's look-up below it. */
static void test_every_instruction_of_lazy_binding(void **state)
{
    (void)state;
    step(binds_lazily);
    assert_steps(1000);
}

/* A signal is raised and handled: the steps before the handler and after it (in it the trap flag is
 * off). */
static void test_every_instruction_around_a_signal(void **state)
{
    (void)state;
    install(SIGUSR2, on_usr2, 0);
    step(raises_and_handles);
    assert_steps(20);
}

/* The same by tables instead of .eh_frame in place. */
static void test_every_instruction_by_tables(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < pp_sig_module_set_current->n_modules; i++)
        look_up(pp_sig_module_set_current->modules[i].start,
                pp_sig_module_set_current->modules[i].worth);
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
    assert_true(pp_modules_table_bytes(modules) > 100000);
    step(sorts);
    assert_steps(500);
    assert_int_equal(walk.flags, 0);
    step(allocates_and_copies);
    assert_steps(500);
    step(reads_the_clock);
    assert_steps(30);
}

static uint64_t outer_pc;

/* A function that a handler interrupts, whose own caller is known. */
static __attribute__((noinline)) int interrupted(int value)
{
    outer_pc = RETURN_ADDRESS();
    __asm__ volatile("" ::: "memory"); /* raise is declared as if it could not call back */
    (void)raise(SIGUSR1);
    __asm__ volatile("" ::: "memory");
    return value + 1;
}

static void on_usr2_interrupts_again(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info, (void)context;
    (void)interrupted(1);
}

static __attribute__((noinline)) int raises_usr2(void)
{
    (void)raise(SIGUSR2);
    return position_of(outer_pc);
}

/* A walk from a handler goes through the frame of another handler into what that one interrupted.
 */
static void test_through_a_signal_frame(void **state)
{
    (void)state;
    install(SIGUSR2, on_usr2_interrupts_again, 0);
    pp_sig_unwind_here(bounds, root, &root_walk);
    assert_true(raises_usr2() >= 0);
    assert_int_equal(walk.flags & (PP_WALK_TRUNCATED | PP_WALK_INFERRED | PP_WALK_SLOW_READS), 0);
    assert_true(walk.n_frames > root_walk.n_frames + 4);
    assert_memory_equal(pcs + walk.n_frames - root_walk.n_frames, root,
                        root_walk.n_frames * sizeof root[0]);
}

/* The same with the other handler on an alternate stack: it is read slowly, then the walk is on the
 * normal stack again. */
static void test_from_an_alternate_stack(void **state)
{
    static _Alignas(16) char alternate[65536];
    stack_t stack = {.ss_sp = alternate, .ss_size = sizeof alternate};
    const stack_t none = {.ss_flags = SS_DISABLE};

    (void)state;
    assert_int_equal(sigaltstack(&stack, NULL), 0);
    install(SIGUSR2, on_usr2_interrupts_again, SA_ONSTACK);
    pp_sig_unwind_here(bounds, root, &root_walk);
    assert_true(raises_usr2() >= 0);
    assert_int_equal(walk.flags & (PP_WALK_TRUNCATED | PP_WALK_INFERRED), 0);
    assert_int_equal(walk.flags & PP_WALK_SLOW_READS, PP_WALK_SLOW_READS);
    assert_memory_equal(pcs + walk.n_frames - root_walk.n_frames, root,
                        root_walk.n_frames * sizeof root[0]);
    assert_int_equal(sigaltstack(&none, NULL), 0);
}

static ucontext_t main_context, coroutine_context;
static uint64_t coroutine_caller;

static __attribute__((noinline)) int runs_in_coroutine(int depth)
{
    volatile int kept = depth;
    if (depth == 0)
        return interrupted(kept);
    return runs_in_coroutine(depth - 1) + kept;
}

static void coroutine(void)
{
    coroutine_caller = RETURN_ADDRESS();
    (void)runs_in_coroutine(40);
    (void)swapcontext(&coroutine_context, &main_context);
}

/* A coroutine's stack is walked to its entry function, by system calls that cannot fault. */
static void test_coroutine(void **state)
{
    const size_t n_bytes = 65536;
    char *stack = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(stack != MAP_FAILED);
    assert_int_equal(getcontext(&coroutine_context), 0);
    coroutine_context.uc_stack.ss_sp = stack;
    coroutine_context.uc_stack.ss_size = n_bytes;
    coroutine_context.uc_link = &main_context;
    makecontext(&coroutine_context, coroutine, 0);
    assert_int_equal(swapcontext(&main_context, &coroutine_context), 0);
    assert_int_equal(walk.flags & (PP_WALK_TRUNCATED | PP_WALK_INFERRED), 0);
    assert_int_equal(walk.flags & PP_WALK_SLOW_READS, PP_WALK_SLOW_READS);
    assert_int_equal(position_of(coroutine_caller), walk.n_frames - 1); /* __start_context */
    assert_true(walk.n_frames >= 44);
    (void)munmap(stack, n_bytes);
}

static void switches_context(void)
{
    static ucontext_t here;
    static volatile int n;
    n = 0;
    (void)getcontext(&here);
    if (n++ == 0)
        (void)setcontext(&here);
}

/* Also setcontext, whose frame information has the new context's registers in a ucontext. */
static void test_every_instruction_of_setcontext(void **state)
{
    (void)state;
    step(switches_context);
    assert_steps(50);
}

static __attribute__((noinline)) int recurses(int depth)
{
    volatile int kept = depth;
    if (depth == 0)
        return interrupted(kept);
    return recurses(depth - 1) + kept;
}

/* A stack of up to 512 frames is whole. */
static void test_300_deep(void **state)
{
    (void)state;
    pp_sig_unwind_here(bounds, root, &root_walk);
    (void)recurses(300);
    assert_int_equal(walk.flags & (PP_WALK_TRUNCATED | PP_WALK_CUT | PP_WALK_INFERRED), 0);
    assert_true(walk.n_frames > 300 + root_walk.n_frames &&
                walk.n_frames < 310 + root_walk.n_frames);
    assert_memory_equal(pcs + walk.n_frames - root_walk.n_frames, root,
                        root_walk.n_frames * sizeof root[0]);
}

/* A deeper one has 256 frames of the leaf, the mark, 255 of the root in their order, whatever the
 * depth; stacks whose kept frames are the same hash the same. */
static void test_deep_stacks_are_cut(void **state)
{
    uint64_t hash = 0, kept[PP_MAX_FRAMES];

    (void)state;
    pp_sig_unwind_here(bounds, root, &root_walk);
    for (int depth = 5000; depth < 5300; depth += 37) {
        (void)recurses(depth);
        assert_int_equal(walk.flags & (PP_WALK_TRUNCATED | PP_WALK_INFERRED), 0);
        assert_int_equal(walk.flags & PP_WALK_CUT, PP_WALK_CUT);
        assert_int_equal(walk.n_frames, PP_MAX_FRAMES);
        assert_int_equal(pcs[256], PP_PC_CUT);
        assert_memory_equal(pcs + walk.n_frames - root_walk.n_frames, root,
                            root_walk.n_frames * sizeof root[0]);
        if (hash != 0) {
            assert_memory_equal(pcs, kept, sizeof kept);
            assert_int_equal(walk.hash, hash);
        }
        hash = walk.hash;
        memcpy(kept, pcs, sizeof kept);
    }
}

/* Around the limit: 512 frames are whole, 513 are cut. */
static void test_exactly_512(void **state)
{
    uint32_t n_at_400;

    (void)state;
    (void)recurses(400);
    n_at_400 = walk.n_frames;
    (void)recurses(400 + (int)(PP_MAX_FRAMES - n_at_400));
    assert_int_equal(walk.n_frames, PP_MAX_FRAMES);
    assert_int_equal(walk.flags & PP_WALK_CUT, 0);
    (void)recurses(401 + (int)(PP_MAX_FRAMES - n_at_400));
    assert_int_equal(walk.n_frames, PP_MAX_FRAMES);
    assert_int_equal(walk.flags & PP_WALK_CUT, PP_WALK_CUT);
}

/* Code without call frame information that keeps a frame pointer is walked by it, and said to be
 * inferred. */
static void test_frame_pointer(void **state)
{
    (void)state;
    pp_sig_unwind_here(bounds, root, &root_walk);
    assert_int_equal(framed_call(interrupted, 1), 3);
    assert_int_equal(walk.flags & PP_WALK_TRUNCATED, 0);
    assert_int_equal(walk.flags & PP_WALK_INFERRED, PP_WALK_INFERRED);
    assert_true(position_of(outer_pc) >= 0);
    assert_memory_equal(pcs + walk.n_frames - root_walk.n_frames, root,
                        root_walk.n_frames * sizeof root[0]);
}

/* A frame pointer that is none ends the walk, with the frames up to there. */
static struct pp_sig_walk from_walk;

/* As the kernel tells it of a thread that waits: pc and sp, no other register. */
static __attribute__((noinline)) int waits(int value)
{
    struct pp_sig_arch_registers here;

    pp_sig_arch_here(&here);
    pp_sig_unwind_from(here.pc, here.sp, pcs, &from_walk);
    return value + 1;
}

/* From pc and sp alone.  A caller that keeps its frame pointer in rbp and has no unwind information
 * is the last frame: rbp is unknown, and that it is 0 would mean a root. */
static void test_unwind_from(void **state)
{
    (void)state;
    pp_sig_unwind_here(bounds, root, &root_walk);
    assert_int_equal(waits(1), 2);
    assert_int_equal(from_walk.flags & (PP_WALK_TRUNCATED | PP_WALK_INFERRED), 0);
    assert_memory_equal(pcs + from_walk.n_frames - root_walk.n_frames, root,
                        root_walk.n_frames * sizeof root[0]);
    assert_int_equal(framed_call(waits, 1), 3);
    if (from_walk.n_frames == 2) {
        assert_int_equal(from_walk.flags & PP_WALK_TRUNCATED, PP_WALK_TRUNCATED);
    } else { /* a sanitized callee has saved rbp, which is known then */
        assert_int_equal(from_walk.flags & PP_WALK_TRUNCATED, 0);
        assert_memory_equal(pcs + from_walk.n_frames - root_walk.n_frames, root,
                            root_walk.n_frames * sizeof root[0]);
    }
}

static void test_trashed_frame_pointer(void **state)
{
    const uint64_t values[] = {1,
                               0xdeadbeef,
                               ~0ull,
                               0x7fffffffffffull,
                               bounds.lo,
                               bounds.hi,
                               bounds.hi - 8,
                               bounds.hi - 16,
                               0x800000000000ull,
                               4096,
                               (uint64_t)(uintptr_t)pcs,
                               (uint64_t)(uintptr_t)&walk};

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        assert_int_equal(trashing_call(interrupted, 1, values[i]), 2);
        assert_true(position_of(outer_pc) > 0);
        assert_int_equal(walk.flags & PP_WALK_INFERRED, PP_WALK_INFERRED);
    }
    assert_int_equal(trashing_call(interrupted, 1, 0xdeadbeef), 2);
    assert_int_equal(position_of(outer_pc), (int)walk.n_frames - 1);
    assert_int_equal(walk.flags & PP_WALK_TRUNCATED, PP_WALK_TRUNCATED);
}

static __attribute__((noinline)) int wrapper(int value)
{
    pp_sig_unwind_here(bounds, pcs, &walk);
    return value + 1;
}

static uint64_t caller_pc;

static __attribute__((noinline)) int calls_wrapper(int value)
{
    caller_pc = RETURN_ADDRESS();
    return wrapper(value) + 1;
}

/* From a function boundary: the first frame is in the wrapper's caller, the second in that one's
 * caller. */
static void test_unwind_here(void **state)
{
    (void)state;
    assert_int_equal(calls_wrapper(1), 3);
    assert_true(pcs[0] > (uint64_t)(uintptr_t)calls_wrapper &&
                pcs[0] < (uint64_t)(uintptr_t)calls_wrapper + 64);
    assert_int_equal(pcs[1], caller_pc);
    assert_int_equal(walk.flags & (PP_WALK_TRUNCATED | PP_WALK_INFERRED), 0);
}

/* With no bounds known all of the stack is read slowly, to the same result. */
static void test_without_bounds(void **state)
{
    const struct pp_sig_bounds kept = bounds;
    uint64_t hash;
    uint32_t n_frames;

    (void)state;
    for (volatile int i = 0; i < 2; i++) { /* volatile: one call, not two unrolled ones */
        hash = walk.hash;
        n_frames = walk.n_frames;
        (void)recurses(60);
        bounds.hi = 0;
    }
    bounds = kept;
    assert_int_equal(walk.flags & (PP_WALK_TRUNCATED | PP_WALK_SLOW_READS), PP_WALK_SLOW_READS);
    assert_int_equal(walk.n_frames, n_frames);
    assert_int_equal(walk.hash, hash);
}

/* Without any set of modules the walk neither crashes nor invents frames. */
static void test_without_modules(void **state)
{
    pp_modules_free(modules);
    (void)recurses(5);
    assert_true(walk.n_frames >= 1);
    assert_int_equal(walk.flags & (PP_WALK_INFERRED | PP_WALK_NEW_CODE),
                     PP_WALK_INFERRED | PP_WALK_NEW_CODE);
    assert_int_equal(start_walking(state), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_instruction_of_qsort),
        cmocka_unit_test(test_every_instruction_of_malloc),
        cmocka_unit_test(test_every_instruction_of_clock_gettime),
        cmocka_unit_test(test_every_instruction_of_lazy_binding),
        cmocka_unit_test(test_every_instruction_around_a_signal),
        cmocka_unit_test(test_every_instruction_of_setcontext),
        cmocka_unit_test(test_every_instruction_by_tables),
        cmocka_unit_test(test_through_a_signal_frame),
        cmocka_unit_test(test_from_an_alternate_stack),
        cmocka_unit_test(test_coroutine),
        cmocka_unit_test(test_300_deep),
        cmocka_unit_test(test_deep_stacks_are_cut),
        cmocka_unit_test(test_exactly_512),
        cmocka_unit_test(test_frame_pointer),
        cmocka_unit_test(test_trashed_frame_pointer),
        cmocka_unit_test(test_unwind_from),
        cmocka_unit_test(test_unwind_here),
        cmocka_unit_test(test_without_bounds),
        cmocka_unit_test(test_without_modules),
    };
    return cmocka_run_group_tests(tests, start_walking, stop_walking);
}
