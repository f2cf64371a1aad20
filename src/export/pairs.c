/* Reading them. */
#include "export/pairs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

static int digit_of(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

void pp_percent_decode(char *text)
{
    char *out = text;

    for (const char *at = text; *at != '\0'; at++, out++) {
        const int high = at[0] == '%' ? digit_of(at[1]) : -1;
        const int low = high >= 0 ? digit_of(at[2]) : -1;
        *out = *at;
        if (low < 0 || (high == 0 && low == 0)) /* a NUL would end it */
            continue;
        *out = (char)(high << 4 | low);
        at += 2;
    }
    *out = '\0';
}

/* Without the blanks around it, in place. */
static char *trim(char *text)
{
    size_t n_chars;

    text += strspn(text, " \t");
    for (n_chars = strlen(text); n_chars > 0 && strchr(" \t", text[n_chars - 1]) != NULL;)
        text[--n_chars] = '\0';
    return text;
}

int pp_pairs_read(const char *text, void (*take)(void *context, const char *key, const char *value),
                  void *context)
{
    pp_autofree char *copy = strdup(text);
    char *rest = copy, *pair;
    bool is_good = true;

    if (copy == NULL)
        return -ENOMEM;
    while (rest != NULL && (pair = strsep(&rest, ",")) != NULL) {
        char *value = strchr(pair, '=');
        if (value == NULL) {
            is_good &= *trim(pair) == '\0';
            continue;
        }
        *value = '\0';
        pair = trim(pair);
        value = trim(value + 1);
        if (pair[0] == '\0') {
            is_good = false;
            continue;
        }
        pp_percent_decode(pair);
        pp_percent_decode(value);
        take(context, pair, value);
    }
    return is_good ? 0 : -EINVAL;
}
