/* All threads' stacks as text, like those of Go's goroutines. */
#include "views/thread_stacks.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "views/clean_text.h"

enum { SECOND_NS = 1000 * 1000 * 1000, SECONDS_A_MINUTE = 60, NAME_BYTES = 256 };

/* ---- what the labels say ---- */

static const struct pp_label *label_of(const struct pprofc_profile *profile, uint32_t sample,
                                       const char *key)
{
    const struct pp_label_set *set = &profile->label_sets[profile->sample_labels[sample]];

    for (uint32_t i = 0; i < set->n_labels; i++) {
        const struct pp_label *label = &profile->labels[set->first + i];
        if (strcmp(pp_profile_chars(profile, label->key), key) == 0)
            return label;
    }
    return NULL;
}

static int64_t number_of(const struct pprofc_profile *profile, uint32_t sample, const char *key)
{
    const struct pp_label *label = label_of(profile, sample, key);

    return label == NULL ? 0 : label->number;
}

static const char *text_of(const struct pprofc_profile *profile, uint32_t sample, const char *key)
{
    const struct pp_label *label = label_of(profile, sample, key);

    return label == NULL ? "" : pp_profile_chars(profile, label->text);
}

/* ---- frames ---- */

static void put_place(const struct pprofc_profile *profile, pp_id location, uint32_t line,
                      struct pp_buffer *out)
{
    const struct pp_location *at = &profile->locations[location];
    const struct pp_line *lines = &profile->lines[at->first_line];
    const char *file = "", *module;

    if (line < at->n_lines)
        file = pp_profile_chars(profile, profile->functions[lines[line].function].file);
    if (file[0] != '\0') {
        pp_clean_text_append(out, file);
        pp_buffer_printf(out, ":%" PRId64, lines[line].line);
        return;
    }
    module = pp_profile_chars(profile, profile->mappings[at->mapping].path);
    if (module[0] != '\0') {
        pp_clean_text_append(out, pp_profile_base_name(module));
        pp_buffer_text(out, " ");
    }
    pp_buffer_printf(out, "0x%" PRIx64, at->address);
}

/* Call 'put' with each frame of a stack, inlined ones too, the leaf first. */
static void each_frame(const struct pprofc_profile *profile, pp_id stack, struct pp_buffer *out,
                       void (*put)(const struct pprofc_profile *, pp_id location, uint32_t line,
                                   struct pp_buffer *))
{
    for (pp_id node = stack; node != 0; node = profile->node_parent[node]) {
        const pp_id location = profile->node_location[node];
        const uint32_t n_lines = profile->locations[location].n_lines;
        for (uint32_t line = 0; line < (n_lines > 0 ? n_lines : 1); line++)
            put(profile, location, line, out);
    }
}

/* ---- one thread after the other ---- */

struct item {
    int64_t key;
    uint32_t sample;
};

static int by_key(const void *a, const void *b)
{
    const struct item *one = a, *other = b;

    if (one->key != other->key)
        return one->key < other->key ? -1 : 1;
    return one->sample < other->sample ? -1 : one->sample > other->sample;
}

static struct item *sorted_items(const struct pprofc_profile *profile,
                                 int64_t (*key_of)(const struct pprofc_profile *, uint32_t))
{
    struct item *items = calloc(profile->n_samples + 1UL, sizeof *items);

    for (uint32_t i = 0; items != NULL && i < profile->n_samples; i++)
        items[i] = (struct item){key_of(profile, i), i};
    if (items != NULL)
        qsort(items, profile->n_samples, sizeof *items, by_key);
    return items;
}

static int64_t thread_id_of(const struct pprofc_profile *profile, uint32_t sample)
{
    return number_of(profile, sample, "thread_id");
}

static void put_head(const struct pprofc_profile *profile, uint32_t sample, struct pp_buffer *out)
{
    const char *name = text_of(profile, sample, "thread_name");
    const int64_t idle_s = number_of(profile, sample, "idle") / SECOND_NS;

    pp_buffer_printf(out, "thread %" PRId64, thread_id_of(profile, sample));
    if (name[0] != '\0') {
        pp_buffer_text(out, " \"");
        pp_clean_text_append(out, name);
        pp_buffer_text(out, "\"");
    }
    pp_buffer_text(out, " [");
    pp_clean_text_append(out, text_of(profile, sample, "state"));
    if (idle_s > 0)
        pp_buffer_printf(out, ", %" PRId64 " s", idle_s);
    pp_buffer_text(out, "]:\n");
}

static void put_frame(const struct pprofc_profile *profile, pp_id location, uint32_t line,
                      struct pp_buffer *out)
{
    char scratch[NAME_BYTES];

    pp_clean_text_append(out,
                         pp_profile_frame_name(profile, location, line, scratch, sizeof scratch));
    if (profile->locations[location].address != 0) {
        pp_buffer_text(out, "\n\t");
        put_place(profile, location, line, out);
    }
    pp_buffer_text(out, "\n");
}

static int finish(struct pp_buffer *out, struct pprofc_error *err)
{
    return out->failed ? pp_fail(err, -ENOMEM, 0, "no memory for the threads' stacks") : 0;
}

static int write_each(const struct pprofc_profile *profile, struct pp_buffer *out,
                      void (*put_thread)(const struct pprofc_profile *, uint32_t sample,
                                         struct pp_buffer *),
                      struct pprofc_error *err)
{
    pp_autofree struct item *items = sorted_items(profile, thread_id_of);

    if (items == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the threads' stacks");
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        if (i > 0)
            pp_buffer_text(out, "\n");
        put_thread(profile, items[i].sample, out);
    }
    for (uint32_t i = 0; i < profile->n_comments; i++) {
        pp_buffer_text(out, i == 0 ? "\n# " : "# ");
        pp_clean_text_append(out, pp_profile_chars(profile, profile->comments[i]));
        pp_buffer_text(out, "\n");
    }
    return finish(out, err);
}

static void put_thread(const struct pprofc_profile *profile, uint32_t sample, struct pp_buffer *out)
{
    put_head(profile, sample, out);
    each_frame(profile, profile->sample_stack[sample], out, put_frame);
}

int pp_thread_stacks_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                           struct pprofc_error *err)
{
    return write_each(profile, out, put_thread, err);
}

/* ---- the same as Go writes it ---- */

/* What Go calls it, where it has a word for the same; else ours. */
static const char *go_state(const char *state)
{
    static const char *const IO[] = {
        "read",    "write",      "pread",    "pwrite",      "readv",   "writev",   "preadv",
        "pwritev", "splice",     "sendfile", "poll",        "ppoll",   "select",   "pselect",
        "accept",  "epoll_wait", "connect",  "recv",        "recvmsg", "recvmmsg", "send",
        "sendmsg", "sendmmsg",   "io_uring", "io_getevents"};

    for (size_t i = 0; i < sizeof IO / sizeof IO[0]; i++)
        if (strcmp(state, IO[i]) == 0)
            return "IO wait";
    return strcmp(state, "nanosleep") == 0 ? "sleep" : state;
}

/* 'text' without what would end the place that it stands in. */
static void put_without(const char *text, char end, struct pp_buffer *out)
{
    char part[NAME_BYTES];
    size_t n = 0;

    for (; text[n] != '\0' && n < sizeof part - 1; n++)
        part[n] = text[n] == end ? '?' : text[n];
    part[n] = '\0';
    pp_clean_text_append(out, part);
}

static void put_go_head(const struct pprofc_profile *profile, uint32_t sample,
                        struct pp_buffer *out)
{
    const char *name = text_of(profile, sample, "thread_name");
    const int64_t idle_min = number_of(profile, sample, "idle") / SECOND_NS / SECONDS_A_MINUTE;

    pp_buffer_printf(out, "goroutine %" PRId64 " [", thread_id_of(profile, sample));
    put_without(go_state(text_of(profile, sample, "state")), ']', out);
    if (idle_min > 0)
        pp_buffer_printf(out, ", %" PRId64 " minutes", idle_min);
    if (name[0] != '\0') {
        pp_buffer_text(out, ", \"");
        put_without(name, ']', out);
        pp_buffer_text(out, "\"");
    }
    pp_buffer_text(out, "]:\n");
}

/* As Go escapes what is no part of an import path. */
static void put_go_name(const char *name, struct pp_buffer *out)
{
    for (size_t n; *name != '\0'; name += n) {
        char part[NAME_BYTES];

        n = strcspn(name, "/%");
        if (n == 0) {
            pp_buffer_printf(out, "%%%02x", (unsigned)(unsigned char)*name);
            n = 1;
            continue;
        }
        n = n < sizeof part ? n : sizeof part - 1;
        memcpy(part, name, n);
        part[n] = '\0';
        pp_clean_text_append(out, part);
    }
}

/* "name(...)", as Go writes where it does not know the arguments; "??:0" where no line is known. */
static void put_go_frame(const struct pprofc_profile *profile, pp_id location, uint32_t line,
                         struct pp_buffer *out)
{
    const struct pp_location *at = &profile->locations[location];
    char scratch[NAME_BYTES];

    put_go_name(pp_profile_frame_name(profile, location, line, scratch, sizeof scratch), out);
    pp_buffer_text(out, "(...)\n\t");
    if (line < at->n_lines && profile->lines[at->first_line + line].line > 0)
        put_place(profile, location, line, out);
    else
        pp_buffer_text(out, "??:0");
    pp_buffer_text(out, "\n");
}

/* It got no CPU to tell its stack. */
static bool is_without_stack(const struct pprofc_profile *profile, pp_id stack)
{
    char scratch[NAME_BYTES];

    return stack != 0 && profile->node_parent[stack] == 0 &&
           strcmp(pp_profile_frame_name(profile, profile->node_location[stack], 0, scratch,
                                        sizeof scratch),
                  "[running]") == 0;
}

static void put_goroutine(const struct pprofc_profile *profile, uint32_t sample,
                          struct pp_buffer *out)
{
    const pp_id stack = profile->sample_stack[sample];

    put_go_head(profile, sample, out);
    if (is_without_stack(profile, stack))
        pp_buffer_text(out, "\tgoroutine running on other thread; stack unavailable\n");
    else
        each_frame(profile, stack, out, put_go_frame);
}

int pp_thread_goroutines_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                               struct pprofc_error *err)
{
    return write_each(profile, out, put_goroutine, err);
}

/* ---- one stack after the other ---- */

static int64_t stack_of(const struct pprofc_profile *profile, uint32_t sample)
{
    return profile->sample_stack[sample];
}

static void put_address(const struct pprofc_profile *profile, pp_id location, uint32_t line,
                        struct pp_buffer *out)
{
    if (line == 0)
        pp_buffer_printf(out, " 0x%" PRIx64, profile->locations[location].address);
}

static void put_commented(const struct pprofc_profile *profile, pp_id location, uint32_t line,
                          struct pp_buffer *out)
{
    char scratch[NAME_BYTES];

    pp_buffer_printf(out, "#\t0x%" PRIx64 "\t", profile->locations[location].address);
    pp_clean_text_append(out,
                         pp_profile_frame_name(profile, location, line, scratch, sizeof scratch));
    pp_buffer_text(out, "\t");
    put_place(profile, location, line, out);
    pp_buffer_text(out, "\n");
}

/* Runs of equal stacks in 'items' become one item each: its key minus the number of threads. */
static uint32_t count_runs(struct item *items, uint32_t n)
{
    uint32_t n_runs = 0;

    for (uint32_t i = 0, end; i < n; i = end) {
        for (end = i; end < n && items[end].key == items[i].key; end++)
            ;
        items[n_runs++] = (struct item){-(int64_t)(end - i), items[i].sample};
    }
    return n_runs;
}

int pp_thread_groups_write(const struct pprofc_profile *profile, struct pp_buffer *out,
                           struct pprofc_error *err)
{
    pp_autofree struct item *items = sorted_items(profile, stack_of);
    uint32_t n_runs;

    if (items == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for the threads' stacks");
    n_runs = count_runs(items, profile->n_samples);
    qsort(items, n_runs, sizeof *items, by_key);
    pp_buffer_printf(out, "threads profile: total %" PRIu32 "\n", profile->n_samples);
    for (uint32_t i = 0; i < n_runs; i++) {
        const pp_id stack = profile->sample_stack[items[i].sample];
        pp_buffer_printf(out, "%" PRId64 " @", -items[i].key);
        each_frame(profile, stack, out, put_address);
        pp_buffer_text(out, "\n");
        each_frame(profile, stack, out, put_commented);
        pp_buffer_text(out, "\n");
    }
    return finish(out, err);
}
