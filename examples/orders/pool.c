/* The queue is a ring under one lock; threads sleep on a condition until it holds work. */
#include "pool.h"

#include <pthread.h>
#include <stdlib.h>

struct job {
    pool_work *work;
    void *argument;
};

struct pool {
    pthread_mutex_t lock; /* of everything below */
    pthread_cond_t has_work;
    bool is_closed;
    unsigned n_threads, n_places, first, n_queued;
    struct job *queue; /* n_places */
    pthread_t threads[];
};

/* False when the pool is closed and all is done. */
static bool take(struct pool *pool, struct job *job_out)
{
    bool has_job;

    pthread_mutex_lock(&pool->lock);
    while (pool->n_queued == 0 && !pool->is_closed)
        pthread_cond_wait(&pool->has_work, &pool->lock);
    has_job = pool->n_queued > 0;
    if (has_job) {
        *job_out = pool->queue[pool->first];
        pool->first = (pool->first + 1) % pool->n_places;
        pool->n_queued--;
    }
    pthread_mutex_unlock(&pool->lock);
    return has_job;
}

static void *run_worker(void *argument)
{
    struct pool *pool = argument;
    struct job job;

    pthread_setname_np(pthread_self(), "orders-worker"); /* profiles tell threads by their names */
    while (take(pool, &job))
        job.work(job.argument);
    return NULL;
}

struct pool *pool_new(unsigned n_threads, unsigned n_places)
{
    struct pool *pool = calloc(1, sizeof *pool + n_threads * sizeof pool->threads[0]);

    if (pool == NULL)
        return NULL;
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->has_work, NULL);
    pool->n_places = n_places;
    pool->queue = calloc(n_places, sizeof *pool->queue);
    while (pool->queue != NULL && pool->n_threads < n_threads &&
           pthread_create(&pool->threads[pool->n_threads], NULL, run_worker, pool) == 0)
        pool->n_threads++;
    if (pool->n_threads == n_threads)
        return pool;
    pool_free(pool);
    return NULL;
}

bool pool_submit(struct pool *pool, pool_work *work, void *argument)
{
    bool is_taken;

    pthread_mutex_lock(&pool->lock);
    is_taken = !pool->is_closed && pool->n_queued < pool->n_places;
    if (is_taken) {
        const unsigned place = (pool->first + pool->n_queued) % pool->n_places;
        pool->queue[place] = (struct job){work, argument};
        pool->n_queued++;
        pthread_cond_signal(&pool->has_work);
    }
    pthread_mutex_unlock(&pool->lock);
    return is_taken;
}

void pool_close(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->is_closed = true;
    pthread_cond_broadcast(&pool->has_work);
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < pool->n_threads; i++)
        pthread_join(pool->threads[i], NULL);
    pool->n_threads = 0;
}

void pool_free(struct pool *pool)
{
    if (pool == NULL)
        return;
    pool_close(pool);
    pthread_cond_destroy(&pool->has_work);
    pthread_mutex_destroy(&pool->lock);
    free(pool->queue);
    free(pool);
}
