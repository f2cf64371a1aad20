/* One maker at a time, and the text that the last one left. */
#include "serve/hot_functions.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

#include "serve/service.h"
#include "serve/threads.h"

enum { WAIT_MS = 50 };

#define FRESH_NS UINT64_C(1000000000)

struct making {
    struct pp_service *service;
    void (*make)(struct pp_service *, struct pp_buffer *);
};

static uint64_t now_ns(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void pp_hot_functions_init(struct pp_hot_functions *functions)
{
    pthread_condattr_t attributes;

    (void)pthread_mutex_init(&functions->lock, NULL);
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&functions->is_made, &attributes);
    (void)pthread_condattr_destroy(&attributes);
}

void pp_hot_functions_done(struct pp_hot_functions *functions)
{
    (void)pthread_mutex_lock(&functions->lock);
    while (functions->is_being_made)
        (void)pthread_cond_wait(&functions->is_made, &functions->lock);
    (void)pthread_mutex_unlock(&functions->lock);
    pp_buffer_done(&functions->text);
    (void)pthread_cond_destroy(&functions->is_made);
    (void)pthread_mutex_destroy(&functions->lock);
}

static void put_text(struct pp_hot_functions *functions, struct pp_buffer text)
{
    (void)pthread_mutex_lock(&functions->lock);
    pp_buffer_done(&functions->text);
    functions->text = text;
    functions->made_ns = now_ns();
    functions->is_being_made = false;
    (void)pthread_cond_broadcast(&functions->is_made);
    (void)pthread_mutex_unlock(&functions->lock);
}

static void *make_main(void *argument)
{
    struct making *making = argument;
    struct pp_buffer text = PP_BUFFER_INIT;

    pp_serve_thread_leave_profiles();
    making->make(making->service, &text);
    put_text(&making->service->hot_functions, text);
    free(making);
    return NULL;
}

/* The lock is held. */
static void begin(struct pp_service *service, void (*make)(struct pp_service *, struct pp_buffer *))
{
    struct making *making = malloc(sizeof *making);

    if (making == NULL)
        return;
    *making = (struct making){service, make};
    service->hot_functions.is_being_made = true;
    if (pp_serve_thread_start(NULL, true, make_main, making) == 0)
        return;
    service->hot_functions.is_being_made = false;
    free(making);
}

void pp_hot_functions_append(struct pp_service *service,
                             void (*make)(struct pp_service *, struct pp_buffer *),
                             struct pp_buffer *out)
{
    struct pp_hot_functions *functions = &service->hot_functions;
    const uint64_t until_ns = now_ns() + WAIT_MS * UINT64_C(1000000);
    const struct timespec until = {(time_t)(until_ns / 1000000000), (long)(until_ns % 1000000000)};

    (void)pthread_mutex_lock(&functions->lock);
    if (!functions->is_being_made &&
        (functions->made_ns == 0 || now_ns() - functions->made_ns > FRESH_NS))
        begin(service, make);
    while (functions->is_being_made &&
           pthread_cond_timedwait(&functions->is_made, &functions->lock, &until) != ETIMEDOUT)
        ;
    pp_buffer_append(out, functions->text.bytes, functions->text.n_bytes);
    (void)pthread_mutex_unlock(&functions->lock);
}
