/* Where the files of a run go. */
#include "cli/output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output_format.h"
#include "cli/find_program.h"

enum { MAX_COPIES = 100000 };

/* ---- before the run ---- */

static int use_folder(struct pp_output *output, const char *path, struct pprofc_error *err)
{
    struct stat status;

    if (mkdir(path, 0777) != 0 && errno != EEXIST)
        return pp_fail(err, -errno, 0, "cannot make the folder %s: %s; give another -o", path,
                       strerror(errno));
    if (stat(path, &status) != 0 || !S_ISDIR(status.st_mode))
        return pp_fail(err, -ENOTDIR, 0, "%s is no folder; give another -o", path);
    if (access(path, W_OK | X_OK) != 0)
        return pp_fail(err, -errno, 0, "cannot write in %s: %s; give another -o", path,
                       strerror(errno));
    output->kind = PP_OUTPUT_FOLDER;
    output->path = path;
    return 0;
}

static int check_folder_of(const char *path, struct pprofc_error *err)
{
    const size_t n_chars = (size_t)(pp_base_name(path) - path);
    char folder[PATH_MAX];

    if (n_chars >= sizeof folder)
        return pp_fail(err, -ENAMETOOLONG, 0, "the name %s is too long", path);
    memcpy(folder, path, n_chars);
    folder[n_chars] = '\0';
    if (access(n_chars > 0 ? folder : ".", W_OK | X_OK) != 0)
        return pp_fail(err, -errno, 0, "cannot write %s: %s; give another -o", path,
                       strerror(errno));
    return 0;
}

static int use_file(struct pp_output *output, const char *path, struct pprofc_error *err)
{
    struct stat status;
    int rc;

    output->kind = PP_OUTPUT_FILE;
    output->path = path;
    rc = pp_format_for_writing(path, &output->format, err);
    if (rc < 0)
        return rc;
    if (!output->overwrites && lstat(path, &status) == 0)
        return pp_fail(err, -EEXIST, 0, "%s exists; give -f to overwrite or another -o", path);
    return check_folder_of(path, err);
}

int pp_output_init(struct pp_output *output, const char *option, bool overwrites,
                   struct pprofc_error *err)
{
    struct stat status;

    memset(output, 0, sizeof *output);
    output->overwrites = overwrites;
    if (option == NULL)
        return 0;
    if (option[0] == '\0')
        return pp_fail(err, -EINVAL, 0, "-o needs the name of a file or folder");
    if (strcmp(option, "-") == 0) {
        output->kind = PP_OUTPUT_STDOUT;
        output->format = PP_FORMAT_PPROF;
        if (isatty(STDOUT_FILENO))
            return pp_fail(err, -EINVAL, 0,
                           "-o - writes a pprof file, and standard output is a terminal; "
                           "redirect it or give -o FILE");
        return 0;
    }
    if (option[strlen(option) - 1] == '/' ||
        (stat(option, &status) == 0 && S_ISDIR(status.st_mode)))
        return use_folder(output, option, err);
    return use_file(output, option, err);
}

/* ---- names ---- */

void pp_output_program(const char *command, char *name_out, size_t capacity)
{
    const char *name = pp_base_name(command);
    size_t n_chars = 0;

    for (; name[n_chars] != '\0' && n_chars + 1 < capacity && n_chars < 100; n_chars++) {
        const char c = name[n_chars];
        const bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
                              (c >= '0' && c <= '9') || (unsigned char)c >= 0x80 ||
                              strchr("_.+-,@", c) != NULL;
        /* A leading dash would read as an option, a leading dot hides the file. */
        name_out[n_chars] = is_plain && (n_chars > 0 || (c != '-' && c != '.')) ? c : '_';
    }
    name_out[n_chars] = '\0';
    if (n_chars == 0)
        (void)snprintf(name_out, capacity, "program");
}

/* Where the extension of 'path' begins: ".pb.gz" and ".speedscope.json" are one. */
static size_t stem_chars(const char *path)
{
    static const char *const doubles[] = {".pb.gz", ".speedscope.json"};
    const char *name = pp_base_name(path), *dot = strrchr(name, '.');
    const size_t n_path = strlen(path);

    for (size_t i = 0; i < sizeof doubles / sizeof doubles[0]; i++) {
        const size_t n_double = strlen(doubles[i]);
        if (strlen(name) > n_double && strcmp(path + n_path - n_double, doubles[i]) == 0)
            return n_path - n_double;
    }
    return dot != NULL && dot != name ? (size_t)(dot - path) : n_path;
}

int pp_output_name(const struct pp_output *output, const char *program, pid_t pid,
                   bool is_one_of_several, unsigned copy, const char *extension,
                   char path_out[PATH_MAX])
{
    const char *infix = output->infix != NULL ? output->infix : "";
    char process[16] = "", number[16] = "";
    int n;

    if (is_one_of_several)
        (void)snprintf(process, sizeof process, ".%d", (int)pid);
    if (copy > 0)
        (void)snprintf(number, sizeof number, ".%u", copy);
    if (output->kind == PP_OUTPUT_FILE) {
        const int n_stem = (int)stem_chars(output->path);
        n = snprintf(path_out, PATH_MAX, "%.*s%s%s%s%s", n_stem, output->path, process, infix,
                     number, output->path + n_stem);
    } else {
        const bool has_folder = output->kind == PP_OUTPUT_FOLDER;
        const char *folder = has_folder ? output->path : "";
        const size_t n_folder = strlen(folder);
        const char *slash = has_folder && folder[n_folder - 1] != '/' ? "/" : "";
        n = snprintf(path_out, PATH_MAX, "%s%s%s.%d%s%s%s", folder, slash, program, (int)pid, infix,
                     number, extension);
    }
    return n < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* ---- after the run ---- */

/* All of 'files' under number 'copy', or none. */
static int write_copy(const struct pp_output *output, const char *program, pid_t pid,
                      bool is_one_of_several, unsigned copy, struct pp_output_file *files,
                      const char *const *extensions, size_t n_files, struct pprofc_error *err)
{
    for (size_t i = 0; i < n_files; i++) {
        int rc = pp_output_name(output, program, pid, is_one_of_several, copy, extensions[i],
                                files[i].path);
        if (rc == 0)
            rc = pp_file_write(files[i].path, files[i].bytes, files[i].n_bytes, output->overwrites,
                               err);
        else
            rc = pp_fail(err, rc, 0, "the name of %s's output is too long; give -o", program);
        if (rc == 0)
            continue;
        /* Those before it are ours and new; with -f they have replaced what was there. */
        while (!output->overwrites && i-- > 0)
            (void)unlink(files[i].path);
        return rc;
    }
    return 0;
}

int pp_output_write(const struct pp_output *output, const char *program, pid_t pid,
                    bool is_one_of_several, struct pp_output_file *files,
                    const char *const *extensions, size_t n_files, struct pprofc_error *err)
{
    int rc = -EEXIST;

    if (output->kind == PP_OUTPUT_STDOUT) {
        (void)snprintf(files[0].path, sizeof files[0].path, "-");
        return pp_file_write("-", files[0].bytes, files[0].n_bytes, true, err);
    }
    /* A name that was free may be taken a moment later, so the writing itself is the question. */
    for (unsigned copy = 0; rc == -EEXIST && copy < MAX_COPIES; copy++)
        rc = write_copy(output, program, pid, is_one_of_several, copy, files, extensions, n_files,
                        err);
    return rc;
}
