/* Objects out of the map of sigsafe/heap.h, which threads go on changing. */
#include "capture/leak_objects.h"

#include <stddef.h>

#include "capture/heap_objects.h"
#include "sigsafe/heap.h"

enum { N_DIGITS = 256, FEW = 16, TOP_SHIFT = 40, PAGE_SHIFT = 12 };

/* ---- sorting: American flag, by bytes of the address from the highest down; libc's qsort() asks
 * for memory ---- */

static void sort_few(struct pp_leak_object *objects, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++) {
        const struct pp_leak_object object = objects[i];
        uint32_t at = i;
        for (; at > 0 && objects[at - 1].start > object.start; at--)
            objects[at] = objects[at - 1];
        objects[at] = object;
    }
}

static uint32_t digit_of(const struct pp_leak_object *object, uint32_t shift)
{
    return (uint32_t)(object->start >> shift) % N_DIGITS;
}

/* Swap each object to where the objects of its digit go. */
static void deal(struct pp_leak_object *objects, uint32_t shift, uint32_t *next,
                 const uint32_t *ends)
{
    for (uint32_t digit = 0; digit < N_DIGITS; digit++)
        while (next[digit] < ends[digit]) {
            struct pp_leak_object *here = &objects[next[digit]];
            const uint32_t target = digit_of(here, shift);
            const struct pp_leak_object object = *here;
            if (target != digit) {
                *here = objects[next[target]];
                objects[next[target]] = object;
            }
            next[target]++;
        }
}

static void sort_from(struct pp_leak_object *objects, uint32_t n, uint32_t shift)
{
    uint32_t next[N_DIGITS] = {0}, ends[N_DIGITS], sum = 0;

    if (n <= FEW) {
        sort_few(objects, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        next[digit_of(&objects[i], shift)]++;
    for (uint32_t digit = 0; digit < N_DIGITS; digit++) {
        const uint32_t n_here = next[digit];
        next[digit] = sum;
        ends[digit] = sum += n_here;
    }
    deal(objects, shift, next, ends);
    for (uint32_t digit = 0, start = 0; digit < N_DIGITS && shift > 0; start = ends[digit++])
        sort_from(objects + start, ends[digit] - start, shift - 8);
}

void pp_leak_sort(struct pp_leak_object *objects, uint32_t n)
{
    sort_from(objects, n, TOP_SHIFT);
}

/* ---- the map ---- */

static void count_one(void *context, uint64_t key, const struct pp_sig_heap_object *object)
{
    uint32_t *n = context;

    (void)key, (void)object;
    *n += *n < UINT32_MAX;
}

uint32_t pp_leak_count_objects(void)
{
    uint32_t n = 0;

    pp_heap_each_object(count_one, &n);
    return n;
}

struct copy {
    struct pp_leak_object *objects;
    uint32_t n, capacity, young_ms;
};

static void copy_one(void *context, uint64_t key, const struct pp_sig_heap_object *object)
{
    struct copy *copy = context;

    if (copy->n == copy->capacity)
        return;
    copy->objects[copy->n++] = (struct pp_leak_object){
        .start = key,
        .limit = key + (object->size_bytes > 0 ? object->size_bytes : 1),
        .site = object->site,
        .birth_ms = object->birth_ms,
        .interval_bytes = object->interval_bytes,
        .state = object->birth_ms >= copy->young_ms ? PP_LEAK_YOUNG : PP_LEAK_UNREACHED,
    };
}

/* One that was moved by realloc() while we looked may have been met twice; of overlapping ones the
 * later stays what it is, and the other one ends where it begins. */
static uint32_t make_disjoint(struct pp_leak_object *objects, uint32_t n)
{
    uint32_t n_left = 0;

    for (uint32_t i = 0; i < n; i++) {
        if (n_left > 0 && objects[n_left - 1].start == objects[i].start)
            n_left--;
        else if (n_left > 0 && objects[n_left - 1].limit > objects[i].start)
            objects[n_left - 1].limit = objects[i].start;
        objects[n_left++] = objects[i];
    }
    return n_left;
}

uint32_t pp_leak_copy_objects(struct pp_leak_object *objects, uint32_t capacity, uint32_t young_ms)
{
    struct copy copy = {objects, 0, capacity, young_ms};

    pp_heap_each_object(copy_one, &copy);
    pp_leak_sort(objects, copy.n);
    return make_disjoint(objects, copy.n);
}

int pp_leak_is_still_there(const struct pp_leak_object *object)
{
    struct pp_sig_heap_place place;
    const struct pp_sig_heap_object *known;

    if (!pp_sig_heap_map_find(&pp_sig_heap.objects, object->start, &place))
        return 0;
    known = pp_sig_heap_map_at(&pp_sig_heap.objects, place);
    return known->birth_ms == object->birth_ms && known->site == object->site;
}

uint64_t pp_leak_count_pages(const struct pp_leak_object *objects, uint32_t n)
{
    uint64_t n_pages = 0, next = 0; /* pages below 'next' are counted */

    for (uint32_t i = 0; i < n; i++) {
        const uint64_t first = objects[i].start >> PAGE_SHIFT;
        const uint64_t end = ((objects[i].limit - 1) >> PAGE_SHIFT) + 1;
        if (end > next)
            n_pages += end - (first > next ? first : next);
        next = end > next ? end : next;
    }
    return n_pages;
}
