/* Threads that know what each of them asked of the allocator.
 *   heap_threads N [WAIT]
 * Thread k of N, called worker-k, makes 20 * (k + 1) objects in every way there is, frees every
 * second one, and ends at once; main frees the rest.  A JSON line says for each thread what it did.
 * With WAIT main waits for its input to end before it ends. */
#include <malloc.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MOST = 64, EACH = 20 };

struct worker {
    pthread_t thread;
    int number, tid;
    char name[16];
    void **objects;
    size_t n_objects;
    uint64_t n_allocs, n_reallocs, n_frees, requested, usable_allocated, usable_freed;
};

static struct worker workers[MOST];

static void *keep(struct worker *worker, void *object, size_t n_bytes)
{
    if (object == NULL)
        abort();
    worker->n_allocs++;
    worker->requested += n_bytes;
    worker->usable_allocated += malloc_usable_size(object);
    return object;
}

/* By what it can be used further. */
static void *enlarge(struct worker *worker, void *object, size_t n_bytes)
{
    const size_t before = malloc_usable_size(object);
    void *after = realloc(object, n_bytes);

    if (after == NULL)
        abort();
    worker->n_reallocs++;
    if (malloc_usable_size(after) > before)
        worker->usable_allocated += malloc_usable_size(after) - before;
    else
        worker->usable_freed += before - malloc_usable_size(after);
    return after;
}

static void drop(struct worker *worker, void *object)
{
    worker->n_frees++;
    worker->usable_freed += malloc_usable_size(object);
    free(object);
}

static void *one_of(struct worker *worker, size_t i)
{
    const size_t n_bytes = 10 + 37 * (i % 101);
    void *object = NULL;

    switch (i % 6) {
    case 0:
        return keep(worker, calloc(3, n_bytes), 3 * n_bytes);
    case 1:
        return keep(worker, aligned_alloc(64, 64 * n_bytes), 64 * n_bytes);
    case 2:
        return posix_memalign(&object, 256, n_bytes) == 0 ? keep(worker, object, n_bytes) : NULL;
    case 3: /* large enough for the sampler to look at how it lies */
        return keep(worker, malloc(150000 + n_bytes), 150000 + n_bytes);
    default:
        return keep(worker, malloc(n_bytes), n_bytes);
    }
}

static void *work(void *argument)
{
    struct worker *worker = argument;

    (void)snprintf(worker->name, sizeof worker->name, "worker-%d", worker->number);
    (void)prctl(PR_SET_NAME, worker->name);
    worker->tid = (int)syscall(SYS_gettid);
    for (size_t i = 0; i < worker->n_objects; i++) {
        worker->objects[i] = one_of(worker, i);
        if (i % 10 == 4)
            worker->objects[i] = enlarge(worker, worker->objects[i], i % 20 == 4 ? 5000 : 8);
        if (i % 2 == 0)
            drop(worker, worker->objects[i]);
    }
    return NULL;
}

int main(int argc, char **argv)
{
    const int n = argc > 1 ? atoi(argv[1]) : 3;
    struct worker rest = {.number = -1};

    for (int k = 0; k < n && k < MOST; k++) {
        workers[k].number = k;
        workers[k].n_objects = (size_t)EACH * (size_t)(k + 1);
        workers[k].objects = calloc(workers[k].n_objects, sizeof *workers[k].objects);
        if (pthread_create(&workers[k].thread, NULL, work, &workers[k]) != 0)
            return 1;
        (void)pthread_join(workers[k].thread, NULL);
    }
    printf("[");
    for (int k = 0; k < n && k < MOST; k++) {
        const struct worker *worker = &workers[k];
        for (size_t i = 1; i < worker->n_objects; i += 2)
            drop(&rest, worker->objects[i]);
        printf("%s{\"name\": \"%s\", \"id\": %d, \"n_allocs\": %ju, \"n_reallocs\": %ju, "
               "\"n_frees\": %ju, \"requested_bytes\": %ju, \"usable_allocated_bytes\": %ju, "
               "\"usable_freed_bytes\": %ju}",
               k == 0 ? "" : ", ", worker->name, worker->tid, worker->n_allocs, worker->n_reallocs,
               worker->n_frees, worker->requested, worker->usable_allocated, worker->usable_freed);
    }
    printf("]\n");
    (void)fflush(stdout);
    while (argc > 2 && getchar() != EOF)
        ;
    return 0;
}
