/* The environment that the profiled program starts with. */
#include "cli/environment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/messages.h"
#include "cli/nearest.h"

/* Every name of the interface, also those of later versions: they are not mistyped. */
static const char *const known_names[] = {
    "PPROFC_FREQUENCY",   "PPROFC_MODE",           "PPROFC_HEAP_INTERVAL", "PPROFC_DURATION",
    "PPROFC_BLOCK",       "PPROFC_BLOCK_DROP",     "PPROFC_FOLLOW",        "PPROFC_SIGNAL",
    "PPROFC_LOG",         "PPROFC_CONFIG",         "PPROFC_OUTPUT",        "PPROFC_CYCLE",
    "PPROFC_HTTP",        "PPROFC_TOKEN_FILE",     "PPROFC_KEEP",          "PPROFC_EXPORT",
    "PPROFC_BUDGET",      "PPROFC_DEBUG_PATH",     "PPROFC_RUN_ID",        "PPROFC_PRELOAD_DIR",
    "PPROFC_TLS_CERT",    "PPROFC_TLS_KEY",        "PPROFC_BUILD_DIR",     "PPROFC_LONG",
    "PPROFC_COMMAND",     "PPROFC_DELIVERY",       "PPROFC_KERNEL",        "PPROFC_CGROUP",
    "PPROFC_HISTORY",     "PPROFC_FLIGHT",         "PPROFC_HEAP_PEAK",     "PPROFC_HEAP_MMAP",
    "PPROFC_HEAP_USABLE", "PPROFC_HEAP_LIFETIMES",
};

enum { N_KNOWN_NAMES = sizeof known_names / sizeof known_names[0] };

static void append(struct pp_child_environment *environment, char *entry)
{
    if (entry == NULL ||
        pp_array_reserve(&environment->entries, &environment->capacity, environment->n_entries + 2,
                         sizeof environment->entries[0]) < 0) {
        environment->failed = true;
        free(entry);
        return;
    }
    environment->entries[environment->n_entries++] = entry;
    environment->entries[environment->n_entries] = NULL;
}

void pp_child_environment_init(struct pp_child_environment *environment)
{
    memset(environment, 0, sizeof *environment);
    if (pp_array_reserve(&environment->entries, &environment->capacity, 1,
                         sizeof environment->entries[0]) < 0) {
        environment->failed = true;
        return;
    }
    environment->entries[0] = NULL;
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++)
        append(environment, strdup(*entry));
}

void pp_child_environment_done(struct pp_child_environment *environment)
{
    for (size_t i = 0; i < environment->n_entries; i++)
        free(environment->entries[i]);
    free(environment->entries);
    memset(environment, 0, sizeof *environment);
}

static bool is_named(const char *entry, const char *name)
{
    const size_t n_chars = strlen(name);

    return strncmp(entry, name, n_chars) == 0 && entry[n_chars] == '=';
}

static char **find(const struct pp_child_environment *environment, const char *name)
{
    for (size_t i = 0; i < environment->n_entries; i++)
        if (is_named(environment->entries[i], name))
            return &environment->entries[i];
    return NULL;
}

void pp_child_environment_set(struct pp_child_environment *environment, const char *name,
                              const char *value)
{
    char **there = find(environment, name);
    char *entry = NULL;

    if (asprintf(&entry, "%s=%s", name, value) < 0)
        entry = NULL;
    if (there == NULL || entry == NULL) {
        append(environment, entry);
        return;
    }
    free(*there);
    *there = entry;
}

void pp_child_environment_remove(struct pp_child_environment *environment, const char *name)
{
    char **there;

    while ((there = find(environment, name)) != NULL) {
        char **end = environment->entries + environment->n_entries;
        free(*there);
        memmove(there, there + 1, (size_t)(end - there) * sizeof *there);
        environment->n_entries--;
    }
}

void pp_child_environment_preload(struct pp_child_environment *environment, const char *library)
{
    char **there = find(environment, "LD_PRELOAD");
    const char *old = there != NULL ? strchr(*there, '=') + 1 : "";
    pp_autofree char *value = NULL;

    if (asprintf(&value, "%s%s%s", library, old[0] != '\0' ? ":" : "", old) < 0) {
        value = NULL;
        environment->failed = true;
        return;
    }
    pp_child_environment_set(environment, "LD_PRELOAD", value);
}

bool pp_child_environment_is_off(void)
{
    const char *value = getenv("PPROFC");

    return value != NULL && (strcasecmp(value, "off") == 0 || strcasecmp(value, "false") == 0 ||
                             strcasecmp(value, "no") == 0 || strcmp(value, "0") == 0);
}

void pp_child_environment_complain_unknown(void)
{
    for (char **entry = environ; entry != NULL && *entry != NULL; entry++) {
        char name[64];
        const size_t n_chars = strcspn(*entry, "=");
        const char *nearest;
        bool is_known = false;
        if (strncmp(*entry, "PPROFC_", strlen("PPROFC_")) != 0 || n_chars >= sizeof name)
            continue;
        memcpy(name, *entry, n_chars);
        name[n_chars] = '\0';
        for (size_t i = 0; i < N_KNOWN_NAMES; i++)
            is_known |= strcmp(name, known_names[i]) == 0;
        if (is_known)
            continue;
        nearest = pp_nearest_name(name, known_names, N_KNOWN_NAMES, sizeof known_names[0]);
        pp_say("nothing reads the environment variable %s%s%s%s", name,
               nearest != NULL ? "; did you mean " : "; see pprofc help",
               nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
    }
}
