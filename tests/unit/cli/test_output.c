/* Names of output files, and that none is overwritten unasked. */
#include "cmocka_includes.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/output.h"

static char folder[64];

static int enter_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/pprofc-unit-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int leave_folder(void **state)
{
    char command[128];

    (void)state;
    (void)snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return chdir("/") != 0 || system(command) != 0;
}

static void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static void assert_holds(const char *path, const char *text)
{
    char bytes[64] = "";
    FILE *file = fopen(path, "r");

    assert_non_null(file);
    (void)fread(bytes, 1, sizeof bytes - 1, file);
    (void)fclose(file);
    assert_string_equal(bytes, text);
}

static size_t count_files(void)
{
    DIR *directory = opendir(".");
    size_t n_files = 0;

    assert_non_null(directory);
    while (readdir(directory) != NULL)
        n_files++;
    (void)closedir(directory);
    return n_files - 2;
}

static const char *const both[] = {".pb.gz", ".svg"};

static int write_both(const struct pp_output *output, struct pp_output_file files[2])
{
    files[0] = (struct pp_output_file){.bytes = "profile", .n_bytes = 7};
    files[1] = (struct pp_output_file){.bytes = "picture", .n_bytes = 7};
    return pp_output_write(output, "app", 12, false, files, both, 2, NULL);
}

/* PROG.PID.pb.gz and PROG.PID.svg; a taken one of the two moves both on to the next free number. */
static void both_files_keep_one_number(void **state)
{
    struct pp_output output;
    struct pp_output_file files[2];

    (void)state;
    assert_int_equal(pp_output_init(&output, NULL, false, NULL), 0);
    assert_int_equal(write_both(&output, files), 0);
    assert_string_equal(files[0].path, "app.12.pb.gz");
    assert_string_equal(files[1].path, "app.12.svg");
    assert_int_equal(write_both(&output, files), 0);
    assert_string_equal(files[0].path, "app.12.1.pb.gz");
    put("app.12.2.svg", "precious");
    assert_int_equal(write_both(&output, files), 0);
    assert_string_equal(files[0].path, "app.12.3.pb.gz");
    assert_string_equal(files[1].path, "app.12.3.svg");
    assert_holds("app.12.2.svg", "precious");
    assert_int_equal(access("app.12.2.pb.gz", F_OK), -1);
    assert_int_equal(count_files(), 7);
}

/* -f writes over what is there, under the plain name. */
static void force_overwrites(void **state)
{
    struct pp_output output;
    struct pp_output_file files[2];

    (void)state;
    put("app.12.svg", "old");
    assert_int_equal(pp_output_init(&output, NULL, true, NULL), 0);
    assert_int_equal(write_both(&output, files), 0);
    assert_holds("app.12.svg", "picture");
    assert_int_equal(count_files(), 2);
}

/* A file given with -o that exists is refused beforehand; one that comes meanwhile gets a
 * neighbour. */
static void an_existing_file_is_refused(void **state)
{
    struct pp_output output;
    struct pp_output_file file = {.bytes = "mine", .n_bytes = 4};
    struct pprofc_error err;

    (void)state;
    put("x.pb.gz", "precious");
    assert_int_equal(pp_output_init(&output, "x.pb.gz", false, &err), -EEXIST);
    assert_string_equal(err.message, "x.pb.gz exists; give -f to overwrite or another -o");
    assert_int_equal(pp_output_init(&output, "x.pb.gz", true, &err), 0);
    assert_int_equal(pp_output_init(&output, "y.pb.gz", false, &err), 0);
    put("y.pb.gz", "precious");
    assert_int_equal(pp_output_write(&output, "app", 12, false, &file, both, 1, &err), 0);
    assert_string_equal(file.path, "y.1.pb.gz");
    assert_holds("y.pb.gz", "precious");
    assert_holds("y.1.pb.gz", "mine");
}

/* A dangling link counts as something that is there: it is not written through. */
static void a_link_is_not_followed(void **state)
{
    struct pp_output output;

    (void)state;
    assert_int_equal(symlink("/nowhere/at/all", "z.svg"), 0);
    assert_int_equal(pp_output_init(&output, "z.svg", false, NULL), -EEXIST);
}

/* One of several processes gets its pid before the extension, and numbers come behind the pid. */
static void several_processes_get_their_pid(void **state)
{
    struct pp_output output = {.kind = PP_OUTPUT_FILE, .path = "a.d/out.pb.gz"};
    char path[PATH_MAX];

    (void)state;
    assert_int_equal(pp_output_name(&output, "app", 7, true, 0, ".pb.gz", path), 0);
    assert_string_equal(path, "a.d/out.7.pb.gz");
    assert_int_equal(pp_output_name(&output, "app", 7, true, 2, ".pb.gz", path), 0);
    assert_string_equal(path, "a.d/out.7.2.pb.gz");
    output.path = "a.d/out.svg";
    assert_int_equal(pp_output_name(&output, "app", 7, true, 0, ".svg", path), 0);
    assert_string_equal(path, "a.d/out.7.svg");
}

/* -o FOLDER and -o FOLDER/ put the usual names there, making the folder when it ends in a slash. */
static void folders(void **state)
{
    struct pp_output output;
    struct pp_output_file files[2];

    (void)state;
    assert_int_equal(pp_output_init(&output, "new/", false, NULL), 0);
    assert_int_equal(write_both(&output, files), 0);
    assert_string_equal(files[0].path, "new/app.12.pb.gz");
    assert_int_equal(pp_output_init(&output, "new", false, NULL), 0);
    assert_int_equal(write_both(&output, files), 0);
    assert_string_equal(files[1].path, "new/app.12.1.svg");
}

/* What cannot be written is refused beforehand: unknown extension, later format, missing folder. */
static void bad_outputs(void **state)
{
    struct pp_output output;
    struct pprofc_error err;

    (void)state;
    assert_int_equal(pp_output_init(&output, "out.gif", false, &err), -EINVAL);
    assert_non_null(strstr(err.message, ".pb.gz"));
    assert_int_equal(pp_output_init(&output, "x.html", false, &err), -EINVAL);
    assert_non_null(strstr(err.message, "not available in this version"));
    assert_int_equal(pp_output_init(&output, "no/such/x.svg", false, &err), -ENOENT);
    assert_non_null(strstr(err.message, "no/such/x.svg"));
    assert_int_equal(pp_output_init(&output, "", false, &err), -EINVAL);
}

/* A file that cannot be written leaves neither of the two behind. */
static void failure_leaves_nothing(void **state)
{
    struct pp_output output = {.kind = PP_OUTPUT_FOLDER, .path = "."};
    struct pp_output_file files[2];
    char program[NAME_MAX + 1];

    (void)state;
    /* PROGRAM.PID.pb.gz is one byte too long for a name, PROGRAM.PID.svg is not. */
    memset(program, 'a', sizeof program);
    program[NAME_MAX - strlen(".12.svg")] = '\0';
    files[0] = (struct pp_output_file){.bytes = "picture", .n_bytes = 7};
    files[1] = (struct pp_output_file){.bytes = "profile", .n_bytes = 7};
    assert_int_equal(pp_output_write(&output, program, 12, false, files,
                                     (const char *const[]){".svg", ".pb.gz"}, 2, NULL),
                     -ENAMETOOLONG);
    assert_int_equal(count_files(), 0);
}

/* A program's name is the last part of its path, without what shells or terminals would obey. */
static void program_names_are_plain(void **state)
{
    static const char *const cases[][2] = {{"/usr/bin/python3.11", "python3.11"},
                                           {"./my prog", "my_prog"},
                                           {"-rf", "_rf"},
                                           {".hidden", "_hidden"},
                                           {"a\nb\033c", "a_b_c"},
                                           {"x/", "program"},
                                           {"g++", "g++"}};
    char name[128];

    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        pp_output_program(cases[i][0], name, sizeof name);
        assert_string_equal(name, cases[i][1]);
    }
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, enter_folder, leave_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_FOLDER(both_files_keep_one_number),
        IN_FOLDER(force_overwrites),
        IN_FOLDER(an_existing_file_is_refused),
        IN_FOLDER(a_link_is_not_followed),
        cmocka_unit_test(several_processes_get_their_pid),
        IN_FOLDER(folders),
        IN_FOLDER(bad_outputs),
        IN_FOLDER(failure_leaves_nothing),
        cmocka_unit_test(program_names_are_plain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
