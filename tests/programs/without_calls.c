/* Runs a command in which system calls fail, as container filters make them.  Arguments: calls and
 * errors ("perf_event_open=EPERM,timer_create=EAGAIN"), the command.  Not a test program by itself.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { MAX_CALLS = 16 };

static const struct {
    const char *name;
    unsigned number;
} calls[] = {
    {"perf_event_open", SYS_perf_event_open},
    {"timer_create", SYS_timer_create},
    {"process_vm_readv", SYS_process_vm_readv},
    {"close_range", SYS_close_range},
    {"unshare", SYS_unshare},
    {"memfd_create", SYS_memfd_create},
    {"rt_tgsigqueueinfo", SYS_rt_tgsigqueueinfo},
    {"fallocate", SYS_fallocate},
    {"setns", SYS_setns},
    {"mount", SYS_mount},
    {"umount2", SYS_umount2},
    {"pivot_root", SYS_pivot_root},
    {"bpf", SYS_bpf},
    {"userfaultfd", SYS_userfaultfd},
    {"add_key", SYS_add_key},
    {"keyctl", SYS_keyctl},
    {"kcmp", SYS_kcmp},
};

static const struct {
    const char *name;
    unsigned number;
} errors[] = {{"EPERM", EPERM}, {"EACCES", EACCES}, {"ENOSYS", ENOSYS}, {"EAGAIN", EAGAIN}};

#define FIND(table, text, n_chars, number_out)                                  \
    for (size_t i_find = 0; i_find < sizeof(table) / sizeof *(table); i_find++) \
        if (strlen((table)[i_find].name) == (n_chars) &&                        \
            strncmp((table)[i_find].name, (text), (n_chars)) == 0)              \
    *(number_out) = (int)(table)[i_find].number

/* "CALL=ERROR" becomes two instructions; 0 when it is not understood. */
static int add_call(struct sock_filter *filter, const char *text, size_t n_chars)
{
    const char *equals = memchr(text, '=', n_chars);
    int call = -1, error = -1;

    if (equals == NULL)
        return 0;
    FIND(calls, text, (size_t)(equals - text), &call);
    FIND(errors, equals + 1, n_chars - (size_t)(equals + 1 - text), &error);
    if (call < 0 || error < 0)
        return 0;
    filter[0] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 1);
    filter[1] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error);
    return 2;
}

int main(int argc, char **argv)
{
    struct sock_filter filter[2 * MAX_CALLS + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
    unsigned short n = 1;

    if (argc < 3)
        return 2;
    for (const char *at = argv[1]; *at != '\0' && n <= 2 * MAX_CALLS - 1;) {
        const size_t n_chars = strcspn(at, ",");
        const int n_added = add_call(filter + n, at, n_chars);
        if (n_added == 0) {
            (void)fprintf(stderr, "without_calls: cannot read '%s'\n", at);
            return 2;
        }
        n = (unsigned short)(n + n_added);
        at += n_chars + (at[n_chars] == ',');
    }
    filter[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    const struct sock_fprog program = {.len = n, .filter = filter};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        perror("without_calls: cannot install the filter");
        return 2;
    }
    (void)execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 127;
}
