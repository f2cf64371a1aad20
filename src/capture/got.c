/* Patches GOT entries.  Objects may be loaded and bound by other threads meanwhile: what is not
 * bound yet is left alone until the next call. */
#include "capture/got.h"

#include <elf.h>
#include <errno.h>
#include <linux/futex.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "capture/heap.h"
#include "capture/hook_calls.h"
#include "capture/hook_heap.h"
#include "capture/hook_heap_operators.h"
#include "capture/hook_mappings.h"
#include "capture/hook_waits.h"
#include "sigsafe/heap_calls.h"
#include "sigsafe/heap_usable.h"

/* What differs from CPU to CPU: the relocations that fill an entry with a function's address. */
#if defined(__x86_64__)
enum { RELOCATION_CALL = R_X86_64_JUMP_SLOT, RELOCATION_ADDRESS = R_X86_64_GLOB_DAT };
#else
#error "the relocations of this CPU are not written yet"
#endif

struct object {
    uintptr_t base;
    const Elf64_Phdr *headers;
    uint32_t n_headers;
    uintptr_t strings, symbols, calls, others; /* addresses of its tables; 0: none */
    size_t n_string_bytes, n_call_bytes, n_other_bytes;
    uintptr_t versions, needs; /* likewise, of its symbols' versions */
    size_t n_needs;
    size_t n_relative; /* so many at the beginning of 'others' name no symbol */
    uintptr_t relro_start, relro_limit;
    bool relro_is_open;
    bool is_libc, is_allocator;
};

/* What is put in. */
struct hook_set {
    const struct pp_hook *hooks;
    int n_hooks;
    bool is_for_libc; /* libc's own calls too: what it takes for others is theirs */
    /* Calls of an object that has a function by that name, and leaves it to the allocator's all the
     * same, as libstdc++ does with its operators. */
    bool is_for_owners;
    bool is_for_allocator;     /* its own calls, and nobody else's */
    bool is_not_for_allocator; /* everybody else's */
    /* The allocator's own calls by names of its own (mi_free) are parts of calls that are counted;
     * its operators delete what libstdc++ has made with new for it. */
    bool keeps_native_calls;
};
enum { N_SETS = 6 };

struct pass {
    struct hook_set sets[N_SETS];
    int n_sets;
    bool is_for_libc; /* one of the sets is */
    uint64_t n_loads; /* objects ever loaded, as the loader counts */
    bool is_unfinished;
    int n_patched;
};

/* What the last pass saw, and what was put in then.  Under the session's lock. */
static uint64_t n_loads_seen;
static int n_sets_seen;

/* ---- an object and its tables ---- */

/* Whether all of it lies in one segment with these permissions. */
static bool is_inside(const struct object *object, uintptr_t address, size_t n_bytes,
                      uint32_t permissions)
{
    for (uint32_t i = 0; i < object->n_headers; i++) {
        const Elf64_Phdr *header = &object->headers[i];
        const uintptr_t at = address - object->base - header->p_vaddr;

        if (header->p_type == PT_LOAD && (header->p_flags & permissions) == permissions &&
            at < header->p_memsz && n_bytes <= header->p_memsz - at)
            return true;
    }
    return false;
}

/* The loader has added the base to the addresses of its table, but not where the table is read-only
 * or the object is only just being loaded. */
static uintptr_t address_of(const struct object *object, uintptr_t value)
{
    return value < object->base ? object->base + value : value;
}

static void read_entry(struct object *object, const Elf64_Dyn *entry, uint64_t *call_type)
{
    switch (entry->d_tag) {
    case DT_STRTAB:
        object->strings = address_of(object, entry->d_un.d_ptr);
        break;
    case DT_STRSZ:
        object->n_string_bytes = entry->d_un.d_val;
        break;
    case DT_SYMTAB:
        object->symbols = address_of(object, entry->d_un.d_ptr);
        break;
    case DT_VERSYM:
        object->versions = address_of(object, entry->d_un.d_ptr);
        break;
    case DT_VERNEED:
        object->needs = address_of(object, entry->d_un.d_ptr);
        break;
    case DT_VERNEEDNUM:
        object->n_needs = entry->d_un.d_val;
        break;
    case DT_JMPREL:
        object->calls = address_of(object, entry->d_un.d_ptr);
        break;
    case DT_PLTRELSZ:
        object->n_call_bytes = entry->d_un.d_val;
        break;
    case DT_PLTREL:
        *call_type = entry->d_un.d_val;
        break;
    case DT_RELA:
        object->others = address_of(object, entry->d_un.d_ptr);
        break;
    case DT_RELASZ:
        object->n_other_bytes = entry->d_un.d_val;
        break;
    case DT_RELACOUNT:
        object->n_relative = entry->d_un.d_val;
        break;
    default:
        break;
    }
}

static bool read_dynamic(struct object *object, const Elf64_Phdr *header)
{
    const uintptr_t start = object->base + header->p_vaddr;
    uint64_t call_type = DT_RELA;

    if (!is_inside(object, start, header->p_memsz, PF_R))
        return false;
    for (size_t i = 0; i < header->p_memsz / sizeof(Elf64_Dyn); i++) {
        const Elf64_Dyn *entry = (const Elf64_Dyn *)start + i;
        if (entry->d_tag == DT_NULL)
            break;
        read_entry(object, entry, &call_type);
    }
    if (call_type != DT_RELA || !is_inside(object, object->calls, object->n_call_bytes, PF_R))
        object->n_call_bytes = 0;
    if (!is_inside(object, object->others, object->n_other_bytes, PF_R))
        object->n_other_bytes = 0;
    return object->n_string_bytes > 0 &&
           is_inside(object, object->strings, object->n_string_bytes, PF_R) &&
           ((const char *)object->strings)[object->n_string_bytes - 1] == '\0';
}

/* What the loader makes read-only when an object is bound: whole pages, as it rounds them. */
static void read_relro(struct object *object, const Elf64_Phdr *header)
{
    const uintptr_t page_mask = ~((uintptr_t)getpagesize() - 1);
    const uintptr_t start = object->base + header->p_vaddr;

    object->relro_start = start & page_mask;
    object->relro_limit = (start + header->p_memsz) & page_mask;
}

static bool read_object(struct object *object, const struct dl_phdr_info *info)
{
    const Elf64_Phdr *dynamic = NULL;

    *object = (struct object){
        .base = info->dlpi_addr, .headers = info->dlpi_phdr, .n_headers = info->dlpi_phnum};
    for (uint32_t i = 0; i < object->n_headers; i++) {
        if (object->headers[i].p_type == PT_DYNAMIC)
            dynamic = &object->headers[i];
        else if (object->headers[i].p_type == PT_GNU_RELRO)
            read_relro(object, &object->headers[i]);
    }
    return dynamic != NULL && read_dynamic(object, dynamic);
}

/* Whether most of what our hooks call is in it: libc.  One that stands before it with a function or
 * two of its own (a program's sigaction) calls the others as everybody does. */
static bool is_libc(const struct object *object)
{
    int n_here = 0;

    for (int i = 0; i < PP_N_HOOKS; i++)
        if (pp_hooks[i].real != 0 && is_inside(object, pp_hooks[i].real, 1, PF_X))
            n_here++;
    return 2 * n_here > PP_N_HOOKS;
}

/* ---- an entry ---- */

/* Whether an entry holds what the linker wrote: an address as if the object began at 0, or nothing.
 * A value below the object alone says nothing of it: libc may lie there. */
static bool is_unbound(const struct object *object, uintptr_t value)
{
    return value < object->base && (value == 0 || is_inside(object, object->base + value, 1, PF_R));
}

/* Whether an entry with this value may be one to patch.  Asked first: unlike the name, the value
 * lies in memory that the loader has just written. */
static bool is_candidate(const struct pass *pass, const struct object *object, uint32_t type,
                         uintptr_t value)
{
    if (is_unbound(object, value))
        return true;
    for (int k = 0; k < pass->n_sets; k++)
        for (int i = 0; i < pass->sets[k].n_hooks; i++)
            if (value == pass->sets[k].hooks[i].real)
                return true;
    /* Bound lazily and not called yet: it leads into the object's own PLT. */
    return type == RELOCATION_CALL && is_inside(object, value, 1, PF_X);
}

/* Not for a function of the object's own by that name; but libc's calls of malloc name its own. */
static bool is_for(const struct hook_set *set, const struct object *object, const Elf64_Sym *symbol)
{
    if (set->is_for_allocator)
        return object->is_allocator;
    if (set->is_not_for_allocator && object->is_allocator)
        return false;
    if (object->is_libc)
        return set->is_for_libc;
    return symbol->st_shndx == SHN_UNDEF || set->is_for_owners;
}

enum { HIDDEN = 0x8000 }; /* of a version's number: it is not the default */

/* The name of the version that the object asks for symbol number 'index' of, or "". */
static const char *version_of(const struct object *object, size_t index)
{
    const uintptr_t own = object->versions + index * sizeof(Elf64_Half);
    uintptr_t at = object->needs;

    if (object->versions == 0 || !is_inside(object, own, sizeof(Elf64_Half), PF_R))
        return "";
    for (size_t i = 0; i < object->n_needs; i++) {
        const Elf64_Verneed *need = (const Elf64_Verneed *)at;
        uintptr_t part;

        if (!is_inside(object, at, sizeof *need, PF_R))
            return "";
        part = at + need->vn_aux;
        for (unsigned k = 0; k < need->vn_cnt; k++) {
            const Elf64_Vernaux *version = (const Elf64_Vernaux *)part;

            if (!is_inside(object, part, sizeof *version, PF_R))
                return "";
            if ((version->vna_other & ~HIDDEN) == (*(const Elf64_Half *)own & ~HIDDEN) &&
                version->vna_name < object->n_string_bytes)
                return (const char *)object->strings + version->vna_name;
            part += version->vna_next;
        }
        at += need->vn_next;
    }
    return "";
}

/* Conditions of before glibc 2.3.2 are something else under the same names. */
static bool is_of_old_condition(const struct object *object, size_t index, const char *name)
{
    return strncmp(name, "pthread_cond_", 13) == 0 &&
           strcmp(version_of(object, index), "GLIBC_2.2.5") == 0;
}

static const struct pp_hook *hook_of(const struct pass *pass, const struct object *object,
                                     const Elf64_Rela *relocation)
{
    const size_t index = ELF64_R_SYM(relocation->r_info);
    const Elf64_Sym *symbol = (const Elf64_Sym *)object->symbols + index;
    const char *name;

    if (index == 0 || !is_inside(object, (uintptr_t)symbol, sizeof *symbol, PF_R) ||
        symbol->st_name >= object->n_string_bytes)
        return NULL;
    name = (const char *)object->strings + symbol->st_name;
    if (is_of_old_condition(object, index, name))
        return NULL;
    for (int k = 0; k < pass->n_sets; k++) {
        const struct hook_set *set = &pass->sets[k];
        if (!is_for(set, object, symbol) ||
            (set->keeps_native_calls && object->is_allocator && strncmp(name, "_Z", 2) != 0))
            continue;
        for (int i = 0; i < set->n_hooks; i++)
            if (set->hooks[i].real != 0 && strcmp(name, set->hooks[i].name) == 0)
                return &set->hooks[i];
    }
    return NULL;
}

/* An operation that changes nothing and fails where writing would. */
static bool is_writable(uintptr_t address)
{
    uint32_t unused = 0;

    return syscall(SYS_futex, &unused, FUTEX_WAKE_OP | FUTEX_PRIVATE_FLAG, 0, NULL, address,
                   FUTEX_OP(FUTEX_OP_OR, 0, FUTEX_OP_CMP_EQ, 0)) >= 0;
}

/* Make the entry writable, if it is one that is bound for good.  One that still is writable belongs
 * to an object that another thread is loading: its loader will protect it at any moment. */
static int open_relro(struct object *object, uintptr_t slot)
{
    if (object->relro_is_open)
        return 0;
    if (is_writable(slot))
        return -EAGAIN;
    if (mprotect((void *)object->relro_start, object->relro_limit - object->relro_start,
                 PROT_READ | PROT_WRITE) != 0)
        return -errno;
    object->relro_is_open = true;
    return 0;
}

static void close_relro(struct object *object)
{
    if (object->relro_is_open)
        (void)mprotect((void *)object->relro_start, object->relro_limit - object->relro_start,
                       PROT_READ);
}

static void patch(struct pass *pass, struct object *object, const Elf64_Rela *relocation)
{
    const uint32_t type = ELF64_R_TYPE(relocation->r_info);
    const uintptr_t slot = object->base + relocation->r_offset;
    const struct pp_hook *hook;
    uintptr_t value;

    if ((type != RELOCATION_CALL && type != RELOCATION_ADDRESS) || slot % sizeof value != 0 ||
        !is_inside(object, slot, sizeof value, PF_W))
        return;
    value = __atomic_load_n((uintptr_t *)slot, __ATOMIC_RELAXED);
    if (!is_candidate(pass, object, type, value) ||
        (hook = hook_of(pass, object, relocation)) == NULL)
        return;
    if (value == hook->hook) /* as in its own PLT, where the hooks are linked into this object */
        return;
    if (value != hook->real && is_unbound(object, value)) {
        pass->is_unfinished = true;
        return;
    }
    /* Bound to something else than what our hook calls: by somebody who knows why. */
    if (value != hook->real && !is_inside(object, value, 1, PF_X))
        return;
    if (slot >= object->relro_start && slot < object->relro_limit) {
        const int result = open_relro(object, slot);
        pass->is_unfinished = pass->is_unfinished || result == -EAGAIN;
        if (result != 0)
            return;
    }
    if (hook - pp_heap_operators >= 0 && hook - pp_heap_operators < PP_N_HEAP_OPERATORS)
        pp_heap_expect_ghosts(); /* of objects whose delete is not patched yet */
    /* The loader may be binding it right now. */
    if (__atomic_compare_exchange_n((uintptr_t *)slot, &value, hook->hook, false, __ATOMIC_RELEASE,
                                    __ATOMIC_RELAXED))
        pass->n_patched++;
}

/* ---- all of them ---- */

static int visit(struct dl_phdr_info *info, size_t n_bytes, void *context)
{
    struct pass *pass = context;
    struct object object;

    if (n_bytes >= offsetof(struct dl_phdr_info, dlpi_adds) + sizeof info->dlpi_adds) {
        pass->n_loads = info->dlpi_adds;
        if (pass->n_loads == n_loads_seen && pass->n_sets == n_sets_seen)
            return 1; /* nothing was loaded since */
    }
    /* The loader itself, and the page the kernel puts in, have no calls to patch. */
    if (!read_object(&object, info) || object.base == getauxval(AT_BASE))
        return 0;
    object.is_libc = is_libc(&object);
    object.is_allocator = is_inside(&object, (uintptr_t)pp_sig_allocator_itself()->malloc, 1, PF_X);
    if (object.is_libc && !pass->is_for_libc)
        return 0;
    for (size_t i = 0; i < object.n_call_bytes / sizeof(Elf64_Rela); i++)
        patch(pass, &object, (const Elf64_Rela *)object.calls + i);
    for (size_t i = object.n_relative; i < object.n_other_bytes / sizeof(Elf64_Rela); i++)
        patch(pass, &object, (const Elf64_Rela *)object.others + i);
    close_relro(&object);
    return 0;
}

static struct hook_set *add_set(struct pass *pass, const struct pp_hook *hooks, int n_hooks)
{
    struct hook_set *set = &pass->sets[pass->n_sets++];

    *set = (struct hook_set){.hooks = hooks, .n_hooks = n_hooks};
    return set;
}

/* From our calls back to those behind them. */
static const struct pp_hook *let_alone(void)
{
    static struct pp_hook backwards[PP_N_HEAP_HOOKS];

    for (int i = 0; i < PP_N_HEAP_HOOKS; i++) {
        const struct pp_hook *hook = &pp_heap_hooks[i];
        backwards[i] = (struct pp_hook){hook->name, hook->real, hook->real == 0 ? 0 : hook->hook};
    }
    return backwards;
}

static bool is_patched; /* by this or an earlier pass */

int pp_got_patch(bool with_heap, bool with_mappings, bool with_waits)
{
    struct pass pass = {.n_sets = 0};

    pp_hooks_find_real();
    if (!pp_hooks_are_interposed)
        add_set(&pass, pp_hooks, PP_N_HOOKS);
    if (with_heap && !pp_heap_is_interposed) {
        add_set(&pass, pp_heap_hooks, PP_N_HEAP_HOOKS)->is_for_libc = true;
        pass.is_for_libc = true;
    }
    if (with_heap && pp_heap_find_operators() > 0) {
        struct hook_set *operators = add_set(&pass, pp_heap_operators, PP_N_HEAP_OPERATORS);
        operators->is_for_owners = true;
        operators->keeps_native_calls = true;
        /* Its operators call its malloc, and are counted already. */
        add_set(&pass, let_alone(), PP_N_HEAP_HOOKS)->is_for_allocator = true;
    }
    if (with_mappings && pp_mappings_find_real())
        add_set(&pass, pp_mapping_hooks, PP_N_MAPPING_HOOKS)->is_not_for_allocator = true;
    if (with_waits && !pp_waits_are_interposed) {
        pp_waits_find_real();
        add_set(&pass, pp_wait_hooks, PP_N_WAIT_HOOKS);
    }
    if (pass.n_sets == 0)
        return 0;
    (void)dl_iterate_phdr(visit, &pass);
    n_loads_seen = pass.is_unfinished ? 0 : pass.n_loads;
    n_sets_seen = pass.n_sets;
    is_patched = is_patched || (!pp_hooks_are_interposed && pass.n_patched > 0);
    return pass.n_patched;
}

bool pp_got_catches_threads(void)
{
    return pp_hooks_are_interposed || is_patched;
}
