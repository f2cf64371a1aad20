/* A session store, as many services have one, and the leak that they have, too.
 *
 *     sessions leak 2000      a session of 10 KB for each request; a new one takes an older one's
 *                             place in the table, and nobody frees that
 *     sessions lru 2000       at most a hundred live; the one that was not used for longest goes
 *
 * The second argument is the number of requests, the third how many come a second (0: at once).
 * docs/memory.md shows how pprof-c finds the one and stays silent on the other. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SESSION_BYTES = 10 * 1000, N_SLOTS = 64, MOST_SESSIONS = 100 };

struct session {
    struct session *older, *newer; /* by last use; of the lru store */
    uint64_t user;
    char *page; /* what was rendered last, for the next request */
};

/* ---- sessions ---- */

static char *render_page(uint64_t user)
{
    char *page = malloc(SESSION_BYTES);

    if (page == NULL)
        abort();
    memset(page, ' ', SESSION_BYTES);
    (void)snprintf(page, SESSION_BYTES, "<h1>Hello, user %" PRIu64 "</h1>", user);
    return page;
}

static struct session *session_open(uint64_t user)
{
    struct session *session = calloc(1, sizeof *session);

    if (session == NULL)
        abort();
    session->user = user;
    session->page = render_page(user);
    return session;
}

static void session_close(struct session *session)
{
    free(session->page);
    free(session);
}

/* ---- the store that leaks ---- */

static struct session *table[N_SLOTS];

static struct session *leaking_find(uint64_t user)
{
    struct session **slot = &table[user % N_SLOTS];

    if (*slot == NULL || (*slot)->user != user)
        *slot = session_open(user); /* and whose was there before? */
    return *slot;
}

/* ---- the store that does not ---- */

static struct {
    struct session *oldest, *newest;
    int n_sessions;
} lru;

static void lru_append(struct session *session)
{
    session->older = lru.newest;
    session->newer = NULL;
    if (lru.newest != NULL)
        lru.newest->newer = session;
    else
        lru.oldest = session;
    lru.newest = session;
    lru.n_sessions++;
}

static void lru_take_out(struct session *session)
{
    if (session->older != NULL)
        session->older->newer = session->newer;
    else
        lru.oldest = session->newer;
    if (session->newer != NULL)
        session->newer->older = session->older;
    else
        lru.newest = session->older;
    lru.n_sessions--;
}

static struct session *lru_find(uint64_t user)
{
    struct session *session = lru.newest;

    while (session != NULL && session->user != user)
        session = session->older;
    if (session != NULL) {
        lru_take_out(session);
        lru_append(session);
        return session;
    }
    if (lru.n_sessions == MOST_SESSIONS) {
        session = lru.oldest;
        lru_take_out(session);
        session_close(session);
    }
    session = session_open(user);
    lru_append(session);
    return session;
}

/* ---- requests ---- */

/* What the service does beside: memory that comes and goes. */
static size_t handle_request(const struct session *session, uint64_t number)
{
    const size_t n_bytes = 1000 + number * 7919 % 4000;
    char *answer = malloc(n_bytes);
    size_t n_chars;

    if (answer == NULL)
        abort();
    (void)snprintf(answer, n_bytes, "%.900s", session->page);
    n_chars = strlen(answer);
    free(answer);
    return n_chars;
}

int main(int argc, char **argv)
{
    const int is_lru = argc > 1 && strcmp(argv[1], "lru") == 0;
    const long n_requests = argc > 2 ? strtol(argv[2], NULL, 10) : 2000;
    const long rate_hz = argc > 3 ? strtol(argv[3], NULL, 10) : 0;
    size_t n_chars = 0;

    if (argc < 2 || (!is_lru && strcmp(argv[1], "leak") != 0)) {
        (void)fprintf(stderr, "sessions leak|lru [requests] [a second]\n");
        return 2;
    }
    for (long i = 0; i < n_requests; i++) {
        const uint64_t user = (uint64_t)i;
        const struct timespec pause = {0, rate_hz > 0 ? 1000000000 / rate_hz : 0};
        n_chars += handle_request(is_lru ? lru_find(user) : leaking_find(user), (uint64_t)i);
        if (rate_hz > 0)
            (void)nanosleep(&pause, NULL);
    }
    printf("%ld requests, %zu characters\n", n_requests, n_chars);
    return 0;
}
