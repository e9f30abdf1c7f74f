#include "appliance-image/src/health.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define REQUEST "GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
#define GOOD    "HTTP/1.1 200 "

/* The answer's first bytes: is it the good one? */
static bool says_good(int fd)
{
    char got[sizeof GOOD - 1];
    size_t n = 0;

    while (n < sizeof got) {
        ssize_t now = recv(fd, got + n, sizeof got - n, 0);

        if (now <= 0)
            return false;
        n += (size_t)now;
    }
    return !memcmp(got, GOOD, sizeof got);
}

bool health_good(const char *socket_path)
{
    const struct timeval wait = {.tv_sec = HEALTH_MS / 1000};
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool good = fd >= 0 && strlen(socket_path) < sizeof to.sun_path;

    if (good) {
        snprintf(to.sun_path, sizeof to.sun_path, "%s", socket_path);
        good = !setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) &&
               !setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) &&
               !connect(fd, (const struct sockaddr *)&to, sizeof to) &&
               send(fd, REQUEST, strlen(REQUEST), MSG_NOSIGNAL) == (ssize_t)strlen(REQUEST) &&
               says_good(fd);
    }
    if (fd >= 0)
        close(fd);
    return good;
}
