/* Calls libc by a PLT that is bound at the first call. */
#include <stdlib.h>

int lazy_distance(const char *text);

__attribute__((noinline)) int lazy_distance(const char *text)
{
    volatile int sum = (int)strtol(text, NULL, 10);
    sum += abs(atoi(text));
    return sum;
}
