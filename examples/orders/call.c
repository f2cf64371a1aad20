/* Asking another service. */
#include "call.h"

#include <netdb.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum { HOST_BYTES = 256, HEAD_BYTES = 2048, TIMEOUT_S = 2 };

/* "http://host:port", a slash at its end or none. */
static bool split_address(const char *address, char host[HOST_BYTES], char port[8])
{
    return sscanf(address, "http://%255[^:/]:%7[0-9]", host, port) == 2;
}

static int connect_to(const char *address)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    const struct timeval limit = {TIMEOUT_S, 0};
    struct addrinfo *found = NULL;
    char host[HOST_BYTES], port[8];
    int fd = -1;

    if (!split_address(address, host, port) || getaddrinfo(host, port, &hints, &found) != 0)
        return -1;
    for (const struct addrinfo *one = found; one != NULL && fd < 0; one = one->ai_next) {
        fd = socket(one->ai_family, one->ai_socktype | SOCK_CLOEXEC, one->ai_protocol);
        if (fd < 0)
            continue;
        setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
        if (connect(fd, one->ai_addr, one->ai_addrlen) != 0) {
            close(fd);
            fd = -1;
        }
    }
    freeaddrinfo(found);
    return fd;
}

static bool send_all(int fd, const char *bytes, size_t n_bytes)
{
    while (n_bytes > 0) {
        const ssize_t n = send(fd, bytes, n_bytes, MSG_NOSIGNAL);
        if (n <= 0)
            return false;
        bytes += n;
        n_bytes -= (size_t)n;
    }
    return true;
}

static bool send_request(int fd, const char *path, const struct trace *trace, const char *json)
{
    char head[HEAD_BYTES], traceparent[TRACEPARENT_BYTES];
    int n;

    trace_header(trace, traceparent);
    n = snprintf(head, sizeof head,
                 "POST %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                 "Content-Type: application/json\r\nContent-Length: %zu\r\n"
                 "traceparent: %s\r\n%s%s%s\r\n",
                 path, strlen(json), traceparent, trace->state[0] != '\0' ? "tracestate: " : "",
                 trace->state, trace->state[0] != '\0' ? "\r\n" : "");
    return n > 0 && (size_t)n < sizeof head && send_all(fd, head, (size_t)n) &&
           send_all(fd, json, strlen(json));
}

/* The first line says it all. */
static int read_status(int fd)
{
    char answer[64] = "";
    size_t n_bytes = 0;
    int status;

    while (n_bytes < sizeof answer - 1 && memchr(answer, '\n', n_bytes) == NULL) {
        const ssize_t n = recv(fd, answer + n_bytes, sizeof answer - 1 - n_bytes, 0);
        if (n <= 0)
            return -1;
        n_bytes += (size_t)n;
    }
    return sscanf(answer, "HTTP/1.%*d %d", &status) == 1 ? status : -1;
}

int call_service(const char *address, const char *path, const struct trace *trace, const char *json)
{
    const int fd = connect_to(address);
    int status = -1;

    if (fd < 0)
        return -1;
    if (send_request(fd, path, trace, json))
        status = read_status(fd);
    close(fd);
    return status;
}
