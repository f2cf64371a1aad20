/* What kind of program a command is, and so whether preloading can work. */
#ifndef PP_CLI_TARGET_H
#define PP_CLI_TARGET_H

#include <limits.h>
#include <stdbool.h>

struct pp_target {
    char path[PATH_MAX];      /* the file that will be executed */
    char inspected[PATH_MAX]; /* the program that will run: 'path', or a script's interpreter */
    bool is_script;
    bool can_preload;
    bool links_capture; /* libpprofc is linked in: it starts by itself from the environment */
    char shortcoming[PATH_MAX + 256]; /* why it cannot be profiled, for a person; "" when it can */
};

/* Look 'command' up as execvp() does and inspect it.  0; -ENOENT, -EACCES, -ENAMETOOLONG when it
 * cannot run. */
int pp_target_find(const char *command, struct pp_target *target_out);

#endif
