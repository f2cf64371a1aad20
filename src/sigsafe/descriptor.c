/* What a descriptor is, by the kernel's word. */
#include "sigsafe/descriptor.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "sigsafe/syscall.h"

enum { LINK_BYTES = 64, TTY_LEAST_MAJOR = 4, TTY_LAST_MAJOR = 5, PTY_FIRST = 136, PTY_LAST = 143 };

bool pp_sig_descriptor_is_filtered;

static int option_of(int descriptor, int option)
{
    int value = 0;
    unsigned n_bytes = sizeof value;
    long result;
    register long r8 __asm__("r8") = (long)&n_bytes;
    register long r10 __asm__("r10") = (long)&value;

    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"((long)SYS_getsockopt), "D"((long)descriptor), "S"((long)SOL_SOCKET),
                       "d"((long)option), "r"(r10), "r"(r8)
                     : "rcx", "r11", "memory");
    return result == 0 ? value : -1;
}

static enum pp_rec_descriptor kind_of_socket(int descriptor)
{
    const int domain = option_of(descriptor, SO_DOMAIN);

    if (domain == AF_UNIX)
        return PP_DESCRIPTOR_UNIX;
    if (domain != AF_INET && domain != AF_INET6)
        return PP_DESCRIPTOR_SOCKET;
    switch (option_of(descriptor, SO_PROTOCOL)) {
    case IPPROTO_TCP:
        return PP_DESCRIPTOR_TCP;
    case IPPROTO_UDP:
        return PP_DESCRIPTOR_UDP;
    default:
        return PP_DESCRIPTOR_SOCKET;
    }
}

/* "/proc/self/fd/N". */
static void write_path(char *path, int descriptor)
{
    static const char START[] = "/proc/self/fd/";
    char digits[12];
    size_t n = 0, at = 0;

    for (; START[at] != '\0'; at++)
        path[at] = START[at];
    do {
        digits[n++] = (char)('0' + descriptor % 10);
        descriptor /= 10;
    } while (descriptor > 0);
    while (n > 0)
        path[at++] = digits[--n];
    path[at] = '\0';
}

static bool begins(const char *text, const char *with)
{
    while (*with != '\0')
        if (*text++ != *with++)
            return false;
    return true;
}

static enum pp_rec_descriptor kind_of_nameless(int descriptor)
{
    static const struct {
        const char *name;
        enum pp_rec_descriptor kind;
    } KINDS[] = {
        {"anon_inode:[eventpoll]", PP_DESCRIPTOR_EPOLL},
        {"anon_inode:[eventfd]", PP_DESCRIPTOR_EVENT},
        {"anon_inode:[timerfd]", PP_DESCRIPTOR_TIMER},
        {"anon_inode:[signalfd]", PP_DESCRIPTOR_SIGNAL},
        {"anon_inode:inotify", PP_DESCRIPTOR_INOTIFY},
    };
    char path[32], link[LINK_BYTES];
    long n;

    write_path(path, descriptor);
    n = pp_sig_syscall4(SYS_readlink, (long)path, (long)link, LINK_BYTES - 1, 0);
    if (n <= 0)
        return PP_DESCRIPTOR_OTHER;
    link[n] = '\0';
    for (size_t i = 0; i < sizeof KINDS / sizeof KINDS[0]; i++)
        if (begins(link, KINDS[i].name))
            return KINDS[i].kind;
    return PP_DESCRIPTOR_OTHER;
}

static enum pp_rec_descriptor kind_of_device(const struct stat *facts)
{
    const unsigned device_major = (unsigned)(facts->st_rdev >> 8) & 0xfff;

    return (device_major >= TTY_LEAST_MAJOR && device_major <= TTY_LAST_MAJOR) ||
                   (device_major >= PTY_FIRST && device_major <= PTY_LAST)
               ? PP_DESCRIPTOR_TERMINAL
               : PP_DESCRIPTOR_DEVICE;
}

enum pp_rec_descriptor pp_sig_descriptor_kind(int descriptor)
{
    struct stat facts;

    if (descriptor < -1)
        return (enum pp_rec_descriptor)(-2 - descriptor);
    if (descriptor < 0 || pp_sig_descriptor_is_filtered ||
        pp_sig_syscall4(SYS_fstat, descriptor, (long)&facts, 0, 0) != 0)
        return PP_DESCRIPTOR_NONE;
    switch (facts.st_mode & S_IFMT) {
    case S_IFREG:
    case S_IFDIR:
    case S_IFBLK:
        return PP_DESCRIPTOR_FILE;
    case S_IFIFO:
        return PP_DESCRIPTOR_PIPE;
    case S_IFSOCK:
        return kind_of_socket(descriptor);
    case S_IFCHR:
        return kind_of_device(&facts);
    case 0:
        return kind_of_nameless(descriptor);
    default:
        return PP_DESCRIPTOR_OTHER;
    }
}
