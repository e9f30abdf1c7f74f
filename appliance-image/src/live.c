#include "appliance-image/src/live.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/timex.h>
#include <unistd.h>

/* ---- interfaces ---- */

/* A number that the kernel tells of an interface; 0: it tells none. */
static long tell(const char *name, const char *what)
{
    char path[96], text[24] = "";
    ssize_t n = 0;
    int fd;

    snprintf(path, sizeof path, "/sys/class/net/%s/%s", name, what);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd >= 0) {
        n = read(fd, text, sizeof text - 1);
        close(fd);
    }
    return n > 0 ? strtol(text, NULL, 10) : 0;
}

static struct system_live *find(struct system_links *out, const char *name)
{
    for (unsigned i = 0; i < out->n; i++)
        if (!strcmp(out->links[i].name, name))
            return &out->links[i];
    return NULL;
}

static void add_link(struct system_links *out, const struct ifaddrs *a)
{
    const struct sockaddr_ll *ll = (const void *)a->ifa_addr;
    struct system_live *l = &out->links[out->n];
    long speed, mtu;

    if (out->n == SYSTEM_LIVE_MAX || (a->ifa_flags & IFF_LOOPBACK) ||
        strlen(a->ifa_name) >= sizeof l->name)
        return;
    memset(l, 0, sizeof *l);
    snprintf(l->name, sizeof l->name, "%s", a->ifa_name);
    if (ll->sll_halen == sizeof l->mac)
        memcpy(l->mac, ll->sll_addr, sizeof l->mac);
    l->up = (a->ifa_flags & IFF_UP) != 0;
    l->carrier = tell(l->name, "carrier") == 1;
    speed = tell(l->name, "speed");
    mtu = tell(l->name, "mtu");
    l->speed = speed > 0 ? (uint32_t)speed : 0;
    l->mtu = mtu > 0 && mtu <= UINT16_MAX ? (uint16_t)mtu : 0;
    out->n++;
}

static uint8_t count_bits(const uint8_t *mask, size_t n)
{
    unsigned bits = 0;

    for (size_t i = 0; i < n; i++)
        bits += (unsigned)__builtin_popcount(mask[i]);
    return (uint8_t)bits;
}

static void add_address(struct system_live *l, const struct ifaddrs *a)
{
    bool v6 = a->ifa_addr->sa_family == AF_INET6;
    const struct sockaddr_in *in4 = (const void *)a->ifa_addr,
                             *mask4 = (const void *)a->ifa_netmask;
    const struct sockaddr_in6 *in6 = (const void *)a->ifa_addr,
                              *mask6 = (const void *)a->ifa_netmask;
    struct network_prefix *p = &l->addresses[l->n_addresses];

    if (l->n_addresses == SYSTEM_LIVE_IPS || !a->ifa_netmask)
        return;
    memset(p, 0, sizeof *p);
    p->family = v6 ? AF_INET6 : AF_INET;
    memcpy(p->ip, v6 ? (const void *)&in6->sin6_addr : &in4->sin_addr, v6 ? 16 : 4);
    p->bits = v6 ? count_bits(mask6->sin6_addr.s6_addr, 16)
                 : count_bits((const void *)&mask4->sin_addr, 4);
    l->n_addresses++;
}

void live_links(struct system_links *out)
{
    struct ifaddrs *all = NULL;

    memset(out, 0, sizeof *out);
    if (getifaddrs(&all))
        return;
    for (const struct ifaddrs *a = all; a; a = a->ifa_next)
        if (a->ifa_addr && a->ifa_addr->sa_family == AF_PACKET)
            add_link(out, a);
    for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
        bool ip = a->ifa_addr &&
                  (a->ifa_addr->sa_family == AF_INET || a->ifa_addr->sa_family == AF_INET6);
        struct system_live *l = ip ? find(out, a->ifa_name) : NULL;

        if (l)
            add_address(l, a);
    }
    freeifaddrs(all);
}

/* ---- removing a device (rtnetlink(7)) ---- */

static int ask_kernel(int fd, int index)
{
    struct {
        struct nlmsghdr head;
        struct ifinfomsg link;
    } ask = {.head = {.nlmsg_len = sizeof ask,
                      .nlmsg_type = RTM_DELLINK,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
             .link = {.ifi_family = AF_UNSPEC, .ifi_index = index}};
    struct {
        struct nlmsghdr head;
        struct nlmsgerr error;
        uint8_t rest[512];
    } answer;

    if (send(fd, &ask, sizeof ask, 0) != (ssize_t)sizeof ask)
        return -errno;
    if (recv(fd, &answer, sizeof answer, 0) < (ssize_t)NLMSG_LENGTH(sizeof answer.error))
        return -EPROTO;
    return answer.head.nlmsg_type == NLMSG_ERROR ? answer.error.error : -EPROTO;
}

int live_remove(const char *name)
{
    int index = (int)if_nametoindex(name), fd, rc;

    if (!index)
        return 0;
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return -errno;
    rc = ask_kernel(fd, index);
    close(fd);
    return rc;
}

/* ---- the clock ---- */

void live_clock(struct system_time *out)
{
    struct timex t = {.modes = 0};
    int state = adjtimex(&t);

    out->synchronised = state >= 0 && state != TIME_ERROR && !(t.status & STA_UNSYNC);
    out->offset_us = state < 0 ? 0 : t.status & STA_NANO ? t.offset / 1000 : t.offset;
    out->max_error_us = state < 0 ? 0 : t.maxerror;
}
