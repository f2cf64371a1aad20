/* A server's memory.  argv[1] "leak": a session of 10 KB at each request, never freed; "cache": 200
 * of them, then the oldest goes for each that comes.  Either way it also holds what one request
 * needs, more or less of it by chance.  Says "filled" when the cache is full, and serves until its
 * input ends. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))

enum { SESSION_BYTES = 10000, N_CACHED = 200, N_WORKING = 64, REQUEST_BYTES = 2000, WORK = 40000 };

struct session {
    struct session *next;
    char text[SESSION_BYTES - sizeof(struct session *)];
};

static struct session *sessions, *cache[N_CACHED];
static void *working[N_WORKING];
static unsigned seed = 1;

NOINLINE static struct session *store_session(void)
{
    struct session *session = malloc(sizeof *session);

    memset(session->text, 1, sizeof session->text);
    session->next = NULL;
    return session;
}

NOINLINE static void *work_on_request(void)
{
    return calloc(1, REQUEST_BYTES);
}

static void serve(int leaks, unsigned long i)
{
    void **at = &working[rand_r(&seed) % N_WORKING];
    struct session *session = store_session();

    if (leaks) {
        session->next = sessions;
        sessions = session;
    } else {
        free(cache[i % N_CACHED]);
        cache[i % N_CACHED] = session;
    }
    free(*at);
    *at = rand_r(&seed) % 2 == 0 ? work_on_request() : NULL;
    for (volatile int k = 0; k < WORK; k++) /* so that it is not taken for one that sleeps */
        ;
}

int main(int argc, char **argv)
{
    const int leaks = argc > 1 && strcmp(argv[1], "leak") == 0;
    struct pollfd input = {.fd = 0, .events = POLLIN};

    for (unsigned long i = 0; poll(&input, 1, 2) == 0; i++) {
        serve(leaks, i);
        if (i == N_CACHED) {
            puts("filled");
            fflush(stdout);
        }
    }
    return 0;
}
