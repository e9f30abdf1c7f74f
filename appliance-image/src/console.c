/*
 * penstock-console DIR: shows on its stdout, the appliance's console, what a person before it has
 * to know.
 *
 * Why: whoever stands at the box proves by it that he may be its first administrator, so the
 * one-time token belongs on the console and nowhere else. DIR is penstock-mgmt's directory; the
 * file `bootstrap` in it is there as long as a token is open. Never: takes a byte of input, or
 * writes the token elsewhere.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "dataplane/base/secret.h"

#define TOKEN_FILE "bootstrap"
#define TOKEN_MAX  1024

static void show_address(const struct ifaddrs *a)
{
    char text[INET6_ADDRSTRLEN] = "";
    const void *from;

    if (!a->ifa_addr || (a->ifa_flags & IFF_LOOPBACK))
        return;
    if (a->ifa_addr->sa_family == AF_INET)
        from = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
    else if (a->ifa_addr->sa_family == AF_INET6)
        from = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
    else
        return;
    if (inet_ntop(a->ifa_addr->sa_family, from, text, sizeof(text)))
        printf("address %s %s\n", a->ifa_name, text);
}

static void show_addresses(void)
{
    struct ifaddrs *all = NULL;

    if (getifaddrs(&all))
        return;
    for (const struct ifaddrs *a = all; a; a = a->ifa_next)
        show_address(a);
    freeifaddrs(all);
}

/* The text of the token's file, or "" where none is open. */
static void read_token(int dir, char text[TOKEN_MAX])
{
    int fd = openat(dir, TOKEN_FILE, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd < 0 ? 0 : read(fd, text, TOKEN_MAX - 1);

    if (fd >= 0)
        close(fd);
    text[n > 0 ? n : 0] = '\0';
}

/* Show it when it is another than the one that is shown; *shown is kept up. */
static void show_token(int dir, char shown[TOKEN_MAX])
{
    char text[TOKEN_MAX];

    read_token(dir, text);
    if (strcmp(text, shown)) {
        printf("%s", text[0] ? text : "the token is closed\n");
        fflush(stdout);
        memcpy(shown, text, TOKEN_MAX);
    }
    secret_wipe(text, sizeof(text));
}

/* Wait for a change in the directory. 0 or -errno. */
static int wait_change(int watch)
{
    char events[4096] __attribute__((aligned(8)));
    struct pollfd p = {.fd = watch, .events = POLLIN};

    if (poll(&p, 1, -1) < 0)
        return errno == EINTR ? 0 : -errno;
    return read(watch, events, sizeof(events)) < 0 && errno != EINTR ? -errno : 0;
}

int main(int argc, char **argv)
{
    char shown[TOKEN_MAX] = "";
    int dir, watch, rc = 0;

    if (argc != 2) {
        dprintf(STDERR_FILENO, "usage: penstock-console DIR\n");
        return 2;
    }
    watch = inotify_init1(IN_CLOEXEC);
    dir = open(argv[1], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (watch < 0 || dir < 0 ||
        inotify_add_watch(watch, argv[1], IN_CLOSE_WRITE | IN_MOVED_TO | IN_DELETE) < 0) {
        dprintf(STDERR_FILENO, "penstock-console: %s: %s\n", argv[1], strerror(errno));
        return 1;
    }
    printf("\npenstock ready\n");
    show_addresses();
    for (fflush(stdout); !rc; rc = wait_change(watch))
        show_token(dir, shown);
    secret_wipe(shown, sizeof(shown));
    close(dir);
    close(watch);
    return 1;
}
