/* Wrong unwind information: nothing outside of it is read.  Copies have exactly the size they say
 * and end at an unmapped page, so that a byte too far is a crash even without a sanitizer. */
#include <link.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <cmocka.h>

#include "capture/unwind_table.h"
#include "hand_made.h"
#include "sigsafe/arch.h"

enum { PAGE_BYTES = 4096, ROOM_BYTES = 64 * PAGE_BYTES };

static uint8_t *fence; /* what lies before it may be read */

static int make_fence(void **state)
{
    uint8_t *room = mmap(NULL, ROOM_BYTES + PAGE_BYTES, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)state;
    if (room == MAP_FAILED)
        return -1;
    fence = room + ROOM_BYTES;
    return mprotect(fence, PAGE_BYTES, PROT_NONE);
}

/* A copy of 'n' bytes that ends at the fence. */
static uint8_t *at_fence(const uint8_t *from, size_t n)
{
    return memcpy(fence - n, from, n);
}

static void read_all(const struct pp_sig_cfi *cfi)
{
    struct pp_table_builder builder = {.build = {.error = 0}};
    struct pp_sig_cfi scanned = *cfi;
    struct pp_sig_rule_table *table = NULL;

    for (uint64_t pc = HAND_MADE_PC - 2; pc < HAND_MADE_PC + 40; pc += 3)
        (void)pp_sig_cfi_find(cfi, pc);
    if (pp_unwind_table_build(&builder, cfi, HAND_MADE_PC, HAND_MADE_PC + 4096, &table) == 0)
        pp_unwind_table_free(table);
    scanned.n_fdes = 0;
    if (pp_unwind_table_build(&builder, &scanned, HAND_MADE_PC, HAND_MADE_PC + 4096, &table) == 0)
        pp_unwind_table_free(table);
    pp_table_builder_done(&builder);
}

static const uint8_t rich_program[] = {
    0x41, 0x0e, 16,   0x86, 2,    0x43, 0x0d, 6,    0x0a, 0x41, 0x0f, 5,    0x77, 0x18, 0x06,
    0x23, 8,    0x10, 6,    2,    0x76, 0,    0x41, 0x0b, 0x11, 3,    0x7d, 0x2e, 16,   0x02,
    4,    0x16, 16,   2,    0x77, 0,    0x03, 1,    0,    0x05, 12,   4,    0x06, 12,
};

/* Cut anywhere, it is read to the cut and no further. */
static void test_cut_anywhere(void **state)
{
    struct hand_made m;

    (void)state;
    hand_make(&m, rich_program, sizeof rich_program, 64, "zR");
    for (uint64_t n = 0; n <= m.cfi.frames.n_bytes; n++) {
        struct pp_sig_cfi cfi = m.cfi;
        cfi.frames.data = at_fence(m.frames, n);
        cfi.frames.n_bytes = n;
        read_all(&cfi);
    }
}

/* Any byte replaced by any other. */
static void test_any_byte(void **state)
{
    struct hand_made m;

    (void)state;
    hand_make(&m, rich_program, sizeof rich_program, 64, "zR");
    m.cfi.frames.data = at_fence(m.frames, m.cfi.frames.n_bytes);
    for (uint64_t i = 0; i < m.cfi.frames.n_bytes; i++) {
        uint8_t *byte = fence - m.cfi.frames.n_bytes + i;
        const uint8_t kept = *byte;
        for (unsigned value = 0; value < 256; value += i < 48 ? 1 : 5) {
            *byte = (uint8_t)value;
            (void)pp_sig_cfi_find(&m.cfi, HAND_MADE_PC + 7);
            if (value % 16 == 3)
                read_all(&m.cfi);
        }
        *byte = kept;
    }
}

/* A second of random damage to this program's own unwind information. */
static int damage(struct dl_phdr_info *info, size_t size, void *unused)
{
    static uint8_t copy[ROOM_BYTES / 2];
    uint64_t n_bytes = 0, start = 0, random = 42, n_reads = 0;
    struct timespec begin, now;

    (void)size, (void)unused;
    for (int i = 0; i < info->dlpi_phnum; i++) {
        if (info->dlpi_phdr[i].p_type != PT_GNU_EH_FRAME)
            continue;
        start = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
        n_bytes =
            info->dlpi_phdr[i].p_filesz + 2000; /* .eh_frame follows; our own is longer than that */
    }
    assert_true(start != 0 && n_bytes < sizeof copy);
    memcpy(copy, (const void *)(uintptr_t)start, n_bytes);
    clock_gettime(CLOCK_MONOTONIC, &begin);
    do {
        struct pp_sig_cfi cfi;
        struct pp_sig_bytes header = {at_fence(copy, n_bytes), n_bytes, start};
        uint64_t eh_frame;
        memset(&cfi, 0, sizeof cfi);
        for (unsigned i = 0; i < 1 + n_reads % 8; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            fence[-1 - (int64_t)(random % n_bytes)] = (uint8_t)(random >> 40);
        }
        if (pp_sig_cfi_read_header(header, &cfi, &eh_frame) == 0 && eh_frame - start < n_bytes) {
            cfi.frames = (struct pp_sig_bytes){header.data + (eh_frame - start),
                                               n_bytes - (eh_frame - start), eh_frame};
            for (uint32_t i = 0; i < cfi.n_fdes && i < 100; i++)
                (void)pp_sig_cfi_find(&cfi, pp_sig_cfi_index_pc(&cfi, i) + random % 64);
        }
        n_reads++;
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while ((now.tv_sec - begin.tv_sec) * 1000 + (now.tv_nsec - begin.tv_nsec) / 1000000 < 1000);
    assert_true(n_reads > 100);
    return 1;
}

/* Damaged unwind information of a real program is read without harm. */
static void test_damage(void **state)
{
    (void)state;
    dl_iterate_phdr(damage, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_any_byte),
        cmocka_unit_test(test_damage),
    };
    return cmocka_run_group_tests(tests, make_fence, NULL);
}
