/* Labels and spans of recordings made by hand, some of them damaged. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "formats/recording.h"
#include "writer.h"

static const uint64_t pcs[] = {0x1010};

struct made {
    struct writer writer;
    struct pp_rec_segment *segment;
    uint32_t stack;
};

static struct made begin(void)
{
    struct made made = {.writer = writer_new()};
    struct pp_rec_header *head = made.writer.head;

    writer_table(&made.writer, &head->strings, 1);
    writer_table(&made.writer, &head->label_sets, sizeof(struct pp_rec_label_set));
    writer_table(&made.writer, &head->spans, sizeof(struct pp_rec_span));
    made.segment = writer_segment(&made.writer, PP_SEGMENT_RAW, 1, 4096);
    made.stack = writer_stack(made.segment, pcs, 1);
    (void)writer_item(&made.writer, &head->strings); /* offset 0 is none */
    return made;
}

static void add_char(struct made *made, char c)
{
    *(char *)writer_item(&made->writer, &made->writer.head->strings) = c;
}

static uint32_t add_text(struct made *made, const char *text)
{
    const uint32_t at = made->writer.head->strings.n_items;

    for (; *text != '\0'; text++)
        add_char(made, *text);
    add_char(made, '\0');
    return at;
}

static struct pp_rec_label_set *add_set(struct made *made, uint32_t key, uint32_t value)
{
    struct pp_rec_label_set *set = writer_item(&made->writer, &made->writer.head->label_sets);

    set->n_labels = 1;
    set->labels[0] = (struct pp_rec_label){key, value};
    return set;
}

static void add_sample(struct made *made, uint32_t label_set, uint32_t span)
{
    struct pp_rec_event *event = writer_event(made->segment, 1, 7, made->stack, 0, 10);

    event->label_set = label_set;
    event->span = span;
}

static struct pprofc_profile *read_all(struct made *made)
{
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err = {0};

    if (pp_recording_read(made->writer.bytes, made->writer.n_next, "made", &profile, &err) != 0)
        fail_msg("%s", err.message);
    free(made->writer.bytes);
    return profile;
}

/* Labels of sample 'i' as "key=value key=value". */
static const char *labels_of(const struct pprofc_profile *profile, uint32_t i, char line[4096])
{
    const struct pp_label_set *set = &profile->label_sets[profile->sample_labels[i]];
    size_t n = 0;

    line[0] = '\0';
    for (uint32_t k = 0; k < set->n_labels; k++) {
        const struct pp_label *label = &profile->labels[set->first + k];
        n += (size_t)snprintf(line + n, 4096 - n, "%s%s=%s", k > 0 ? " " : "",
                              pp_profile_chars(profile, label->key),
                              pp_profile_chars(profile, label->text));
    }
    return line;
}

static bool is_noted(const struct pprofc_profile *profile, const char *words)
{
    for (uint32_t i = 0; i < profile->n_comments; i++)
        if (strstr(pp_profile_chars(profile, profile->comments[i]), words) != NULL)
            return true;
    return false;
}

/* Samples carry their sets and spans: ids as hexadecimal digits, the span's own id also under
 * Pyroscope's name. */
static void samples_carry_them(void **state)
{
    struct made made = begin();
    struct pp_rec_span *span;
    struct pprofc_profile *profile;
    char line[4096];
    const uint32_t key = add_text(&made, "endpoint"), value = add_text(&made, "/orders");

    (void)state;
    add_set(&made, key, value);
    span = writer_item(&made.writer, &made.writer.head->spans);
    span->number = 1;
    span->name = add_text(&made, "GET");
    memset(span->trace_id, 0xa1, sizeof span->trace_id);
    memset(span->span_id, 0x0b, sizeof span->span_id);
    add_sample(&made, 1, 0);
    add_sample(&made, 0, 1);
    add_sample(&made, 0, 0);
    profile = read_all(&made);
    assert_int_equal(profile->n_samples, 3);
    assert_string_equal(labels_of(profile, 0, line), "endpoint=/orders");
    assert_string_equal(labels_of(profile, 1, line),
                        "profile_id=0b0b0b0b0b0b0b0b span_id=0b0b0b0b0b0b0b0b span_name=GET "
                        "trace_id=a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1");
    assert_string_equal(labels_of(profile, 2, line), "");
    assert_false(is_noted(profile, "lack their"));
    pprofc_profile_free(profile);
}

/* A set that is not written down yet and a span whose place a newer one has taken are told. */
static void what_is_not_known_is_told(void **state)
{
    struct made made = begin();
    struct pp_rec_span *span = writer_item(&made.writer, &made.writer.head->spans);
    struct pprofc_profile *profile;

    (void)state;
    span->number = 2; /* of a table of one: it had 1 before */
    add_sample(&made, 9, 0);
    add_sample(&made, 9, 0);
    add_sample(&made, 0, 1);
    profile = read_all(&made);
    assert_true(is_noted(profile, "2 samples lack their labels"));
    assert_true(is_noted(profile, "1 samples lack their span"));
    pprofc_profile_free(profile);
}

/* A recording may hold any numbers: more labels than a set has room for, texts beyond the table,
 * one that does not end. */
static void damage_is_stepped_over(void **state)
{
    struct made made = begin();
    struct pprofc_profile *profile;
    char line[4096];
    const uint32_t key = add_text(&made, "k"), value = add_text(&made, "v");
    struct pp_rec_label_set *many = add_set(&made, key, value);
    uint32_t endless;

    (void)state;
    many->n_labels = UINT32_MAX;
    add_set(&made, key, 1U << 31);
    endless = made.writer.head->strings.n_items;
    add_char(&made, 'x');
    add_set(&made, key, endless);
    for (uint32_t set = 1; set <= 3; set++)
        add_sample(&made, set, UINT32_MAX);
    profile = read_all(&made);
    /* The fifteen labels behind the first are ""="". */
    assert_non_null(strstr(labels_of(profile, 0, line), "k=v"));
    assert_null(strstr(labels_of(profile, 1, line), "k="));
    pprofc_profile_free(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(samples_carry_them),
        cmocka_unit_test(what_is_not_known_is_told),
        cmocka_unit_test(damage_is_stepped_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
