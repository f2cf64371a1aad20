/* Where the files of a run go: their names, and that none is overwritten unasked. */
#ifndef PP_CLI_OUTPUT_H
#define PP_CLI_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <sys/types.h>

#include "base/error.h"
#include "formats/formats.h"

enum pp_output_kind {
    PP_OUTPUT_NAMED,  /* no -o: PROG.PID.pb.gz and PROG.PID.svg in the current folder */
    PP_OUTPUT_FOLDER, /* the same in a folder */
    PP_OUTPUT_FILE,   /* one file a process */
    PP_OUTPUT_STDOUT,
};

struct pp_output {
    enum pp_output_kind kind;
    enum pp_format format; /* of PP_OUTPUT_FILE and PP_OUTPUT_STDOUT */
    const char *path;      /* of a folder or file */
    const char *infix;     /* ".heap", before the extension of every name; NULL: none */
    bool overwrites;
};

enum { PP_OUTPUT_MAX_FILES = 2 };

struct pp_output_file {
    char path[PATH_MAX];
    const void *bytes;
    size_t n_bytes;
};

/* Understand -o ('option', may be NULL) and refuse, before anything has run, what cannot be written
 * afterwards. */
int pp_output_init(struct pp_output *output, const char *option, bool overwrites,
                   struct pprofc_error *err);

/* "PROG" of an output's name: the last part of 'command' without anything that needs quoting. */
void pp_output_program(const char *command, char *name_out, size_t capacity);

/* The name of one file of a process.  'copy' > 0 puts ".copy" before the extension ('extension'
 * begins with a dot).  -ENAMETOOLONG. */
int pp_output_name(const struct pp_output *output, const char *program, pid_t pid,
                   bool is_one_of_several, unsigned copy, const char *extension,
                   char path_out[PATH_MAX]);

/* Write the 'n_files' files of one process, all under the first number that is free for all of them
 * (or over what is there when the user asked for that), and fill in their paths.  'extensions' say
 * which they are.  On failure none of them is left behind. */
int pp_output_write(const struct pp_output *output, const char *program, pid_t pid,
                    bool is_one_of_several, struct pp_output_file *files,
                    const char *const *extensions, size_t n_files, struct pprofc_error *err);

#endif
