/* Texts and sets of labels: two tables that only grow, each with an index by hash. */
#include "capture/labels.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "capture/own_memory.h"
#include "capture/session.h"
#include "sigsafe/store.h"

enum {
    N_SLOTS = 1 << 17, /* of each index; never more than half are used */
    MAX_TEXTS = N_SLOTS / 2,
};

/* Pages that nobody has touched take no memory. */
struct tables {
    _Atomic uint32_t text_slots[N_SLOTS], set_slots[N_SLOTS];
    char texts[PP_MAX_TEXT_BYTES];
    struct pp_rec_label_set sets[PP_MAX_LABEL_SETS];
};

static struct tables *_Atomic tables;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* held to add */
static _Atomic uint32_t n_text_bytes = 1, n_sets = 1;    /* number 0 of each is none */
static uint32_t n_texts;

/* NULL: no memory. */
static struct tables *get_tables(void)
{
    struct tables *made, *expected = NULL;
    struct tables *there = atomic_load_explicit(&tables, memory_order_acquire);

    if (there != NULL)
        return there;
    made = pp_map_anonymous(sizeof *made);
    if (made == NULL || atomic_compare_exchange_strong(&tables, &expected, made))
        return made;
    pp_unmap(made, sizeof *made);
    return expected;
}

/* FNV-1a (draft-eastlake-fnv). */
static uint32_t hash_of(const void *bytes, size_t n_bytes)
{
    const unsigned char *at = bytes;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < n_bytes; i++)
        hash = (hash ^ at[i]) * UINT64_C(0x100000001b3);
    return (uint32_t)(hash ^ hash >> 32);
}

/* ---- texts ---- */

/* The slot that holds the text, or the free one where it belongs. */
static _Atomic uint32_t *text_slot(struct tables *all, const char *text, size_t n_bytes)
{
    for (uint32_t i = hash_of(text, n_bytes) % N_SLOTS;; i = (i + 1) % N_SLOTS) {
        const uint32_t at = atomic_load_explicit(&all->text_slots[i], memory_order_acquire);
        if (at == 0 ||
            (strncmp(all->texts + at, text, n_bytes) == 0 && all->texts[at + n_bytes] == '\0'))
            return &all->text_slots[i];
    }
}

static uint32_t add_text(struct tables *all, const char *text, size_t n_bytes)
{
    _Atomic uint32_t *slot = text_slot(all, text, n_bytes);
    uint32_t at = atomic_load_explicit(slot, memory_order_relaxed);
    const uint32_t n = atomic_load_explicit(&n_text_bytes, memory_order_relaxed);

    if (at != 0 || n_texts == MAX_TEXTS || n_bytes + 1 > sizeof all->texts - n)
        return at;
    at = n;
    memcpy(all->texts + at, text, n_bytes); /* behind it all is zero */
    n_texts++;
    atomic_store_explicit(&n_text_bytes, at + (uint32_t)n_bytes + 1, memory_order_release);
    atomic_store_explicit(slot, at, memory_order_release);
    return at;
}

uint32_t pp_labels_text(const char *text, size_t n_bytes)
{
    struct tables *all = get_tables();
    uint32_t at;

    if (all == NULL)
        return 0;
    at = atomic_load_explicit(text_slot(all, text, n_bytes), memory_order_acquire);
    if (at != 0)
        return at;
    (void)pthread_mutex_lock(&lock);
    at = add_text(all, text, n_bytes);
    (void)pthread_mutex_unlock(&lock);
    return at;
}

/* ---- sets ---- */

static _Atomic uint32_t *set_slot(struct tables *all, const struct pp_rec_label_set *set)
{
    for (uint32_t i = hash_of(set, sizeof *set) % N_SLOTS;; i = (i + 1) % N_SLOTS) {
        const uint32_t number = atomic_load_explicit(&all->set_slots[i], memory_order_acquire);
        if (number == 0 || memcmp(&all->sets[number], set, sizeof *set) == 0)
            return &all->set_slots[i];
    }
}

static uint32_t add_set(struct tables *all, const struct pp_rec_label_set *set)
{
    _Atomic uint32_t *slot = set_slot(all, set);
    uint32_t number = atomic_load_explicit(slot, memory_order_relaxed);

    if (number != 0)
        return number;
    number = atomic_load_explicit(&n_sets, memory_order_relaxed);
    if (number == PP_MAX_LABEL_SETS)
        return 0;
    all->sets[number] = *set;
    atomic_store_explicit(&n_sets, number + 1, memory_order_release);
    atomic_store_explicit(slot, number, memory_order_release);
    return number;
}

/* Labels stay in the order of their keys, so that equal sets are the same bytes. */
static int change(struct pp_rec_label_set *set, uint32_t key, uint32_t value)
{
    struct pp_rec_label *labels = set->labels;
    uint32_t at = 0;

    while (at < set->n_labels && labels[at].key < key)
        at++;
    if (at < set->n_labels && labels[at].key == key && value != 0) {
        labels[at].value = value;
    } else if (at < set->n_labels && labels[at].key == key) {
        set->n_labels--;
        memmove(&labels[at], &labels[at + 1], (set->n_labels - at) * sizeof *labels);
        memset(&labels[set->n_labels], 0, sizeof *labels);
    } else if (value != 0) {
        if (set->n_labels == PP_REC_MAX_LABELS)
            return -E2BIG;
        memmove(&labels[at + 1], &labels[at], (set->n_labels - at) * sizeof *labels);
        labels[at] = (struct pp_rec_label){key, value};
        set->n_labels++;
    }
    return 0;
}

int64_t pp_labels_with(uint32_t before, uint32_t key, uint32_t value)
{
    struct tables *all = get_tables();
    struct pp_rec_label_set set;
    uint32_t number;
    int result;

    if (all == NULL)
        return -ENOSPC;
    set = all->sets[before];
    result = change(&set, key, value);
    if (result != 0 || set.n_labels == 0)
        return result;
    number = atomic_load_explicit(set_slot(all, &set), memory_order_acquire);
    if (number != 0)
        return number;
    (void)pthread_mutex_lock(&lock);
    number = add_set(all, &set);
    (void)pthread_mutex_unlock(&lock);
    return number != 0 ? (int64_t)number : -ENOSPC;
}

uint32_t pp_labels_number(uint64_t number)
{
    return number < atomic_load_explicit(&n_sets, memory_order_acquire) ? (uint32_t)number : 0;
}

/* ---- for readers ---- */

/* Bring a table of the recording up to 'n' items; item 0 of the process's is not in it when
 * 'n_skipped' is 1. */
static void copy_items(struct pp_session *session, struct pp_rec_table *table, const void *items,
                       uint32_t n, uint32_t n_skipped)
{
    const uint32_t n_there = atomic_load_explicit(&table->n_items, memory_order_relaxed);

    if (n - n_skipped <= n_there || pp_table_reserve(&session->file, table, n - n_skipped) != 0)
        return;
    for (uint32_t i = n_there; i < n - n_skipped; i++)
        memcpy(pp_sig_table_item(session->header, table, i),
               (const char *)items + (uint64_t)(i + n_skipped) * table->item_bytes,
               table->item_bytes);
    atomic_store_explicit(&table->n_items, n - n_skipped, memory_order_release);
}

void pp_labels_publish(struct pp_session *session)
{
    const struct tables *all = atomic_load_explicit(&tables, memory_order_acquire);
    uint32_t n;

    if (all == NULL)
        return;
    /* Sets first to be counted, last to be copied: their texts are there before they are. */
    n = atomic_load_explicit(&n_sets, memory_order_acquire);
    copy_items(session, &session->header->strings, all->texts,
               atomic_load_explicit(&n_text_bytes, memory_order_acquire), 0);
    copy_items(session, &session->header->label_sets, all->sets, n, 1);
}

void pp_labels_forget_parent(void)
{
    (void)pthread_mutex_init(&lock, NULL);
}
