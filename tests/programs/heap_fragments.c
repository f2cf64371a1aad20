/* A heap that is mostly holes: 200 000 objects of 16 to 1015 bytes, of which each tenth stays.
 * "full" as the argument: all stay. */
#include <stdlib.h>
#include <string.h>

enum { N_OBJECTS = 200000, KEPT = 10 };

static void *objects[N_OBJECTS];

int main(int argc, char **argv)
{
    const int is_full = argc > 1 && strcmp(argv[1], "full") == 0;

    for (unsigned i = 0; i < N_OBJECTS; i++) {
        const size_t n_bytes = 16 + i * 7919u % 1000;
        objects[i] = malloc(n_bytes);
        if (objects[i] == NULL)
            return 1;
        memset(objects[i], 1, n_bytes);
    }
    for (unsigned i = 0; i < N_OBJECTS && !is_full; i++)
        if (i % KEPT != 0)
            free(objects[i]);
    return 0;
}
