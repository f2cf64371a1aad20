/* One run of a command that is measured. */
#include "cli/bench_run.h"

#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "cli/child.h"
#include "cli/environment.h"
#include "cli/messages.h"
#include "cli/profile_input.h"
#include "cli/run_files.h"
#include "cli/values.h"
#include "formats/formats.h"

/* ---- the folder ---- */

int pp_bench_init(struct pp_bench *bench, const char *keep, uint32_t kinds, double rate_hz,
                  struct pprofc_error *err)
{
    const char *temporary = getenv("TMPDIR");
    int n;

    *bench = (struct pp_bench){.rate_hz = rate_hz, .kinds = kinds, .keeps = keep != NULL};
    n = keep != NULL ? snprintf(bench->folder, sizeof bench->folder, "%s", keep)
                     : snprintf(bench->folder, sizeof bench->folder, "%s/pprofc-bench.XXXXXX",
                                temporary != NULL && temporary[0] != '\0' ? temporary : "/tmp");
    if (n < 0 || (size_t)n >= sizeof bench->folder)
        return pp_fail(err, -ENAMETOOLONG, 0, "the folder's name is too long: %s", keep);
    if (keep != NULL ? mkdir(keep, 0777) != 0 && errno != EEXIST : mkdtemp(bench->folder) == NULL)
        return pp_fail(err, -errno, 0, "cannot make the folder %s: %s", bench->folder,
                       strerror(errno));
    bench->is_profiled = !pp_child_environment_is_off();
    if (bench->is_profiled && pp_preload_find(&bench->preload, kinds, err) < 0)
        return -ENOENT;
    return 0;
}

static int find_recordings(const struct pp_bench *bench, const char *name, glob_t *found)
{
    char pattern[PATH_MAX];

    (void)snprintf(pattern, sizeof pattern, "%s/%s.*.ppc", bench->folder, name);
    return glob(pattern, GLOB_NOESCAPE, NULL, found);
}

void pp_bench_done(struct pp_bench *bench)
{
    glob_t found = {.gl_pathc = 0};

    if (!bench->keeps && bench->folder[0] != '\0') {
        (void)find_recordings(bench, "*", &found);
        for (size_t i = 0; i < found.gl_pathc; i++)
            (void)unlink(found.gl_pathv[i]);
        globfree(&found);
        (void)rmdir(bench->folder);
    }
    pp_preload_done(&bench->preload);
}

/* ---- a run ---- */

/* Standard input or output is /dev/null while the command runs; what it says on standard error is
 * seen. */
static int silence(int descriptor)
{
    pp_autoclose_fd int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
    const int saved = fcntl(descriptor, F_DUPFD_CLOEXEC, 3);

    (void)fflush(stdout);
    if (nowhere >= 0 && saved >= 0)
        (void)dup2(nowhere, descriptor);
    return saved;
}

static void speak_again(int descriptor, int saved)
{
    if (saved < 0)
        return;
    (void)dup2(saved, descriptor);
    (void)close(saved);
}

static void set_environment(const struct pp_bench *bench, const struct pp_bench_program *program,
                            const char *run_id, struct pp_child_environment *environment)
{
    char rate[32], kinds[PP_KINDS_TEXT_BYTES];

    (void)snprintf(rate, sizeof rate, "%g", bench->rate_hz);
    if (!program->links_capture)
        pp_child_environment_preload(environment, bench->preload.path);
    pp_child_environment_set(environment, "PPROFC", pp_kinds_text(bench->kinds, kinds));
    pp_child_environment_set(environment, "PPROFC_FREQUENCY", rate);
    pp_child_environment_set(environment, "PPROFC_RUN_ID", run_id);
    if (program->follows)
        pp_child_environment_set(environment, "PPROFC_FOLLOW", "1");
    pp_child_environment_set(environment, "PPROFC_LOG", "/dev/null");
}

/* What the processes of a run have recorded, whatever their end was: as files of the folder. */
static int keep_recordings(const struct pp_bench *bench, struct pp_run_files *files,
                           const char *name, struct pp_own_cost *own, struct pprofc_error *err)
{
    char path[PATH_MAX];
    int rc = 0;

    pp_run_files_look(files);
    pp_run_files_refresh(files);
    for (size_t i = 0; i < files->n_files; i++) {
        pp_autobuffer struct pp_buffer copy = PP_BUFFER_INIT;
        pp_own_cost_add(own, files->files[i].path, files->files[i].reader);
        if (rc == 0)
            rc = pp_recording_copy(files->files[i].reader, &copy, err);
        (void)snprintf(path, sizeof path, "%s/%s.%d.%zu.ppc", bench->folder, name,
                       (int)files->files[i].pid, i);
        if (rc == 0)
            rc = pp_file_write(path, copy.bytes, copy.n_bytes, true, err);
        own->written_bytes += copy.n_bytes;
        pp_run_file_unlink(&files->files[i]);
    }
    return rc;
}

static void take_figures(const struct pp_child *child, struct pp_bench_figures *figures_out)
{
    figures_out->wall_s = (double)(child->end_ns - child->start_ns) / 1e9;
    figures_out->cpu_s = (double)((child->cpu_ns > 0 ? child->cpu_ns : 0) +
                                  (child->children_cpu_ns > 0 ? child->children_cpu_ns : 0)) /
                         1e9;
    figures_out->peak_bytes = child->peak_bytes;
    figures_out->code = pp_child_exit_code(child);
}

/* From the start of the program to its end. */
static int run_child(const struct pp_bench_program *program, char **environment,
                     struct pp_bench_figures *figures_out, struct pprofc_error *err)
{
    const int saved_output = silence(STDOUT_FILENO);
    const int saved_input = program->has_no_input ? silence(STDIN_FILENO) : -1;
    struct pp_child child;
    const int rc = pp_child_start(&child, program->path, program->arguments, environment, err);

    if (rc == 0) {
        (void)pp_child_wait(&child, INT64_MAX);
        pp_child_reap(&child);
        take_figures(&child, figures_out);
    }
    speak_again(STDOUT_FILENO, saved_output);
    speak_again(STDIN_FILENO, saved_input);
    return rc;
}

int pp_bench_run_program(struct pp_bench *bench, const struct pp_bench_program *program,
                         const char *name, struct pp_bench_figures *figures_out,
                         struct pprofc_error *err)
{
    const bool is_profiled = bench->is_profiled && !program->is_baseline;
    struct pp_child_environment environment;
    struct pp_run_files files = {.directory = NULL};
    char run_id[PP_RUN_ID_HEX_BYTES];
    int rc = 0;

    *figures_out = (struct pp_bench_figures){.code = 0};
    if (is_profiled)
        rc = pp_run_files_init(&files, "/dev/shm", run_id, err);
    if (rc < 0)
        return rc;
    pp_child_environment_init(&environment);
    if (is_profiled)
        set_environment(bench, program, run_id, &environment);
    else if (program->is_baseline)
        pp_child_environment_set(&environment, "PPROFC", "off");
    rc = environment.failed ? pp_fail(err, -ENOMEM, 0, "no memory for the environment")
                            : run_child(program, environment.entries, figures_out, err);
    pp_child_environment_done(&environment);
    if (rc == 0 && is_profiled)
        rc = keep_recordings(bench, &files, name, &figures_out->own, err);
    if (is_profiled)
        pp_run_files_done(&files);
    return rc;
}

int pp_bench_run(struct pp_bench *bench, const char *command, const char *name,
                 struct pp_bench_figures *figures_out, struct pprofc_error *err)
{
    char shell[] = "sh", option[] = "-c";
    pp_autofree char *script = strdup(command);
    char *arguments[] = {shell, option, script, NULL};
    const struct pp_bench_program program = {
        .path = "/bin/sh", .arguments = arguments, .follows = true};

    if (script == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for a command");
    return pp_bench_run_program(bench, &program, name, figures_out, err);
}

/* ---- its profile ---- */

static int add_recording(struct pprofc_profile *sum, const char *path, uint32_t kinds,
                         struct pprofc_error *err)
{
    const struct pp_input_wish wish = {.sample = (kinds & PP_KIND_CPU) != 0 ? "cpu" : NULL};
    struct pprofc_profile *part = NULL;
    uint32_t type;
    int rc;

    if (pp_input_read(path, &wish, &part, &type) != 0)
        return pp_fail(err, -EBADMSG, 0, "cannot read the recording %s", path);
    rc = pp_profile_merge(sum, part, err);
    pprofc_profile_free(part);
    return rc;
}

int pp_bench_profile(const struct pp_bench *bench, const char *name,
                     struct pprofc_profile **profile_out, struct pprofc_error *err)
{
    struct pprofc_profile *sum = pp_profile_new();
    glob_t found = {.gl_pathc = 0};
    int rc = 0;

    if (sum == NULL)
        return pp_fail(err, -ENOMEM, 0, "no memory for a profile");
    if (find_recordings(bench, name, &found) != 0)
        rc = pp_fail(err, -ENODATA, 0, "the run left no profile: is the command a static program?");
    for (size_t i = 0; i < found.gl_pathc && rc == 0; i++)
        rc = add_recording(sum, found.gl_pathv[i], bench->kinds, err);
    globfree(&found);
    if (rc == 0)
        *profile_out = sum;
    else
        pprofc_profile_free(sum);
    return rc;
}
