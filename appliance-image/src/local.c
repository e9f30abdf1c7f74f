#include "appliance-image/src/local.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define STATUS_AT 9 /* "HTTP/1.1 200" */

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

/* The status in an answer's first line, or -EPROTO. */
static int status_of(const char *got)
{
    int status;

    if (strncmp(got, "HTTP/1.1 ", STATUS_AT) != 0 || sscanf(got + STATUS_AT, "%3d", &status) != 1 ||
        status < 100)
        return -EPROTO;
    return status;
}

/* All of the answer, as far as there is room; terminated. */
static void read_answer(int fd, char *got, size_t max)
{
    size_t n = 0;
    ssize_t now = 1;

    while (n < max - 1 && now > 0) {
        now = recv(fd, got + n, max - 1 - n, 0);
        n += now > 0 ? (size_t)now : 0;
    }
    got[n] = '\0';
}

static int send_all(int fd, const char *text)
{
    size_t n = strlen(text);

    while (n) {
        ssize_t now = send(fd, text, n, MSG_NOSIGNAL);

        if (now <= 0)
            return -EIO;
        text += now;
        n -= (size_t)now;
    }
    return 0;
}

int local_send(const char *socket_path, const char *method, const char *target, const char *body,
               char *answer, size_t max)
{
    char head[256], got[4096], *end;
    /* It exists, and nobody else changes it yet: any tag will do. */
    int n = snprintf(head, sizeof head,
                     "%s %s HTTP/1.1\r\nHost: localhost\r\nIf-Match: *\r\nContent-Length: %zu\r\n"
                     "Connection: close\r\n\r\n",
                     method, target, strlen(body));
    int fd = n < (int)sizeof head ? dial(socket_path) : -EIO, rc;

    if (fd < 0)
        return fd;
    rc = send_all(fd, head);
    if (!rc)
        rc = send_all(fd, body);
    if (!rc) {
        read_answer(fd, got, sizeof got);
        rc = status_of(got);
        end = strstr(got, "\r\n\r\n");
        if (rc > 0 && answer)
            snprintf(answer, max, "%s", end ? end + 4 : "");
    }
    close(fd);
    return rc;
}

int local_ask(const char *socket_path, const char *method, const char *target)
{
    return local_send(socket_path, method, target, "", NULL, 0);
}
