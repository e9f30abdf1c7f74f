#include "tests/unit/dpdk_sink.h"

#include <errno.h>
#include <string.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include "dataplane/base/check.h"

struct packet { /* as a pool has them */
    struct rte_mbuf m;
    uint8_t bytes[RTE_PKTMBUF_HEADROOM + SINK_FRAME_MAX];
};

static struct packet packets[SINK_PACKETS];
static struct rte_mbuf *free_ones[SINK_PACKETS];
static struct rte_mempool mempool;
static struct sink sink;

static int pool_alloc(struct rte_mempool *mp)
{
    (void)mp;
    return 0;
}

static int pool_put(struct rte_mempool *mp, void *const *m, unsigned n)
{
    (void)mp;
    for (unsigned i = 0; i < n; i++)
        free_ones[sink.n_free++] = m[i];
    return 0;
}

static int pool_get(struct rte_mempool *mp, void **m, unsigned n)
{
    (void)mp;
    if (sink.n_free < n)
        return -ENOBUFS;
    for (unsigned i = 0; i < n; i++)
        m[i] = free_ones[--sink.n_free];
    return 0;
}

static unsigned pool_count(const struct rte_mempool *mp)
{
    (void)mp;
    return sink.n_free;
}

static uint16_t ready(void *queue, struct rte_mbuf **m, uint16_t n)
{
    (void)queue;
    for (uint16_t i = 0; i < n; i++) {
        if (sink.too_long && rte_pktmbuf_pkt_len(m[i]) == sink.too_long)
            return i;
        sink.n_ready++;
    }
    return n;
}

static void keep(const struct rte_mbuf *m)
{
    struct sunk *s = &sink.frame[sink.n++];

    check(sink.n < SINK_PACKETS && m->nb_segs == 1 && rte_mbuf_refcnt_read(m) == 1);
    s->n = rte_pktmbuf_data_len(m);
    memcpy(s->bytes, rte_pktmbuf_mtod(m, const void *), s->n);
    s->flags = m->ol_flags;
    s->l2 = m->l2_len;
    s->l3 = m->l3_len;
    s->l4 = m->l4_len;
}

static uint16_t take(void *queue, struct rte_mbuf **m, uint16_t n)
{
    (void)queue;
    n = n < sink.takes ? n : (uint16_t)sink.takes;
    for (uint16_t i = 0; i < n; i++) {
        keep(m[i]);
        rte_pktmbuf_free(m[i]);
    }
    return n;
}

static void make_pool(void)
{
    static const struct rte_mempool_ops ops = {.name = "sink",
                                               .alloc = pool_alloc,
                                               .enqueue = pool_put,
                                               .dequeue = pool_get,
                                               .get_count = pool_count};
    static int number = -1;

    if (number < 0)
        number = rte_mempool_register_ops(&ops);
    check(number >= 0);
    mempool = (struct rte_mempool){.size = SINK_PACKETS, .ops_index = number};
    for (unsigned i = 0; i < SINK_PACKETS; i++) {
        packets[i].m = (struct rte_mbuf){.buf_addr = packets[i].bytes,
                                         .buf_len = sizeof packets[i].bytes,
                                         .refcnt = 1,
                                         .nb_segs = 1,
                                         .pool = &mempool};
        free_ones[sink.n_free++] = &packets[i].m;
    }
}

struct sink *sink_begin(struct rte_mempool **pool)
{
    static void *nothing[1];

    memset(&sink, 0, sizeof sink);
    sink.takes = SINK_PACKETS;
    make_pool();
    rte_eth_fp_ops[0].tx_pkt_burst = take;
    rte_eth_fp_ops[0].tx_pkt_prepare = ready;
    rte_eth_fp_ops[0].txq.data = rte_eth_fp_ops[0].txq.clbk = nothing;
    *pool = &mempool;
    return &sink;
}
