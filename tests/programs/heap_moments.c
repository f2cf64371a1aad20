/* "grows": an object is allocated in one function and made 64 times as large in another, and stays.
 * "exits": a signal handler, which may have come upon the allocator with a lock held, ends the
 * program. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

static char *object;

__attribute__((noinline)) static void begin(void)
{
    object = malloc(1000);
}

__attribute__((noinline)) static void enlarge(void)
{
    object = realloc(object, 64000);
    if (object != NULL)
        object[63999] = 1;
}

static void on_signal(int signo)
{
    (void)signo;
    exit(0);
}

int main(int argc, char **argv)
{
    begin();
    enlarge();
    if (argc > 1 && strcmp(argv[1], "exits") == 0) {
        (void)signal(SIGUSR1, on_signal);
        (void)raise(SIGUSR1);
    }
    return object == NULL;
}
