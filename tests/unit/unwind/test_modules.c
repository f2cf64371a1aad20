/* The list of what is mapped: what it says of this program, and what comes and goes. */
#include <dlfcn.h>
#include <errno.h>
#include <elf.h>
#include <link.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <fcntl.h>
#include <search.h>
#include <stdio.h>
#include <stdlib.h>

#include "../skip_because.h"
#include "sigsafe/arch.h"
#include "walking.h"

enum { MAX_SEEN = 64 };

static struct {
    struct pp_mapped_module module;
    bool appeared;
} seen[MAX_SEEN];
static unsigned n_seen;

static void note(void *context, const struct pp_mapped_module *module, bool appeared)
{
    (void)context;
    if (n_seen < MAX_SEEN) {
        seen[n_seen].module = *module;
        seen[n_seen].appeared = appeared;
    }
    n_seen++;
}

static int start_noting(void **state)
{
    (void)state;
    n_seen = 0;
    modules = pp_modules_new(note, nothing_to_wait_for, NULL);
    return modules != NULL ? 0 : -1;
}

static const struct pp_mapped_module *find_seen(uint64_t pc)
{
    for (unsigned i = 0; i < n_seen && i < MAX_SEEN; i++)
        if (seen[i].appeared && pc >= seen[i].module.start && pc < seen[i].module.limit)
            return &seen[i].module;
    return NULL;
}

/* Compare what was told of one object with what the loader says. */
static int check_object(struct dl_phdr_info *info, size_t size, void *n_checked)
{
    (void)size;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *phdr = &info->dlpi_phdr[i];
        const struct pp_mapped_module *module;
        if (phdr->p_type != PT_LOAD || (phdr->p_flags & PF_X) == 0)
            continue;
        module = find_seen(info->dlpi_addr + phdr->p_vaddr + 1);
        assert_non_null(module);
        assert_int_equal(module->bias, info->dlpi_addr);
        assert_int_equal(module->start - module->bias - module->offset,
                         phdr->p_vaddr - phdr->p_offset);
        assert_int_equal(module->is_vdso, info->dlpi_addr == getauxval(AT_SYSINFO_EHDR));
        ++*(unsigned *)n_checked;
    }
    return 0;
}

/* Each object's bias, offset and kind are what the loader says. */
static void test_agrees_with_the_loader(void **state)
{
    unsigned n_checked = 0;

    (void)state;
    dl_iterate_phdr(check_object, &n_checked);
    assert_true(n_checked >= 4);
}

/* The program's build id is the one its note says. */
static void test_build_id(void **state)
{
    extern const char __executable_start[] __attribute__((weak));
    const struct pp_mapped_module *module = find_seen((uint64_t)(uintptr_t)start_noting);
    const Elf64_Ehdr *ehdr = (const Elf64_Ehdr *)__executable_start;
    const Elf64_Phdr *phdrs = (const Elf64_Phdr *)(__executable_start + ehdr->e_phoff);
    const char *found = NULL;

    (void)state;
    for (int i = 0; i < ehdr->e_phnum; i++) {
        const char *note_at = __executable_start + phdrs[i].p_vaddr;
        if (phdrs[i].p_type == PT_NOTE && ((const Elf64_Nhdr *)note_at)->n_type == NT_GNU_BUILD_ID)
            found = note_at + sizeof(Elf64_Nhdr) + 4;
    }
    assert_non_null(module);
    if (found == NULL)
        skip_because("the linker gave this program no build id");
    assert_int_equal(module->n_build_id_bytes, 20);
    assert_memory_equal(module->build_id, found, 20);
}

/* Nothing new: nothing told, and the set stays the same. */
static void test_quiet_refresh(void **state)
{
    const unsigned n = n_seen;

    (void)state;
    assert_int_equal(pp_modules_refresh(modules, 0), 0);
    assert_int_equal(n_seen, n);
}

/* A library that is loaded appears, and goes when it is unloaded; its table goes too. */
static void test_comes_and_goes(void **state)
{
    uint64_t bytes_before;
    void *library;
    unsigned n;

    (void)state;
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
    bytes_before = pp_modules_table_bytes(modules);
    n = n_seen;
    library = dlopen("libutil.so.1", RTLD_NOW); /* any that is not loaded yet */
    if (library == NULL)
        skip_because("no library to be loaded: %s", dlerror());
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
    assert_int_equal(n_seen, n + 1);
    assert_true(seen[n].appeared);
    assert_non_null(strstr(seen[n].module.path, "libutil"));
    (void)dlclose(library);
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
    assert_int_equal(n_seen, n + 2);
    assert_false(seen[n + 1].appeared);
    assert_int_equal(seen[n + 1].module.start, seen[n].module.start);
    assert_true(pp_modules_table_bytes(modules) <= bytes_before);
}

/* A file's text that mprotect cut in three is one mapping; a deleted file's path is told without
 * the kernel's remark. */
static void test_cut_and_deleted(void **state)
{
    char path[] = "/tmp/pprofc-modules-XXXXXX";
    const int descriptor = mkstemp(path);
    char *text;
    unsigned n;

    (void)state;
    assert_true(descriptor >= 0);
    assert_int_equal(ftruncate(descriptor, 3 * 4096), 0);
    text = mmap(NULL, 3 * 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, descriptor, 0);
    assert_true(text != MAP_FAILED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mprotect(text + 4096, 4096, PROT_READ | PROT_WRITE | PROT_EXEC), 0);
    n = n_seen;
    assert_int_equal(pp_modules_refresh(modules, 0), 0);
    assert_int_equal(n_seen, n + 1);
    assert_string_equal(seen[n].module.path, path);
    assert_int_equal(seen[n].module.start, (uint64_t)(uintptr_t)text);
    assert_int_equal(seen[n].module.limit, (uint64_t)(uintptr_t)text + 3 * 4096);
    (void)munmap(text, 3 * 4096);
    (void)close(descriptor);
    assert_int_equal(pp_modules_refresh(modules, 0), 0);
}

/* The mapping of an address, and this thread's stack. */
static void test_mappings(void **state)
{
    uintptr_t start, limit, stack_start, stack_limit;
    char *pages = mmap(NULL, 3 * 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    assert_true(pages != MAP_FAILED);
    assert_int_equal(mprotect(pages + 4096, 4096, PROT_READ), 0);
    assert_int_equal(pp_maps_find((uintptr_t)pages + 5000, &start, &limit), 0);
    assert_int_equal(start, (uintptr_t)pages + 4096);
    assert_int_equal(limit, (uintptr_t)pages + 8192);
    assert_int_equal(pp_maps_find(64, &start, &limit), -ENOENT);
    assert_int_equal(pp_maps_main_stack(&stack_start, &stack_limit), 0);
    assert_true((uintptr_t)&start >= stack_start && (uintptr_t)&start < stack_limit);
    (void)munmap(pages, 3 * 4096);
}

/* In a forked child the list is still right. */
static void test_list_survives_fork(void **state)
{
    int status = -1;
    const pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        const unsigned n = n_seen;
        _exit(pp_modules_refresh(modules, 0) == 0 && n_seen == n ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

/* libc's rules are read where they are until that has cost as much as a table of them does: one
 * look-up for each of its functions.  Nobody is woken before; sets that come meanwhile go on
 * counting. */
static void test_tables_where_they_are_worth_it(void **state)
{
    const uint64_t pc = (uint64_t)(uintptr_t)&hcreate; /* libc's, which no sanitizer replaces */
    const uint32_t worth = module_at(pc)->worth;
    const uint64_t in_place = pp_sig_module_set_find(pp_sig_module_set_current, pc);
    uint64_t rule;
    void *plugin;

    (void)state;
    assert_true(worth > 1000); /* libc's functions */
    assert_int_equal(in_place & PP_RULE_NEW_CODE, 0);
    look_up(pc, worth / 2);
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
    assert_null(module_at(pc)->table);
    plugin = dlopen("libanl.so.1", RTLD_NOW); /* any that is not loaded yet */
    if (plugin == NULL)
        skip_because("no library to be loaded: %s", dlerror());
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
    assert_true(module_at(pc)->n_misses > worth / 2);
    assert_null(module_at(pc)->table);
    look_up(pc, worth - module_at(pc)->n_misses);
    rule = pp_sig_module_set_find(pp_sig_module_set_current, pc);
    assert_int_equal(rule & PP_RULE_NEW_CODE, PP_RULE_NEW_CODE);
    assert_int_equal(pp_modules_refresh(modules, 1000000000), 0);
    assert_non_null(module_at(pc)->table);
    assert_int_equal(pp_sig_module_set_find(pp_sig_module_set_current, pc), in_place);
    assert_int_equal(dlclose(plugin), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agrees_with_the_loader),
        cmocka_unit_test(test_build_id),
        cmocka_unit_test(test_quiet_refresh),
        cmocka_unit_test(test_comes_and_goes),
        cmocka_unit_test(test_cut_and_deleted),
        cmocka_unit_test(test_mappings),
        cmocka_unit_test(test_list_survives_fork),
        cmocka_unit_test(test_tables_where_they_are_worth_it),
    };
    return cmocka_run_group_tests(tests, start_noting, stop_walking);
}
