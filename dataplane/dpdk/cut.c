#include "dataplane/dpdk/cut.h"

#include <netinet/in.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/dpdk/frame.h"
#include "dataplane/dpdk/lwip/arch/cc.h"

#define ETHERTYPE_4    0x0800
#define ETHERTYPE_6    0x86dd
#define ETHERTYPE_VLAN 0x8100

#define FIN 0x01
#define PSH 0x08

enum { /* where it stands in TCP's header, and in IP's */
       SEQ_AT = 4,
       LENGTH_AT = 12,
       FLAGS_AT = 13,
       SUM_AT = 16,
       HEAD_TCP = 20,
       HEAD_4 = 20,
       HEAD_6 = 40,
       TOTAL_4_AT = 2,
       SUM_4_AT = 10,
       PROTOCOL_4_AT = 9,
       TOTAL_6_AT = 4,
       PROTOCOL_6_AT = 6,
};

static void put_be16(uint8_t *p, size_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static void put_be32(uint8_t *p, uint32_t v)
{
    put_be16(p, v >> 16);
    put_be16(p + 2, v);
}

/* lwIP sends no options of IPv4, and TCP right behind IPv6's header. */
static bool find_tcp(struct cut *c, size_t n)
{
    const uint8_t *p = c->head;
    uint16_t type = n >= 18 ? frame_be16(p + 12) : 0;

    c->ip = 14;
    if (type == ETHERTYPE_VLAN) {
        type = frame_be16(p + 16);
        c->ip = 18;
    }
    p += c->ip;
    c->v6 = type == ETHERTYPE_6;
    c->tcp = c->ip + (c->v6 ? HEAD_6 : HEAD_4);
    if ((type != ETHERTYPE_4 && type != ETHERTYPE_6) || n < c->tcp + HEAD_TCP)
        return false;
    return p[c->v6 ? PROTOCOL_6_AT : PROTOCOL_4_AT] == IPPROTO_TCP;
}

void cut_begin(struct cut *c, const struct pbuf *p, bool sums)
{
    const uint8_t *tcp;

    *c = (struct cut){.p = p, .head = p->payload, .sums = sums};
    c->is_tcp = find_tcp(c, p->len);
    if (c->is_tcp) {
        tcp = c->head + c->tcp;
        c->n_head = c->tcp + (size_t)(tcp[LENGTH_AT] >> 4) * 4;
        c->seq = frame_be32(tcp + SEQ_AT);
        check(c->n_head <= p->len);
    }
    c->at = c->n_head;
    c->left = c->most = p->tot_len - c->n_head;
}

void cut_to(struct cut *c, size_t most)
{
    c->most = most;
}

/* So many bytes of data further. */
static void forward(struct cut *c, size_t n)
{
    c->at += n;
    c->seq += (uint32_t)n;
    c->left -= n;
    while (c->p->next && c->at >= c->p->len) {
        c->at -= c->p->len;
        c->p = c->p->next;
    }
}

void cut_skip(struct cut *c, uint32_t upto)
{
    int32_t had = (int32_t)(upto - c->seq);
    size_t n = had > 0 ? (size_t)had / c->most * c->most : 0;

    if (n < c->left)
        forward(c, n);
}

unsigned cut_frames(const struct cut *c)
{
    return c->left ? (unsigned)((c->left + c->most - 1) / c->most) : 1;
}

size_t cut_size(const struct cut *c)
{
    return c->n_head + (c->left < c->most ? c->left : c->most);
}

/* The next n bytes of data; their sum, if it is wanted, as it stands behind a header of even
 * length.
 */
static uint32_t copy(struct cut *c, uint8_t *to, size_t n)
{
    uint32_t sum = 0;
    bool odd = false;

    while (n) {
        const uint8_t *from = (const uint8_t *)c->p->payload + c->at;
        size_t step = c->p->len - c->at < n ? c->p->len - c->at : n;
        uint16_t part = c->sums ? checksum_of(from, (int)step) : 0;

        memcpy(to, from, step);
        sum += odd ? (uint16_t)(part << 8 | part >> 8) : part;
        odd ^= step & 1;
        to += step;
        n -= step;
        forward(c, step);
    }
    return sum;
}

/* A few bytes, of an even number. */
static uint32_t sum_of(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    uint16_t word;

    for (; n; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        sum += word;
    }
    return sum;
}

/* IP's header was made for the whole segment; its sum is changed by what its length is. RFC 1624 */
static void mend_ip(const struct cut *c, uint8_t *ip, size_t n)
{
    uint16_t was, is, sum;

    if (c->v6) {
        put_be16(ip + TOTAL_6_AT, n);
        return;
    }
    memcpy(&was, ip + TOTAL_4_AT, 2);
    memcpy(&sum, ip + SUM_4_AT, 2);
    put_be16(ip + TOTAL_4_AT, n + HEAD_4);
    memcpy(&is, ip + TOTAL_4_AT, 2);
    sum = (uint16_t)~checksum_fold((uint32_t)(uint16_t)~sum + (uint16_t)~was + is);
    memcpy(ip + SUM_4_AT, &sum, 2);
}

/* n bytes of data with this sum are behind the headers at `to`, of the bytes from seq on. */
static void mend_heads(const struct cut *c, uint8_t *to, uint32_t seq, size_t n, uint32_t sum)
{
    uint8_t *tcp = to + c->tcp;
    size_t all = c->n_head - c->tcp + n, addresses = c->v6 ? 32 : 8;
    uint16_t made;

    mend_ip(c, to + c->ip, all);
    put_be32(tcp + SEQ_AT, seq);
    if (c->left)
        tcp[FLAGS_AT] &= (uint8_t) ~(PSH | FIN);
    put_be16(tcp + SUM_AT, 0);
    if (!c->sums)
        return;
    sum += sum_of(tcp - addresses, addresses + all - n);
    sum += htons(IPPROTO_TCP) + (uint32_t)htons((uint16_t)all);
    made = (uint16_t)~checksum_fold(sum);
    memcpy(tcp + SUM_AT, &made, 2);
}

size_t cut_next(struct cut *c, uint8_t *to)
{
    size_t n = c->left < c->most ? c->left : c->most;
    uint32_t seq = c->seq, sum;

    memcpy(to, c->head, c->n_head);
    sum = copy(c, to + c->n_head, n);
    if (c->is_tcp)
        mend_heads(c, to, seq, n, sum);
    return c->n_head + n;
}
