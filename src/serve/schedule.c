/* The schedule of windows. */
#include "serve/schedule.h"

/* splitmix64 (Steele, Lea and Flood 2014): any seed will do, also small numbers in a row. */
static uint64_t draw(struct pp_schedule *schedule)
{
    uint64_t mixed = schedule->random += UINT64_C(0x9e3779b97f4a7c15);

    mixed = (mixed ^ mixed >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    mixed = (mixed ^ mixed >> 27) * UINT64_C(0x94d049bb133111eb);
    return mixed ^ mixed >> 31;
}

/* Uniform in [0, limit]. */
static uint64_t draw_up_to(struct pp_schedule *schedule, uint64_t limit)
{
    return (uint64_t)((double)(draw(schedule) >> 11) * 0x1p-53 * ((double)limit + 1));
}

static void place(struct pp_schedule *schedule)
{
    schedule->begin_ns =
        schedule->turn_ns + draw_up_to(schedule, schedule->whole_ns - schedule->on_ns);
    schedule->end_ns = schedule->begin_ns + schedule->on_ns;
    schedule->turn_ns += schedule->whole_ns;
}

void pp_schedule_init(struct pp_schedule *schedule, uint64_t on_ns, uint64_t whole_ns,
                      uint64_t seed, uint64_t now_ns)
{
    schedule->on_ns = on_ns;
    schedule->whole_ns = whole_ns > on_ns ? whole_ns : on_ns;
    schedule->random = seed;
    schedule->turn_ns = now_ns;
    if (schedule->whole_ns > on_ns) {
        place(schedule);
        return;
    }
    schedule->begin_ns = now_ns;
    schedule->end_ns = now_ns + on_ns / 5 + draw_up_to(schedule, on_ns);
    schedule->turn_ns = schedule->end_ns;
}

void pp_schedule_next(struct pp_schedule *schedule, uint64_t now_ns)
{
    if (schedule->turn_ns + schedule->whole_ns <= now_ns)
        schedule->turn_ns += (now_ns - schedule->turn_ns) / schedule->whole_ns * schedule->whole_ns;
    place(schedule);
    if (schedule->whole_ns > schedule->on_ns && schedule->begin_ns < now_ns)
        place(schedule); /* of this turn's place a part has passed */
}
