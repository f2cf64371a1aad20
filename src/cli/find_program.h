/* Where a command is: the look-up of execvp(). */
#ifndef PP_CLI_FIND_PROGRAM_H
#define PP_CLI_FIND_PROGRAM_H

#include <limits.h>

/* The file that execvp(name) would run, into 'path_out'.  0; -ENOENT: there is none; -EACCES: there
 * is one that is not executable; -ENAMETOOLONG. */
int pp_find_program(const char *name, char path_out[PATH_MAX]);

/* What comes after the last '/'. */
const char *pp_base_name(const char *path);

#endif
