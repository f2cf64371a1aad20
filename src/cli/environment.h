/* The environment that the profiled program starts with.  The preloaded library takes our part out
 * again before the program's main(). */
#ifndef PP_CLI_ENVIRONMENT_H
#define PP_CLI_ENVIRONMENT_H

#include <stdbool.h>
#include <stddef.h>

/* Owned by whoever made it; pp_child_environment_done(). */
struct pp_child_environment {
    char **entries; /* "NAME=VALUE", NULL at the end: for execve() */
    size_t n_entries, capacity;
    bool failed; /* memory ran out: incomplete */
};

/* A copy of this process's environment. */
void pp_child_environment_init(struct pp_child_environment *environment);
void pp_child_environment_done(struct pp_child_environment *environment);

/* Set 'name', in place where it is there already. */
void pp_child_environment_set(struct pp_child_environment *environment, const char *name,
                              const char *value);
void pp_child_environment_remove(struct pp_child_environment *environment, const char *name);

/* Put 'library' before what LD_PRELOAD holds. */
void pp_child_environment_preload(struct pp_child_environment *environment, const char *library);

/* Is profiling forbidden (PPROFC=off)? */
bool pp_child_environment_is_off(void);

/* Say a line for each PPROFC_ name that nothing reads, with the nearest known one. */
void pp_child_environment_complain_unknown(void);

#endif
