/* Threads that wait for work. */
#include "profile/idle.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "profile/id_table.h"
#include "profile/pools.h"
#include "profile/tables.h"

enum { NOTHING = UINT32_MAX };

static const double IDLE_OF_THREAD = 0.9, IDLE_OF_POOL = 0.5;

/* May be idle for a thread, for a pool. */
static const struct {
    const char *name;
    bool of_pool;
} idle_kinds[] = {
    {"sleep", false}, {"read", false},     {"network", false}, {"child", false},
    {"poll", true},   {"condition", true}, {"futex", true},
};

struct thread {
    pp_id name;
    int64_t id;
    uint32_t pool;
    int64_t value, queued; /* of all its samples; of those in which it waited for a CPU */
};

struct pool {
    char name[PP_POOL_NAME_BYTES];
    uint32_t n_threads;
    double life;
};

/* A stack, what it waits for, and who: a thread, or a pool. */
struct place {
    uint32_t who, kind;
    pp_id stack;
    bool is_of_pool, is_idle;
    int64_t value;
};

/* What a label set says. */
struct said {
    uint32_t thread, kind; /* NOTHING: no thread; no kind that may be idle */
    bool is_queued;
};

struct search {
    const struct pprofc_profile *profile;
    uint32_t type;
    struct said *said; /* by label set */
    struct thread *threads;
    struct pool *pools;
    struct place *places;
    uint32_t n_threads, n_pools, n_places;
    size_t threads_capacity, pools_capacity, places_capacity;
    struct pp_id_table thread_table, pool_table, place_table; /* 1 + index */
};

static void search_done(struct search *search)
{
    free(search->said);
    free(search->threads);
    free(search->pools);
    free(search->places);
    pp_id_table_done(&search->thread_table);
    pp_id_table_done(&search->pool_table);
    pp_id_table_done(&search->place_table);
}

/* ---- threads and pools ---- */

static int find_pool(struct search *search, const char *thread_name, uint32_t *pool_out)
{
    char name[PP_POOL_NAME_BYTES];
    uint64_t hash = 0;
    struct pp_id_probe probe;

    for (const char *at = pp_pool_name(thread_name, name); *at != '\0'; at++)
        hash = pp_hash_add(hash, (unsigned char)*at);
    for (probe = pp_id_table_first(&search->pool_table, hash); probe.id != 0;
         probe = pp_id_table_after(&search->pool_table, hash, probe)) {
        *pool_out = probe.id - 1;
        if (strcmp(search->pools[*pool_out].name, name) == 0)
            return 0;
    }
    if (pp_array_reserve(&search->pools, &search->pools_capacity, search->n_pools + 1UL,
                         sizeof *search->pools) != 0 ||
        pp_id_table_put(&search->pool_table, hash, search->n_pools + 1) != 0)
        return -ENOMEM;
    search->pools[search->n_pools] = (struct pool){.n_threads = 0};
    memcpy(search->pools[search->n_pools].name, name, strlen(name) + 1);
    *pool_out = search->n_pools++;
    return 0;
}

static int find_thread(struct search *search, pp_id name, int64_t id, uint32_t *thread_out)
{
    const uint64_t hash = pp_hash_add(pp_hash_mix(name), (uint64_t)id);
    struct pp_id_probe probe = pp_id_table_first(&search->thread_table, hash);
    struct thread made = {.name = name, .id = id};

    for (; probe.id != 0; probe = pp_id_table_after(&search->thread_table, hash, probe)) {
        const struct thread *known = &search->threads[probe.id - 1];
        if (known->name == name && known->id == id) {
            *thread_out = probe.id - 1;
            return 0;
        }
    }
    if (find_pool(search, pp_profile_chars(search->profile, name), &made.pool) != 0 ||
        pp_array_reserve(&search->threads, &search->threads_capacity, search->n_threads + 1UL,
                         sizeof *search->threads) != 0 ||
        pp_id_table_put(&search->thread_table, hash, search->n_threads + 1) != 0)
        return -ENOMEM;
    search->threads[search->n_threads] = made;
    search->pools[made.pool].n_threads++;
    *thread_out = search->n_threads++;
    return 0;
}

static uint32_t kind_of(const char *name)
{
    for (uint32_t i = 0; i < sizeof idle_kinds / sizeof idle_kinds[0]; i++)
        if (strcmp(idle_kinds[i].name, name) == 0)
            return i;
    return NOTHING;
}

static void read_kind(const char *name, struct said *said)
{
    said->kind = kind_of(name);
    said->is_queued = strcmp(name, "run queue") == 0 || strcmp(name, "throttled") == 0;
}

static int read_label_set(struct search *search, pp_id set)
{
    const struct pprofc_profile *profile = search->profile;
    const struct pp_label_set *labels = &profile->label_sets[set];
    struct said *said = &search->said[set];
    int64_t id = 0;
    pp_id name = 0;

    *said = (struct said){NOTHING, NOTHING, false};
    for (uint32_t i = 0; i < labels->n_labels; i++) {
        const struct pp_label *label = &profile->labels[labels->first + i];
        const char *key = pp_profile_chars(profile, label->key);
        if (strcmp(key, "thread_name") == 0)
            name = label->text;
        else if (strcmp(key, "thread_id") == 0)
            id = label->number;
        else if (strcmp(key, PP_LABEL_WAIT_KIND) == 0)
            read_kind(pp_profile_chars(profile, label->text), said);
    }
    if (name == 0 && id == 0)
        return 0;
    return find_thread(search, name, id, &said->thread);
}

/* ---- places ---- */

static int find_place(struct search *search, const struct place *wanted, struct place **place_out)
{
    const uint64_t hash = pp_hash_add(
        pp_hash_add(pp_hash_mix((uint64_t)wanted->who << 32 | wanted->stack), wanted->kind),
        wanted->is_of_pool);
    struct pp_id_probe probe = pp_id_table_first(&search->place_table, hash);

    for (; probe.id != 0; probe = pp_id_table_after(&search->place_table, hash, probe)) {
        struct place *known = &search->places[probe.id - 1];
        if (known->who == wanted->who && known->stack == wanted->stack &&
            known->kind == wanted->kind && known->is_of_pool == wanted->is_of_pool) {
            *place_out = known;
            return 0;
        }
    }
    if (pp_array_reserve(&search->places, &search->places_capacity, search->n_places + 1UL,
                         sizeof *search->places) != 0 ||
        pp_id_table_put(&search->place_table, hash, search->n_places + 1) != 0)
        return -ENOMEM;
    search->places[search->n_places] = *wanted;
    *place_out = &search->places[search->n_places++];
    return 0;
}

static int64_t value_of(const struct search *search, uint32_t sample)
{
    return search->profile->sample_values[(size_t)sample * search->profile->n_types + search->type];
}

/* The place of a sample: its thread's, or with 'is_of_pool' its pool's; NULL: it cannot be idle. */
static int place_of(struct search *search, uint32_t sample, bool is_of_pool,
                    struct place **place_out)
{
    const struct said *said = &search->said[search->profile->sample_labels[sample]];
    struct place wanted = {.stack = search->profile->sample_stack[sample],
                           .kind = said->kind,
                           .is_of_pool = is_of_pool};

    *place_out = NULL;
    if (said->thread == NOTHING || said->kind == NOTHING)
        return 0;
    wanted.who = is_of_pool ? search->threads[said->thread].pool : said->thread;
    if (is_of_pool && (search->pools[wanted.who].n_threads < 2 || !idle_kinds[said->kind].of_pool))
        return 0;
    return find_place(search, &wanted, place_out);
}

static void add_to_thread(struct thread *thread, int64_t value, bool is_queued)
{
    thread->value = pp_add_values(thread->value, value);
    if (is_queued)
        thread->queued = pp_add_values(thread->queued, value);
}

static int gather(struct search *search)
{
    const struct pprofc_profile *profile = search->profile;
    struct place *place;

    for (pp_id set = 0; set < profile->n_label_sets; set++)
        if (read_label_set(search, set) != 0)
            return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const struct said *said = &search->said[profile->sample_labels[i]];
        if (said->thread != NOTHING)
            add_to_thread(&search->threads[said->thread], value_of(search, i), said->is_queued);
        for (int of_pool = 0; of_pool < 2; of_pool++) {
            if (place_of(search, i, of_pool != 0, &place) != 0)
                return -ENOMEM;
            if (place != NULL)
                place->value = pp_add_values(place->value, value_of(search, i));
        }
    }
    return 0;
}

/* ---- judging ---- */

/* Without the time in which it had something to do, and no CPU: a busy machine makes no thread less
 * idle. */
static double life_of(const struct search *search, const struct thread *thread)
{
    const struct pprofc_profile *profile = search->profile;
    const bool is_wall = strcmp(pp_profile_chars(profile, profile->kind), "wall") == 0;
    const int64_t least = thread->value;

    for (uint32_t i = 0; i < profile->waits.n_threads; i++) {
        const struct pp_wait_thread *known = &profile->waits.threads[i];
        if (known->who.id == thread->id && known->who.name == thread->name && known->wall_ns > 0)
            return (double)known->wall_ns - (double)known->run_queue_ns;
    }
    return (double)(is_wall || profile->duration_ns < least ? least : profile->duration_ns) -
           (double)thread->queued;
}

static void judge(struct search *search)
{
    for (uint32_t i = 0; i < search->n_threads; i++)
        search->pools[search->threads[i].pool].life += life_of(search, &search->threads[i]);
    for (uint32_t i = 0; i < search->n_places; i++) {
        struct place *place = &search->places[i];
        const double life = place->is_of_pool ? search->pools[place->who].life
                                              : life_of(search, &search->threads[place->who]);
        place->is_idle =
            life > 0 && place->value > 0 &&
            (double)place->value >= (place->is_of_pool ? IDLE_OF_POOL : IDLE_OF_THREAD) * life;
    }
}

/* ---- leaving out ---- */

static int leave_out(struct search *search, struct pprofc_profile *profile, struct pp_idle *idle)
{
    pp_autofree bool *is_idle_thread = calloc(search->n_threads + 1UL, sizeof *is_idle_thread);
    pp_autofree bool *is_idle_stack = calloc(profile->n_nodes + 1UL, sizeof *is_idle_stack);
    struct place *places[2];

    if (is_idle_thread == NULL || is_idle_stack == NULL)
        return -ENOMEM;
    for (uint32_t i = 0; i < profile->n_samples; i++) {
        const uint32_t thread = search->said[profile->sample_labels[i]].thread;
        int64_t *values = profile->sample_values + (size_t)i * profile->n_types;
        if (place_of(search, i, false, &places[0]) != 0 ||
            place_of(search, i, true, &places[1]) != 0)
            return -ENOMEM;
        if ((places[0] == NULL || !places[0]->is_idle) &&
            (places[1] == NULL || !places[1]->is_idle))
            continue;
        idle->value = pp_add_values(idle->value, value_of(search, i));
        idle->n_threads += !is_idle_thread[thread];
        idle->n_stacks += !is_idle_stack[profile->sample_stack[i]];
        is_idle_thread[thread] = is_idle_stack[profile->sample_stack[i]] = true;
        memset(values, 0, profile->n_types * sizeof *values);
    }
    pp_profile_drop_zeros(profile);
    return 0;
}

int pp_profile_ignore_idle(struct pprofc_profile *profile, uint32_t type, struct pp_idle *idle_out,
                           struct pprofc_error *err)
{
    __attribute__((cleanup(search_done))) struct search search = {.profile = profile, .type = type};
    int status = 0;

    *idle_out = (struct pp_idle){.value = 0};
    search.said = calloc(profile->n_label_sets + 1UL, sizeof *search.said);
    if (search.said == NULL || gather(&search) != 0)
        status = -ENOMEM;
    if (status == 0) {
        judge(&search);
        status = leave_out(&search, profile, idle_out);
    }
    return status == 0 ? 0 : pp_fail(err, status, 0, "no memory to leave idle threads out");
}
