/* live_routes: the kernel's main table of routes (rtnetlink(7)). */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "appliance-image/src/live.h"

#define ANSWER_MAX (32 * 1024) /* the kernel makes its messages no longer */
#define WAIT_S     1

struct reading {
    struct system_links *out;
    unsigned loopback; /* index */
};

static void take_address(struct network_prefix *p, uint8_t family, const void *from, size_t n)
{
    if (n != (family == AF_INET6 ? 16 : 4))
        return;
    p->family = family;
    p->bits = (uint8_t)(n * 8);
    memcpy(p->ip, from, n);
}

static void take_via(struct network_prefix *p, const struct rtattr *a)
{
    const struct rtvia *via = RTA_DATA(a);

    if (RTA_PAYLOAD(a) > sizeof *via)
        take_address(p, (uint8_t)via->rtvia_family, via->rtvia_addr, RTA_PAYLOAD(a) - sizeof *via);
}

static uint32_t number(const struct rtattr *a)
{
    uint32_t value = 0;

    if (RTA_PAYLOAD(a) == sizeof value)
        memcpy(&value, RTA_DATA(a), sizeof value);
    return value;
}

static void take_attribute(struct system_route *r, uint8_t family, const struct rtattr *a,
                           unsigned *index)
{
    uint8_t bits = r->to.bits;

    switch (a->rta_type) {
    case RTA_DST:
        take_address(&r->to, family, RTA_DATA(a), RTA_PAYLOAD(a));
        r->to.bits = bits;
        return;
    case RTA_GATEWAY:
        take_address(&r->via, family, RTA_DATA(a), RTA_PAYLOAD(a));
        return;
    case RTA_VIA:
        take_via(&r->via, a);
        return;
    case RTA_OIF:
        *index = number(a);
        return;
    case RTA_PRIORITY:
        r->metric = number(a);
        return;
    default:
        return;
    }
}

static void take_attributes(struct system_route *r, uint8_t family, const struct rtattr *a,
                            size_t n, unsigned *index)
{
    for (; RTA_OK(a, n); a = RTA_NEXT(a, n))
        take_attribute(r, family, a, index);
}

/* One way of a route; the loopback's own are no matter of the network. */
static void add(struct reading *read, const struct system_route *r, unsigned index)
{
    struct system_route *to = &read->out->routes[read->out->n_routes];
    char name[IF_NAMESIZE];

    if (read->out->n_routes == SYSTEM_LIVE_ROUTES || index == read->loopback ||
        !if_indextoname(index, name))
        return;
    *to = *r;
    memcpy(to->on, name, sizeof to->on);
    read->out->n_routes++;
}

/* A route of several ways (RFC 2992) is told once for each. */
static void add_ways(struct reading *read, const struct system_route *r, uint8_t family,
                     const struct rtattr *all)
{
    const struct rtnexthop *way = RTA_DATA(all);
    size_t left = RTA_PAYLOAD(all);

    while (left >= sizeof *way && way->rtnh_len >= sizeof *way && way->rtnh_len <= left) {
        struct system_route one = *r;
        unsigned index = (unsigned)way->rtnh_ifindex;
        size_t step = RTNH_ALIGN(way->rtnh_len);

        take_attributes(&one, family, RTNH_DATA(way), way->rtnh_len - sizeof *way, &index);
        add(read, &one, index);
        if (step >= left)
            return;
        left -= step;
        way = (const void *)((const uint8_t *)way + step);
    }
}

static void take_route(struct reading *read, const struct nlmsghdr *m)
{
    const struct rtmsg *route = NLMSG_DATA(m);
    struct system_route r = {.to = {.family = route->rtm_family, .bits = route->rtm_dst_len}};
    const struct rtattr *ways = NULL, *a = RTM_RTA(route);
    size_t n = RTM_PAYLOAD(m);
    unsigned index = 0;

    if (route->rtm_table != RT_TABLE_MAIN || route->rtm_type != RTN_UNICAST ||
        (route->rtm_family != AF_INET && route->rtm_family != AF_INET6))
        return;
    take_attributes(&r, route->rtm_family, a, n, &index);
    for (; RTA_OK(a, n); a = RTA_NEXT(a, n))
        if (a->rta_type == RTA_MULTIPATH)
            ways = a;
    if (ways)
        add_ways(read, &r, route->rtm_family, ways);
    else
        add(read, &r, index);
}

/* One answer of the kernel's. True: more follow. */
static bool take(struct reading *read, const struct nlmsghdr *m, size_t n)
{
    for (; NLMSG_OK(m, n); m = NLMSG_NEXT(m, n)) {
        if (m->nlmsg_type == NLMSG_DONE || m->nlmsg_type == NLMSG_ERROR)
            return false;
        if (m->nlmsg_type == RTM_NEWROUTE && m->nlmsg_len >= NLMSG_LENGTH(sizeof(struct rtmsg)))
            take_route(read, m);
    }
    return true;
}

void live_routes(struct system_links *out)
{
    const struct {
        struct nlmsghdr head;
        struct rtmsg route;
    } ask = {.head = {.nlmsg_len = sizeof ask,
                      .nlmsg_type = RTM_GETROUTE,
                      .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             .route = {.rtm_family = AF_UNSPEC}};
    const struct timeval wait = {.tv_sec = WAIT_S};
    union {
        struct nlmsghdr head;
        uint8_t bytes[ANSWER_MAX];
    } answer;
    struct reading read = {.out = out, .loopback = if_nametoindex("lo")};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    ssize_t n;

    if (fd < 0)
        return;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    n = send(fd, &ask, sizeof ask, 0) == (ssize_t)sizeof ask ? 1 : 0;
    while (n > 0) {
        n = recv(fd, &answer, sizeof answer, 0);
        if (n > 0 && !take(&read, &answer.head, (size_t)n))
            break;
    }
    close(fd);
}
