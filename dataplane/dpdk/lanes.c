#include "dataplane/dpdk/lanes.h"

#include <errno.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <rte_ring.h>

#define RING_FRAMES 4096

static int lane_init(struct lane *l, unsigned i)
{
    char name[16];

    snprintf(name, sizeof name, "lane%u", i);
    l->ring = rte_ring_create(name, RING_FRAMES, SOCKET_ID_ANY, RING_F_SC_DEQ);
    if (!l->ring)
        return rte_errno ? -rte_errno : -ENOMEM;
    l->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    return l->wake_fd < 0 ? -errno : 0;
}

int lanes_init(struct lanes *l, unsigned n)
{
    int rc = 0;

    l->n = n;
    steer_init(&l->steer, n, NULL);
    for (unsigned i = 0; i < POLICY_PORTS_MAX; i++)
        pthread_mutex_init(&l->send[i], NULL);
    for (unsigned i = 0; i < n && !rc; i++)
        rc = lane_init(&l->lane[i], i);
    return rc;
}

bool lanes_hand(struct lanes *l, unsigned worker, struct rte_mbuf *m)
{
    struct lane *to = &l->lane[worker];
    uint64_t one = 1;

    if (rte_ring_mp_enqueue(to->ring, m)) {
        rte_pktmbuf_free(m);
        return false;
    }
    atomic_thread_fence(memory_order_seq_cst); /* the frame is there before we look */
    if (atomic_load(&to->asleep) && write(to->wake_fd, &one, sizeof one) < 0)
        return true; /* full: it will wake from what is in it */
    return true;
}

unsigned lanes_take(struct lanes *l, unsigned worker, struct rte_mbuf **m, unsigned max)
{
    return rte_ring_sc_dequeue_burst(l->lane[worker].ring, (void **)m, max, NULL);
}

bool lanes_sleep(struct lanes *l, unsigned worker)
{
    atomic_store(&l->lane[worker].asleep, true);
    atomic_thread_fence(memory_order_seq_cst); /* whoever comes later sees that we sleep */
    if (rte_ring_empty(l->lane[worker].ring))
        return true;
    atomic_store(&l->lane[worker].asleep, false);
    return false;
}

void lanes_woken(struct lanes *l, unsigned worker, bool rang)
{
    uint64_t n;

    atomic_store(&l->lane[worker].asleep, false);
    if (rang && read(l->lane[worker].wake_fd, &n, sizeof n) < 0)
        return; /* taken before */
}
