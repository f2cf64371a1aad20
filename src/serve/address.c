/* A listening socket from what people type. */
#include "serve/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/numbers.h"

enum {
    BACKLOG = 128,
    /* Of an answer in the kernel: by itself it gives each client that does not read megabytes. */
    SEND_BYTES = 128 * 1024,
};

static void bound_sending(int fd)
{
    const int n_bytes = SEND_BYTES;

    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &n_bytes, sizeof n_bytes);
}

static int give_up(struct pp_listener *listener, const char *text, struct pprofc_error *err)
{
    const int error = -errno;

    const char *advice = "";

    if (error == -EADDRINUSE)
        advice = "; choose another, or port 0 for one that is free";
    else if (error == -EACCES)
        advice = "; choose a port from 1024 on, or a folder that is yours";
    else if (error == -EADDRNOTAVAIL)
        advice = "; choose an address of this machine";
    (void)close(listener->fd);
    listener->fd = -1;
    return pp_fail(err, error, 0, "cannot listen at %s: %s%s", text, strerror(-error), advice);
}

/* A socket that nobody listens at any more is in the way; any other file is not ours to remove. */
static bool is_left_over(const char *path, const struct sockaddr_un *address)
{
    struct stat status;
    const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool is_dead;

    if (fd < 0 || lstat(path, &status) != 0 || !S_ISSOCK(status.st_mode)) {
        if (fd >= 0)
            (void)close(fd);
        return false;
    }
    is_dead = connect(fd, (const struct sockaddr *)address, sizeof *address) != 0 &&
              errno == ECONNREFUSED;
    (void)close(fd);
    return is_dead;
}

static int listen_unix(const char *path, struct pp_listener *listener, struct pprofc_error *err)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    if (path[0] == '\0' || strlen(path) >= sizeof address.sun_path)
        return pp_fail(err, -EINVAL, 0, "unix:%s: a socket's path has 1 to %zu characters", path,
                       sizeof address.sun_path - 1);
    (void)snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    listener->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        return pp_fail(err, -errno, 0, "cannot make a socket: %s", strerror(errno));
    bound_sending(listener->fd);
    if (is_left_over(path, &address))
        (void)unlink(path);
    /* Only its owner may connect; the mask of the process is not ours to change. */
    (void)fchmod(listener->fd, 0600);
    if (bind(listener->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        chmod(path, 0600) != 0 || listen(listener->fd, BACKLOG) != 0)
        return give_up(listener, path, err);
    listener->is_unix = listener->is_loopback = true;
    (void)snprintf(listener->path, sizeof listener->path, "%s", path);
    (void)snprintf(listener->url, sizeof listener->url, "unix:%s", path);
    return 0;
}

static bool is_loopback(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET)
        return (ntohl(((const struct sockaddr_in *)address)->sin_addr.s_addr) >> 24) == 127;
    return address->sa_family == AF_INET6 &&
           IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)address)->sin6_addr);
}

/* The address as it was bound: port 0 is another one by now. */
static void write_url(struct pp_listener *listener, bool is_tls)
{
    struct sockaddr_storage address;
    socklen_t n_bytes = sizeof address;
    char host[64] = "", port[16] = "";

    if (getsockname(listener->fd, (struct sockaddr *)&address, &n_bytes) == 0)
        (void)getnameinfo((struct sockaddr *)&address, n_bytes, host, sizeof host, port,
                          sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
    (void)snprintf(listener->url, sizeof listener->url,
                   strchr(host, ':') != NULL ? "http%s://[%s]:%s" : "http%s://%s:%s",
                   is_tls ? "s" : "", host, port);
}

static int listen_at(const struct addrinfo *where, const char *text, bool is_tls,
                     struct pp_listener *listener, struct pprofc_error *err)
{
    const int yes = 1;

    listener->fd = socket(where->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener->fd < 0)
        return pp_fail(err, -errno, 0, "cannot make a socket: %s", strerror(errno));
    (void)setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    bound_sending(listener->fd);
    if (bind(listener->fd, where->ai_addr, where->ai_addrlen) != 0 ||
        listen(listener->fd, BACKLOG) != 0)
        return give_up(listener, text, err);
    listener->is_loopback = is_loopback(where->ai_addr);
    write_url(listener, is_tls);
    return 0;
}

/* "HOST:PORT" in two; brackets around an IPv6 address go. */
static int split(const char *text, char *host, size_t n_host, char *port, size_t n_port)
{
    const char *colon = strrchr(text, ':');
    int64_t number;
    size_t n;

    /* getaddrinfo() takes any number, and its low bits. */
    if (colon == NULL || strlen(colon + 1) >= n_port ||
        !pp_parse_int64(colon + 1, strlen(colon + 1), &number) || number < 0 || number > 65535)
        return -EINVAL;
    n = (size_t)(colon - text);
    (void)snprintf(port, n_port, "%s", colon + 1);
    if (n >= 2 && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (n >= n_host)
        return -EINVAL;
    memcpy(host, text, n);
    host[n] = '\0';
    if (n == 0)
        (void)snprintf(host, n_host, "127.0.0.1");
    return 0;
}

int pp_listen(const char *text, bool is_tls, struct pp_listener *listener_out,
              struct pprofc_error *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICSERV};
    struct pp_listener listener = {.fd = -1};
    struct addrinfo *found = NULL;
    char host[128], port[16];
    int status;

    if (strncmp(text, "unix:", strlen("unix:")) == 0) {
        status = listen_unix(text + strlen("unix:"), &listener, err);
    } else {
        if (split(text, host, sizeof host, port, sizeof port) != 0)
            return pp_fail(err, -EINVAL, 0, "%s is no address; write HOST:PORT, :PORT or unix:PATH",
                           text);
        if (getaddrinfo(host, port, &hints, &found) != 0)
            return pp_fail(err, -EINVAL, 0, "%s: no such host or port", text);
        status = listen_at(found, text, is_tls, &listener, err);
        freeaddrinfo(found);
    }
    if (status == 0)
        *listener_out = listener;
    return status;
}

void pp_listener_close(struct pp_listener *listener)
{
    if (listener->fd >= 0)
        (void)close(listener->fd);
    if (listener->path[0] != '\0')
        (void)unlink(listener->path);
    listener->fd = -1;
    listener->path[0] = '\0';
}
