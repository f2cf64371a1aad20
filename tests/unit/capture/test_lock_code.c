/* Functions of parking_lot, by their names in the files of modules; and files that only look like
 * one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "capture/lock_code.h"
#include "sigsafe/lock_code.h"

#define LOCK_SLOW "_ZN11parking_lot9raw_mutex8RawMutex9lock_slow17h05c7af3815bdeaeaE"
#define UNLOCK_SLOW "_ZN11parking_lot9raw_mutex8RawMutex11unlock_slow17h428f1cc5e468775dE"
#define RWLOCK "_ZN11parking_lot10raw_rwlock9RawRwLock"
#define READERS "_RNvMNtCs1Jq_11parking_lot10raw_rwlockNtB2_9RawRwLock16wait_for_readers"

enum { TEXT_BYTES = 4096, LOCK_AT = 0x100, UNLOCK_AT = 0x200, READERS_AT = 0x300, SIZE = 0x80 };
enum { N_SECTIONS = 3, N_SYMBOLS = 4 };

/* An object whose file and memory are one. */
static struct object {
    Elf64_Ehdr header;
    Elf64_Phdr segment;
    Elf64_Shdr sections[N_SECTIONS]; /* none, .symtab, .strtab */
    Elf64_Sym symbols[N_SYMBOLS];
    char names[sizeof "\0" LOCK_SLOW "\0" UNLOCK_SLOW "\0" READERS];
} object;
static uint8_t memory[TEXT_BYTES];
static char path[] = "/tmp/test_lock_code.XXXXXX";
static struct pp_mapped_module module;

static Elf64_Sym symbol(uint32_t name, uint64_t at)
{
    return (Elf64_Sym){name, ELF64_ST_INFO(STB_GLOBAL, STT_FUNC), 0, 1, at, SIZE};
}

static void make_object(void)
{
    static const char NAMES[] = "\0" LOCK_SLOW "\0" UNLOCK_SLOW "\0" READERS;

    memset(&object, 0, sizeof object);
    memcpy(object.header.e_ident, ELFMAG, SELFMAG);
    object.header.e_ident[EI_CLASS] = ELFCLASS64;
    object.header.e_phoff = offsetof(struct object, segment);
    object.header.e_phentsize = sizeof object.segment;
    object.header.e_phnum = 1;
    object.header.e_shoff = offsetof(struct object, sections);
    object.header.e_shentsize = sizeof object.sections[0];
    object.header.e_shnum = N_SECTIONS;
    object.segment = (Elf64_Phdr){.p_type = PT_LOAD, .p_filesz = sizeof object};
    object.sections[1] = (Elf64_Shdr){.sh_type = SHT_SYMTAB,
                                      .sh_offset = offsetof(struct object, symbols),
                                      .sh_size = sizeof object.symbols,
                                      .sh_link = 2,
                                      .sh_entsize = sizeof object.symbols[0]};
    object.sections[2] = (Elf64_Shdr){.sh_type = SHT_STRTAB,
                                      .sh_offset = offsetof(struct object, names),
                                      .sh_size = sizeof object.names};
    object.symbols[1] = symbol(1, LOCK_AT);
    object.symbols[2] = symbol(sizeof "\0" LOCK_SLOW, UNLOCK_AT);
    object.symbols[3] = symbol(sizeof "\0" LOCK_SLOW "\0" UNLOCK_SLOW, READERS_AT);
    memcpy(object.names, NAMES, sizeof NAMES);
}

/* The first 'n_bytes' of the object as a file; it is mapped whole. */
static void learn_file(size_t n_bytes)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_int_equal(fwrite(&object, 1, n_bytes, file), n_bytes);
    assert_int_equal(fclose(file), 0);
    memcpy(memory, &object.header, sizeof object.header);
    pp_lock_code_learn(&module);
}

static bool has(uint64_t at)
{
    return pp_sig_lock_code_of((uint64_t)(uintptr_t)memory + at) != PP_LOCK_CODE_NONE;
}

static int set_up(void **state)
{
    const int descriptor = mkstemp(path);

    (void)state;
    module.start = module.bias = (uint64_t)(uintptr_t)memory;
    module.limit = module.start + sizeof memory;
    (void)snprintf(module.path, sizeof module.path, "%s", path);
    return descriptor < 0 ? -1 : close(descriptor);
}

static int tear_down(void **state)
{
    (void)state;
    return unlink(path);
}

static int fresh(void **state)
{
    (void)state;
    pp_lock_code_forget(&module);
    make_object();
    return 0;
}

static void test_names(void **state)
{
    static const struct {
        const char *symbol;
        enum pp_lock_code code;
    } NAMES[] = {
        {LOCK_SLOW, PP_LOCK_CODE_MUTEX},
        {"_RNvMs1_NtCs6yg5_11parking_lot9raw_mutexNtB5_8RawMutex9lock_slow", PP_LOCK_CODE_MUTEX},
        {READERS, PP_LOCK_CODE_RWLOCK},
        {RWLOCK "20lock_upgradable_slow17h6d4a5d8841981d4aE", PP_LOCK_CODE_RWLOCK},
        {"_RINvMs8_NtCs6yg5_11parking_lot10raw_rwlockNtB6_9RawRwLock11lock_commonNCNvB2_"
         "16lock_shared_slow0EB8_",
         PP_LOCK_CODE_RWLOCK},
        /* 0.13.0, whose lock has a parameter. */
        {"_ZN11parking_lot10raw_rwlock18RawRwLock$LT$_$GT$19lock_exclusive_slow17h88ea87eE",
         PP_LOCK_CODE_RWLOCK},
        {"_RNvMs6_NtCs2mY7_11parking_lot10raw_rwlockNtB5_9RawRwLock16wait_for_readersCsgL_17my",
         PP_LOCK_CODE_RWLOCK},
        {"_ZN11parking_lot10raw_rwlock18RawRwLock$LT$_$GT$35unlock_exclusive_or_upgradable_slow17h"
         "0E",
         0},
        {UNLOCK_SLOW, 0},
        {RWLOCK "20try_lock_shared_slow17h6d4a5d8841981d4aE", 0},
        {RWLOCK "22unlock_upgradable_slow17h6d4a5d8841981d4aE", 0},
        /* Closures, and what has them as type parameters. */
        {"_ZN11parking_lot9raw_mutex8RawMutex9lock_slow28_$u7b$$u7b$closure$u7d$$u7d$17h1c30E", 0},
        {"_RNCNvMs1_NtCs6yg5_11parking_lot9raw_mutexNtB7_8RawMutex9lock_slow0B9_", 0},
        {"_RINvNtCsin9X_16parking_lot_core11parking_lot4parkNCNvMs1_NtCs6yg5_11parking_lot9raw_"
         "mutexNtB10_8RawMutex9lock_slow0NCBU_s_0NCBU_s0_0EB12_",
         0},
        {"_RINvMs2_NtNtCsjr_3std6thread5localINtB6_8LocalKeyNtNtCsin_16parking_lot_core11parking_"
         "lot10ThreadDataE8try_withNCINvBW_4parkNCNvMs1_NtCs6yg_11parking_lot9raw_mutexNtB10_"
         "8RawMutex9lock_slow0EB2_",
         0},
        {"_RINvMs8_NtCs6yg_11parking_lot10raw_rwlockNtB6_9RawRwLock19wake_parked_threadsNCNvB2_16"
         "wait_for_readerss1_0EB8_",
         0},
        {"_RNvMs", 0},
        {"_RNvMs8_NtC", 0},
        {"_ZN11parking_lot7condvar7Condvar15notify_one_slow17h4eE", 0},
        {"_ZN11parking_lot4once4Once14call_once_slow17h4e5eE", 0},
        {"_ZN7mycrate9lock_slow17h05c7af3815bdeaeaE", 0},
        {"_ZN7mycrate11parking_lot", 0},
        {"_ZN11parking_lot", 0},
        {"", 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof NAMES / sizeof NAMES[0]; i++)
        if (pp_lock_code_of_name(NAMES[i].symbol) != NAMES[i].code)
            fail_msg("%s is not %d", NAMES[i].symbol, NAMES[i].code);
}

/* What waits for locks is known, by return addresses; and is forgotten with its module. */
static void test_whole(void **state)
{
    (void)state;
    learn_file(sizeof object);
    assert_true(has(LOCK_AT + 1));
    assert_true(has(LOCK_AT + SIZE));
    assert_false(has(LOCK_AT));
    assert_false(has(LOCK_AT + SIZE + 1));
    assert_false(has(UNLOCK_AT + 1));
    assert_int_equal(pp_sig_lock_code_of(module.start + LOCK_AT + 1), PP_LOCK_CODE_MUTEX);
    assert_int_equal(pp_sig_lock_code_of(module.start + READERS_AT + 1), PP_LOCK_CODE_RWLOCK);
    assert_true(has(READERS_AT + 1));
    assert_int_equal(pp_sig_n_lock_code, 2);
    learn_file(sizeof object); /* again: no place more */
    assert_int_equal(pp_sig_n_lock_code, 2);
    pp_lock_code_forget(&module);
    assert_false(has(LOCK_AT + 1));
    assert_int_equal(pp_sig_n_lock_code, 0);
}

/* Another file lies there by now. */
static void test_other_file(void **state)
{
    (void)state;
    learn_file(sizeof object);
    memory[sizeof object.header - 1] ^= 1;
    pp_lock_code_learn(&module);
    assert_int_equal(pp_sig_n_lock_code, 0);
}

static void test_cut_short(void **state)
{
    (void)state;
    for (size_t n_bytes = 0; n_bytes < sizeof object; n_bytes++) {
        learn_file(n_bytes);
        assert_true(pp_sig_n_lock_code <= 2);
    }
    learn_file(offsetof(struct object, symbols));
    assert_int_equal(pp_sig_n_lock_code, 0);
}

/* Whatever single byte is another one, no more becomes known than lies in the module. */
static void test_spoiled(void **state)
{
    static const uint8_t VALUES[] = {0, 1, 0x7f, 0x80, 0xff};
    uint8_t *bytes = (uint8_t *)&object;

    (void)state;
    for (size_t i = 0; i < sizeof object; i++)
        for (size_t k = 0; k < sizeof VALUES; k++) {
            const uint8_t before = bytes[i];
            bytes[i] = VALUES[k];
            learn_file(sizeof object);
            assert_true(pp_sig_n_lock_code <= N_SYMBOLS);
            assert_int_equal(pp_sig_lock_code_of(module.limit + 1), PP_LOCK_CODE_NONE);
            assert_int_equal(pp_sig_lock_code_of(module.start), PP_LOCK_CODE_NONE);
            bytes[i] = before;
        }
}

static void test_sizes(void **state)
{
    (void)state;
    object.symbols[1].st_size = UINT64_MAX;
    object.symbols[3].st_value = TEXT_BYTES;
    learn_file(sizeof object);
    assert_int_equal(pp_sig_n_lock_code, 0);
    make_object();
    object.sections[2].sh_size = UINT64_C(1) << 40;
    learn_file(sizeof object);
    assert_int_equal(pp_sig_n_lock_code, 0);
    make_object();
    object.sections[1].sh_offset = UINT64_MAX - 8;
    learn_file(sizeof object);
    assert_int_equal(pp_sig_n_lock_code, 0);
}

/* There is no more room than that. */
static void test_room(void **state)
{
    (void)state;
    for (uintptr_t i = 0; i < PP_MAX_LOCK_CODE; i++)
        assert_true(pp_sig_lock_code_add(0x1000 + i * 16, 0x1008 + i * 16, PP_LOCK_CODE_MUTEX));
    assert_false(pp_sig_lock_code_add(0x9000, 0x9008, PP_LOCK_CODE_RWLOCK));
    pp_sig_lock_code_forget(0x1010, 0x1020);
    assert_true(pp_sig_lock_code_add(0x9000, 0x9008, PP_LOCK_CODE_RWLOCK));
    assert_int_equal(pp_sig_lock_code_of(0x9001), PP_LOCK_CODE_RWLOCK);
    assert_int_equal(pp_sig_lock_code_of(0x1021), PP_LOCK_CODE_MUTEX);
    pp_sig_lock_code_forget(0, UINTPTR_MAX);
    assert_int_equal(pp_sig_n_lock_code, 0);
}

/* What stands before the word that a parked thread waits by (parking_lot_core's ThreadData). */
struct parked {
    const void *key;
    const void *next;
    uint64_t unpark_token, park_token;
    uint32_t word;
};

static uintptr_t lock_of(const struct parked *parked, enum pp_lock_code code)
{
    return pp_sig_lock_code_lock((uintptr_t)&parked->word, code);
}

/* A mutex is one byte, at any address, whatever lies beside it. */
static void test_mutex(void **state)
{
    static _Alignas(8) uint8_t locks[] = {3, 3, 2, 1, 0, 7};
    struct parked parked = {.word = 1};

    (void)state;
    for (size_t i = 0; i < sizeof locks; i++) {
        parked.key = &locks[i];
        assert_int_equal(lock_of(&parked, PP_LOCK_CODE_MUTEX),
                         i < 3 ? (uintptr_t)&locks[i] : (uintptr_t)&parked.word);
    }
    parked.key = &locks[0];
    parked.park_token = 8; /* as no thread that waits for a mutex */
    assert_int_equal(lock_of(&parked, PP_LOCK_CODE_MUTEX), (uintptr_t)&parked.word);
}

/* Of a lock for readers and writers the word after its beginning is what waits for readers. */
static void test_rwlock(void **state)
{
    static const uint64_t TOKENS[] = {8, 16, 20};
    static uint64_t lock;
    const struct {
        size_t offset;
        uint64_t value;
        bool is_known;
    } KEYS[] = {{0, 8 + 1, true},  {1, 8 + 2, true}, {0, 8 + 2, false},
                {1, 8 + 1, false}, {0, 8, false},    {2, 8 + 3, false}};
    struct parked parked = {.word = 1};

    (void)state;
    for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++)
        for (size_t k = 0; k < sizeof TOKENS / sizeof TOKENS[0]; k++) {
            lock = KEYS[i].value;
            parked.key = (const char *)&lock + KEYS[i].offset;
            parked.park_token = TOKENS[k];
            assert_int_equal(lock_of(&parked, PP_LOCK_CODE_RWLOCK),
                             KEYS[i].is_known ? (uintptr_t)&lock : (uintptr_t)&parked.word);
        }
    lock = 8 + 1;
    parked.key = &lock;
    parked.park_token = 0;
    assert_int_equal(lock_of(&parked, PP_LOCK_CODE_RWLOCK), (uintptr_t)&parked.word);
}

/* Where it is laid out in another way: nothing is read that cannot be. */
static void test_other_layout(void **state)
{
    char *pages =
        mmap(NULL, 3 * TEXT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint32_t *first = (uint32_t *)(void *)(pages + TEXT_BYTES);
    struct parked parked = {.word = 1};

    (void)state;
    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(munmap(pages, TEXT_BYTES), 0);
    assert_int_equal(munmap(pages + 2 * TEXT_BYTES, TEXT_BYTES), 0);
    for (enum pp_lock_code code = PP_LOCK_CODE_MUTEX; code <= PP_LOCK_CODE_RWLOCK; code++) {
        const void *const KEYS[] = {NULL, pages, pages + 2 * TEXT_BYTES, (const void *)UINTPTR_MAX};
        assert_int_equal(pp_sig_lock_code_lock((uintptr_t)first, code), (uintptr_t)first);
        parked.park_token = code == PP_LOCK_CODE_MUTEX ? 0 : 8;
        for (size_t i = 0; i < sizeof KEYS / sizeof KEYS[0]; i++) {
            parked.key = KEYS[i];
            assert_int_equal(lock_of(&parked, code), (uintptr_t)&parked.word);
        }
    }
    assert_int_equal(munmap(pages + TEXT_BYTES, TEXT_BYTES), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test_setup(test_whole, fresh),
        cmocka_unit_test_setup(test_other_file, fresh),
        cmocka_unit_test_setup(test_cut_short, fresh),
        cmocka_unit_test_setup(test_spoiled, fresh),
        cmocka_unit_test_setup(test_sizes, fresh),
        cmocka_unit_test_setup(test_room, fresh),
        cmocka_unit_test(test_mutex),
        cmocka_unit_test(test_rwlock),
        cmocka_unit_test(test_other_layout),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
