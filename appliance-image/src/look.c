#include "appliance-image/src/look.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "appliance-image/src/helper.h"
#include "appliance-image/src/local.h"
#include "dataplane/base/secret.h"

/* The address as text; false where it is none to be reached at. */
static bool show(const struct ifaddrs *a, struct screen_address *to)
{
    const void *from;

    if (!a->ifa_addr || (a->ifa_flags & IFF_LOOPBACK))
        return false;
    if (a->ifa_addr->sa_family == AF_INET)
        from = &((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
    else if (a->ifa_addr->sa_family == AF_INET6)
        from = &((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
    else
        return false;
    snprintf(to->interface, sizeof to->interface, "%s", a->ifa_name);
    return inet_ntop(a->ifa_addr->sa_family, from, to->text, sizeof to->text) != NULL;
}

static void look_addresses(struct screen *s)
{
    struct screen_address one;
    struct ifaddrs *all = NULL;

    s->n_addresses = 0;
    s->more = false;
    if (getifaddrs(&all))
        return;
    for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
        if (!show(a, &one))
            continue;
        if (s->n_addresses < SCREEN_ADDRESSES)
            s->addresses[s->n_addresses++] = one;
        else
            s->more = true;
    }
    freeifaddrs(all);
}

/* A small file of lines; "" where there is none. */
static void look_file(const char *path, char *text, size_t max)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n;

    secret_wipe(text, max);
    if (fd < 0)
        return;
    n = read(fd, text, max - 1);
    text[n > 0 ? n : 0] = '\0';
    close(fd);
}

void look_all(const struct look *l, struct screen *s)
{
    char path[PATH_MAX];
    struct err e;

    snprintf(path, sizeof path, "%s/penstock.sock", l->state);
    s->ready = local_ask(path, "GET", "/readyz") == 200;
    s->helped = !helper_status(l->helper, &s->status, &e);
    look_addresses(s);
    look_file(l->first, s->first, sizeof s->first);
    snprintf(path, sizeof path, "%s/mgmt/server-spki-sha256", l->state);
    look_file(path, s->server, sizeof s->server);
    snprintf(path, sizeof path, "%s/mgmt/bootstrap", l->state);
    look_file(path, s->token, sizeof s->token);
}
