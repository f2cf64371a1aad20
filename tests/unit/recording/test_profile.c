/* Recordings made by hand, as profiles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>

#include "../skip_because.h"
#include "formats/recording.h"
#include "formats/recording_vdso.h"
#include "sigsafe/unwind.h"
#include "writer.h"

enum { BASE = 0x10000 }; /* where "/gone/prog" lies */

static struct pprofc_profile *profile_of(const struct writer *writer)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {0};

    if (pp_recording_read(writer->bytes, writer->n_next, "made", &profile, &err) != 0)
        fail_msg("%s", err.message);
    return profile;
}

static const char *text(const struct pprofc_profile *profile, pp_id string)
{
    return pp_profile_chars(profile, string);
}

/* Sample 'sample' as "leaf;...;root" in 'line'. */
static const char *stack_text(const struct pprofc_profile *profile, uint32_t sample, char line[512])
{
    size_t n = 0;

    line[0] = '\0';
    for (pp_id node = profile->sample_stack[sample]; node != 0; node = profile->node_parent[node]) {
        char scratch[256];
        const char *name = pp_profile_frame_name(profile, profile->node_location[node], 0, scratch,
                                                 sizeof scratch);
        n += (size_t)snprintf(line + n, 512 - n, "%s%s", n > 0 ? ";" : "", name);
    }
    return line;
}

static int64_t value(const struct pprofc_profile *profile, uint32_t sample, uint32_t type)
{
    return profile->sample_values[(size_t)sample * profile->n_types + type];
}

/* A recording with a program at BASE, a thread and a raw segment. */
static struct writer usual(struct pp_rec_segment **segment_out)
{
    struct writer writer = writer_new();

    writer_module(&writer, "/gone/prog", BASE, BASE + 0x10000, 0, 0);
    writer_thread(&writer, 42, "worker");
    *segment_out = writer_segment(&writer, PP_SEGMENT_RAW, 1, 64 * 1024);
    return writer;
}

/* Header, clocks, period, losses and costs arrive in the profile; samples of one stack, thread and
 * slice are summed. */
static void facts_arrive(void **state)
{
    static const uint64_t pcs[] = {BASE + 0x100, BASE + 0x201};
    struct pp_rec_segment *segment;
    struct writer writer = usual(&segment);
    const uint32_t stack = writer_stack(segment, pcs, 2);
    struct pp_rec_thread *thread =
        (struct pp_rec_thread *)(writer.bytes + writer.head->threads.blocks[0]);
    struct pprofc_profile *profile;
    const struct pp_location *leaf, *caller;
    char line[512];

    (void)state;
    writer_event(segment, 10, 0, stack, 0, 7000000);
    writer_event(segment, 99999999, 0, stack, 0, 8000000);
    writer_event(segment, 100000000, 0, stack, 0, 9000000); /* the next slice */
    writer.head->n_samples = 3;
    writer.head->n_truncated = 2;
    writer.head->cpu_ns = 25000000;
    writer.head->helper_cpu_ns = 100;
    writer.head->handler_cpu_ns = 23;
    writer.head->losses[PP_LOSS_NO_SPACE] = 4;
    writer.head->losses[PP_LOSS_STACK_FOLDED] = 5;
    writer.head->delivery = PP_DELIVERY_CPU_TIMER;
    strcpy(writer.head->delivery_reason, "perf refused");
    thread->sampled_ns = 24000000;
    thread->unsampled_ns = 1000000;
    profile = profile_of(&writer);
    assert_int_equal(profile->n_types, 2);
    assert_string_equal(text(profile, profile->types[0].type), "samples");
    assert_string_equal(text(profile, profile->types[0].unit), "count");
    assert_string_equal(text(profile, profile->types[1].type), "cpu");
    assert_string_equal(text(profile, profile->types[1].unit), "nanoseconds");
    assert_int_equal(profile->default_type, 1);
    assert_string_equal(text(profile, profile->kind), "cpu");
    assert_string_equal(text(profile, profile->command), "prog --work");
    assert_int_equal(profile->period, 10000000);
    assert_string_equal(text(profile, profile->period_type.unit), "nanoseconds");
    assert_int_equal(profile->time_ns, 1700000000LL * 1000000000);
    assert_int_equal(profile->duration_ns, 2000000000);
    assert_int_equal(profile->slice_ns, 100000000);
    assert_int_equal(profile->n_samples, 2);
    assert_int_equal(profile->sample_slice[0], 0);
    assert_int_equal(value(profile, 0, 0), 2);
    assert_int_equal(value(profile, 0, 1), 15000000);
    assert_int_equal(profile->sample_slice[1], 1);
    assert_int_equal(value(profile, 1, 1), 9000000);
    /* vaddr is the address less the bias, and that of a caller one less than its return address. */
    assert_string_equal(stack_text(profile, 0, line), "prog+0x100;prog+0x200");
    leaf = &profile->locations[profile->node_location[profile->sample_stack[0]]];
    caller =
        &profile->locations[profile->node_location[profile->node_parent[profile->sample_stack[0]]]];
    assert_int_equal(leaf->address, BASE + 0x100);
    assert_int_equal(caller->address, BASE + 0x200);
    assert_int_equal(profile->n_mappings, 2);
    assert_int_equal(profile->mappings[1].start, BASE);
    assert_int_equal(profile->mappings[1].limit, BASE + 0x10000);
    assert_string_equal(text(profile, profile->mappings[1].path), "/gone/prog");
    assert_true(profile->quality.is_known);
    assert_true(profile->quality.asked_hz == 100.0);
    assert_int_equal(profile->quality.n_samples, 3);
    assert_int_equal(profile->quality.n_truncated, 2);
    assert_int_equal(profile->quality.n_unsymbolised, 3);
    assert_int_equal(profile->quality.n_lost, 4); /* folded stacks keep their time */
    assert_int_equal(profile->quality.n_losses, 2);
    assert_string_equal(text(profile, profile->quality.losses[0].cause), "no_space");
    assert_int_equal(profile->quality.losses[0].n, 4);
    assert_string_equal(text(profile, profile->quality.losses[1].cause), "stack_folded");
    assert_int_equal(profile->quality.cpu_ns, 25000000);
    assert_int_equal(profile->quality.sampled_ns, 24000000);
    assert_int_equal(profile->quality.unsampled_ns, 1000000);
    assert_int_equal(profile->quality.own_cpu_ns, 123);
    assert_string_equal(text(profile, profile->quality.delivery), "cpu-timer");
    assert_string_equal(text(profile, profile->quality.delivery_reason), "perf refused");
    assert_string_equal(text(profile, profile->quality.missing_modules), "prog");
    assert_int_equal(profile->n_comments, 3);
    assert_string_equal(text(profile, profile->comments[0]),
                        "prog has no names: cannot read '/gone/prog': No such file or directory");
    assert_non_null(strstr(text(profile, profile->comments[1]), "no files here of prog: "));
    assert_non_null(strstr(text(profile, profile->comments[2]), "kernel time"));
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Samples of two threads stay apart, labelled by name and number. */
static void threads_are_labels(void **state)
{
    static const uint64_t pcs[] = {BASE + 0x100};
    struct pp_rec_segment *segment;
    struct writer writer = usual(&segment);
    const uint32_t stack = writer_stack(segment, pcs, 1);
    struct pprofc_profile *profile;
    const struct pp_label *labels;

    (void)state;
    writer_thread(&writer, 0, "[other threads]");
    writer_event(segment, 1, 0, stack, 0, 1);
    writer_event(segment, 1, 1, stack, 0, 2);
    writer_event(segment, 1, 77, stack, 0, 4); /* a thread that is in no table */
    profile = profile_of(&writer);
    assert_int_equal(profile->n_samples, 3);
    labels = &profile->labels[profile->label_sets[profile->sample_labels[0]].first];
    assert_int_equal(profile->label_sets[profile->sample_labels[0]].n_labels, 2);
    assert_string_equal(text(profile, labels[0].key), "thread_id");
    assert_int_equal(labels[0].number, 42);
    assert_string_equal(text(profile, labels[1].key), "thread_name");
    assert_string_equal(text(profile, labels[1].text), "worker");
    labels = &profile->labels[profile->label_sets[profile->sample_labels[1]].first];
    assert_int_equal(profile->label_sets[profile->sample_labels[1]].n_labels, 1);
    assert_string_equal(text(profile, labels[0].text), "[other threads]");
    assert_int_equal(profile->sample_labels[2], 0);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Pseudo frames have names, a truncated stack gets a root of its own, our own frames are left out,
 * and code in no module is called so and keeps its address. */
static void special_frames(void **state)
{
    static const uint64_t unsampled[] = {PP_PC_UNSAMPLED}, folded[] = {PP_PC_FOLDED};
    static const uint64_t cut[] = {BASE + 0x100, PP_PC_CUT, BASE + 0x201};
    static const uint64_t ours[] = {0x50000, 0x50011, BASE + 0x301, 0x50021, BASE + 0x401};
    static const uint64_t unknown[] = {0x99000, BASE + 0x501}, only_ours[] = {0x50000};
    struct pp_rec_segment *segment;
    struct writer writer = usual(&segment);
    struct pprofc_profile *profile;
    char line[512];

    (void)state;
    writer_module(&writer, "/gone/libpprofc.so", 0x50000, 0x51000, 0, 0)->flags = 2;
    writer_event(segment, 1, 0, writer_stack(segment, unsampled, 1), PP_EVENT_REMAINDER, 1);
    writer_event(segment, 2, 0, writer_stack(segment, folded, 1), 0, 1);
    writer_event(segment, 3, 0, writer_stack(segment, cut, 3), PP_EVENT_CUT, 1);
    writer_event(segment, 4, 0, writer_stack(segment, cut, 1), PP_EVENT_TRUNCATED, 1);
    writer_event(segment, 5, 0, writer_stack(segment, ours, 5), 0, 1);
    writer_event(segment, 6, 0, writer_stack(segment, unknown, 2), 0, 1);
    writer_event(segment, 7, 0, writer_stack(segment, only_ours, 1), 0, 1);
    profile = profile_of(&writer);
    assert_int_equal(profile->n_samples, 7);
    assert_string_equal(stack_text(profile, 0, line), "[unsampled]");
    assert_string_equal(stack_text(profile, 1, line), "[folded]");
    assert_string_equal(stack_text(profile, 2, line), "prog+0x100;[truncated];prog+0x200");
    assert_string_equal(stack_text(profile, 3, line), "prog+0x100;[truncated]");
    assert_string_equal(stack_text(profile, 4, line), "prog+0x300;prog+0x400");
    assert_string_equal(stack_text(profile, 5, line), "[unknown code];prog+0x500");
    assert_int_equal(profile->locations[profile->node_location[profile->sample_stack[5]]].address,
                     0x99000);
    assert_string_equal(stack_text(profile, 6, line), "[pprof-c]");
    assert_int_equal(profile->quality.n_unsymbolised,
                     5); /* all but the first two: nothing here has symbols */
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* An address belongs to what was mapped there at that time, though another library took the place
 * later, and the stack is the same numbers; a library that was used before we saw it is still
 * found. */
static void places_change_hands(void **state)
{
    static const uint64_t pcs[] = {0x70010, 0x70021};
    struct pp_rec_segment *segment;
    struct writer writer = usual(&segment);
    const uint32_t stack = writer_stack(segment, pcs, 2);
    struct pprofc_profile *profile;
    char line[512];

    (void)state;
    writer_module(&writer, "/gone/a.so", 0x70000, 0x71000, 1000, 2000);
    writer_module(&writer, "/gone/b.so", 0x70000, 0x71000, 3000, 4000);
    writer_module(&writer, "/gone/a.so", 0x70000, 0x71000, 5000, 0);
    writer_event(segment, 1500, 0, stack, 0, 1);
    writer_event(segment, 3500, 0, stack, 0, 1);
    writer_event(segment, 5500, 0, stack, 0, 1);
    writer_event(segment, 2500, 0, stack, 0,
                 1); /* b, which was there a little before it was noticed */
    writer_event(segment, 500, 0, stack, 0, 1); /* a likewise */
    profile = profile_of(&writer);
    assert_int_equal(profile->n_samples, 2);
    assert_string_equal(stack_text(profile, 0, line), "a.so+0x10;a.so+0x20");
    assert_int_equal(value(profile, 0, 0), 3);
    assert_string_equal(stack_text(profile, 1, line), "b.so+0x10;b.so+0x20");
    assert_int_equal(value(profile, 1, 0), 2);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* The profile's slices are as wide as the widest of the recording. */
static void slices_are_the_widest(void **state)
{
    static const uint64_t pcs[] = {BASE + 0x100};
    struct pp_rec_segment *raw, *folded;
    struct writer writer = usual(&raw);
    struct pprofc_profile *profile;

    (void)state;
    folded = writer_segment(&writer, PP_SEGMENT_FOLDED, 0, 4096);
    folded->slice_ns = 400000000;
    writer_event(folded, 400000000, 0, writer_stack(folded, pcs, 1), 0, 70)->values[0] = 7;
    writer_event(raw, 799999999, 0, writer_stack(raw, pcs, 1), 0, 1);
    writer_event(raw, 800000000, 0, writer_stack(raw, pcs, 1), 0, 2);
    profile = profile_of(&writer);
    assert_int_equal(profile->slice_ns, 400000000);
    assert_int_equal(profile->n_samples, 2);
    assert_int_equal(profile->sample_slice[0], 1);
    assert_int_equal(value(profile, 0, 0), 8);
    assert_int_equal(value(profile, 0, 1), 71);
    assert_int_equal(profile->sample_slice[1], 2);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* A program that called exec is one profile: the first command, both times on one clock, figures
 * added up. */
static void exec_chain_is_one(void **state)
{
    static const uint64_t pcs[] = {BASE + 0x100}, other_pcs[] = {BASE + 0x100};
    struct pp_rec_segment *segments[2];
    struct writer writers[2] = {usual(&segments[0]), usual(&segments[1])};
    struct pp_recording_reader *readers[2];
    struct pprofc_profile *profile = NULL;
    char line[512];

    (void)state;
    strcpy(((struct pp_rec_module *)(writers[1].bytes + writers[1].head->modules.blocks[0]))->path,
           "/gone/next");
    strcpy(writers[1].head->command, "next");
    writers[1].head->start_monotonic_ns += 3000000000;
    writers[1].head->start_realtime_ns += 3000000000;
    for (int i = 0; i < 2; i++) {
        writers[i].head->n_samples = 1;
        writers[i].head->cpu_ns = 10;
        writers[i].head->losses[PP_LOSS_NO_SPACE] = 1;
        writer_event(segments[i], 50000000, 0,
                     writer_stack(segments[i], i == 0 ? pcs : other_pcs, 1), 0, 5);
        assert_int_equal(
            pp_recording_view(writers[i].bytes, writers[i].n_next, "made", &readers[i], NULL), 0);
    }
    assert_int_equal(pp_recordings_to_profile(readers, 2, NULL, NULL, &profile, NULL), 0);
    assert_string_equal(text(profile, profile->command), "prog --work");
    assert_int_equal(profile->duration_ns, 5000000000);
    assert_int_equal(profile->n_samples, 2);
    assert_string_equal(stack_text(profile, 0, line), "prog+0x100");
    assert_int_equal(profile->sample_slice[0], 0);
    assert_string_equal(stack_text(profile, 1, line), "next+0x100");
    assert_int_equal(profile->sample_slice[1], 30);
    assert_int_equal(profile->quality.n_samples, 2);
    assert_int_equal(profile->quality.cpu_ns, 20);
    assert_int_equal(profile->quality.n_losses, 1);
    assert_int_equal(profile->quality.losses[0].n, 2);
    pprofc_profile_free(profile);
    for (int i = 0; i < 2; i++) {
        pp_recording_close(readers[i]);
        free(writers[i].bytes);
    }
}

/* Of a killed process the parent's figures of its CPU time and end hold, of one that ended its own.
 */
static void cut_off_takes_the_parents_figures(void **state)
{
    struct pp_rec_segment *segment;
    struct writer writer = usual(&segment);
    const struct pp_recording_profile_options options = {
        .cpu_ns_override = 777, .end_ns_override = writer.head->start_monotonic_ns + 9000};
    struct pp_recording_reader *reader = NULL;

    (void)state;
    writer.head->cpu_ns = 500;
    writer.head->cpu_time_ns = 1234;
    for (int ended = 0; ended < 2; ended++) {
        struct pprofc_profile *profile = NULL;
        writer.head->state = ended ? PP_REC_ENDED : PP_REC_RUNNING;
        writer.head->end_ns = ended ? 4000 : 0;
        assert_int_equal(pp_recording_view(writer.bytes, writer.n_next, "made", &reader, NULL), 0);
        assert_int_equal(pp_recording_to_profile(reader, NULL, &options, &profile, NULL), 0);
        assert_int_equal(profile->quality.cpu_ns, ended ? 500 : 777);
        assert_int_equal(profile->duration_ns, ended ? 4000 : 9000);
        pprofc_profile_free(profile);
        pp_recording_close(reader);
    }
    free(writer.bytes);
}

/* The header's blocklist folds a library into its callers, or drops and counts. */
static void blocklist_is_applied(void **state)
{
    static const uint64_t pcs[] = {0x60010, BASE + 0x101}, other[] = {BASE + 0x200};
    struct pp_rec_segment *segment;
    struct writer writer = usual(&segment);
    struct pprofc_profile *profile;
    char line[512];

    (void)state;
    writer_module(&writer, "/gone/libc.so.6", 0x60000, 0x61000, 0, 0);
    writer_event(segment, 1, 0, writer_stack(segment, pcs, 2), 0, 1);
    writer_event(segment, 2, 0, writer_stack(segment, other, 1), 0, 1);
    strcpy(writer.head->block_libraries, "libc");
    profile = profile_of(&writer);
    assert_int_equal(profile->n_samples, 2);
    assert_string_equal(stack_text(profile, 0, line), "prog+0x100");
    assert_int_equal(profile->quality.n_dropped, 0);
    pprofc_profile_free(profile);
    writer.head->block_drops = 1;
    profile = profile_of(&writer);
    assert_int_equal(profile->n_samples, 1);
    assert_int_equal(profile->quality.n_dropped, 1);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Code of this very program, so that names can be had. */
__attribute__((noinline)) int named_for_the_test(int x);
int named_for_the_test(int x)
{
    return x * 3 + 1;
}

static int find_program(struct dl_phdr_info *info, size_t size, void *bias)
{
    (void)size;
    *(uint64_t *)bias = info->dlpi_addr;
    return 1; /* the first is the program */
}

/* Addresses get the names of the program's file, and the mapping says that it has them. */
static void names_come_from_the_file(void **state)
{
    const uint64_t pcs[] = {(uint64_t)(uintptr_t)named_for_the_test + 1};
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 4096);
    char path[512] = "";
    struct pp_rec_module *module;
    struct pprofc_profile *profile;
    char line[512];
    uint64_t bias = 0;

    (void)state;
    assert_true(readlink("/proc/self/exe", path, sizeof path - 1) > 0);
    (void)dl_iterate_phdr(find_program, &bias);
    module = writer_module(&writer, path, pcs[0] - 0x100, pcs[0] + 0x100, 0, 0);
    module->bias = bias;
    writer_event(segment, 1, 0, writer_stack(segment, pcs, 1), 0, 1);
    profile = profile_of(&writer);
    assert_string_equal(stack_text(profile, 0, line), "named_for_the_test");
    assert_true(profile->mappings[1].has_functions);
    assert_int_equal(profile->quality.n_unsymbolised, 0);
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Code of the kernel's vdso is named from our own, when it is the same. */
static void vdso_is_our_own(void **state)
{
    const char *image = (const char *)getauxval(AT_SYSINFO_EHDR);
    const Elf64_Ehdr *head = (const Elf64_Ehdr *)image;
    struct writer writer = writer_new();
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, 4096);
    struct pp_rec_module *module = writer_module(&writer, "[vdso]", 0x70000, 0x72000, 0, 0);
    struct pprofc_profile *profile;
    size_t n_bytes = 0;
    uint64_t pcs[1] = {0};
    char line[512];

    (void)state;
    if (image == NULL)
        skip_because("this process has no vdso");
    /* Its build id and the address of clock_gettime, by its own tables. */
    for (int i = 0; i < head->e_phnum; i++) {
        const Elf64_Phdr *part = (const Elf64_Phdr *)(image + head->e_phoff) + i;
        const char *note = image + part->p_offset;
        for (uint64_t at = 0; part->p_type == PT_NOTE && at + 12 < part->p_filesz;) {
            const Elf64_Nhdr *note_head = (const Elf64_Nhdr *)(note + at);
            if (note_head->n_type == 3 && strcmp(note + at + 12, "GNU") == 0) {
                module->n_build_id_bytes = note_head->n_descsz;
                memcpy(module->build_id, note + at + 16, note_head->n_descsz);
            }
            at += 12 + (note_head->n_namesz + 3) / 4 * 4 + (note_head->n_descsz + 3) / 4 * 4;
        }
    }
    for (int i = 0; i < head->e_shnum; i++) {
        const Elf64_Shdr *part = (const Elf64_Shdr *)(image + head->e_shoff) + i;
        const Elf64_Shdr *names = (const Elf64_Shdr *)(image + head->e_shoff) + part->sh_link;
        for (uint64_t at = 0; part->sh_type == SHT_DYNSYM && at < part->sh_size;
             at += sizeof(Elf64_Sym)) {
            const Elf64_Sym *symbol = (const Elf64_Sym *)(image + part->sh_offset + at);
            if (strcmp(image + names->sh_offset + symbol->st_name, "__vdso_clock_gettime") == 0)
                pcs[0] = 0x70000 + symbol->st_value;
        }
    }
    assert_true(pcs[0] != 0 && module->n_build_id_bytes > 0);
    module->flags = 1;
    assert_ptr_equal(pp_own_vdso(module->build_id, module->n_build_id_bytes, &n_bytes), image);
    writer_event(segment, 1, 0, writer_stack(segment, pcs, 1), 0, 1);
    profile = profile_of(&writer);
    assert_non_null(strstr(stack_text(profile, 0, line), "clock_gettime"));
    pprofc_profile_free(profile);
    module->build_id[0] ^= 1;
    assert_null(pp_own_vdso(module->build_id, module->n_build_id_bytes, &n_bytes));
    profile = profile_of(&writer);
    assert_null(strstr(stack_text(profile, 0, line), "clock_gettime"));
    pprofc_profile_free(profile);
    free(writer.bytes);
}

/* Stacks that overlap are refused: each byte of a file may ask for so much memory and no more. */
static void overlapping_stacks_are_refused(void **state)
{
    struct pp_rec_segment *segment;
    struct writer writer = usual(&segment);
    struct pprofc_profile *profile = NULL;
    uint64_t pcs[1000];

    (void)state;
    /* Each pc is such that, taken as a stack's n_frames (its second word), it makes a stack of 900
     * frames. */
    for (int i = 0; i < 1000; i++)
        pcs[i] = i < 80 ? 900 : BASE;
    writer_stack(segment, pcs, 1000);
    for (uint32_t i = 0; i < 70; i++)
        writer_event(segment, 1, 0, segment->area_bytes / 8 - 1002 + 2 + i, 0, 1);
    assert_int_equal(pp_recording_read(writer.bytes, writer.n_next, "made", &profile, NULL),
                     -EBADMSG);
    assert_null(profile);
    free(writer.bytes);
}

/* 3000 mutants of a recording with all there is: never a crash, whatever becomes of the profile. */
static void corruption_never_crashes(void **state)
{
    static const uint64_t pcs[] = {0x70010, 0x70021, BASE + 0x100};
    struct pp_rec_segment *segment;
    struct writer writer = usual(&segment);
    const uint32_t stack = writer_stack(segment, pcs, 3);
    struct pp_symbolizer *symbolizer = NULL;
    uint64_t random = 88172645463325252;
    unsigned char *mutant;

    (void)state;
    writer_module(&writer, "/gone/a.so", 0x70000, 0x71000, 1000, 2000);
    writer_module(&writer, "/gone/b.so", 0x70000, 0x71000, 3000, 4000);
    for (uint32_t i = 0; i < 20; i++)
        writer_event(segment, i * 1000, i % 3, stack, 0, 1);
    assert_int_equal(pp_symbolizer_new(NULL, &symbolizer, NULL), 0);
    mutant = malloc(writer.n_next);
    for (int round = 0; round < 3000; round++) {
        struct pp_recording_reader *reader = NULL;
        struct pprofc_profile *profile = NULL;
        memcpy(mutant, writer.bytes, writer.n_next);
        for (int i = 0; i <= round % 32; i++) {
            random ^= random << 13, random ^= random >> 7, random ^= random << 17;
            /* In what is used: the header's start, the tables, the segment's head and log. */
            mutant[PP_REC_HEADER_BYTES * (random & 1) + (random >> 8) % 6000] =
                (unsigned char)(random >> 56);
        }
        memcpy(mutant, writer.bytes, 12); /* past the first check */
        if (pp_recording_view(mutant, writer.n_next, "made", &reader, NULL) == 0) {
            if (pp_recording_to_profile(reader, symbolizer, NULL, &profile, NULL) == 0)
                pprofc_profile_free(profile);
            pp_recording_close(reader);
        }
    }
    pp_symbolizer_free(symbolizer);
    free(mutant);
    free(writer.bytes);
}

/* 100 000 events on 2000 stacks of 60 frames are a profile in well under 100 ms besides names; the
 * limit here is ten times that, for slow machines and sanitizers. */
static void large_is_quick(void **state)
{
    enum { N_EVENTS = 100000, N_STACKS = 2000, N_FRAMES = 60, AREA = 8 << 20 };
    void *room = calloc(1, 16 << 20);
    struct writer writer = writer_in(room, 16 << 20);
    struct pp_rec_segment *segment = writer_segment(&writer, PP_SEGMENT_RAW, 1, AREA);
    struct pprofc_profile *profile;
    uint32_t stacks[N_STACKS];
    struct timespec before, after;
    double seconds;

    (void)state;
    for (uint32_t s = 0; s < N_STACKS; s++) {
        uint64_t pcs[N_FRAMES];
        for (uint32_t i = 0; i < N_FRAMES; i++)
            pcs[i] = 0x1000000 + (i < 5 ? s * 16 + i : i) * 8;
        stacks[s] = writer_stack(segment, pcs, N_FRAMES);
    }
    for (uint32_t i = 0; i < N_EVENTS; i++)
        writer_event(segment, i * UINT64_C(1000000), 0, stacks[i % N_STACKS], 0, 1000000);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    profile = profile_of(&writer);
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
    seconds =
        (double)(after.tv_sec - before.tv_sec) + (double)(after.tv_nsec - before.tv_nsec) / 1e9;
    print_message("100 000 events: %.1f ms of CPU\n", seconds * 1e3);
    assert_int_equal(pp_profile_total(profile, 0), N_EVENTS);
    assert_true(seconds < 1);
    pprofc_profile_free(profile);
    free(room);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(facts_arrive),
        cmocka_unit_test(threads_are_labels),
        cmocka_unit_test(special_frames),
        cmocka_unit_test(places_change_hands),
        cmocka_unit_test(slices_are_the_widest),
        cmocka_unit_test(exec_chain_is_one),
        cmocka_unit_test(cut_off_takes_the_parents_figures),
        cmocka_unit_test(blocklist_is_applied),
        cmocka_unit_test(names_come_from_the_file),
        cmocka_unit_test(vdso_is_our_own),
        cmocka_unit_test(overlapping_stacks_are_refused),
        cmocka_unit_test(corruption_never_crashes),
        cmocka_unit_test(large_is_quick),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
