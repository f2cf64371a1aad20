/* /debug/pprof/overhead: what profiling costs, and what its budget has made of it. */
#include <stdio.h>
#include <string.h>

#include "base/json_writer.h"
#include "recording/delivery_cost.h"
#include "serve/routes.h"

struct cost {
    double helper_s, handler_s, delivery_s, program_s;
    bool has_delivery;
    const struct pp_rec_budget *budget; /* share_ppm 0: there is none */
};

static double percent_of_ppm(uint64_t ppm)
{
    return (double)ppm / 1e4;
}

static double percent_of(double part_s, const struct cost *cost)
{
    return cost->program_s > 0 ? 100 * part_s / cost->program_s : 0;
}

static uint32_t n_changes(const struct pp_rec_budget *budget)
{
    return atomic_load(&budget->n_lowered) + atomic_load(&budget->n_raised);
}

/* Of 'n' changes the oldest that is kept. */
static uint32_t first_change(uint32_t n)
{
    return n > PP_REC_N_BUDGET_CHANGES ? n - PP_REC_N_BUDGET_CHANGES : 0;
}

static const struct pp_rec_budget_change *change_at(const struct pp_rec_budget *budget, uint32_t k)
{
    return &budget->changes[k % PP_REC_N_BUDGET_CHANGES];
}

static void write_budget_text(struct pp_buffer *out, const struct pp_rec_budget *budget)
{
    const uint32_t n = n_changes(budget);

    pp_buffer_printf(out, "budget %g %%; of late %.3f %%; lowered %u times, raised %u times\n",
                     percent_of_ppm(atomic_load(&budget->share_ppm)),
                     percent_of_ppm(atomic_load(&budget->cost_ppm)),
                     atomic_load(&budget->n_lowered), atomic_load(&budget->n_raised));
    for (uint32_t k = first_change(n); k < n; k++) {
        const struct pp_rec_budget_change *change = change_at(budget, k);
        pp_buffer_printf(out, "  %.1f s  cost %.3f %%: from then on %g Hz",
                         (double)change->time_ns / 1e9, percent_of_ppm(change->cost_ppm),
                         (double)change->rate_millihertz / 1000);
        if (change->heap_interval_bytes > 0)
            pp_buffer_printf(out, ", a heap interval of %llu bytes",
                             (unsigned long long)change->heap_interval_bytes);
        pp_buffer_text(out, "\n");
    }
}

static void write_cost_text(struct pp_buffer *out, const struct cost *cost)
{
    const double sum_s = cost->helper_s + cost->handler_s + cost->delivery_s;

    pp_buffer_printf(out, "profiling cost %.3f s, %.3f %% of the program's %.3f s of CPU\n", sum_s,
                     percent_of(sum_s, cost), cost->program_s);
    pp_buffer_printf(out, "  helper    %.3f s  %.3f %%\n  handler   %.3f s  %.3f %%\n",
                     cost->helper_s, percent_of(cost->helper_s, cost), cost->handler_s,
                     percent_of(cost->handler_s, cost));
    if (cost->has_delivery)
        pp_buffer_printf(out, "  delivery  %.3f s  %.3f %%\n", cost->delivery_s,
                         percent_of(cost->delivery_s, cost));
    else
        pp_buffer_text(out, "  delivery  not known yet: it is measured after 5 s of CPU\n");
    if (atomic_load(&cost->budget->share_ppm) > 0)
        write_budget_text(out, cost->budget);
}

static void write_part(struct pp_json *json, const char *name, double part_s,
                       const struct cost *cost)
{
    pp_json_begin_object(json, name);
    pp_json_fraction(json, "seconds", part_s);
    pp_json_fraction(json, "percent", percent_of(part_s, cost));
    pp_json_end_object(json);
}

static void write_change(struct pp_json *json, const struct pp_rec_budget_change *change)
{
    pp_json_begin_object(json, NULL);
    pp_json_fraction(json, "seconds", (double)change->time_ns / 1e9);
    pp_json_fraction(json, "cost_percent", percent_of_ppm(change->cost_ppm));
    pp_json_number(json, "frequency_hz", (double)change->rate_millihertz / 1000);
    if (change->heap_interval_bytes > 0)
        pp_json_integer(json, "heap_interval_bytes", (int64_t)change->heap_interval_bytes);
    pp_json_end_object(json);
}

static void write_budget_json(struct pp_json *json, const struct pp_rec_budget *budget)
{
    const uint32_t n = n_changes(budget);

    pp_json_begin_object(json, "budget");
    pp_json_number(json, "percent", percent_of_ppm(atomic_load(&budget->share_ppm)));
    pp_json_fraction(json, "cost_of_late_percent", percent_of_ppm(atomic_load(&budget->cost_ppm)));
    pp_json_number(json, "asked_hz", (double)atomic_load(&budget->asked_millihertz) / 1000);
    pp_json_number(json, "lowest_hz", (double)atomic_load(&budget->lowest_millihertz) / 1000);
    pp_json_integer(json, "n_lowered", atomic_load(&budget->n_lowered));
    pp_json_integer(json, "n_raised", atomic_load(&budget->n_raised));
    pp_json_begin_array(json, "changes");
    for (uint32_t k = first_change(n); k < n; k++)
        write_change(json, change_at(budget, k));
    pp_json_end_array(json);
    pp_json_end_object(json);
}

static void write_cost_json(struct pp_buffer *out, const struct cost *cost)
{
    struct pp_json json = {.out = out};

    pp_json_begin_object(&json, NULL);
    pp_json_fraction(&json, "program_seconds", cost->program_s);
    write_part(&json, "all", cost->helper_s + cost->handler_s + cost->delivery_s, cost);
    write_part(&json, "helper", cost->helper_s, cost);
    write_part(&json, "handler", cost->handler_s, cost);
    if (cost->has_delivery)
        write_part(&json, "delivery", cost->delivery_s, cost);
    if (atomic_load(&cost->budget->share_ppm) > 0)
        write_budget_json(&json, cost->budget);
    pp_json_end_object(&json);
    pp_buffer_text(out, "\n");
}

void pp_route_overhead(struct pp_call *call)
{
    const struct pp_rec_header *head = pp_served_header(call->target);
    const char *format = pp_call_format(call);
    struct pprofc_profile *profile = NULL;
    struct pprofc_error err;
    struct cost cost;

    if (format != NULL && strcmp(format, "json") != 0 && strcmp(format, "text") != 0) {
        pp_http_error(call->answer, 400, "unknown format '%s'; there are json, text", format);
        return;
    }
    if (pp_service_facts(call->target, &profile, &err) != 0) {
        pp_http_error(call->answer, 500, "Could not read the recording: %s", err.message);
        return;
    }
    cost.helper_s = (double)atomic_load(&head->helper_cpu_ns) / 1e9;
    cost.handler_s = (double)atomic_load(&head->handler_cpu_ns) / 1e9;
    cost.has_delivery = pp_rec_delivery_is_known(head);
    cost.delivery_s =
        (double)pp_rec_delivery_cost_ns(head, (uint64_t)profile->quality.n_samples) / 1e9;
    cost.budget = &head->budget;
    cost.program_s = (double)profile->quality.cpu_ns / 1e9;
    pprofc_profile_free(profile);
    pp_http_text(call->answer, "");
    if (format != NULL && strcmp(format, "text") == 0) {
        write_cost_text(&call->answer->body, &cost);
        return;
    }
    call->answer->content_type = "application/json";
    write_cost_json(&call->answer->body, &cost);
}
