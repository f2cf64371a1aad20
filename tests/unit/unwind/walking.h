/* What the tests of walks share: a list of modules, this stack's bounds, a handler that walks. */
#ifndef PP_TESTS_WALKING_H
#define PP_TESTS_WALKING_H

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "capture/maps.h"
#include "capture/modules.h"
#include "sigsafe/module_set.h"

static struct pp_modules *modules;
static volatile struct pp_sig_bounds bounds; /* handlers read it, which raise() does not say */
static uint64_t pcs[PP_MAX_FRAMES + 1];
static struct pp_sig_walk walk;

static inline void nothing_seen(void *context, const struct pp_mapped_module *module, bool appeared)
{
    (void)context, (void)module, (void)appeared;
}

static inline void nothing_to_wait_for(void *context)
{
    (void)context;
}

static inline void on_signal(int signo, siginfo_t *info, void *context)
{
    (void)signo, (void)info;
    pp_sig_unwind(context, bounds, pcs, &walk);
}

static inline void install(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction action;

    memset(&action, 0, sizeof action);
    action.sa_sigaction = handler;
    action.sa_flags = SA_SIGINFO | flags;
    assert_int_equal(sigaction(signo, &action, NULL), 0);
}

static inline int start_walking(void **state)
{
    uintptr_t low, high;

    (void)state;
    modules = pp_modules_new(nothing_seen, nothing_to_wait_for, NULL);
    if (modules == NULL || pp_maps_main_stack(&low, &high) < 0)
        return -1;
    bounds.lo = low;
    bounds.hi = high;
    install(SIGUSR1, on_signal, 0);
    return 0;
}

static inline int stop_walking(void **state)
{
    (void)state;
    pp_modules_free(modules);
    return 0;
}

/* The module of the current set that 'pc' lies in. */
static inline struct pp_sig_module *module_at(uint64_t pc)
{
    struct pp_sig_module_set *set = pp_sig_module_set_current;

    for (uint32_t i = 0; i < set->n_modules; i++)
        if (pc >= set->modules[i].start && pc < set->modules[i].limit)
            return &set->modules[i];
    return NULL;
}

/* Look rules up 'n' times, as walks do for code that the cache does not know. */
static inline void look_up(uint64_t pc, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        (void)pp_sig_module_set_find(pp_sig_module_set_current, pc);
}

/* Where 'pc' stands in the last walk, or -1. */
static inline int position_of(uint64_t pc)
{
    for (uint32_t i = 0; i < walk.n_frames; i++)
        if (pcs[i] == pc)
            return (int)i;
    return -1;
}

#endif
