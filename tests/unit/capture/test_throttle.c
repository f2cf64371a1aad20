/* Throttling of control groups: which folder is read, and what its cpu.stat says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/throttle.h"

/* Both versions' figures come out in nanoseconds; a root group has none. */
static void test_parse(void **state)
{
    static const char v2[] = "usage_usec 120\nuser_usec 100\nsystem_usec 20\nnr_periods 9\n"
                             "nr_throttled 4\nthrottled_usec 2500\nnr_bursts 0\nburst_usec 0\n";
    static const char v1[] = "nr_periods 9\nnr_throttled 12\nthrottled_time 345678\n";
    struct pp_throttle throttle = {7, 7};
    (void)state;

    assert_false(pp_throttle_parse("", &throttle));
    assert_false(pp_throttle_parse("usage_usec 120\nuser_usec 100\nsystem_usec 20\n", &throttle));
    assert_false(pp_throttle_parse("nr_throttled 4", &throttle));
    assert_int_equal(throttle.n, 7);
    assert_true(pp_throttle_parse(v2, &throttle));
    assert_int_equal(throttle.n, 4);
    assert_int_equal(throttle.ns, 2500000);
    assert_true(pp_throttle_parse(v1, &throttle));
    assert_int_equal(throttle.n, 12);
    assert_int_equal(throttle.ns, 345678);
}

/* The group's folder under version 2, version 1, both, a namespace, a bind mount, and none. */
static void test_find(void **state)
{
    static const char unified[] =
        "25 30 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";
    static const char separate[] =
        "30 25 0:26 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
        "31 25 0:27 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
        "32 25 0:28 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n";
    static const char bound[] =
        "31 25 0:27 /docker/ab /sys/fs/cgroup/cpu rw master:9 - cgroup cgroup rw,cpu\n";
    static const struct {
        const char *cgroups, *mounts, *folder;
    } cases[] = {
        {"0::/user.slice/app.service\n", unified, "/sys/fs/cgroup/user.slice/app.service"},
        {"0::/\n", unified, "/sys/fs/cgroup"},
        {"5:cpuset:/x\n4:cpu,cpuacct:/a/b\n0::/y\n", separate, "/sys/fs/cgroup/cpu,cpuacct/a/b"},
        {"4:cpu,cpuacct:/docker/ab/c\n", bound, "/sys/fs/cgroup/cpu/c"},
        {"4:cpuset:/a\n", separate, ""},
        {"", "", ""},
        {"4:cpu", "31 25", ""},
    };
    char folder[PP_THROTTLE_PATH_BYTES];
    (void)state;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        pp_throttle_find(cases[i].cgroups, cases[i].mounts, folder);
        assert_string_equal(folder, cases[i].folder);
    }
}

static void write_stat(const char *folder, int n_throttled, int throttled_us)
{
    char path[256];
    FILE *file;

    (void)snprintf(path, sizeof path, "%s/cpu.stat", folder);
    file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "nr_periods 100\nnr_throttled %d\nthrottled_usec %d\n", n_throttled,
                  throttled_us);
    assert_int_equal(fclose(file), 0);
}

/* What came since the beginning, of the group or the one above it: whichever was kept waiting
 * longer. */
static void test_since(void **state)
{
    static struct pp_rec_header header;
    char outer[] = "/tmp/pprofc-throttle.XXXXXX", inner[64], path[300];
    (void)state;

    assert_non_null(mkdtemp(outer));
    (void)snprintf(inner, sizeof inner, "%s/inner", outer);
    assert_int_equal(mkdir(inner, 0700), 0);
    write_stat(outer, 5, 1000);
    write_stat(inner, 1, 10);
    pp_throttle_begin(inner);
    pp_throttle_update(&header);
    assert_int_equal(atomic_load(&header.has_throttled), 1);
    assert_int_equal(atomic_load(&header.n_throttled), 0);
    write_stat(inner, 3, 50);
    pp_throttle_update(&header);
    assert_int_equal(atomic_load(&header.n_throttled), 2);
    assert_int_equal(atomic_load(&header.throttled_ns), 40000);
    write_stat(outer, 8, 9000);
    pp_throttle_update(&header);
    assert_int_equal(atomic_load(&header.n_throttled), 3);
    assert_int_equal(atomic_load(&header.throttled_ns), 8000000);
    (void)snprintf(path, sizeof path, "%s/cpu.stat", inner);
    (void)unlink(path);
    (void)rmdir(inner);
    (void)snprintf(path, sizeof path, "%s/cpu.stat", outer);
    (void)unlink(path);
    (void)rmdir(outer);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_since),
    };

    return cmocka_run_group_tests_name("capture_throttle", tests, NULL, NULL);
}
