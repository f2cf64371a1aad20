/* Vectors that grow step by step to 32 KiB, one after the other, mostly where the one before lay.
 * Each 30th is cut down to 8 KiB then and stays, the others are freed.  Argument: how many (1000).
 */
#include <stdlib.h>

enum { STEP_BYTES = 1024, FULL_BYTES = 32 * 1024, CUT_BYTES = 8 * 1024, KEPT = 30 };

int main(int argc, char **argv)
{
    const long n_vectors = argc > 1 ? strtol(argv[1], NULL, 10) : 1000;
    void **kept = calloc((size_t)(n_vectors / KEPT + 1), sizeof *kept);

    for (long i = 0; i < n_vectors && kept != NULL; i++) {
        char *vector = NULL;
        for (size_t n_bytes = STEP_BYTES; n_bytes <= FULL_BYTES; n_bytes += STEP_BYTES) {
            vector = realloc(vector, n_bytes);
            if (vector == NULL)
                return 1;
            vector[n_bytes - 1] = 1;
        }
        if (i % KEPT == 0)
            kept[i / KEPT] = realloc(vector, CUT_BYTES);
        else
            free(vector);
    }
    return kept == NULL;
}
