/* Rings of windows.  Short ones are put together, or each would bring its names along: two
 * neighbours that hold equally many windows become one, so that a window is read and written again
 * once each time that the number of those it is with doubles, and windows of half a minute never.
 */
#include <errno.h>
#include <string.h>

#include "base/memory.h"
#include "formats/formats.h"
#include "serve/flight.h"

/* Ten minutes are known to a tenth. */
static const uint64_t most_together_ns = UINT64_C(60) * 1000000000;

static void drop_oldest(struct pp_flight_ring *ring, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        ring->n_bytes -= ring->windows[i].bytes.n_bytes;
        pp_buffer_done(&ring->windows[i].bytes);
    }
    ring->n_windows -= n;
    if (n > 0)
        memmove(ring->windows, ring->windows + n, ring->n_windows * sizeof *ring->windows);
}

/* What has gone out of sight, and what there is no room for beside 'n_bytes' more. */
static void make_room(struct pp_flight_ring *ring, uint64_t now_ns, size_t n_bytes)
{
    const uint64_t kept_ns = PP_FLIGHT_SECONDS * UINT64_C(1000000000);
    size_t n = 0, left_bytes = ring->n_bytes;

    while (n < ring->n_windows && ring->windows[n].end_ns + kept_ns < now_ns)
        left_bytes -= ring->windows[n++].bytes.n_bytes;
    while (n < ring->n_windows && left_bytes + n_bytes > PP_FLIGHT_MAX_BYTES) {
        left_bytes -= ring->windows[n].bytes.n_bytes;
        ring->n_dropped += ring->windows[n++].n_together;
    }
    drop_oldest(ring, n);
}

/* ---- sums ---- */

static int sum(const struct pp_flight_window *windows, size_t n, struct pprofc_profile *all,
               struct pprofc_error *err)
{
    int status = 0;

    for (size_t i = 0; i < n && status == 0; i++) {
        const struct pp_buffer *bytes = &windows[i].bytes;
        struct pprofc_profile *one = NULL;
        status = pp_pprof_read(bytes->bytes, bytes->n_bytes, "a window", &one, err);
        if (status == 0)
            status = pp_profile_merge(all, one, err);
        pprofc_profile_free(one);
    }
    return status;
}

int pp_flight_ring_sum(const struct pp_flight_ring *ring, struct pprofc_profile *all,
                       struct pprofc_error *err)
{
    return ring->n_windows > 0 ? sum(ring->windows, ring->n_windows, all, err)
                               : pp_fail(err, -ENODATA, 0, "no window has ended yet");
}

static bool belong_together(const struct pp_flight_window *pair)
{
    return pair[1].n_together >= pair[0].n_together && pair[1].end_ns > pair[0].begin_ns &&
           pair[1].end_ns - pair[0].begin_ns <= most_together_ns;
}

/* Make the last two one; where that cannot be they stay as they are. */
static bool join_last(struct pp_flight_ring *ring)
{
    struct pp_flight_window *pair = ring->windows + ring->n_windows - 2;
    struct pprofc_profile *both = pp_profile_new();
    struct pp_buffer bytes = PP_BUFFER_INIT;
    const bool is_joined = both != NULL && sum(pair, 2, both, NULL) == 0 &&
                           pp_pprof_write(both, true, &bytes, NULL) == 0;

    pprofc_profile_free(both);
    if (!is_joined) {
        pp_buffer_done(&bytes);
        return false;
    }
    ring->n_bytes += bytes.n_bytes - pair[0].bytes.n_bytes - pair[1].bytes.n_bytes;
    pp_buffer_done(&pair[0].bytes);
    pp_buffer_done(&pair[1].bytes);
    pair[0] = (struct pp_flight_window){.begin_ns = pair[0].begin_ns,
                                        .end_ns = pair[1].end_ns,
                                        .n_together = pair[0].n_together + pair[1].n_together,
                                        .bytes = bytes};
    ring->n_windows--;
    return true;
}

/* ---- all of it ---- */

int pp_flight_keep(struct pp_flight_ring *ring, const struct pp_export_window *window,
                   struct pprofc_error *err)
{
    struct pp_flight_window kept = {.begin_ns = window->begin_ns,
                                    .end_ns = window->end_ns,
                                    .n_together = 1,
                                    .bytes = PP_BUFFER_INIT};
    int status = pp_pprof_write(window->profile, true, &kept.bytes, err);

    if (status == 0 && kept.bytes.n_bytes > PP_FLIGHT_MAX_BYTES)
        status = pp_fail(err, -E2BIG, 0, "a window is larger than the flight recorder");
    if (status == 0)
        make_room(ring, window->end_ns, kept.bytes.n_bytes);
    if (status == 0 && pp_array_reserve(&ring->windows, &ring->capacity, ring->n_windows + 1,
                                        sizeof *ring->windows) != 0)
        status = pp_fail(err, -ENOMEM, 0, "no memory for the flight recorder");
    if (status != 0) {
        pp_buffer_done(&kept.bytes);
        ring->n_dropped++;
        return status;
    }
    ring->n_bytes += kept.bytes.n_bytes;
    ring->windows[ring->n_windows++] = kept;
    while (ring->n_windows >= 2 && belong_together(ring->windows + ring->n_windows - 2) &&
           join_last(ring))
        continue;
    return 0;
}

void pp_flight_ring_done(struct pp_flight_ring *ring)
{
    drop_oldest(ring, ring->n_windows);
    free(ring->windows);
    *ring = (struct pp_flight_ring){.windows = NULL};
}
