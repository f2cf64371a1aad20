/* What a profile of waits says of all threads, in JSON. */
#include "formats/json_waits.h"

static void put_figures(struct pp_json *json, const struct pp_wait_thread *thread)
{
    pp_json_integer(json, "wall_ns", thread->wall_ns);
    pp_json_integer(json, "cpu_ns", thread->cpu_ns);
    pp_json_integer(json, "blocked_ns", thread->blocked_ns);
    pp_json_integer(json, "run_queue_ns", thread->run_queue_ns);
    pp_json_integer(json, "throttled_ns", thread->throttled_ns);
    pp_json_integer(json, "unattributed_ns", thread->unattributed_ns);
    pp_json_integer(json, "n_waits", thread->n_waits);
    pp_json_integer(json, "n_contentions", thread->n_contentions);
    pp_json_integer(json, "delay_ns", thread->delay_ns);
    pp_json_integer(json, "n_cut_off", thread->n_cut_off);
}

void pp_json_waits(struct pp_json *json, const struct pprofc_profile *profile)
{
    const struct pp_wait_totals *waits = &profile->waits;

    if (!waits->is_known)
        return;
    pp_json_begin_object(json, "waits");
    put_figures(json, &waits->all);
    pp_json_begin_array(json, "threads");
    for (uint32_t i = 0; i < waits->n_threads; i++) {
        const struct pp_wait_thread *thread = &waits->threads[i];
        pp_json_begin_object(json, NULL);
        pp_json_bytes(json, "name", profile->strings[thread->who.name],
                      profile->string_bytes[thread->who.name]);
        pp_json_integer(json, "id", thread->who.id);
        put_figures(json, thread);
        pp_json_end_object(json);
    }
    pp_json_end_array(json);
    pp_json_begin_object(json, "other_threads");
    pp_json_integer(json, "n_threads", waits->other_threads.who.n_threads);
    put_figures(json, &waits->other_threads);
    pp_json_end_object(json);
    pp_json_end_object(json);
}
