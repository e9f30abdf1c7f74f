#include "appliance-image/src/local.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define STATUS_AT  9 /* "HTTP/1.1 200" */
#define STATUS_END 12

static int dial(const char *path)
{
    const struct timeval wait = {.tv_sec = LOCAL_MS / 1000};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd, rc;

    if (strlen(path) >= sizeof to.sun_path)
        return -ENAMETOOLONG;
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    if (!setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) &&
        !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) &&
        !connect(fd, (const struct sockaddr *)&to, sizeof to))
        return fd;
    rc = -errno;
    close(fd);
    return rc;
}

/* The answer's status, or -EPROTO. */
static int read_status(int fd)
{
    char got[STATUS_END + 1] = "";
    size_t n = 0;
    int status;

    while (n < STATUS_END) {
        ssize_t now = recv(fd, got + n, STATUS_END - n, 0);

        if (now <= 0)
            return -EPROTO;
        n += (size_t)now;
    }
    if (memcmp(got, "HTTP/1.1 ", STATUS_AT) != 0 || sscanf(got + STATUS_AT, "%3d", &status) != 1 ||
        status < 100)
        return -EPROTO;
    return status;
}

int local_ask(const char *socket_path, const char *method, const char *target)
{
    char request[256];
    int n = snprintf(request, sizeof request,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n"
                     "Connection: close\r\n\r\n",
                     method, target);
    int fd = dial(socket_path), rc;

    if (fd < 0)
        return fd;
    rc = n < (int)sizeof request && send(fd, request, (size_t)n, MSG_NOSIGNAL) == n
             ? read_status(fd)
             : -EIO;
    close(fd);
    return rc;
}
