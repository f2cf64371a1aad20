/* Which cases a benchmark has: those given one by one, the arguments of a program, or what a Google
 * Benchmark program lists. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "base/pattern.h"
#include "cli/bench_case.h"

enum { MOST_CASES = 10000 };

/* ---- the list ---- */

static void case_done(struct pp_bench_case *one)
{
    for (int side = 0; side < PP_N_SIDES; side++) {
        for (uint32_t i = 0; one->profiles[side] != NULL && i < one->times[side].n_runs; i++)
            pprofc_profile_free(one->profiles[side][i]);
        free(one->profiles[side]);
        pp_bench_times_done(&one->times[side]);
    }
    pp_diff_free(one->diff);
    free(one->name);
    free(one->command);
}

void pp_bench_suite_done(struct pp_bench_suite *suite)
{
    for (size_t i = 0; i < suite->n_cases; i++)
        case_done(&suite->cases[i]);
    free(suite->cases);
}

struct pp_bench_case *pp_bench_add_case(struct pp_bench_suite *suite, const char *name)
{
    struct pp_bench_case *one;

    if (pp_array_reserve(&suite->cases, &suite->cases_capacity, suite->n_cases + 1,
                         sizeof *suite->cases) != 0)
        return NULL;
    one = &suite->cases[suite->n_cases];
    *one = (struct pp_bench_case){.name = strdup(name)};
    if (one->name == NULL)
        return NULL;
    suite->n_cases++;
    return one;
}

void pp_bench_drop_cases(struct pp_bench_suite *suite)
{
    size_t n_left = 0;

    for (size_t i = 0; i < suite->n_cases; i++)
        if (suite->cases[i].is_left_out)
            case_done(&suite->cases[i]);
        else
            suite->cases[n_left++] = suite->cases[i];
    suite->n_cases = n_left;
}

/* ---- commands for sh ---- */

void pp_shell_quote(struct pp_buffer *out, const char *word)
{
    pp_buffer_append(out, "'", 1);
    for (; *word != '\0'; word++)
        if (*word == '\'')
            pp_buffer_append(out, "'\\''", 4);
        else
            pp_buffer_append(out, word, 1);
    pp_buffer_append(out, "'", 1);
}

/* The program and its arguments in the shell's place, and 'last' behind them; the caller's. */
static char *program_command(char *const *program, const char *last)
{
    struct pp_buffer out = PP_BUFFER_INIT;

    pp_buffer_append(&out, "exec", 4);
    for (; *program != NULL; program++) {
        pp_buffer_append(&out, " ", 1);
        pp_shell_quote(&out, *program);
    }
    if (last != NULL) {
        pp_buffer_append(&out, " ", 1);
        pp_shell_quote(&out, last);
    }
    pp_buffer_text(&out, "");
    if (out.failed)
        pp_buffer_done(&out);
    return out.bytes; /* NULL once it is done */
}

static bool has_case(const struct pp_bench_suite *suite, const char *name)
{
    for (size_t i = 0; i < suite->n_cases; i++)
        if (strcmp(suite->cases[i].name, name) == 0)
            return true;
    return false;
}

/* ---- Google Benchmark ---- */

static int read_list(struct pp_bench_suite *suite, FILE *list)
{
    pp_autofree char *line = NULL;
    size_t capacity = 0;
    ssize_t n_bytes;

    while ((n_bytes = getline(&line, &capacity, list)) > 0) {
        struct pp_bench_case *one;
        if (line[n_bytes - 1] == '\n')
            line[n_bytes - 1] = '\0';
        if (line[0] == '\0' || has_case(suite, line)) /* one filter runs all of a name */
            continue;
        one = suite->n_cases < MOST_CASES ? pp_bench_add_case(suite, line) : NULL;
        if (one == NULL)
            return -ENOMEM;
        one->is_google = true;
        one->command = program_command(suite->options->program, NULL);
        if (one->command == NULL)
            return -ENOMEM;
    }
    return 0;
}

static int list_google(struct pp_bench_suite *suite, struct pprofc_error *err)
{
    pp_autofree char *command =
        program_command(suite->options->program, "--benchmark_list_tests=true");
    FILE *list = command != NULL ? popen(command, "re") : NULL;
    int rc, status;

    if (list == NULL)
        return pp_fail(err, -errno, 0, "cannot run %s: %s", suite->options->program[0],
                       strerror(errno));
    rc = read_list(suite, list);
    status = pclose(list);
    if (rc < 0)
        return pp_fail(err, rc, 0, "no memory for the benchmarks that %s lists",
                       suite->options->program[0]);
    if (status != 0 || suite->n_cases == 0)
        return pp_fail(err, -ENOENT, 0,
                       "%s lists no benchmarks (--benchmark_list_tests ended with status %d); of a "
                       "program that is none of Google Benchmark name the cases: --case NAME",
                       suite->options->program[0],
                       WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    return 0;
}

/* ---- cases that were given ---- */

static int add_given(struct pp_bench_suite *suite, const char *given, struct pprofc_error *err)
{
    char *const *program = suite->options->program;
    const char *equals = program == NULL ? strchr(given, '=') : NULL;
    pp_autofree char *name =
        equals != NULL ? strndup(given, (size_t)(equals - given)) : strdup(given);
    struct pp_bench_case *one;

    if (program == NULL && (equals == NULL || equals[1] == '\0'))
        return pp_fail(err, -EINVAL, 0,
                       "--case '%s' has no command; write --case NAME=COMMAND, or the program that "
                       "has such a case behind --",
                       given);
    if (name != NULL && has_case(suite, name))
        return pp_fail(err, -EINVAL, 0, "two cases are called %s; give them other names", name);
    one = name != NULL ? pp_bench_add_case(suite, name) : NULL;
    if (one != NULL)
        one->command = program != NULL ? program_command(program, name) : strdup(equals + 1);
    return one == NULL || one->command == NULL ? pp_fail(err, -ENOMEM, 0, "no memory for the cases")
                                               : 0;
}

/* Those that --filter leaves. */
static int filter(struct pp_bench_suite *suite, struct pprofc_error *err)
{
    struct pp_pattern *pattern = NULL;
    struct pprofc_error reason;

    if (suite->options->filter == NULL)
        return 0;
    if (pp_pattern_new(suite->options->filter, PP_PATTERN_ANYWHERE, &pattern, &reason) != 0)
        return pp_fail(err, -EINVAL, 0, "--filter: %s", reason.message);
    for (size_t i = 0; i < suite->n_cases; i++)
        suite->cases[i].is_left_out = !pp_pattern_matches(pattern, suite->cases[i].name);
    pp_bench_drop_cases(suite);
    pp_pattern_free(pattern);
    return suite->n_cases > 0
               ? 0
               : pp_fail(err, -EINVAL, 0, "--filter '%s' matches no case; --list shows them",
                         suite->options->filter);
}

int pp_bench_list_cases(struct pp_bench_suite *suite, struct pprofc_error *err)
{
    const struct pp_bench_options *options = suite->options;
    int rc = 0;

    for (size_t i = 0; i < options->n_cases && rc == 0; i++)
        rc = add_given(suite, options->cases[i], err);
    if (rc == 0 && options->n_cases == 0 && options->program != NULL)
        rc = list_google(suite, err);
    return rc < 0 || suite->n_cases == 0 ? rc : filter(suite, err); /* none: to be loaded */
}
