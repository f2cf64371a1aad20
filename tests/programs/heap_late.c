/* Linked with libpprofc: takes memory, starts a session, and frees or moves what it had before.
 * Arguments: file to write (.ppc), interval (1). */
#include <malloc.h>
#include <pprofc/pprofc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { N = 1000 };

static void *before[N], *after[N];

static void complain(const char *what, const struct pprofc_error *err)
{
    (void)fprintf(stderr, "heap_late: %s: %s\n", what, err->message);
    exit(1);
}

int main(int argc, char **argv)
{
    struct pprofc_options options = PPROFC_OPTIONS_INIT;
    struct pprofc_recording *recording = NULL;
    struct pprofc_error err;
    int n_wrong = 0;

    if (argc < 2)
        return 2;
    options.kinds = PPROFC_KIND_HEAP;
    options.heap_interval_bytes = argc > 2 ? strtoul(argv[2], NULL, 10) : 1;
    for (int i = 0; i < N; i++)
        before[i] = memset(malloc(100 + (size_t)i), i, 100);
    if (pprofc_start(&options, &err) != 0)
        complain("start", &err);
    for (int i = 0; i < N; i++) {
        n_wrong += malloc_usable_size(before[i]) < 100 + (size_t)i;
        if (i % 2 == 0)
            before[i] = realloc(before[i], 3000);
        n_wrong += before[i] == NULL || *(unsigned char *)before[i] != (unsigned char)i;
    }
    for (int i = 0; i < N; i++)
        free(before[i]);
    for (int i = 0; i < N; i++)
        after[i] = malloc(500);
    for (int i = 0; i < N; i += 2)
        free(after[i]);
    if (pprofc_stop(&recording, &err) != 0)
        complain("stop", &err);
    for (int i = 1; i < N; i += 2) /* what is followed no longer */
        free(after[i]);
    if (pprofc_recording_write(recording, argv[1], &err) != 0)
        complain("write", &err);
    pprofc_recording_free(recording);
    return n_wrong == 0 ? 0 : 1;
}
