/* Two threads that work and one that sleeps, in a control group that may not use as much.
 * Arguments: seconds, the group's cpu.stat.  Prints for how long that says the group was throttled
 * while they worked. */
#include <pthread.h>
#include <sys/prctl.h>

#include "truth.h"

static double seconds;

static double now_s(void)
{
    struct timespec now;

    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static unsigned long long throttled_ns(const char *path)
{
    FILE *file = fopen(path, "re");
    unsigned long long number, found_ns = 0;
    char name[64];

    if (file == NULL)
        exit(2);
    while (fscanf(file, "%63s %llu", name, &number) == 2)
        if (strcmp(name, "throttled_usec") == 0)
            found_ns = number * 1000;
        else if (strcmp(name, "throttled_time") == 0)
            found_ns = number;
    (void)fclose(file);
    return found_ns;
}

static void *work(void *name)
{
    const double until_s = now_s() + seconds;

    (void)prctl(PR_SET_NAME, name);
    while (now_s() < until_s)
        TRUTH_SPIN(10000);
    return NULL;
}

static void *nap(void *name)
{
    const struct timespec time = {(time_t)seconds,
                                  (long)((seconds - (double)(time_t)seconds) * 1e9)};

    (void)prctl(PR_SET_NAME, name);
    (void)nanosleep(&time, NULL);
    return NULL;
}

int main(int argc, char **argv)
{
    static char names[3][16] = {"first", "second", "sleeper"};
    unsigned long long before_ns;
    pthread_t threads[3];

    if (argc < 3)
        return 2;
    seconds = atof(argv[1]);
    before_ns = throttled_ns(argv[2]);
    for (int i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, i < 2 ? work : nap, names[i]) != 0)
            return 2;
    for (int i = 0; i < 3; i++)
        (void)pthread_join(threads[i], NULL);
    printf("%llu\n", throttled_ns(argv[2]) - before_ns);
    return 0;
}
