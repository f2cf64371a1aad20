/* What each variable does, what a value that cannot be read does, and which one wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/environment.h"
#include "pprofc/pprofc.h"

enum { MAX_VARIABLES = 16, HANG_S = 20 };

static const struct pp_environment *const env = &pp_environment;
static bool is_secure;

unsigned long __real_getauxval(unsigned long type);
unsigned long __wrap_getauxval(unsigned long type);

unsigned long __wrap_getauxval(unsigned long type)
{
    return type == AT_SECURE ? is_secure : __real_getauxval(type);
}

/* Read these variables, up to a NULL, as a process that starts with them. */
static void read_all(const char *first, ...)
{
    char copies[MAX_VARIABLES][9000], *variables[MAX_VARIABLES + 1];
    size_t n = 0;
    va_list arguments;

    va_start(arguments, first);
    for (const char *one = first; one != NULL; one = va_arg(arguments, const char *)) {
        assert_true(n < MAX_VARIABLES);
        (void)snprintf(copies[n], sizeof copies[n], "%s", one);
        variables[n] = copies[n];
        n++;
    }
    va_end(arguments);
    variables[n] = NULL;
    memset(&pp_environment, 0, sizeof pp_environment);
    pp_environment_read(variables);
}

static void assert_one_complaint(const char *variable, const char *part)
{
    read_all(variable, NULL);
    if (env->n_complaints != 1 || strstr(env->complaints[0], part) == NULL)
        fail_msg("%s: %u complaints, the first: '%s'", variable, env->n_complaints,
                 env->complaints[0]);
}

/* Words that switch on and off, and kinds. */
static void switches(void **state)
{
    static const char *const yes[] = {"true", "1", "yes", "on", "TRUE", "Yes", "cpu", "CPU", "all"};
    static const char *const no[] = {"false", "0", "no", "off", "OFF", ""};
    char variable[64];

    (void)state;
    for (size_t i = 0; i < sizeof yes / sizeof yes[0]; i++) {
        (void)snprintf(variable, sizeof variable, "PPROFC=%s", yes[i]);
        read_all(variable, NULL);
        assert_true(env->is_on && !env->is_off);
        (void)snprintf(variable, sizeof variable, "ENABLE_PROFILING=%s", yes[i]);
        read_all(variable, NULL);
        assert_true(env->is_on && env->n_complaints == 0);
    }
    for (size_t i = 0; i < sizeof no / sizeof no[0]; i++) {
        (void)snprintf(variable, sizeof variable, "ENABLE_PROFILING=%s", no[i]);
        read_all(variable, NULL);
        assert_false(env->is_on || env->is_off);
    }
    read_all("PPROFC=cpu", NULL);
    assert_int_equal(env->kinds, PPROFC_KIND_CPU);
    read_all("PPROFC=cpu,brain", NULL);
    assert_true(env->is_on && env->n_complaints == 1);
    assert_one_complaint("PPROFC=cpuu", "cannot measure PPROFC=cpuu");
    read_all("HOME=/", "PPROFCX=1", "ENABLE_PROFILING_NOT=1", "PATH=PPROFC=cpu", NULL);
    assert_true(!env->is_on && env->n_complaints == 0); /* not ours */
}

/* PPROFC=off beats everything, in any order and by whichever name it was switched on. */
static void off_beats_everything(void **state)
{
    (void)state;
    read_all("PPROFC=off", "ENABLE_PROFILING=true", NULL);
    assert_true(env->is_off);
    read_all("ENABLE_PROFILING=cpu", "PPROFC=0", NULL);
    assert_true(env->is_off);
    read_all("CPUPROFILE=/tmp/x", "PPROFC=no", NULL);
    assert_true(env->is_off);
    read_all("ENABLE_PROFILING=off", "PPROFC=cpu", NULL); /* the other's "off" is only its own */
    assert_true(env->is_on && !env->is_off);
}

/* Each name does what it says. */
static void every_name(void **state)
{
    (void)state;
    read_all("PPROFC_FREQUENCY=250.5", "PPROFC_DURATION=1.5m", "PPROFC_BLOCK=libc,libm",
             "PPROFC_BLOCK_DROP=1", "PPROFC_FOLLOW=yes", "PPROFC_SIGNAL=SIGUSR2", "PPROFC_LOG=/l",
             "PPROFC_OUTPUT=%n.%p.svg", "PPROFC_DELIVERY=timer", "PPROFC_COMMAND=/bin/pprofc",
             "PPROFC_HTTP=127.0.0.1:6060", "PPROFC_TOKEN_FILE=/t",
             "PPROFC_RUN_ID=000102030405060708090a0b0c0d0eFF", NULL);
    assert_int_equal(env->n_complaints, 0);
    assert_string_equal(env->http, "127.0.0.1:6060");
    assert_string_equal(env->token_file, "/t");
    assert_true(env->rate_hz == 250.5 && env->duration_s == 90);
    assert_string_equal(env->block_libraries, "libc,libm");
    assert_true(env->block_drops && env->follows && env->has_run_id);
    assert_int_equal(env->signo, SIGUSR2);
    assert_string_equal(env->log, "/l");
    assert_string_equal(env->output, "%n.%p.svg");
    assert_string_equal(env->delivery, "timer");
    assert_string_equal(env->command, "/bin/pprofc");
    assert_true(env->run_id[1] == 1 && env->run_id[15] == 0xff);
    read_all("PPROFC_MODE=high", NULL);
    assert_true(env->rate_hz == 1000);
    read_all("PPROFC_MODE=Standard", NULL);
    assert_true(env->rate_hz == 100);
    read_all("PPROFC_MODE=low", NULL);
    assert_true(env->rate_hz == 10);
    read_all("PPROFC_FOLLOW=0", "PPROFC_BLOCK_DROP=no", "PPROFC_SIGNAL=12", NULL);
    assert_true(!env->follows && !env->block_drops && env->signo == 12);
    read_all("PPROFC_CYCLE=60s/6m", NULL);
    assert_true(env->cycle_on_s == 60 && env->cycle_s == 360 && env->n_complaints == 0);
    read_all("PPROFC_CYCLE=5s/5s", NULL); /* always on */
    assert_true(env->cycle_s == 0 && env->n_complaints == 0);
    read_all("PPROFC_CYCLE=1s/5s", "PPROFC_HISTORY=profiles", NULL); /* the windows' cycle */
    assert_true(env->cycle_s == 0 && strcmp(env->history, "profiles") == 0 &&
                strcmp(env->cycle, "1s/5s") == 0 && env->n_complaints == 0);
    read_all("PPROFC_CYCLE=1s/5s", "PPROFC_SIGNAL=USR2", NULL); /* one of the two */
    assert_true(env->cycle_s == 0 && env->signo == SIGUSR2 && env->n_complaints == 1);
}

/* What the report side reads is no mistake. */
static void names_of_others(void **state)
{
    (void)state;
    read_all("PPROFC_DEBUG_PATH=/d", "PPROFC_PRELOAD_DIR=/p", "PPROFC_BUILD_DIR=b", "PPROFC_LONG=1",
             NULL);
    assert_int_equal(env->n_complaints, 0);
    read_all("PPROFC_EXPORT=otlp,pyroscope", "PPROFC_CYCLE=1s/5s", NULL); /* the windows' cycle */
    assert_true(strcmp(env->export_to, "otlp,pyroscope") == 0 && env->cycle_s == 0);
    assert_int_equal(env->n_complaints, 0);
}

/* A budget is per cent, with the sign or without, from a hundredth to all of it. */
static void budgets(void **state)
{
    static const struct {
        const char *variable;
        double percent;
    } budgets[] = {{"PPROFC_BUDGET=1%", 1},
                   {"PPROFC_BUDGET=0.5%", 0.5},
                   {"PPROFC_BUDGET=2", 2},
                   {"PPROFC_BUDGET=0.01 %", 0.01},
                   {"PPROFC_BUDGET=100%", 100}};
    static const char *const wrong[] = {
        "PPROFC_BUDGET=",    "PPROFC_BUDGET=0",   "PPROFC_BUDGET=-1%", "PPROFC_BUDGET=101%",
        "PPROFC_BUDGET=1%%", "PPROFC_BUDGET=nan", "PPROFC_BUDGET=1e9", "PPROFC_BUDGET=0.009%"};

    (void)state;
    for (size_t i = 0; i < sizeof budgets / sizeof budgets[0]; i++) {
        read_all(budgets[i].variable, NULL);
        assert_int_equal(env->n_complaints, 0);
        assert_true(fabs(env->budget_percent - budgets[i].percent) < 1e-9);
    }
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_one_complaint(wrong[i], "a budget is like 1% or 0.5%");
        assert_true(fabs(env->budget_percent) < 1e-9);
    }
}

/* Kinds by name, and an interval as people write sizes. */
static void heap(void **state)
{
    static const struct {
        const char *variable;
        uint64_t interval_bytes;
    } intervals[] = {{"PPROFC_HEAP_INTERVAL=1", 1},
                     {"PPROFC_HEAP_INTERVAL=4096", 4096},
                     {"PPROFC_HEAP_INTERVAL=512K", 512 * 1024},
                     {"PPROFC_HEAP_INTERVAL=64kib", 64 * 1024},
                     {"PPROFC_HEAP_INTERVAL=1.5MB", 1536 * 1024},
                     {"PPROFC_HEAP_INTERVAL=1G", 1 << 30}};

    (void)state;
    for (size_t i = 0; i < sizeof intervals / sizeof intervals[0]; i++) {
        read_all(intervals[i].variable, NULL);
        assert_int_equal(env->n_complaints, 0);
        assert_int_equal(env->heap_interval_bytes, intervals[i].interval_bytes);
        assert_false(env->is_on);
    }
    read_all("PPROFC=heap", "PPROFC_HEAP_PEAK=1", NULL);
    assert_true(env->is_on && env->kinds == PPROFC_KIND_HEAP && env->heap_peak);
    assert_false(env->heap_usable || env->heap_lifetimes);
    read_all("PPROFC=heap", "PPROFC_HEAP_USABLE=yes", NULL);
    assert_true(env->heap_usable && !env->heap_peak && !env->heap_lifetimes);
    read_all("PPROFC=heap", "PPROFC_HEAP_LIFETIMES=1", NULL);
    assert_true(env->heap_lifetimes && !env->heap_usable);
    read_all("PPROFC=cpu,heap", NULL);
    assert_int_equal(env->kinds, PPROFC_KIND_CPU | PPROFC_KIND_HEAP);
    read_all("PPROFC=offcpu,lock", NULL);
    assert_int_equal(env->kinds, PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK);
    read_all("PPROFC=wall", NULL);
    assert_int_equal(env->kinds, PPROFC_KIND_WALL);
    read_all("PPROFC=all", NULL);
    assert_int_equal(env->kinds,
                     PPROFC_KIND_CPU | PPROFC_KIND_OFFCPU | PPROFC_KIND_LOCK | PPROFC_KIND_HEAP);
}

/* A value that cannot be read is one complaint and changes nothing. */
static void bad_values(void **state)
{
    static const char *const bad[] = {
        "PPROFC_FREQUENCY=",       "PPROFC_FREQUENCY=fast",
        "PPROFC_FREQUENCY=0",      "PPROFC_FREQUENCY=0.5",
        "PPROFC_FREQUENCY=10001",  "PPROFC_FREQUENCY=-1",
        "PPROFC_FREQUENCY=1e3",    "PPROFC_FREQUENCY=nan",
        "PPROFC_FREQUENCY=100Hz",  "PPROFC_FREQUENCY=1.2.3",
        "PPROFC_FREQUENCY=.",      "PPROFC_FREQUENCY=0x10",
        "PPROFC_MODE=fast",        "PPROFC_MODE=",
        "PPROFC_MODE=100",         "PPROFC_DURATION=soon",
        "PPROFC_DURATION=5 m",     "PPROFC_DURATION=-3s",
        "PPROFC_DURATION=1d",      "PPROFC_SIGNAL=KILL",
        "PPROFC_SIGNAL=9",         "PPROFC_SIGNAL=19",
        "PPROFC_SIGNAL=65",        "PPROFC_SIGNAL=USR3",
        "PPROFC_SIGNAL=",          "PPROFC_CONFIG=/nowhere",
        "PPROFC_CONFIG=/",         "PPROFC_CYCLE=60s",
        "PPROFC_CYCLE=6s/5s",      "PPROFC_CYCLE=/",
        "PPROFC_CYCLE=0/5",        "PPROFC_CYCLE=a/b",
        "PPROFC_CYCLE=1s/1e9",     "PPROFC_HEAP_INTERVAL=",
        "PPROFC_HEAP_INTERVAL=0",  "PPROFC_HEAP_INTERVAL=5G",
        "PPROFC_HEAP_INTERVAL=K",  "PPROFC_HEAP_INTERVAL=1X",
        "PPROFC_HEAP_INTERVAL=-1",
    };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_one_complaint(bad[i], "cannot read PPROFC_");
        assert_true(env->rate_hz == 0 && env->duration_s == 0 && env->signo == 0);
    }
    read_all("PPROFC_RUN_ID=12", NULL);
    assert_false(env->has_run_id);
    read_all("PPROFC_RUN_ID=000102030405060708090a0b0c0d0exx", NULL);
    assert_false(env->has_run_id);
}

/* An unknown name is one line with the nearest known one, if any is near. */
static void unknown_names(void **state)
{
    char variable[400];

    (void)state;
    assert_one_complaint("PPROFC_FREQENCY=100", "did you mean PPROFC_FREQUENCY?");
    assert_one_complaint("PPROFC_OUT=x", "did you mean PPROFC_OUTPUT?");
    assert_one_complaint("PPROFC_frequency=100", "unknown name PPROFC_frequency");
    assert_one_complaint("PPROFC_XYLOPHONE_KEYS=1", "see pprofc(7)");
    assert_one_complaint("PPROFC_=1", "unknown name PPROFC_");
    (void)snprintf(variable, sizeof variable, "PPROFC_%0300d=1", 1);
    assert_one_complaint(variable, "unknown name PPROFC_000");
}

/* More complaints than there is room for are dropped, longer values cut; nothing is written over.
 */
static void too_much(void **state)
{
    char variable[4000];

    (void)state;
    read_all("PPROFC_A=1", "PPROFC_B=1", "PPROFC_C=1", "PPROFC_D=1", "PPROFC_E=1", "PPROFC_F=1",
             "PPROFC_G=1", "PPROFC_H=1", "PPROFC_I=1", "PPROFC_J=1", "PPROFC_FREQUENCY=100", NULL);
    assert_int_equal(env->n_complaints, PP_ENV_MAX_COMPLAINTS);
    assert_true(env->rate_hz == 100 && env->n_taken == 0);
    (void)snprintf(variable, sizeof variable, "PPROFC_OUTPUT=%03000d", 7);
    read_all(variable, NULL);
    assert_int_equal(strlen(env->output), sizeof env->output - 1);
    assert_int_equal(env->log[0], '\0');
    (void)snprintf(variable, sizeof variable, "PPROFC_FREQUENCY=%03000d", 7);
    read_all(variable, NULL);
    assert_true(env->rate_hz == 7);
    (void)snprintf(variable, sizeof variable, "PPROFC_FREQUENCY=7%03000d", 0);
    read_all(variable, NULL);
    assert_int_equal(env->n_complaints, 1);
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");

    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    (void)fclose(file);
}

/* A configuration file: lines of variables, beaten by real ones, not led on to another file. */
static void configuration(void **state)
{
    char folder[] = "/tmp/pprofc-environment.XXXXXX", path[64], variable[128], text[9000];

    (void)state;
    assert_non_null(mkdtemp(folder));
    (void)snprintf(path, sizeof path, "%s/config", folder);
    (void)snprintf(variable, sizeof variable, "PPROFC_CONFIG=%s", path);
    write_file(path,
               "# ours\nPPROFC_FREQUENCY=300\n\nnonsense\nHOME=/x\nPPROFC=cpu\nPPROFC_LOG=/l");
    read_all(variable, NULL);
    assert_true(env->is_on && env->rate_hz == 300);
    assert_string_equal(env->log, "/l");
    assert_int_equal(env->n_complaints, 1); /* with the file and the line */
    assert_non_null(strstr(env->complaints[0], "/config:4: cannot read nonsense"));
    write_file(path, "  PPROFC_LOG=\"/a # b\" # c\nexport PPROFC_OUTPUT='x y'\r\n\t# d\n"
                     "PPROFC_BLOCK=libc # e\nPPROFC_FREQENCY=7\nPPROFC_COMMAND=\"/b\n \n");
    read_all(variable, NULL);
    assert_string_equal(env->log, "/a # b");
    assert_string_equal(env->output, "x y");
    assert_string_equal(env->block_libraries, "libc");
    assert_string_equal(env->command, "\"/b"); /* a quote that nothing closes */
    assert_int_equal(env->n_complaints, 1);
    assert_non_null(strstr(env->complaints[0], "/config:5: unknown name PPROFC_FREQENCY"));
    write_file(path, "PPROFC_FREQUENCY=300\n");
    read_all("PPROFC_FREQUENCY=50", variable, NULL);
    assert_true(env->rate_hz == 50);
    write_file(path, "PPROFC_CONFIG=/etc/passwd\nPPROFC_FREQUENCY=300\n");
    read_all(variable, NULL);
    assert_true(env->n_complaints == 1 && env->rate_hz == 300);
    (void)snprintf(text, sizeof text, "PPROFC_FREQUENCY=300\n#%08500d\nPPROFC_LOG=/l\n", 1);
    write_file(path, text);
    read_all(variable, NULL);
    assert_true(env->rate_hz == 300 && env->log[0] == '\0' && env->n_complaints == 1);
    (void)unlink(path);
    assert_int_equal(mkfifo(path, 0600), 0);
    (void)alarm(HANG_S);
    read_all(variable, "PPROFC_FREQUENCY=50", NULL);
    (void)alarm(0);
    assert_true(env->rate_hz == 50);
    (void)unlink(path);
    (void)rmdir(folder);
}

/* gperftools' names count when ours say nothing. */
static void names_of_gperftools(void **state)
{
    (void)state;
    read_all("CPUPROFILE=/tmp/x.prof", "CPUPROFILE_FREQUENCY=200", "CPUPROFILESIGNAL=12", NULL);
    assert_true(env->is_on && env->rate_hz == 200 && env->signo == 12);
    assert_string_equal(env->output, "/tmp/x.prof");
    read_all("CPUPROFILE=/tmp/x.prof", "PPROFC=cpu", "PPROFC_OUTPUT=mine", NULL);
    assert_string_equal(env->output, "mine");
    read_all("CPUPROFILE=", NULL);
    assert_false(env->is_on);
    read_all("CPUPROFILE=/x", "PPROFC=off", NULL);
    assert_true(env->is_off);
    read_all("HEAPPROFILE=/x", NULL);
    assert_true(env->is_on && env->kinds == PPROFC_KIND_HEAP);
    assert_string_equal(env->output, "/x");
}

/* Under setuid nothing counts; and whatever counts is read once. */
static void secure_and_once(void **state)
{
    char variable[] = "PPROFC=cpu", *variables[] = {variable, NULL};

    (void)state;
    is_secure = true;
    read_all("PPROFC=cpu", "PPROFC_OUTPUT=/etc/passwd", "CPUPROFILE=/x", "PPROFC_NONE=1", NULL);
    is_secure = false;
    assert_true(env->is_secure && !env->is_on && env->output[0] == '\0' && env->n_complaints == 0);
    pp_environment_read(variables);
    assert_false(env->is_on);
    read_all(NULL);
    assert_false(env->is_on || env->is_secure);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(switches),
        cmocka_unit_test(off_beats_everything),
        cmocka_unit_test(every_name),
        cmocka_unit_test(names_of_others),
        cmocka_unit_test(budgets),
        cmocka_unit_test(heap),
        cmocka_unit_test(bad_values),
        cmocka_unit_test(unknown_names),
        cmocka_unit_test(too_much),
        cmocka_unit_test(configuration),
        cmocka_unit_test(names_of_gperftools),
        cmocka_unit_test(secure_and_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
