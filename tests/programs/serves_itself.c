/* Spins like shares_50_30_20 and serves its own profiles.  Arguments: CPU seconds, address
 * ("default": none is given).
 * Reads commands from standard input: "stop" ends serving and says so, "handle TARGET" answers a
 * request as a server of the program's own would and prints status and bytes, "heap" prints the
 * bytes that are allocated, "lose" forgets 100 objects of 1000 bytes; end of input ends it all. */
#include <locale.h>
#include <malloc.h>
#include <pthread.h>
#include <string.h>

#include "pprofc/pprofc.h"
#include "pprofc/serve.h"
#include "shares.h"

static void *work(void *seconds)
{
    const uint64_t end_ns = truth_deadline_ns(*(double *)seconds);
    uint64_t random = 2463534242u;

    while (truth_thread_ns() < end_ns)
        (void)run_slice(&random);
    return NULL;
}

static void handle(const char *target)
{
    struct pprofc_http_request request = PPROFC_HTTP_REQUEST_INIT;
    struct pprofc_http_response response;
    struct pprofc_error err;

    request.target = target;
    if (pprofc_http_handle(&request, &response, &err) != 0) {
        printf("failed %s\n", err.message);
        return;
    }
    printf("%d %s %zu\n", response.status, response.content_type, response.n_body_bytes);
    pprofc_http_response_free(&response);
}

static void show_heap(void)
{
    const struct mallinfo2 heap = mallinfo2();

    printf("%zu\n", heap.uordblks + heap.hblkhd);
}

static __attribute__((noinline)) void lose_some(void)
{
    for (int i = 0; i < 100; i++) {
        void *lost = malloc(1000);
        __asm__ volatile("" : : "r"(lost) : "memory");
    }
}

static void obey(char *line)
{
    struct pprofc_error err = {0};

    line[strcspn(line, "\n")] = '\0';
    if (strcmp(line, "stop") == 0)
        printf("%d\n", pprofc_http_stop(&err));
    else if (strncmp(line, "handle ", strlen("handle ")) == 0)
        handle(line + strlen("handle "));
    else if (strcmp(line, "heap") == 0)
        show_heap();
    else if (strcmp(line, "lose") == 0)
        lose_some();
    (void)fflush(stdout);
}

int main(int argc, char **argv)
{
    double seconds = truth_argument(argc, argv, 1, 5);
    const char *address = argc > 2 ? argv[2] : "127.0.0.1:0";
    struct pprofc_error err;
    pthread_t thread;
    char line[256];

    (void)setlocale(LC_ALL, ""); /* as programs with a face do */
    (void)truth_calibrate();
    if (pprofc_http_serve(strcmp(address, "default") == 0 ? NULL : address, &err) != 0) {
        (void)fprintf(stderr, "serves_itself: %s\n", err.message);
        return 1;
    }
    if (pthread_create(&thread, NULL, work, &seconds) != 0)
        return 1;
    while (fgets(line, sizeof line, stdin) != NULL)
        obey(line);
    return 0;
}
