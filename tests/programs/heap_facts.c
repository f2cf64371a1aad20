/* What a recording says of the heap, as one JSON line: sums, losses, messages, and each site with
 * the names on its stack.  Argument: the recording's path; "bare" leaves the sites out. */
#include <stdio.h>
#include <string.h>

#include "binary/symbolizer.h"
#include "recording/reader.h"

enum { MAX_SHOWN = 64, MAX_MODULES = 4096 };

static struct pp_recording_reader *reader;
static struct pp_symbolizer *symbolizer;
static struct pp_module *opened[MAX_MODULES];

static void print_text(const char *text, size_t capacity)
{
    const size_t n = strnlen(text, capacity);

    putchar('"');
    for (size_t i = 0; i < n; i++) {
        const unsigned char byte = (unsigned char)text[i];
        if (byte == '"' || byte == '\\')
            putchar('\\');
        printf(byte < ' ' || byte > '~' ? "?" : "%c", byte);
    }
    putchar('"');
}

/* The physical function that 'address' lies in. */
static void print_name(uint64_t address)
{
    const struct pp_rec_module *module;
    struct pp_frame frame;

    for (uint32_t i = 0; i < MAX_MODULES; i++) {
        if ((module = pp_recording_module(reader, i)) == NULL)
            break;
        if (address - module->start >= module->limit - module->start)
            continue;
        if (opened[i] == NULL &&
            pp_symbolizer_module(symbolizer, module->path, NULL, NULL, 0, &opened[i], NULL) != 0)
            break;
        if (pp_module_frames(opened[i], address - module->bias, &frame, 1) != 1)
            break;
        print_text(frame.name, SIZE_MAX);
        return;
    }
    printf("\"0x%llx\"", (unsigned long long)address);
}

static void print_sums(const char *name, const struct pp_rec_heap_sums *sums)
{
    printf("\"%s\": {\"n_samples\": %llu, \"bytes\": %llu, \"n_objects\": %.3f}, ", name,
           (unsigned long long)sums->n_samples, (unsigned long long)sums->bytes,
           (double)sums->n_samples + (double)sums->excess / 1024);
}

static void print_site(const struct pp_rec_site *site)
{
    uint32_t n_frames = 0;
    const uint64_t *frames = pp_recording_site_frames(reader, site, &n_frames);

    printf("{");
    print_sums("allocated", &site->allocated);
    print_sums("freed", &site->freed);
    printf("\"is_truncated\": %s, \"is_mapped\": %s, \"n_frames\": %u, \"frames\": [",
           (site->flags & PP_EVENT_TRUNCATED) != 0 ? "true" : "false",
           (site->flags & PP_EVENT_MAPPED) != 0 ? "true" : "false", n_frames);
    for (uint32_t i = 0; frames != NULL && i < n_frames && i < MAX_SHOWN; i++) {
        printf("%s", i == 0 ? "" : ", ");
        print_name(i == 0 ? frames[i] : frames[i] - 1);
    }
    printf("]}");
}

static void print_sites(void)
{
    const struct pp_rec_site *site;
    bool is_first = true;

    for (uint32_t i = 0; (site = pp_recording_site(reader, i)) != NULL; i++) {
        /* One whose objects grew and went to another site keeps the bytes they had lost before. */
        if (site->hash == 0 || (site->allocated.n_samples == 0 && site->allocated.bytes == 0 &&
                                site->freed.n_samples == 0))
            continue;
        printf("%s", is_first ? "" : ", ");
        is_first = false;
        print_site(site);
    }
}

static uint64_t count_cpu_samples(void)
{
    const struct pp_rec_thread *thread;
    uint64_t n = 0;

    for (uint32_t i = 0; (thread = pp_recording_thread(reader, i)) != NULL; i++)
        n += thread->n_samples;
    return n;
}

static void print_mappings(const struct pp_rec_mappings *sums)
{
    printf("\"mappings\": {\"n_maps\": %llu, \"mapped_bytes\": %llu, \"n_others\": %llu, "
           "\"other_bytes\": %llu, \"n_unmaps\": %llu, \"unmapped_bytes\": %llu}, ",
           (unsigned long long)sums->n_maps, (unsigned long long)sums->mapped_bytes,
           (unsigned long long)sums->n_others, (unsigned long long)sums->other_bytes,
           (unsigned long long)sums->n_unmaps, (unsigned long long)sums->unmapped_bytes);
}

static void print_head(const struct pp_rec_header *header)
{
    const struct pp_rec_heap *heap = &header->heap;

    printf("{\"pid\": %d, \"mode\": %u, \"interval_bytes\": %llu, \"n_allocs\": %llu, "
           "\"n_reallocs\": %llu, \"n_frees\": %llu, \"requested_bytes\": %llu, "
           "\"n_ghosts\": %llu, \"n_lost_objects\": %llu, \"n_lost_stacks\": %llu, "
           "\"n_cpu_samples\": %llu, \"allocator\": %u, \"allocated_bytes\": %lld, "
           "\"held_bytes\": %llu, \"resident_bytes\": %llu, \"retained_bytes\": %llu, "
           "\"messages\": [",
           header->pid, heap->mode, (unsigned long long)heap->interval_bytes,
           (unsigned long long)heap->n_allocs, (unsigned long long)heap->n_reallocs,
           (unsigned long long)heap->n_frees, (unsigned long long)heap->requested_bytes,
           (unsigned long long)heap->n_ghosts,
           (unsigned long long)header->losses[PP_LOSS_HEAP_OBJECT],
           (unsigned long long)header->losses[PP_LOSS_HEAP_STACK],
           (unsigned long long)count_cpu_samples(), heap->allocator,
           (long long)heap->allocated_bytes, (unsigned long long)heap->held_bytes,
           (unsigned long long)heap->resident_bytes, (unsigned long long)heap->retained_bytes);
    for (uint32_t i = 0; i < header->n_messages && i < PP_REC_N_MESSAGES; i++) {
        printf("%s", i == 0 ? "" : ", ");
        print_text(header->messages[i], sizeof header->messages[i]);
    }
    printf("], ");
    print_mappings(&heap->mappings);
    printf("\"sites\": [");
}

int main(int argc, char **argv)
{
    const struct pp_symbolizer_options options = {.only_symbols = true, .no_inlines = true};
    struct pprofc_error err;

    if (argc < 2 || pp_recording_open(argv[1], &reader, &err) != 0 ||
        pp_symbolizer_new(&options, &symbolizer, &err) != 0) {
        (void)fprintf(stderr, "heap_facts: %s\n", argc < 2 ? "no recording is given" : err.message);
        return 2;
    }
    print_head(pp_recording_header(reader));
    if (argc < 3 || strcmp(argv[2], "bare") != 0)
        print_sites();
    printf("]}\n");
    pp_symbolizer_free(symbolizer);
    pp_recording_close(reader);
    return 0;
}
