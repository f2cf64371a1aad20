/* Threads that take objects from one list and put them into another, as fast as they can: each is
 * always held, if at times by a register alone.  Now and then one is freed and another made.
 * Meanwhile the main thread forks and waits for its children.  Runs until its input ends and says
 * "ok" when each child was its own. */
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { N_LISTS = 64, N_THREADS = 4, N_OBJECTS = 20000, STATUS = 3 };

struct object {
    struct object *next;
    char text[120];
};

static struct {
    pthread_mutex_t lock;
    struct object *first;
} lists[N_LISTS];
static volatile int has_ended;

static struct object *make_object(void)
{
    struct object *object = malloc(sizeof *object);

    memset(object, 1, sizeof *object);
    return object;
}

static void put(unsigned list, struct object *object)
{
    pthread_mutex_lock(&lists[list].lock);
    object->next = lists[list].first;
    lists[list].first = object;
    pthread_mutex_unlock(&lists[list].lock);
}

static struct object *take(unsigned list)
{
    struct object *object;

    pthread_mutex_lock(&lists[list].lock);
    object = lists[list].first;
    if (object != NULL)
        lists[list].first = object->next;
    pthread_mutex_unlock(&lists[list].lock);
    return object;
}

static void *move(void *argument)
{
    unsigned seed = (unsigned)(size_t)argument;

    while (!has_ended) {
        struct object *object = take((unsigned)rand_r(&seed) % N_LISTS);
        if (object == NULL || rand_r(&seed) % 100 == 0) {
            free(object);
            object = make_object();
        }
        put((unsigned)rand_r(&seed) % N_LISTS, object);
    }
    return NULL;
}

static int run_child(void)
{
    const pid_t child = fork();
    int status = 0;

    if (child == 0) {
        usleep(1000);
        _exit(STATUS);
    }
    return wait(&status) == child && WIFEXITED(status) && WEXITSTATUS(status) == STATUS;
}

int main(void)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    pthread_t threads[N_THREADS];
    int is_fine = 1;

    for (int i = 0; i < N_LISTS; i++)
        pthread_mutex_init(&lists[i].lock, NULL);
    for (int i = 0; i < N_OBJECTS; i++)
        put((unsigned)i % N_LISTS, make_object());
    for (size_t i = 0; i < N_THREADS; i++)
        if (pthread_create(&threads[i], NULL, move, (void *)(i + 1)) != 0)
            return 2;
    puts("ready");
    fflush(stdout);
    while (poll(&input, 1, 20) == 0)
        is_fine = run_child() && is_fine;
    has_ended = 1;
    for (int i = 0; i < N_THREADS; i++)
        pthread_join(threads[i], NULL);
    puts(is_fine ? "ok" : "not my child");
    return 0;
}
