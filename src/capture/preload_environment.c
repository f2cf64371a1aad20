/* Takes our variables out of the program's environment, so that its children run unprofiled, and
 * keeps them for an exec by the same process. */
#include <elf.h>
#include <string.h>

#include "capture/environment.h"
#include "capture/own_memory.h"
#include "capture/preload.h"
#include "pprofc/error.h"

extern char **environ;

enum { ROOM_BYTES = 4096 };

static size_t count(char **variables)
{
    size_t n = 0;

    while (variables[n] != NULL)
        n++;
    return n;
}

/* Whether 'library' is one of the paths of an LD_PRELOAD. */
static bool preloads(const char *variable, const char *library)
{
    return strncmp(variable, "LD_PRELOAD=", 11) == 0 && strstr(variable, library) != NULL;
}

/* LD_PRELOAD without 'library'.  Returns false when nothing is left of it. */
static bool shorten_preload(char *variable, const char *library)
{
    char *value = variable + strlen("LD_PRELOAD=");
    char *out = value;

    for (char *at = value; *at != '\0';) {
        const size_t n = strcspn(at, ": ");
        const char *separator = at + n;
        if (n > 0 && (strlen(library) != n || strncmp(at, library, n) != 0)) {
            if (out != value)
                *out++ = ':';
            memmove(out, at, n);
            out += n;
        }
        at += n + (*separator != '\0' ? 1 : 0);
    }
    *out = '\0';
    return out != value;
}

static bool is_kept(const char *variable)
{
    const size_t n = strcspn(variable, "=") + 1;

    for (uint32_t i = 0; i < pp_environment.n_taken; i++)
        if (strncmp(pp_environment.taken[i], variable, n) == 0)
            return true;
    return false;
}

/* A copy, since programs write their title over the strings that the kernel gave them; or NULL. */
static const char *copy_of(const char *variable)
{
    static char *room;
    static size_t n_left;
    const size_t n_bytes = strlen(variable) + 1;
    const char *copy;

    if (n_left < n_bytes) {
        n_left = n_bytes > ROOM_BYTES ? n_bytes : ROOM_BYTES;
        room = pp_map_anonymous(n_left);
        n_left = room == NULL ? 0 : n_left;
    }
    if (n_left < n_bytes)
        return NULL;
    copy = memcpy(room, variable, n_bytes);
    room += n_bytes;
    n_left -= n_bytes;
    return copy;
}

static void keep(const char *variable)
{
    const char *copy;

    if (pp_environment.n_taken >= PP_ENV_MAX_TAKEN || is_kept(variable))
        return;
    copy = copy_of(variable);
    if (copy != NULL)
        pp_environment.taken[pp_environment.n_taken++] = copy;
}

extern int pprofc_http_serve(const char *address, struct pprofc_error *err) __attribute__((weak));

/* A program that serves itself reads them when it comes to it. */
static bool is_for_own_server(const char *variable)
{
    return pprofc_http_serve != NULL && (strncmp(variable, "PPROFC_HTTP=", 12) == 0 ||
                                         strncmp(variable, "PPROFC_TOKEN_FILE=", 18) == 0 ||
                                         strncmp(variable, "PPROFC_TLS_", 11) == 0);
}

/* Whether 'variable' stays in the environment, shortened perhaps. */
static bool stays(char *variable, const char *library)
{
    if (is_for_own_server(variable))
        return true;
    if (pp_environment_is_ours(variable)) {
        keep(variable);
        return false;
    }
    if (!preloads(variable, library))
        return true;
    keep(variable);
    if (!shorten_preload(variable, library))
        return false;
    if (pp_environment.preload_left == NULL)
        pp_environment.preload_left = copy_of(variable);
    return true;
}

/* In place.  Returns how many are left. */
static size_t take_from(char **variables, const char *library)
{
    size_t n = 0;

    for (size_t i = 0; variables[i] != NULL; i++)
        if (stays(variables[i], library))
            variables[n++] = variables[i];
    variables[n] = NULL;
    return n;
}

/* Behind the NULL of the environment that the kernel made lies the auxiliary vector, and there are
 * programs that find it so: Go's runtime from the start of the stack, others from main's third
 * argument or from environ.  So the kernel's array keeps its length, with a variable that stays in
 * place of those that go, and environ becomes a copy with the vector behind it. */
static void take_from_stack(char **variables, const char *library)
{
    static char nothing[] = "";
    const size_t n_before = count(variables);
    const Elf64_auxv_t *vector = (const Elf64_auxv_t *)(const void *)(variables + n_before + 1);
    size_t n, n_vector = 1;
    char **copy;

    while (vector[n_vector - 1].a_type != AT_NULL)
        n_vector++;
    copy = pp_map_anonymous((n_before + 1) * sizeof *copy + n_vector * sizeof *vector);
    n = take_from(variables, library);
    for (size_t i = n; i < n_before; i++)
        variables[i] = n > 0 ? variables[n - 1] : nothing;
    if (copy == NULL)
        return;
    memcpy(copy, variables, n * sizeof *copy);
    memcpy(copy + n + 1, vector, n_vector * sizeof *vector);
    if (environ == variables)
        environ = copy;
}

void pp_preload_take_environment(int argc, char **argv, char **variables, const char *library)
{
    char **const now = environ;

    if (variables == argv + argc + 1)
        take_from_stack(variables, library);
    else
        (void)take_from(variables, library);
    /* Another library's constructor may have called setenv() before us. */
    if (now != variables && now != NULL)
        (void)take_from(now, library);
}
