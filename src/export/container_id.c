/* Docker, containerd, CRI-O and podman name control groups and folders by 64 hexadecimal digits,
 * ECS by 32 and a number. */
#include "export/container_id.h"

#include <string.h>

enum { ID_DIGITS = 64, ECS_DIGITS = 32 };

static size_t n_hex_digits(const char *text, const char *end)
{
    size_t n = 0;

    while (text + n < end && text[n] != '\0' && strchr("0123456789abcdef", text[n]) != NULL)
        n++;
    return n;
}

static bool take(const char *text, size_t n_chars, char id[PP_CONTAINER_ID_BYTES])
{
    if (n_chars == 0 || n_chars >= PP_CONTAINER_ID_BYTES)
        return false;
    memcpy(id, text, n_chars);
    id[n_chars] = '\0';
    return true;
}

/* "0123..", "docker-0123...scope", "crio-0123..", "0123..:cri-containerd", "32digits-123". */
static bool take_word(const char *word, const char *end, char id[PP_CONTAINER_ID_BYTES])
{
    const char *at = word;

    if (n_hex_digits(word, end) == ECS_DIGITS && word + ECS_DIGITS < end &&
        word[ECS_DIGITS] == '-') {
        const char *digits = word + ECS_DIGITS + 1;
        const size_t n = strspn(digits, "0123456789");
        if (n > 0 && digits + n == end)
            return take(word, (size_t)(end - word), id);
    }
    while (at < end) {
        const size_t n = n_hex_digits(at, end);
        if (n == ID_DIGITS && (at == word || strchr("-:", at[-1]) != NULL))
            return take(at, n, id);
        at += n + 1;
    }
    return false;
}

static const char *end_of_line(const char *text)
{
    return text + strcspn(text, "\n");
}

bool pp_container_id_of_cgroup(const char *text, char id[PP_CONTAINER_ID_BYTES])
{
    for (const char *line = text; *line != '\0';) {
        const char *end = end_of_line(line);
        const char *slash = memrchr(line, '/', (size_t)(end - line));
        /* The container's own group may have more below it: the last name that is one counts. */
        for (const char *word_end = end; slash != NULL;
             word_end = slash, slash = memrchr(line, '/', (size_t)(slash - line)))
            if (take_word(slash + 1, word_end, id))
                return true;
        line = *end == '\0' ? end : end + 1;
    }
    return false;
}

bool pp_container_id_of_mountinfo(const char *text, char id[PP_CONTAINER_ID_BYTES])
{
    static const char *const folders[] = {"/containers/", "/overlay-containers/"};

    for (const char *line = text; *line != '\0';) {
        const char *end = end_of_line(line);
        for (size_t i = 0; i < sizeof folders / sizeof folders[0]; i++) {
            const char *found = memmem(line, (size_t)(end - line), folders[i], strlen(folders[i]));
            const char *word = found != NULL ? found + strlen(folders[i]) : NULL;
            if (word != NULL && n_hex_digits(word, end) == ID_DIGITS && word + ID_DIGITS < end &&
                word[ID_DIGITS] == '/')
                return take(word, ID_DIGITS, id);
        }
        line = *end == '\0' ? end : end + 1;
    }
    return false;
}
