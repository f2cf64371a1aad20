/* Stands before libc's pthread_create and counts, as a program's own interposer does.  Its room is
 * for what is loaded later (test_got.c). */
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <sys/mman.h>

enum { PAGE_BYTES = 4096, ROOM_BYTES = 1 << 20 };

extern int interposer_calls;
void *interposer_entry(void);
void *interposer_make_room(void);

int interposer_calls;

typedef int create_fn(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *);

int pthread_create(pthread_t *thread_out, const pthread_attr_t *attributes, void *(*start)(void *),
                   void *argument)
{
    create_fn *next = (create_fn *)dlsym(RTLD_NEXT, "pthread_create");

    interposer_calls++;
    return next(thread_out, attributes, start, argument);
}

/* What its own entry for a hooked function holds. */
void *interposer_entry(void)
{
    return (void *)signal;
}

void *interposer_make_room(void)
{
    static _Alignas(PAGE_BYTES) char room[ROOM_BYTES];

    return munmap(room, sizeof room) == 0 ? room : NULL;
}
