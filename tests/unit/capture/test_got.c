/* Patching GOT entries: objects bound in each of the ways that there are, loaded before a pass and
 * after it.  Entries are found here anew, not by the code under test. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/got.h"
#include "capture/hook_calls.h"

struct entry {
    uintptr_t *slot;
    uint32_t type; /* of its relocation */
};

struct object {
    void *handle;
    int (*call)(void);
    struct entry entry;
};

/* ---- objects and their entries ---- */

static uint64_t dynamic_value(const struct link_map *map, int64_t tag)
{
    for (const Elf64_Dyn *entry = map->l_ld; entry->d_tag != DT_NULL; entry++)
        if (entry->d_tag == tag)
            return entry->d_un.d_val;
    return 0;
}

/* The entry of 'map' for a function that it calls; no slot when there is none. */
static struct entry find_entry(const struct link_map *map, const char *name)
{
    static const int64_t tables[][2] = {{DT_JMPREL, DT_PLTRELSZ}, {DT_RELA, DT_RELASZ}};
    const Elf64_Sym *symbols = (const Elf64_Sym *)dynamic_value(map, DT_SYMTAB);
    const char *strings = (const char *)dynamic_value(map, DT_STRTAB);

    for (int t = 0; t < 2; t++) {
        const Elf64_Rela *table = (const Elf64_Rela *)dynamic_value(map, tables[t][0]);
        const size_t n = dynamic_value(map, tables[t][1]) / sizeof *table;
        for (size_t i = 0; table != NULL && i < n; i++) {
            const uint32_t type = (uint32_t)ELF64_R_TYPE(table[i].r_info);
            const Elf64_Sym *symbol = symbols + ELF64_R_SYM(table[i].r_info);
            if ((type == R_X86_64_JUMP_SLOT || type == R_X86_64_GLOB_DAT) &&
                strcmp(strings + symbol->st_name, name) == 0)
                return (struct entry){(uintptr_t *)(map->l_addr + table[i].r_offset), type};
        }
    }
    return (struct entry){NULL, 0};
}

static uintptr_t real(void)
{
    return (uintptr_t)dlsym(RTLD_DEFAULT, "pthread_create");
}

static struct object load(const char *name, int flags)
{
    struct object object = {0};
    struct link_map *map = NULL;
    char path[1024];

    (void)snprintf(path, sizeof path, "%s/%s.so", OBJECTS, name);
    object.handle = dlopen(path, flags | RTLD_LOCAL);
    if (object.handle == NULL)
        fail_msg("%s", dlerror());
    object.call = (int (*)(void))dlsym(object.handle, "object_call");
    assert_non_null(object.call);
    assert_int_equal(dlinfo(object.handle, RTLD_DI_LINKMAP, &map), 0);
    object.entry = find_entry(map, "pthread_create");
#ifdef IS_INTERPOSED
    assert_true((uintptr_t)object.call > real());
#endif
    return object;
}

static void unload(struct object *object)
{
    assert_int_equal(dlclose(object->handle), 0);
}

/* The file that holds an address, as the loader says. */
static const char *file_of(uintptr_t address)
{
    Dl_info info = {0};

    return dladdr((void *)address, &info) != 0 ? info.dli_fname : "";
}

static bool is_own(const struct object *object, uintptr_t address)
{
    return strcmp(file_of(address), file_of((uintptr_t)object->call)) == 0;
}

static uintptr_t hook(void)
{
    return (uintptr_t)pp_hook_pthread_create;
}

/* What /proc/self/maps says of the page: "r--p". */
static void assert_mode(const void *address, const char *wanted)
{
    FILE *file = fopen("/proc/self/maps", "re");
    char line[4096], mode[5] = "none";
    unsigned long start, limit;

    assert_non_null(file);
    while (fgets(line, sizeof line, file) != NULL)
        if (sscanf(line, "%lx-%lx %4s", &start, &limit, mode) == 3 && (uintptr_t)address >= start &&
            (uintptr_t)address < limit)
            break;
    (void)fclose(file);
    assert_string_equal(mode, wanted);
}

static void set_mode(const void *address, int protection)
{
    const uintptr_t page = (uintptr_t)address & ~((uintptr_t)getpagesize() - 1);

    assert_int_equal(mprotect((void *)page, (size_t)getpagesize(), protection), 0);
}

#ifdef IS_INTERPOSED
extern int interposer_calls;
void *interposer_entry(void);
void *interposer_make_room(void);
#endif

/* ---- what each kind of object becomes ---- */

/* Nothing is caught before the first pass; it patches the program itself, and another one changes
 * nothing. */
static void the_program_itself(void **state)
{
    const struct link_map *map = _r_debug.r_map;
    const struct entry entry = find_entry(map, "dlopen");
    (void)state;

    assert_false(pp_got_catches_threads());
    assert_non_null(entry.slot);
    assert_true(pp_got_patch(false, false, false) > 0);
    assert_int_equal(*entry.slot, (uintptr_t)pp_hook_dlopen);
    assert_int_equal(pp_got_patch(false, false, false), 0);
    assert_int_equal(*entry.slot, (uintptr_t)pp_hook_dlopen);
}

/* Bound lazily and not called yet: its calls go to the hook from the first one on. */
static void lazy_not_called(void **state)
{
    struct object object = load("got_lazy", RTLD_LAZY);
    (void)state;

    assert_int_equal(object.entry.type, R_X86_64_JUMP_SLOT);
    assert_true(is_own(&object, *object.entry.slot)); /* leads into its PLT */
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_int_equal(*object.entry.slot, hook());
    assert_int_equal(object.call(), 0);
    assert_int_equal(*object.entry.slot, hook()); /* the loader has not bound it after all */
    assert_true(pp_got_catches_threads());
    unload(&object);
}

/* Bound lazily and called already: it holds libc's address, and then ours. */
static void lazy_called(void **state)
{
    struct object object = load("got_lazy", RTLD_LAZY);
    (void)state;

    assert_int_equal(object.call(), 0);
    assert_int_equal(*object.entry.slot, real());
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_int_equal(*object.entry.slot, hook());
    assert_int_equal(object.call(), 0);
    unload(&object);
}

/* Bound at load and protected: opened, patched, and read-only again; its neighbours too. */
static void bound_and_protected(void **state)
{
    struct object object = load("got_now", RTLD_NOW);
    (void)state;

    assert_int_equal(*object.entry.slot, real());
    assert_mode(object.entry.slot, "r--p");
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_int_equal(*object.entry.slot, hook());
    assert_mode(object.entry.slot, "r--p");
    assert_int_equal(object.call(), 0);
    unload(&object);
}

/* Bound at load, but nothing protects its entries: they are as writable afterwards. */
static void bound_and_writable(void **state)
{
    struct object object = load("got_norelro", RTLD_NOW);
    (void)state;

    assert_int_equal(*object.entry.slot, real());
    assert_mode(object.entry.slot, "rw-p");
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_int_equal(*object.entry.slot, hook());
    assert_mode(object.entry.slot, "rw-p");
    assert_int_equal(object.call(), 0);
    unload(&object);
}

/* Calls by the GOT without a PLT: a relocation of another kind, in the other table. */
static void without_plt(void **state)
{
    struct object object = load("got_noplt", RTLD_LAZY);
    (void)state;

    assert_int_equal(object.entry.type, R_X86_64_GLOB_DAT);
    assert_int_equal(*object.entry.slot, real());
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_int_equal(*object.entry.slot, hook());
    assert_int_equal(object.call(), 0);
    unload(&object);
}

/* An object without relocations has nothing to patch. */
static void no_relocations(void **state)
{
    struct object object = load("got_bare", RTLD_LAZY);
    (void)state;

    assert_null(object.entry.slot);
    assert_int_equal(pp_got_patch(false, false, false), 0);
    assert_int_equal(object.call(), 0);
    unload(&object);
}

/* An object with a pthread_create of its own keeps it, bound or not: its entry leads to where it
 * would if we were not there. */
static void own_function(void **state)
{
    struct object object = load("got_own", RTLD_LAZY);
    uintptr_t before = *object.entry.slot;
    (void)state;

    assert_true(is_own(&object, before));
    assert_int_equal(pp_got_patch(false, false, false), 0);
    assert_int_equal(*object.entry.slot, before);
    unload(&object);
#ifndef IS_SANITIZED /* they refuse RTLD_DEEPBIND, which binds to the own one */
    object = load("got_own", RTLD_NOW | RTLD_DEEPBIND);
    before = *object.entry.slot;
    assert_int_equal(before, (uintptr_t)dlsym(object.handle, "pthread_create"));
    assert_int_equal(pp_got_patch(false, false, false), 0);
    assert_int_equal(*object.entry.slot, before);
    assert_int_equal(object.call(), 4711);
    unload(&object);
#endif
}

/* An object that is bound to somebody else's function, and not to the one that our hook calls,
 * stays bound to it. */
static void bound_to_another(void **state)
{
#ifndef IS_SANITIZED
    struct object object = load("got_other", RTLD_NOW | RTLD_DEEPBIND);
    struct object other = load("got_own", RTLD_NOW), plain = load("got_lazy", RTLD_LAZY);
    const uintptr_t before = *object.entry.slot;
    (void)state;

    assert_int_equal(before, (uintptr_t)dlsym(other.handle, "pthread_create"));
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_int_equal(*object.entry.slot, before);
    assert_int_equal(object.call(), -1);
    *plain.entry.slot = real();
    assert_int_equal(pp_got_patch(false, false, false),
                     0); /* and the pass is not one that waits for it */
    unload(&plain);
    unload(&other);
    unload(&object);
#else
    (void)state;
#endif
}

/* ---- passes ---- */

/* A pass after which nothing was loaded looks at nothing: an entry put back by hand stays so. What
 * is loaded later is patched by the next pass, which looks at all of them again. */
static void nothing_new(void **state)
{
    struct object first = load("got_lazy", RTLD_LAZY), second;
    (void)state;

    assert_int_equal(pp_got_patch(false, false, false), 1);
    *first.entry.slot = real();
    assert_int_equal(pp_got_patch(false, false, false), 0);
    assert_int_equal(*first.entry.slot, real());
    second = load("got_now", RTLD_NOW);
    assert_int_equal(*second.entry.slot, real());
    assert_int_equal(pp_got_patch(false, false, false), 2);
    assert_int_equal(*first.entry.slot, hook());
    assert_int_equal(*second.entry.slot, hook());
    unload(&second);
    unload(&first);
}

/* What another thread's dlopen has not bound yet is left alone, and the next pass looks again
 * though nothing was loaded meanwhile. */
static void not_bound_yet(void **state)
{
    struct object object = load("got_lazy", RTLD_LAZY);
    struct link_map *map = NULL;
    const uintptr_t plt = *object.entry.slot;
    (void)state;

    assert_int_equal(dlinfo(object.handle, RTLD_DI_LINKMAP, &map), 0);
    *object.entry.slot = plt - map->l_addr; /* as the linker wrote it into the file */
    assert_int_equal(pp_got_patch(false, false, false), 0);
    assert_int_equal(*object.entry.slot, plt - map->l_addr);
    *object.entry.slot = plt;
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_int_equal(*object.entry.slot, hook());
    assert_int_equal(object.call(), 0);
    unload(&object);
}

/* What is bound and not protected yet belongs to a dlopen that is on its way: it is left alone, its
 * pages too, until it is. */
static void not_protected_yet(void **state)
{
    struct object object = load("got_now", RTLD_NOW);
    (void)state;

    set_mode(object.entry.slot, PROT_READ | PROT_WRITE);
    assert_int_equal(pp_got_patch(false, false, false), 0);
    assert_int_equal(*object.entry.slot, real());
    assert_mode(object.entry.slot, "rw-p");
    set_mode(object.entry.slot, PROT_READ);
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_int_equal(*object.entry.slot, hook());
    assert_mode(object.entry.slot, "r--p");
    unload(&object);
}

#ifdef IS_INTERPOSED
/* With an interposer before libc, hooks lead to it; its own calls of other functions are caught. */
static void interposer(void **state)
{
    struct object object = load("got_now", RTLD_NOW);
    (void)state;

    assert_non_null(strstr(file_of(real()), "got_interposer"));
    assert_int_equal(pp_got_patch(false, false, false), 1);
    assert_ptr_equal(interposer_entry(), (void *)pp_hook_signal);
    interposer_calls = 0;
    assert_int_equal(object.call(), 0);
    assert_int_equal(interposer_calls, 1);
    unload(&object);
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_program_itself), cmocka_unit_test(lazy_not_called),
        cmocka_unit_test(lazy_called),        cmocka_unit_test(bound_and_protected),
        cmocka_unit_test(bound_and_writable), cmocka_unit_test(without_plt),
        cmocka_unit_test(no_relocations),     cmocka_unit_test(own_function),
        cmocka_unit_test(bound_to_another),   cmocka_unit_test(nothing_new),
        cmocka_unit_test(not_bound_yet),      cmocka_unit_test(not_protected_yet),
#ifdef IS_INTERPOSED
        cmocka_unit_test(interposer),
#endif
    };

#ifdef IS_INTERPOSED
    /* Objects lie above the function that they are bound to, as they do above libc where the kernel
     * has left a gap there. */
    if ((uintptr_t)interposer_make_room() < real())
        return 1;
#endif
    return cmocka_run_group_tests_name("capture_got", tests, NULL, NULL);
}
