/* Threads of one pool. */
#include "profile/pools.h"

#include <stdio.h>
#include <string.h>

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

const char *pp_pool_name(const char *thread, char pool[PP_POOL_NAME_BYTES])
{
    size_t end = strlen(thread), begin;

    while (end > 0 && strchr(")]}>", thread[end - 1]) != NULL)
        end--;
    begin = end;
    while (begin > 0 && is_digit(thread[begin - 1]))
        begin--;
    (void)snprintf(pool, PP_POOL_NAME_BYTES, "%.*s%s%s", (int)(begin < 256 ? begin : 256), thread,
                   begin < end ? "*" : "", thread + end);
    return pool;
}
