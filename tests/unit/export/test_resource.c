/* Who is it: containers in all forms that kernels show, ids that stay, contexts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "export/container_id.h"
#include "export/otlp_traces.h"
#include "export/resource_cache.h"

#define ID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static int n_lines;

static void count_line(void *context, const char *line)
{
    (void)context, (void)line;
    n_lines++;
}

static const struct pp_teller teller = {count_line, NULL};

/* Control groups of both versions, as docker, containerd, CRI-O, podman and ECS name them. */
static void test_cgroup(void **state)
{
    static const char *const texts[] = {
        "12:cpu:/docker/" ID "\n1:name=systemd:/docker/" ID "\n",
        "0::/system.slice/docker-" ID ".scope\n",
        "0::/kubepods.slice/kubepods-pod1.slice/cri-containerd-" ID ".scope\n",
        "0::/kubepods/besteffort/pod3ef1d5b6-1a2b/" ID "\n",
        "0::/kubepods-pod1.slice:cri-containerd:" ID "\n",
        "0::/machine.slice/libpod-" ID ".scope/container\n",
        "5:memory:/\n4:cpu:/crio-" ID "\n",
    };
    static const char *const others[] = {"0::/\n",
                                         "",
                                         "0::/user.slice/user-1000.slice\n",
                                         "0::/" ID "0\n",
                                         "0::/0123456789abcdef\n",
                                         "0::/a" ID "\n"};
    char id[PP_CONTAINER_ID_BYTES];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        memset(id, 0, sizeof id);
        if (!pp_container_id_of_cgroup(texts[i], id) || strcmp(id, ID) != 0)
            fail_msg("'%s' gives '%s'", texts[i], id);
    }
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (pp_container_id_of_cgroup(others[i], id))
            fail_msg("'%s' gives '%s'", others[i], id);
    assert_true(
        pp_container_id_of_cgroup("1:cpu:/ecs/0123456789abcdef0123456789abcdef-1234567890\n", id));
    assert_string_equal(id, "0123456789abcdef0123456789abcdef-1234567890");
}

/* Inside a namespace of version 2 only the mounts tell. */
static void test_mountinfo(void **state)
{
    char id[PP_CONTAINER_ID_BYTES];

    (void)state;
    assert_true(pp_container_id_of_mountinfo(
        "1 2 0:1 / / rw - overlay overlay rw\n3 2 8:1 /var/lib/docker/containers/" ID
        "/hostname /etc/hostname rw - ext4 /dev/sda1 rw\n",
        id));
    assert_string_equal(id, ID);
    assert_true(pp_container_id_of_mountinfo(
        "3 2 8:1 /storage/overlay-containers/" ID "/userdata/hostname /etc/hostname rw\n", id));
    assert_false(pp_container_id_of_mountinfo("3 2 8:1 /containers/" ID "x/y / rw\n", id));
    assert_false(pp_container_id_of_mountinfo("3 2 8:1 /containers/" ID, id));
    assert_false(pp_container_id_of_mountinfo("", id));
}

/* The same process has the same instance id each time, another has another; the command is there,
 * unless hidden. */
static void test_process(void **state)
{
    const struct pp_resource_wish own = {NULL, "prog", getpid(), false};
    const struct pp_resource_wish parent = {NULL, "prog", getppid(), true};
    struct pp_resource first = {.failed = false}, second = {.failed = false},
                       other = {.failed = false};

    (void)state;
    (void)unsetenv("OTEL_SERVICE_NAME");
    assert_int_equal(setenv("OTEL_RESOURCE_ATTRIBUTES", "a=1,process.command=mine", 1), 0);
    pp_resource_make(&first, &own, NULL);
    assert_int_equal(unsetenv("OTEL_RESOURCE_ATTRIBUTES"), 0);
    pp_resource_make(&second, &own, NULL);
    pp_resource_make(&other, &parent, NULL);
    assert_string_equal(pp_resource_text(&first, "service.instance.id"),
                        pp_resource_text(&second, "service.instance.id"));
    assert_int_equal(strlen(pp_resource_text(&first, "service.instance.id")), 36);
    assert_string_not_equal(pp_resource_text(&first, "service.instance.id"),
                            pp_resource_text(&other, "service.instance.id"));
    assert_string_equal(pp_resource_text(&first, "process.command"), "mine"); /* given: stays */
    assert_non_null(strstr(pp_resource_text(&second, "process.command"), "test_export_resource"));
    assert_null(pp_resource_text(&other, "process.command"));
    assert_null(pp_resource_text(&other, "process.command_line"));
    assert_string_equal(pp_resource_text(&second, "service.name"), "prog");
    pp_resource_done(&first);
    pp_resource_done(&second);
    pp_resource_done(&other);
}

/* A process that has ended is who it was; its pid taken by another is another; what the variables
 * say wrongly is told once a process. */
static void test_cache(void **state)
{
    static struct pp_resource_cache cache;
    struct pp_resource_wish wish = {NULL, "prog", 0, false};
    char id[64];
    pid_t child;

    (void)state;
    assert_int_equal(setenv("OTEL_RESOURCE_ATTRIBUTES", "nonsense", 1), 0);
    n_lines = 0;
    child = fork();
    if (child == 0) {
        (void)pause();
        _exit(0);
    }
    wish.pid = child;
    for (int i = 0; i < 3; i++)
        (void)snprintf(
            id, sizeof id, "%s",
            pp_resource_text(pp_resource_cache_get(&cache, &wish, &teller), "service.instance.id"));
    assert_int_equal(n_lines, 1);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
    assert_int_equal(pp_process_start(child), 0);
    assert_string_equal(
        pp_resource_text(pp_resource_cache_get(&cache, &wish, &teller), "service.instance.id"), id);
    assert_non_null(
        pp_resource_text(pp_resource_cache_get(&cache, &wish, &teller), "process.command"));
    /* As if its pid were ours now; we may have begun in the same tick of the clock. */
    cache.processes[0].pid = getpid();
    cache.processes[0].start = pp_process_start(getpid()) - 1;
    wish.pid = getpid();
    assert_string_not_equal(
        pp_resource_text(pp_resource_cache_get(&cache, &wish, &teller), "service.instance.id"), id);
    for (int32_t pid = 1000000; pid < 1000000 + 2 * PP_MAX_KNOWN_PROCESSES; pid++) {
        wish.pid = pid;
        assert_non_null(pp_resource_cache_get(&cache, &wish, NULL));
    }
    pp_resource_cache_done(&cache);
    assert_int_equal(unsetenv("OTEL_RESOURCE_ATTRIBUTES"), 0);
}

/* A traceparent is whole, in lower case and not zero, or none. */
static void test_traceparent(void **state)
{
    struct pp_trace_context context;

    (void)state;
    assert_true(
        pp_traceparent_read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &context));
    assert_int_equal(context.trace_id[0], 0x4b);
    assert_int_equal(context.span_id[7], 0xb7);
    assert_true(pp_traceparent_read("01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
                                    &context));
    assert_false(
        pp_traceparent_read("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7", &context));
    assert_false(
        pp_traceparent_read("00-4BF92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &context));
    assert_false(
        pp_traceparent_read("00-00000000000000000000000000000000-00f067aa0ba902b7-01", &context));
    assert_false(
        pp_traceparent_read("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01", &context));
    assert_false(
        pp_traceparent_read("ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", &context));
    assert_false(pp_traceparent_read("", &context));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cgroup),      cmocka_unit_test(test_mountinfo),
        cmocka_unit_test(test_process),     cmocka_unit_test(test_cache),
        cmocka_unit_test(test_traceparent),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
