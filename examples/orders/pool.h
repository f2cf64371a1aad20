/* A fixed number of threads that take work from one bounded queue. */
#ifndef ORDERS_POOL_H
#define ORDERS_POOL_H

#include <stdbool.h>

struct pool;
typedef void pool_work(void *argument);

/* NULL when there is no memory or no thread. */
struct pool *pool_new(unsigned n_threads, unsigned n_places);

/* False when the queue is full or the pool is closed: the caller says "busy". */
bool pool_submit(struct pool *pool, pool_work *work, void *argument);

/* Finish what is queued and end the threads.  pool_submit() goes on answering false. */
void pool_close(struct pool *pool);

/* Close it and give its memory back; NULL is fine. */
void pool_free(struct pool *pool);

#endif
