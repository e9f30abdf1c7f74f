#include "dataplane/dpdk/frame.h"

#include <netinet/in.h>
#include <string.h>

#define ETHERTYPE_4    0x0800
#define ETHERTYPE_6    0x86dd
#define ETHERTYPE_ARP  0x0806
#define ETHERTYPE_VLAN 0x8100
#define ARP_BYTES      28 /* of IPv4 over Ethernet; lwIP reads them without a look at the length */
#define ARP_REPLY      2

#define ICMP_HEAD    8
#define QUOTED       8 /* bytes of a TCP header: ports and number */
#define UNREACHABLE  3
#define NEEDS_PIECES 4
#define TOO_BIG      2
#define MLD_FIRST    130
#define MLD_LAST     132

#define ND_ROUTER    134 /* advertisements, and a redirect: RFC 4861 4 */
#define ND_NEIGHBOUR 136
#define ND_REDIRECT  137

/* Can an answer go there? Not to many, to this host itself, or to nobody. RFC 1122 3.2.1.3 */
static bool ip4_host(const uint8_t *ip)
{
    return ip[0] != 0 && ip[0] != 127 && ip[0] < 224;
}

/* RFC 4291 2.5; nor an IPv4 address in the guise of an IPv6 one. */
static bool ip6_host(const uint8_t *ip)
{
    static const uint8_t none[10];

    return ip[0] != 0xff && memcmp(ip, none, sizeof none) != 0;
}

/* Where the TCP header of an IPv4 packet begins; NULL: options, a fragment, or not TCP. */
static const uint8_t *ip4_tcp(const uint8_t *p, size_t n, struct tuple *t)
{
    if (n < 40 || p[0] != 0x45 || p[9] != IPPROTO_TCP || (frame_be16(p + 6) & 0x3fff))
        return NULL;
    if (!ip4_host(p + 12) || !memcmp(p + 12, p + 16, 4))
        return NULL;
    memcpy(t->remote, p + 12, 4);
    memcpy(t->local, p + 16, 4);
    return p + 20;
}

/* The same of IPv6; NULL also where other headers stand before TCP's. */
static const uint8_t *ip6_tcp(const uint8_t *p, size_t n, struct tuple *t)
{
    if (n < 60 || p[0] >> 4 != 6 || p[6] != IPPROTO_TCP)
        return NULL;
    if (!ip6_host(p + 8) || !memcmp(p + 8, p + 24, 16))
        return NULL;
    memcpy(t->remote, p + 8, 16);
    memcpy(t->local, p + 24, 16);
    return p + 40;
}

/* The ends of a segment of ours, whose TCP header a router quotes. */
static void turn_round(struct tuple *t, const uint8_t *tcp)
{
    memcpy(&t->local_port, tcp, 2);
    memcpy(&t->remote_port, tcp + 2, 2);
}

/* A segment of ours that was too big for a link on its way; NULL: it is about something else. */
static const uint8_t *ip4_quoted(const uint8_t *p, size_t n, struct tuple *t)
{
    const uint8_t *icmp = p + 20, *ip = icmp + ICMP_HEAD;

    if (n < 20 + ICMP_HEAD + 20 + QUOTED || frame_be16(p + 2) > n ||
        frame_be16(p + 2) < 20 + ICMP_HEAD + 20 + QUOTED || p[0] != 0x45 ||
        (frame_be16(p + 6) & 0x3fff) || icmp[0] != UNREACHABLE || icmp[1] != NEEDS_PIECES)
        return NULL;
    if (ip[0] != 0x45 || ip[9] != IPPROTO_TCP || (frame_be16(ip + 6) & 0x3fff) ||
        memcmp(ip + 12, p + 16, 4) != 0)
        return NULL;
    memcpy(t->local, ip + 12, 4);
    memcpy(t->remote, ip + 16, 4);
    turn_round(t, ip + 20);
    return ip + 20;
}

static const uint8_t *ip6_quoted(const uint8_t *p, size_t n, struct tuple *t)
{
    const uint8_t *ip = p + 40 + ICMP_HEAD;

    if (n < 40 + ICMP_HEAD + 40 + QUOTED || frame_be16(p + 4) + 40u > n ||
        frame_be16(p + 4) < ICMP_HEAD + 40 + QUOTED)
        return NULL;
    if (ip[0] >> 4 != 6 || ip[6] != IPPROTO_TCP || memcmp(ip + 8, p + 24, 16) != 0)
        return NULL;
    memcpy(t->local, ip + 8, 16);
    memcpy(t->remote, ip + 24, 16);
    turn_round(t, ip + 40);
    t->v6 = 1;
    return ip + 40;
}

/* ICMP may go by; TCP may not, behind whatever headers it stands. */
static enum frame_kind ip4_other(const uint8_t *p, size_t n, struct tuple *t, const uint8_t **tcp)
{
    if (n < 20 || p[9] != IPPROTO_ICMP)
        return FRAME_DROP;
    *tcp = ip4_quoted(p, n, t);
    return *tcp ? FRAME_TOO_BIG : FRAME_OTHER;
}

/* lwIP would believe anybody that a path is narrow: it hears of none. */
static enum frame_kind ip6_other(const uint8_t *p, size_t n, struct tuple *t, const uint8_t **tcp)
{
    if (n < 41)
        return FRAME_DROP;
    if (p[6] == IPPROTO_ICMPV6 && p[40] == TOO_BIG) {
        *tcp = ip6_quoted(p, n, t);
        return *tcp ? FRAME_TOO_BIG : FRAME_DROP;
    }
    if (p[6] == IPPROTO_ICMPV6)
        return p[40] == ND_ROUTER || p[40] == ND_NEIGHBOUR || p[40] == ND_REDIRECT ? FRAME_NEIGHBOUR
                                                                                   : FRAME_OTHER;
    if (p[6] != IPPROTO_HOPOPTS || p[40] != IPPROTO_ICMPV6 || n < 49 || p[41] != 0)
        return FRAME_DROP;
    return p[48] >= MLD_FIRST && p[48] <= MLD_LAST ? FRAME_OTHER : FRAME_DROP;
}

static enum frame_kind arp_kind(const uint8_t *p, size_t n)
{
    if (n < ARP_BYTES)
        return FRAME_DROP;
    return frame_be16(p + 6) == ARP_REPLY ? FRAME_NEIGHBOUR : FRAME_OTHER;
}

enum frame_kind frame_kind(const uint8_t *p, size_t n, struct tuple *t, const uint8_t **tcp)
{
    size_t at = 14;
    bool to_many;
    uint16_t type;

    memset(t, 0, sizeof *t);
    if (n < at)
        return FRAME_DROP;
    to_many = p[0] & 1;
    type = frame_be16(p + 12);
    if (type == ETHERTYPE_VLAN && n >= 18) {
        type = frame_be16(p + 16);
        at = 18;
    }
    p += at;
    n -= at;
    if (type == ETHERTYPE_ARP)
        return arp_kind(p, n);
    if (type != ETHERTYPE_4 && type != ETHERTYPE_6)
        return FRAME_DROP;
    *tcp = type == ETHERTYPE_4 ? ip4_tcp(p, n, t) : ip6_tcp(p, n, t);
    if (!*tcp)
        return type == ETHERTYPE_4 ? ip4_other(p, n, t, tcp) : ip6_other(p, n, t, tcp);
    if (to_many)
        return FRAME_DROP;
    t->v6 = type == ETHERTYPE_6;
    memcpy(&t->remote_port, *tcp, 2);
    memcpy(&t->local_port, *tcp + 2, 2);
    return FRAME_SEGMENT;
}

struct tuple frame_turned(const struct tuple *t)
{
    struct tuple turned = *t;

    memcpy(turned.remote, t->local, sizeof turned.remote);
    memcpy(turned.local, t->remote, sizeof turned.local);
    turned.remote_port = t->local_port;
    turned.local_port = t->remote_port;
    return turned;
}
