/* The interpreter against programs assembled by hand, and against tables of all that is mapped
 * here. */
#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <cmocka.h>

#include "../skip_because.h"
#include "capture/unwind_table.h"
#include "hand_made.h"
#include "sigsafe/arch.h"

/* push %rbp at 1, mov %rsp, %rbp at 4, leave and ret at 0x20: the rules of a plain function. */
static void test_plain_function(void **state)
{
    static const uint8_t program[] = {
        0x41,                /* advance 1 */
        0x0e, 16,   0x86, 2, /* CFA offset 16, rbp at CFA - 16 */
        0x43, 0x0d, 6,       /* advance 3, CFA register rbp */
        0x02, 0x1c,          /* advance 28 */
        0xc6, 0x0c, 7,    8, /* restore rbp, CFA = rsp + 8 */
    };
    struct hand_made m;
    uint64_t rule;

    (void)state;
    hand_make(&m, program, sizeof program, 0x21, "zR");
    rule = pp_sig_cfi_find(&m.cfi, HAND_MADE_PC);
    assert_int_equal(pp_sig_rule_kind(rule), PP_RULE_SP);
    assert_int_equal(pp_sig_rule_offset(rule), 8);
    assert_int_equal(pp_sig_rule_saved(rule, 0), PP_SAVED_IN_PLACE);
    rule = pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 3);
    assert_int_equal(pp_sig_rule_kind(rule), PP_RULE_SP);
    assert_int_equal(pp_sig_rule_offset(rule), 16);
    assert_int_equal(pp_sig_rule_saved(rule, 0), 1);
    rule = pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 0x1f);
    assert_int_equal(pp_sig_rule_kind(rule), PP_RULE_FP);
    assert_int_equal(pp_sig_rule_offset(rule), 16);
    assert_int_equal(pp_sig_rule_kind(pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 0x20)), PP_RULE_SP);
    assert_int_equal(pp_sig_rule_saved(pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 0x20), 0), 0);
    assert_int_equal(pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 0x21), PP_RULE_NONE);
    assert_int_equal(pp_sig_cfi_find(&m.cfi, HAND_MADE_PC - 1), PP_RULE_NONE);
}

/* restore_state brings back the CFA as well as the registers. */
static void test_remembered_state(void **state)
{
    static const uint8_t program[] = {
        0x41, 0x0e, 24,   0x83, 3, /* rbx at CFA - 24 */
        0x41, 0x0a,                /* remember */
        0x0e, 8,    0xc3,          /* CFA offset 8, rbx restored */
        0x41, 0x0b,                /* back */
    };
    struct hand_made m;
    uint64_t rule;

    (void)state;
    hand_make(&m, program, sizeof program, 16, "zR");
    rule = pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 2);
    assert_int_equal(pp_sig_rule_offset(rule), 8);
    assert_int_equal(pp_sig_rule_saved(rule, 1), PP_SAVED_IN_PLACE);
    rule = pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 3);
    assert_int_equal(pp_sig_rule_offset(rule), 24);
    assert_int_equal(pp_sig_rule_saved(rule, 1), 2);
}

/* Each expression that linkers, compilers and OpenSSL write becomes a rule, others stop the walk.
 */
static void test_expressions(void **state)
{
    static const struct {
        uint8_t block[24];
        uint64_t kind, reg;
        int64_t offset;
        uint64_t addend;
    } cases[] = {
        {{11, 0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22},
         PP_RULE_PLT,
         7,
         11 * 8,
         0},
        {{3, 0x76, 0x78, 0x06}, PP_RULE_DEREF, 6, -8, 0},
        {{5, 0x77, 0x18, 0x06, 0x23, 0x38}, PP_RULE_DEREF, 7, 24, 56},
        {{5, 0x77, 0x18, 0x06, 0x38, 0x22}, PP_RULE_DEREF, 7, 24, 8},
        {{2, 0x7a, 0x10}, PP_RULE_REGISTER, 10, 16, 0},
        {{10, 0x77, 8, 0x79, 0, 0x38, 0x1e, 0x22, 0x06, 0x23, 8}, PP_RULE_INDEXED, 7, 8, 8},
        {{3, 0x77, 0x08, 0x20}, PP_RULE_STOP, 0, 0, 0},
        {{2, 0x12, 0x12}, PP_RULE_STOP, 0, 0, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint8_t program[25] = {0x0f};
        struct hand_made m;
        uint64_t rule;
        memcpy(program + 1, cases[i].block, cases[i].block[0] + 1u);
        hand_make(&m, program, cases[i].block[0] + 2u, 16, "zR");
        rule = pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 1);
        assert_int_equal(pp_sig_rule_kind(rule), cases[i].kind);
        if (cases[i].kind == PP_RULE_STOP)
            continue;
        assert_int_equal(pp_sig_rule_register(rule), cases[i].reg);
        if (cases[i].kind == PP_RULE_DEREF) {
            assert_int_equal(pp_sig_rule_deref_offset(rule), cases[i].offset);
            assert_int_equal(pp_sig_rule_deref_addend(rule), cases[i].addend);
        } else if (cases[i].kind == PP_RULE_INDEXED) {
            assert_int_equal(pp_sig_rule_indexed_offset(rule), cases[i].offset);
            assert_int_equal(pp_sig_rule_index_register(rule), 9);
            assert_int_equal(pp_sig_rule_indexed_addend(rule), cases[i].addend);
        } else {
            assert_int_equal(pp_sig_rule_offset(rule), cases[i].offset);
        }
    }
}

/* An undefined return address is the root; the augmentation S is a signal frame. */
static void test_root_and_signal_frame(void **state)
{
    static const uint8_t undefined[] = {0x07, 16};
    static const uint8_t nothing[] = {0x00};
    struct hand_made m;

    (void)state;
    hand_make(&m, undefined, sizeof undefined, 16, "zR");
    assert_int_equal(pp_sig_cfi_find(&m.cfi, HAND_MADE_PC), PP_RULE_END);
    hand_make(&m, nothing, sizeof nothing, 16, "zRS");
    assert_int_equal(pp_sig_rule_kind(pp_sig_cfi_find(&m.cfi, HAND_MADE_PC)), PP_RULE_SIGNAL);
}

/* A stack realigned by gcc: CFA = *(rbp - 8), rbp saved at rbp + 0 and r12 at rbp - 16. */
static void test_realigned_stack(void **state)
{
    static const uint8_t program[] = {
        0x0f, 3, 0x76, 0x78, 0x06, 0x10, 6, 2, 0x76, 0, 0x10, 12, 2, 0x76, 0x70,
    };
    struct hand_made m;
    uint64_t rule;

    (void)state;
    hand_make(&m, program, sizeof program, 16, "zR");
    rule = pp_sig_cfi_find(&m.cfi, HAND_MADE_PC);
    assert_int_equal(pp_sig_rule_kind(rule), PP_RULE_DEREF);
    assert_int_equal(pp_sig_rule_saved(rule, 0), PP_SAVED_FP);
    assert_int_equal(pp_sig_rule_saved(rule, 2), PP_SAVED_FP + 2);
}

/* A CFA too far away to be told is not told wrongly: 2^26 bytes fit no rule. */
static void test_far_cfa(void **state)
{
    static const uint8_t program[] = {0x0e, 0x80, 0x80, 0x80, 0x20};
    static const uint8_t odd[] = {0x0e, 12};
    struct hand_made m;

    (void)state;
    hand_make(&m, program, sizeof program, 16, "zR");
    assert_int_equal(pp_sig_cfi_find(&m.cfi, HAND_MADE_PC), PP_RULE_STOP);
    hand_make(&m, odd, sizeof odd, 16, "zR");
    assert_int_equal(pp_sig_cfi_find(&m.cfi, HAND_MADE_PC), PP_RULE_STOP);
}

struct mapped {
    struct pp_sig_cfi cfi;
    uint64_t start, limit;
};

/* The unwind information and the text of an object that is mapped. */
static bool describe(uint64_t bias, const ElfW(Phdr) * phdrs, size_t n, struct mapped *out)
{
    struct pp_sig_bytes header = {NULL, 0, 0};
    uint64_t eh_frame = 0;

    memset(out, 0, sizeof *out);
    out->start = ~(uint64_t)0;
    for (size_t i = 0; i < n; i++) {
        const uint64_t start = bias + phdrs[i].p_vaddr;
        if (phdrs[i].p_type == PT_LOAD && (phdrs[i].p_flags & PF_X) != 0) {
            out->start = start < out->start ? start : out->start;
            out->limit =
                start + phdrs[i].p_memsz > out->limit ? start + phdrs[i].p_memsz : out->limit;
        } else if (phdrs[i].p_type == PT_GNU_EH_FRAME) {
            header =
                (struct pp_sig_bytes){(const uint8_t *)(uintptr_t)start, phdrs[i].p_filesz, start};
        }
    }
    if (header.data == NULL || pp_sig_cfi_read_header(header, &out->cfi, &eh_frame) < 0)
        return false;
    for (size_t i = 0; i < n; i++)
        if (phdrs[i].p_type == PT_LOAD && eh_frame >= bias + phdrs[i].p_vaddr &&
            eh_frame < bias + phdrs[i].p_vaddr + phdrs[i].p_filesz)
            out->cfi.frames = (struct pp_sig_bytes){
                (const uint8_t *)(uintptr_t)eh_frame,
                bias + phdrs[i].p_vaddr + phdrs[i].p_filesz - eh_frame, eh_frame};
    return out->cfi.frames.data != NULL;
}

/* Made in steps of a few functions, with other things done in between, it is the same table. */
static void check_steps(const struct pp_sig_cfi *cfi, const struct mapped *m,
                        const struct pp_sig_rule_table *whole)
{
    struct pp_table_builder builder = {.build = {.error = 0}};
    struct pp_sig_rule_table *table = NULL;
    unsigned n_steps = 0;
    int result = pp_unwind_table_begin(&builder, cfi, m->start, m->limit);

    assert_int_equal(result, 0);
    while ((result = pp_unwind_table_go_on(&builder, 7, &table)) == 1)
        n_steps++;
    assert_int_equal(result, 0);
    assert_true(n_steps >= whole->n_rows / 7 / 1000);
    assert_int_equal(table->n_rows, whole->n_rows);
    assert_int_equal(table->n_rules, whole->n_rules);
    assert_memory_equal(table->pcs, whole->pcs, whole->n_rows * sizeof *whole->pcs);
    assert_memory_equal(table->rule_numbers, whole->rule_numbers,
                        whole->n_rows * sizeof *whole->rule_numbers);
    assert_memory_equal(table->rules, whole->rules, whole->n_rules * sizeof *whole->rules);
    pp_unwind_table_free(table);
    pp_table_builder_done(&builder);
}

/* Under the thread sanitizer 200 000 took 52 s on a loaded machine, and there is one thread. */
#ifdef __SANITIZE_THREAD__
enum { N_ROUNDS = 20000 };
#else
enum { N_ROUNDS = 200000 };
#endif

static void check_agreement(struct mapped *m, const char *name)
{
    struct pp_table_builder builder = {.build = {.error = 0}};
    struct pp_sig_rule_table *by_index = NULL, *by_scan = NULL;
    struct pp_sig_cfi without_index = m->cfi;
    uint64_t random = 88172645463325252ull, n_differences = 0;

    without_index.n_fdes = 0;
    assert_int_equal(pp_unwind_table_build(&builder, &m->cfi, m->start, m->limit, &by_index), 0);
    assert_int_equal(pp_unwind_table_build(&builder, &without_index, m->start, m->limit, &by_scan),
                     0);
    assert_true(by_index->n_bytes <= 8ull * by_index->n_rows + 65536);
    for (unsigned i = 0; i < N_ROUNDS; i++) {
        uint64_t pc, rule;
        random ^= random << 13, random ^= random >> 7, random ^= random << 17;
        pc = i % 2 == 0 ? m->start + random % (m->limit - m->start)
                        : m->start + by_index->pcs[random % by_index->n_rows] + (random >> 40) % 4;
        if (pc >= m->limit)
            continue;
        rule = pp_sig_cfi_find(&m->cfi, pc);
        n_differences += pp_sig_rule_table_find(by_index, pc) != rule;
        n_differences += pp_sig_rule_table_find(by_scan, pc) != rule;
    }
    if (n_differences != 0)
        fail_msg("%s: %lu", name, n_differences);
    check_steps(&m->cfi, m, by_index);
    check_steps(&without_index, m, by_scan);
    pp_unwind_table_free(by_index);
    pp_unwind_table_free(by_scan);
    pp_table_builder_done(&builder);
}

static int check_object(struct dl_phdr_info *info, size_t n_bytes, void *n_checked)
{
    struct mapped m;

    (void)n_bytes;
    if (describe(info->dlpi_addr, info->dlpi_phdr, info->dlpi_phnum, &m) &&
        m.limit - m.start > 4096) {
        check_agreement(&m, info->dlpi_name);
        ++*(unsigned *)n_checked;
    }
    return 0;
}

/* Tables, with and without .eh_frame_hdr, and the interpreter agree at 200 000 pcs of each object
 * mapped here. */
static void test_tables_agree(void **state)
{
    unsigned n_checked = 0;

    (void)state;
    (void)dlopen("libstdc++.so.6", RTLD_NOW);
    dl_iterate_phdr(check_object, &n_checked);
    assert_true(n_checked >= 3);
}

/* The same for a program that is not ours: python, mapped from its file. */
static void test_tables_agree_on_python(void **state)
{
    const int descriptor = open("/usr/bin/python3", O_RDONLY | O_CLOEXEC);
    Elf64_Ehdr ehdr;
    Elf64_Phdr phdrs[32];
    struct mapped m;
    uint64_t size = 0;
    char *base;

    (void)state;
    if (descriptor < 0)
        skip_because("there is no /usr/bin/python3");
    assert_int_equal(pread(descriptor, &ehdr, sizeof ehdr, 0), sizeof ehdr);
    assert_true(ehdr.e_phnum <= 32);
    assert_true(pread(descriptor, phdrs, ehdr.e_phnum * sizeof phdrs[0], (off_t)ehdr.e_phoff) > 0);
    for (unsigned i = 0; i < ehdr.e_phnum; i++)
        if (phdrs[i].p_type == PT_LOAD && phdrs[i].p_vaddr + phdrs[i].p_memsz > size)
            size = phdrs[i].p_vaddr + phdrs[i].p_memsz;
    base = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_true(base != MAP_FAILED);
    for (unsigned i = 0; i < ehdr.e_phnum; i++) {
        const uint64_t page = phdrs[i].p_vaddr & ~(uint64_t)4095;
        if (phdrs[i].p_type == PT_LOAD && phdrs[i].p_filesz != 0)
            assert_true(mmap(base + page, phdrs[i].p_filesz + phdrs[i].p_vaddr - page, PROT_READ,
                             MAP_PRIVATE | MAP_FIXED, descriptor,
                             (off_t)(phdrs[i].p_offset & ~(uint64_t)4095)) != MAP_FAILED);
    }
    assert_true(describe((uint64_t)(uintptr_t)base, phdrs, ehdr.e_phnum, &m));
    check_agreement(&m, "python3");
    (void)munmap(base, size);
    (void)close(descriptor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_function),  cmocka_unit_test(test_remembered_state),
        cmocka_unit_test(test_expressions),     cmocka_unit_test(test_root_and_signal_frame),
        cmocka_unit_test(test_realigned_stack), cmocka_unit_test(test_far_cfa),
        cmocka_unit_test(test_tables_agree),    cmocka_unit_test(test_tables_agree_on_python),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
