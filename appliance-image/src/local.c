#include "appliance-image/src/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
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

/* The request is out: its answer can be read from the descriptor. Or -errno. */
static int request(const char *socket_path, const char *method, const char *target,
                   const char *body)
{
    char head[256];
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
    if (!rc)
        return fd;
    close(fd);
    return rc;
}

int local_send(const char *socket_path, const char *method, const char *target, const char *body,
               char *answer, size_t max)
{
    int fd = request(socket_path, method, target, body), rc;
    char got[4096], *end;

    if (fd < 0)
        return fd;
    read_answer(fd, got, sizeof got);
    close(fd);
    rc = status_of(got);
    end = strstr(got, "\r\n\r\n");
    if (rc > 0 && answer)
        snprintf(answer, max, "%s", end ? end + 4 : "");
    return rc;
}

/* All that comes until the end, terminated. Its bytes or -errno. */
static ssize_t read_all(int fd, char **all)
{
    size_t room = 65536, n = 0;
    char *got = malloc(room);
    ssize_t now = got ? 1 : -ENOMEM;

    while (now > 0 && n < LOCAL_MOST) {
        if (n + 1 == room) {
            char *more = realloc(got, room *= 2);

            if (!more) {
                now = -ENOMEM;
                break;
            }
            got = more;
        }
        now = recv(fd, got + n, room - 1 - n, 0);
        n += now > 0 ? (size_t)now : 0;
    }
    if (now == 0) {
        got[n] = '\0';
        *all = got;
        return (ssize_t)n;
    }
    free(got);
    return now > 0 ? -EFBIG : now == -1 ? -EIO : now;
}

/* Is all of the body there that its head tells of? *body is where it begins. */
static int whole(const char *got, size_t n, const char **body)
{
    const char *end = strstr(got, "\r\n\r\n"), *length = strcasestr(got, "\r\nContent-Length:");
    size_t told;

    if (!end || !length || length > end || sscanf(length + 17, "%zu", &told) != 1)
        return -EPROTO;
    *body = end + 4;
    return n - (size_t)(*body - got) == told ? 0 : -EPROTO;
}

int local_fetch(const char *socket_path, const char *target, char **body, size_t *n)
{
    int fd = request(socket_path, "GET", target, ""), status, rc;
    const char *from;
    ssize_t all;

    *body = NULL;
    if (fd < 0)
        return fd;
    all = read_all(fd, body);
    close(fd);
    if (all < 0)
        return (int)all;
    status = status_of(*body);
    rc = status < 0 ? status : whole(*body, (size_t)all, &from);
    if (rc) {
        free(*body);
        *body = NULL;
        return rc;
    }
    *n = (size_t)all - (size_t)(from - *body);
    memmove(*body, from, *n + 1);
    return status;
}

int local_ask(const char *socket_path, const char *method, const char *target)
{
    return local_send(socket_path, method, target, "", NULL, 0);
}
