#include "dataplane/dpdk/packetpool.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>
#include <rte_errno.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>

#define CACHE          256
#define FRAME_OVERHEAD 34 /* Ethernet's header, tag and sum, and what virtio says of each frame */

/* Room for a frame of any port, and for lwIP's and DPDK's headers before it. */
static size_t room_of(const struct policy_dpdk *p)
{
    size_t mtu = 1500, room;

    for (unsigned i = 0; i < p->n_ports; i++)
        mtu = p->ports[i].mtu > mtu ? p->ports[i].mtu : mtu;
    room = RTE_PKTMBUF_HEADROOM + FRAME_OVERHEAD + mtu;
    room = (room + 63) / 64 * 64;
    return room > RTE_MBUF_DEFAULT_BUF_SIZE ? room : RTE_MBUF_DEFAULT_BUF_SIZE;
}

static bool any(const struct policy_dpdk *p, bool (*is)(const struct policy_port *))
{
    for (unsigned i = 0; i < p->n_ports; i++)
        if (is(&p->ports[i]))
            return true;
    return false;
}

static bool is_xdp(const struct policy_port *p)
{
    return strncmp(p->device, "net_af_xdp", 10) == 0;
}

static bool is_real(const struct policy_port *p)
{
    return !device_is_virtual(p->device);
}

/* What a packet takes, with DPDK's own words around it. */
static size_t stride(size_t room, unsigned flags)
{
    return rte_mempool_calc_obj_size((uint32_t)(sizeof(struct rte_mbuf) + PACKET_PRIVATE + room),
                                     flags, NULL);
}

/*
 * How packets lie. A real device reads them by their address in memory: none may cross a page's
 * end. AF_XDP sockets need the same, and their driver takes the whole pool for packets without gaps
 * between: each fills pages. Else they lie close; where each begins a page, all their headers would
 * share a few places of the cache.
 */
static unsigned lay_out(const struct policy_dpdk *p, size_t *room)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    if (any(p, is_xdp)) {
        size_t bytes = stride(*room, RTE_MEMPOOL_F_NO_SPREAD);

        *room += (bytes + page - 1) / page * page - bytes;
        return RTE_MEMPOOL_F_NO_SPREAD;
    }
    return any(p, is_real) || p->hugepages ? 0 : RTE_MEMPOOL_F_NO_IOVA_CONTIG;
}

/* Of how many bytes of memory each takes, gaps before a page's end included. */
static size_t footprint(const struct policy_dpdk *p, size_t room, unsigned flags)
{
    size_t bytes = stride(room, flags), page = (size_t)sysconf(_SC_PAGESIZE);

    if (p->hugepages || flags & RTE_MEMPOOL_F_NO_IOVA_CONTIG || bytes > page)
        return bytes;
    return page / (page / bytes);
}

/*
 * Whose turn it is next is the packet that was given back last (a stack, where DPDK's default is a
 * ring): few packets go round, and stay in the cache. In a ring's order each frame would touch
 * memory that nobody has looked at for the whole pool's length, and that the other end of shared
 * memory may never have mapped.
 */
static struct rte_mempool *fill(struct rte_mempool *pool, uint16_t room)
{
    struct rte_pktmbuf_pool_private words = {.mbuf_data_room_size = room,
                                             .mbuf_priv_size = PACKET_PRIVATE};
    int rc = rte_mempool_set_ops_byname(pool, "stack", NULL);

    if (!rc) {
        rte_pktmbuf_pool_init(pool, &words);
        rc = rte_mempool_populate_default(pool);
    }
    if (rc < 0) {
        rte_mempool_free(pool);
        rte_errno = -rc;
        return NULL;
    }
    rte_mempool_obj_iter(pool, rte_pktmbuf_init, NULL);
    return pool;
}

struct rte_mempool *packetpool_make(const struct policy_dpdk *p)
{
    size_t room = room_of(p);
    unsigned flags = lay_out(p, &room);
    size_t bytes = (size_t)p->memory_mb << 20;
    unsigned n = (unsigned)(bytes / 4 * 3 / footprint(p, room, flags));
    struct rte_mempool *pool = rte_mempool_create_empty(
        "packets", n, (unsigned)(sizeof(struct rte_mbuf) + PACKET_PRIVATE + room), CACHE,
        sizeof(struct rte_pktmbuf_pool_private), SOCKET_ID_ANY, flags);

    return pool ? fill(pool, (uint16_t)room) : NULL;
}
