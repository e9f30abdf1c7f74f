/*
 * relay copy|splice|uring LISTEN TO: relays plain TCP until it is killed; see relay.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <signal.h>
#include <unistd.h>
#include "perf/micro/relay/relay.h"

int relay_dial(const struct addr *to)
{
    int fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0)
        return -errno;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    if (connect(fd, &to->sa, to->len) && errno != EINPROGRESS) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

static int listener(struct addr *at)
{
    int fd = socket(at->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

    if (fd < 0)
        return -errno;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)); /* accepted ones inherit it */
    if (bind(fd, &at->sa, at->len) || listen(fd, 4096) || getsockname(fd, &at->sa, &at->len)) {
        int rc = -errno;

        close(fd);
        return rc;
    }
    return fd;
}

static int run(const char *method, int listening, const struct addr *to)
{
    if (!strcmp(method, "copy"))
        return relay_poll(listening, to, &mover_copy);
    if (!strcmp(method, "splice"))
        return relay_poll(listening, to, &mover_splice);
    if (!strcmp(method, "uring"))
        return relay_uring(listening, to);
    return -EINVAL;
}

int main(int argc, char *argv[])
{
    struct rlimit files;
    struct addr at, to;
    char text[ADDR_TEXT_MAX];
    int listening, rc;

    if (argc != 4 || addr_parse(&at, argv[2]) || addr_parse(&to, argv[3])) {
        fprintf(stderr, "usage: relay copy|splice|uring LISTEN TO\n");
        return 2;
    }
    if (!getrlimit(RLIMIT_NOFILE, &files)) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    listening = listener(&at);
    if (listening < 0) {
        fprintf(stderr, "relay: %s: %s\n", argv[2], strerror(-listening));
        return 1;
    }
    printf("listening on %s\n", addr_text(&at, text));
    fflush(stdout);
    rc = run(argv[1], listening, &to);
    fprintf(stderr, "relay: %s: %s\n", argv[1], strerror(-rc));
    return 1;
}
