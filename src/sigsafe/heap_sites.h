/* The sites of the recording: finding the one of a stack, and adding to its sums. */
#ifndef PP_SIGSAFE_HEAP_SITES_H
#define PP_SIGSAFE_HEAP_SITES_H

#include <stdint.h>

#include "recording/layout.h"
#include "sigsafe/heap_map.h"
#include "sigsafe/sigsafe.h"
#include "sigsafe/unwind.h"

enum {
    PP_SITE_FOLDED = 0, /* the first site: stacks that had no room */
    /* The helper is woken when less than this is left. */
    PP_SITES_AHEAD = 64,
    PP_FRAMES_AHEAD = 4096,
};

/* Set when tables are nearly full; the helper makes room and clears it. */
extern _Atomic uint32_t pp_sig_heap_wants_room;

/* The site of the stack 'pcs', made when it is new; PP_SITE_FOLDED, counted, without room. */
PP_SIG uint32_t pp_sig_heap_site(struct pp_rec_header *header, const uint64_t *pcs,
                                 const struct pp_sig_walk *walk, uint32_t label_set);

/* Number 'index', or NULL. */
PP_SIG struct pp_rec_site *pp_sig_heap_site_at(struct pp_rec_header *header, uint32_t index);

/* What an object stands for. */
struct pp_sig_heap_weight {
    uint64_t bytes, excess; /* as in pp_rec_heap_sums */
    double bytes_variance, count_variance;
};
PP_SIG struct pp_sig_heap_weight pp_sig_heap_weigh(uint64_t size_bytes, uint64_t interval_bytes);

/* Add 'n_samples' and the weight, or take it away again. */
PP_SIG void pp_sig_heap_add(struct pp_rec_heap_sums *sums, uint64_t n_samples,
                            const struct pp_sig_heap_weight *weight);
PP_SIG void pp_sig_heap_subtract(struct pp_rec_heap_sums *sums, uint64_t n_samples,
                                 const struct pp_sig_heap_weight *weight);

/* An object of site number 'site', which stands for 'weight', is freed after so long. */
PP_SIG void pp_sig_heap_lived(struct pp_rec_header *header, uint32_t site, uint64_t lifetime_ns,
                              const struct pp_sig_heap_weight *weight);

/* Before a site's memory in use changes: keep what it was at the peak. */
PP_SIG void pp_sig_heap_keep_peak(struct pp_rec_header *header, struct pp_rec_site *site);

#endif
