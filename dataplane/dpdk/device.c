/* Starting DPDK and its devices: everything that needs privilege, before the sandbox. */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <rte_dev.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/dpdk/port.h"

#define RX_DESCRIPTORS 1024
#define TX_DESCRIPTORS 1024
#define POOL_CACHE     256
#define FRAME_OVERHEAD 22 /* Ethernet header and one tag, behind the headroom */
#define EAL_ARGS       (16 + POLICY_PORTS_MAX)

/* A virtual device is named after its driver: net_af_packet0,iface=eth1. */
static bool is_virtual(const struct policy_port *p)
{
    return strncmp(p->device, "net_", 4) == 0 || strncmp(p->device, "eth_", 4) == 0;
}

struct eal {
    char text[EAL_ARGS][POLICY_DEVICE_MAX + 16];
    char *argv[EAL_ARGS + 1];
    int argc;
};

static void eal_arg(struct eal *e, const char *a, const char *b)
{
    check(e->argc < EAL_ARGS);
    snprintf(e->text[e->argc], sizeof e->text[0], "%s%s", a, b);
    e->argv[e->argc] = e->text[e->argc];
    e->argc++;
}

static void eal_args(struct eal *e, const struct policy_dpdk *p)
{
    bool pci = false;
    char number[16];

    eal_arg(e, "penstock-dataplane-dpdk", "");
    snprintf(number, sizeof number, "%u", p->lcore);
    eal_arg(e, "--lcores=", number);
    snprintf(number, sizeof number, "%u", p->memory_mb);
    eal_arg(e, "-m", number);
    eal_arg(e, "--no-telemetry", "");
    eal_arg(e, "--log-level=*:error", "");
    /* Nothing is shared with, or left behind for, another process. */
    if (p->hugepages) {
        eal_arg(e, "--in-memory", "");
    } else {
        eal_arg(e, "--no-huge", "");
        eal_arg(e, "--no-shconf", "");
    }
    for (unsigned i = 0; i < p->n_ports; i++) {
        pci |= !is_virtual(&p->ports[i]);
        eal_arg(e, is_virtual(&p->ports[i]) ? "--vdev=" : "--allow=", p->ports[i].device);
    }
    if (!pci)
        eal_arg(e, "--no-pci", "");
}

static int eal_start(const struct policy_dpdk *p, struct err *e)
{
    struct eal *eal = calloc(1, sizeof *eal);
    cpu_set_t before;
    int rc;

    if (!eal)
        return err_set(e, -ENOMEM, "/dpdk", "free memory", "out of memory");
    eal_args(eal, p);
    sched_getaffinity(0, sizeof before, &before);
    rc = rte_eal_init(eal->argc, eal->argv);
    sched_setaffinity(0, sizeof before, &before); /* DPDK takes the caller's thread for a poller */
    free(eal);
    if (rc < 0)
        return err_set(e, -rte_errno ? -rte_errno : -EIO, "/dpdk",
                       p->hugepages ? "reserve hugepages (vm.nr_hugepages), or set \"hugepages\": "
                                      "false; see the lines before this one"
                                    : "see the lines before this one",
                       "DPDK does not start: %s", rte_strerror(rte_errno));
    return 0;
}

static int device_id(const struct policy_port *p, uint16_t *id)
{
    char name[POLICY_DEVICE_MAX];

    snprintf(name, sizeof name, "%s", p->device);
    name[strcspn(name, ",")] = '\0';
    return rte_eth_dev_get_port_by_name(name, id);
}

static int device_configure(struct port *port, uint16_t mtu)
{
    const uint64_t sums = RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
    struct rte_eth_conf conf = {.rxmode = {.mtu = mtu}};
    uint16_t rx = RX_DESCRIPTORS, tx = TX_DESCRIPTORS;
    struct rte_eth_dev_info info;
    int rc = rte_eth_dev_info_get(port->id, &info);

    if (rc)
        return rc;
    port->rx_checks = (info.rx_offload_capa & sums) == sums;
    if (port->rx_checks)
        conf.rxmode.offloads = sums;
    if (info.max_mtu && info.max_mtu < mtu)
        return -EMSGSIZE;
    rc = rte_eth_dev_configure(port->id, 1, 1, &conf);
    if (!rc)
        rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);
    if (!rc)
        rc = rte_eth_rx_queue_setup(
            port->id, 0, rx,
            rte_eth_dev_socket_id(port->id) < 0 ? 0 : (unsigned)rte_eth_dev_socket_id(port->id),
            NULL, port->pool);
    if (!rc)
        rc = rte_eth_tx_queue_setup(port->id, 0, tx, 0, NULL);
    if (!rc)
        rc = rte_eth_dev_start(port->id);
    /* Neighbour discovery is multicast. Devices that take everything anyway refuse to be told. */
    if (!rc)
        (void)rte_eth_allmulticast_enable(port->id);
    return rc;
}

static int device_open(struct port *port, struct err *e)
{
    const struct policy_port *p = port->policy;
    char where[POLICY_NAME_MAX + 32];
    int rc;

    snprintf(where, sizeof where, "/dpdk/ports/%s/device", p->name);
    rc = device_id(p, &port->id);
    if (rc)
        return err_set(e, rc, where, "see the lines before this one", "DPDK has no such device: %s",
                       p->device);
    rc = device_configure(port, p->mtu);
    if (rc == -EMSGSIZE)
        return err_set(e, rc, where, "lower the port's mtu", "the device takes no MTU of %u",
                       p->mtu);
    if (rc)
        return err_set(e, rc, where, "see the lines before this one",
                       "the device does not start: %s", strerror(-rc));
    return 0;
}

/* Half of the memory for packets; devices, tables and the edges of pages have the rest. */
static struct rte_mempool *pool_make(const struct policy_dpdk *p)
{
    uint16_t mtu = 1500;
    size_t room, element;
    unsigned n;

    for (unsigned i = 0; i < p->n_ports; i++)
        mtu = p->ports[i].mtu > mtu ? p->ports[i].mtu : mtu;
    room = RTE_PKTMBUF_HEADROOM + FRAME_OVERHEAD + mtu;
    room = (room + 63) / 64 * 64;
    if (room < RTE_MBUF_DEFAULT_BUF_SIZE)
        room = RTE_MBUF_DEFAULT_BUF_SIZE;
    element = room + sizeof(struct rte_mbuf) + PORT_PRIVATE + 64;
    n = (unsigned)((size_t)p->memory_mb * 1024 * 1024 / 2 / element);
    return rte_pktmbuf_pool_create("packets", n, POOL_CACHE, PORT_PRIVATE, (uint16_t)room,
                                   SOCKET_ID_ANY);
}

int ports_open(struct ports *ports, const struct policy_dpdk *p, struct err *e)
{
    int rc = eal_start(p, e);

    memset(ports, 0, sizeof *ports);
    if (rc)
        return rc;
    ports->pool = pool_make(p);
    if (!ports->pool)
        return err_set(e, -ENOMEM, "/dpdk/memory_mb", "give more", "no pool of packets: %s",
                       rte_strerror(rte_errno));
    for (unsigned i = 0; i < p->n_ports && !rc; i++) {
        ports->port[i].policy = &p->ports[i];
        ports->port[i].pool = ports->pool;
        rc = device_open(&ports->port[i], e);
        ports->n++;
    }
    return rc;
}
