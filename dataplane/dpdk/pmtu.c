#include "dataplane/dpdk/pmtu.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <lwip/inet_chksum.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/sys.h>
#include "dataplane/base/hash.h"
#include "dataplane/dpdk/frame.h"

#define LEAST_4 552
#define LEAST_6 1280
#define HEADS_4 40 /* bytes of IP's and TCP's */
#define HEADS_6 60

#define PATHS      256
#define PATH_MS    (10 * 60 * 1000) /* then larger ones are tried again: RFC 1191 6.3 */
#define TRIES_LONG 2                /* time-outs after which a way is taken for smaller than said */
#define TRIES_MORE 4

#define ICMP_HEAD 8
#define IP4_HEAD  20
#define IP6_HEAD  40

struct path {
    ip_addr_t far;
    uint16_t mtu; /* 0: unused */
    uint32_t since_ms;
};

/* lwIP is one instance for a worker, and so is this beside it. */
static struct {
    struct hash_key key;
    struct path path[PATHS];
} known;

void pmtu_init(void)
{
    hash_key_init(&known.key);
}

static bool is_v4(const struct tcp_pcb *pcb)
{
    return IP_IS_V4_VAL(pcb->remote_ip);
}

static uint16_t heads(const struct tcp_pcb *pcb)
{
    return is_v4(pcb) ? HEADS_4 : HEADS_6;
}

static struct path *path_to(const struct tcp_pcb *pcb)
{
    const ip_addr_t *far = &pcb->remote_ip;
    uint64_t h = is_v4(pcb) ? hash_bytes(&known.key, &ip_2_ip4(far)->addr, 4)
                            : hash_bytes(&known.key, ip_2_ip6(far)->addr, 16);

    return &known.path[h % PATHS];
}

uint16_t pmtu_known(const struct tcp_pcb *pcb)
{
    const struct path *p = path_to(pcb);

    if (!p->mtu || sys_now() - p->since_ms > PATH_MS || !ip_addr_cmp(&p->far, &pcb->remote_ip))
        return UINT16_MAX;
    return (uint16_t)(p->mtu - heads(pcb));
}

static void remember(const struct tcp_pcb *pcb, uint16_t mtu)
{
    *path_to(pcb) = (struct path){.far = pcb->remote_ip, .mtu = mtu, .since_ms = sys_now()};
}

/* An old router says no size: the next that is common on the way down. RFC 1191 7 */
static uint32_t below(uint32_t total)
{
    static const uint32_t common[] = {4352, 2002, 1492, 1006};

    for (unsigned i = 0; i < sizeof common / sizeof common[0]; i++)
        if (common[i] < total)
            return common[i];
    return LEAST_4;
}

/* What an ICMP message of n bytes has for a sum, with v6's addresses before it; 0: right. */
static uint16_t sum6(const uint8_t *ip, const uint8_t *icmp, uint16_t n)
{
    uint8_t pseudo[2 * 16 + 8] = {[34] = (uint8_t)(n >> 8), (uint8_t)n, [39] = IP6_NEXTH_ICMP6};
    uint32_t sum;

    memcpy(pseudo, ip + 8, 32);
    sum = checksum_of(pseudo, sizeof pseudo) + checksum_of(icmp, n);
    return (uint16_t) ~((sum & 0xffff) + (sum >> 16));
}

/* The size that the message names, if it is one; and that of the packet which was too large. */
static bool read4(const uint8_t *tcp, uint32_t *mtu, uint32_t *total)
{
    const uint8_t *quoted = tcp - IP4_HEAD, *icmp = quoted - ICMP_HEAD, *ip = icmp - IP4_HEAD;

    if (inet_chksum(ip, IP4_HEAD) || inet_chksum(icmp, (u16_t)(frame_be16(ip + 2) - IP4_HEAD)))
        return false;
    *total = frame_be16(quoted + 2);
    *mtu = frame_be16(icmp + 6) ? frame_be16(icmp + 6) : below(*total);
    return true;
}

static bool read6(const uint8_t *tcp, uint32_t *mtu, uint32_t *total)
{
    const uint8_t *quoted = tcp - IP6_HEAD, *icmp = quoted - ICMP_HEAD, *ip = icmp - IP6_HEAD;

    *mtu = frame_be32(icmp + 4);
    *total = (uint32_t)frame_be16(quoted + 4) + IP6_HEAD;
    return !sum6(ip, icmp, frame_be16(ip + 4));
}

uint16_t pmtu_told(const struct tcp_pcb *pcb, const uint8_t *tcp)
{
    uint32_t mtu = 0, total = 0, seq = frame_be32(tcp + 4), least = is_v4(pcb) ? LEAST_4 : LEAST_6;

    if (!(is_v4(pcb) ? read4 : read6)(tcp, &mtu, &total))
        return pcb->mss;
    if (seq - pcb->lastack >= pcb->snd_nxt - pcb->lastack || mtu >= total)
        return pcb->mss;
    mtu = mtu < least ? least : mtu;
    if (mtu >= (uint32_t)pcb->mss + heads(pcb))
        return pcb->mss;
    remember(pcb, (uint16_t)mtu);
    return (uint16_t)(mtu - heads(pcb));
}

uint16_t pmtu_guess(const struct tcp_pcb *pcb)
{
    const struct tcp_seg *first = pcb->unacked ? pcb->unacked : pcb->unsent;
    uint16_t mss = (uint16_t)(LEAST_6 - heads(pcb));

    if (!first || pcb->nrtx < TRIES_LONG)
        return pcb->mss;
    if (is_v4(pcb) && pcb->nrtx >= TRIES_MORE)
        mss = LEAST_4 - HEADS_4;
    return first->len > mss ? mss : pcb->mss;
}

int pmtu_cut(struct tcp_pcb *pcb, uint16_t mss)
{
    struct tcp_seg *first, *seg;
    int rc = 0;

    tcp_rexmit_rto_prepare(pcb); /* what is under way waits again */
    first = pcb->unsent;
    for (seg = first; seg && !rc; seg = seg->next) {
        pcb->unsent = seg; /* lwIP cuts what is first */
        if (seg->len > mss && tcp_split_unsent_seg(pcb, mss) != ERR_OK)
            rc = -ENOMEM;
    }
    pcb->unsent = first;
    pcb->unsent_oversize = 0; /* nothing is added to the last one */
    if (!rc)
        pcb->mss = mss;
    if (pcb->unsent)
        tcp_output(pcb);
    return rc;
}
