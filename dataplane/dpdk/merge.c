#include "dataplane/dpdk/merge.h"

#include <string.h>

#define HEAD     20 /* bytes of a TCP header without options */
#define ACK      0x10
#define PSH      0x08
#define MOST     65000 /* bytes of data: lengths are 16 bits wide */
#define V4       20
#define V6       40
#define FLAGS_AT 13

static uint8_t *ip_of(uint8_t *tcp, bool v6)
{
    return tcp - (v6 ? V6 : V4);
}

/* Bytes from the TCP header's first on, as the IP header says. */
static size_t told(const uint8_t *ip, bool v6)
{
    return v6 ? frame_be16(ip + 4) : (size_t)frame_be16(ip + 2) - V4;
}

static bool pushes(const struct merge_part *p)
{
    return p->tcp[FLAGS_AT] & PSH;
}

bool merge_part(struct merge_part *p, uint8_t *tcp, const uint8_t *end)
{
    uint8_t *ip = ip_of(tcp, p->ends.v6);
    size_t all = told(ip, p->ends.v6);

    if (all != (size_t)(end - tcp) || all <= HEAD || tcp[12] >> 4 != HEAD / 4 ||
        (tcp[FLAGS_AT] & ~PSH) != ACK)
        return false;
    p->ip = ip;
    p->tcp = tcp;
    p->head = HEAD;
    p->n = all - HEAD;
    return true;
}

void merge_begin(struct merge *m, const struct merge_part *p)
{
    *m = (struct merge){
        .first = *p, .next = frame_be32(p->tcp + 4) + (uint32_t)p->n, .n = p->n, .parts = 1};
}

/* Acknowledgement, header's length and window; flags may differ by PSH. */
static bool same_words(const uint8_t *a, const uint8_t *b)
{
    return !memcmp(a + 8, b + 8, 5) && !memcmp(a + 14, b + 14, 2);
}

bool merge_follows(const struct merge *m, const struct merge_part *p)
{
    return m->next == frame_be32(p->tcp + 4) && !pushes(&m->first) && m->n + p->n <= MOST &&
           same_words(m->first.tcp, p->tcp) && !memcmp(&m->first.ends, &p->ends, sizeof p->ends);
}

bool merge_add(struct merge *m, const struct merge_part *p)
{
    m->next += (uint32_t)p->n;
    m->n += p->n;
    m->parts++;
    m->first.tcp[FLAGS_AT] |= p->tcp[FLAGS_AT];
    return !pushes(p);
}

void merge_end(struct merge *m)
{
    uint8_t *at = m->first.ip + (m->first.ends.v6 ? 4 : 2);
    size_t all = m->n + HEAD + (m->first.ends.v6 ? 0 : V4);

    at[0] = (uint8_t)(all >> 8);
    at[1] = (uint8_t)all;
}
