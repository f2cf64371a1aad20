/* The known name that a mistyped one was probably meant to be. */
#include "cli/nearest.h"

#include <string.h>

enum { MAX_CHARS = 40 };

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Edits from 'a' to 'b': three rows of the usual table, as a swap looks two rows back. */
static size_t count_edits(const char *a, size_t n_a, const char *b, size_t n_b)
{
    size_t rows[3][MAX_CHARS + 1];

    for (size_t j = 0; j <= n_b; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= n_a; i++) {
        size_t *row = rows[i % 3];
        const size_t *above = rows[(i + 2) % 3], *two_above = rows[(i + 1) % 3];
        row[0] = i;
        for (size_t j = 1; j <= n_b; j++) {
            row[j] = least(least(above[j], row[j - 1]) + 1, above[j - 1] + (a[i - 1] != b[j - 1]));
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], two_above[j - 2] + 1);
        }
    }
    return rows[n_a % 3][n_b];
}

const char *pp_nearest_name(const char *word, const char *const *names, size_t n_names,
                            size_t stride_bytes)
{
    const size_t n_word = strlen(word);
    const char *nearest = NULL;
    size_t limit = n_word / 3 > 1 ? n_word / 3 : 1;

    if (n_word > MAX_CHARS)
        return NULL;
    for (size_t i = 0; i < n_names; i++) {
        const char *name = *(const char *const *)((const char *)names + i * stride_bytes);
        size_t n_edits;
        if (name == NULL || strlen(name) > MAX_CHARS)
            continue;
        n_edits = count_edits(word, n_word, name, strlen(name));
        if (n_edits <= limit && (nearest == NULL || n_edits < limit)) {
            nearest = name;
            limit = n_edits;
        }
    }
    return nearest;
}
