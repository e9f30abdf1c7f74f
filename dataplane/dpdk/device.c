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
#include "dataplane/dpdk/cipher.h"
#include "dataplane/dpdk/memif.h"
#include "dataplane/dpdk/packetpool.h"
#include "dataplane/dpdk/port.h"

#define RX_DESCRIPTORS 1024
#define TX_DESCRIPTORS 1024
#define MEET_MS        10000 /* for who listens at a shared memory interface to answer */
#define EAL_ARGS       (16 + POLICY_PORTS_MAX + POLICY_CRYPTO_MAX)

bool device_is_virtual(const char *device)
{
    return strncmp(device, "net_", 4) == 0 || strncmp(device, "eth_", 4) == 0 ||
           strncmp(device, "crypto_", 7) == 0;
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

/* True: it is on a bus. */
static bool eal_device(struct eal *e, const char *device)
{
    bool is_virtual = device_is_virtual(device);

    eal_arg(e, is_virtual ? "--vdev=" : "--allow=", device);
    return !is_virtual;
}

static void eal_args(struct eal *e, const struct policy_dpdk *p)
{
    bool pci = false;
    char number[16];

    eal_arg(e, "penstock-dataplane-dpdk", "");
    snprintf(number, sizeof number, "%u", p->lcores[0]); /* the workers register by themselves */
    eal_arg(e, "--lcores=", number);
    snprintf(number, sizeof number, "%u", p->memory_mb);
    eal_arg(e, "-m", number);
    eal_arg(e, "--no-telemetry", "");
    eal_arg(e, "--log-level=*:error", "");
    /* Nothing is shared with, or left behind for, another process. */
    eal_arg(e, "--single-file-segments", ""); /* what net_memif can share without a copy */
    if (p->hugepages) {
        eal_arg(e, "--in-memory", "");
    } else {
        eal_arg(e, "--no-huge", "");
        eal_arg(e, "--no-shconf", "");
    }
    for (unsigned i = 0; i < p->n_ports; i++)
        pci |= eal_device(e, p->ports[i].device);
    for (unsigned i = 0; i < p->n_crypto; i++)
        pci |= eal_device(e, p->crypto[i]);
    if (!pci)
        eal_arg(e, "--no-pci", "");
}

/* Every worker will be bound to its processor; DPDK looks at the first of them only. */
static int check_lcores(const struct policy_dpdk *p, const cpu_set_t *usable, struct err *e)
{
    char where[32];

    for (unsigned i = 0; i < p->n_lcores; i++) {
        if (CPU_ISSET(p->lcores[i], usable))
            continue;
        snprintf(where, sizeof where, "/dpdk/lcores/%u", i);
        return err_set(e, -ENODEV, where, "give processors that this gateway may run on",
                       "processor %u is none of them", p->lcores[i]);
    }
    return 0;
}

static int eal_start(const struct policy_dpdk *p, struct err *e)
{
    struct eal *eal = calloc(1, sizeof *eal);
    cpu_set_t before;
    int rc;

    if (!eal)
        return err_set(e, -ENOMEM, "/dpdk", "free memory", "out of memory");
    eal_args(eal, p);
    CPU_ZERO(&before);
    sched_getaffinity(0, sizeof before, &before);
    rc = check_lcores(p, &before, e);
    if (rc) {
        free(eal);
        return rc;
    }
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

/* As many queues as there are workers, or as the device has. */
static uint16_t queues_of(const struct rte_eth_dev_info *info, unsigned workers)
{
    unsigned n = workers;

    n = n < info->max_rx_queues ? n : info->max_rx_queues;
    n = n < info->max_tx_queues ? n : info->max_tx_queues;
    return n ? (uint16_t)n : 1;
}

/* Let the device sort segments by our rule, if it can. */
static void ask_scaling(struct rte_eth_conf *conf, const struct rte_eth_dev_info *info,
                        struct steer *steer)
{
    uint64_t kinds = info->flow_type_rss_offloads &
                     (RTE_ETH_RSS_NONFRAG_IPV4_TCP | RTE_ETH_RSS_NONFRAG_IPV6_TCP);
    uint8_t key = info->hash_key_size ? info->hash_key_size : 40;

    if (!kinds || key < 40 || key > STEER_KEY)
        return;
    conf->rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf->rx_adv_conf.rss_conf = (struct rte_eth_rss_conf){steer->key, key, kinds};
}

/* Entry i of the device's table is worker i's, in turn. What it does not take is handed on. */
static void fill_table(const struct port *port, unsigned workers)
{
    struct rte_eth_rss_reta_entry64 table[RTE_ETH_RSS_RETA_SIZE_512 / RTE_ETH_RETA_GROUP_SIZE];

    if (port->queues == 1 || port->spread > RTE_ETH_RSS_RETA_SIZE_512)
        return;
    memset(table, 0, sizeof table);
    for (unsigned i = 0; i < port->spread; i++) {
        struct rte_eth_rss_reta_entry64 *group = &table[i / RTE_ETH_RETA_GROUP_SIZE];

        group->mask |= 1ull << i % RTE_ETH_RETA_GROUP_SIZE;
        group->reta[i % RTE_ETH_RETA_GROUP_SIZE] = (uint16_t)(i % workers % port->queues);
    }
    (void)rte_eth_dev_rss_reta_update(port->id, table, port->spread);
}

static int queue_setup(const struct port *port, uint16_t i, uint16_t rx, uint16_t tx)
{
    int node = rte_eth_dev_socket_id(port->id);
    int rc = rte_eth_rx_queue_setup(port->id, i, rx, node < 0 ? 0 : (unsigned)node, NULL,
                                    port->pool);

    return rc ? rc : rte_eth_tx_queue_setup(port->id, i, tx, 0, NULL);
}

/* TCP's sums are judged and made by the device, each if it can. */
static void ask_sums(struct port *port, struct rte_eth_conf *conf,
                     const struct rte_eth_dev_info *info)
{
    port->rx_checks = info->rx_offload_capa & RTE_ETH_RX_OFFLOAD_TCP_CKSUM;
    if (port->rx_checks)
        conf->rxmode.offloads = info->rx_offload_capa &
                                (RTE_ETH_RX_OFFLOAD_IPV4_CKSUM | RTE_ETH_RX_OFFLOAD_TCP_CKSUM);
    port->tx_sums = info->tx_offload_capa & RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
    if (port->tx_sums) /* on every queue, also where each could have it or not */
        conf->txmode.offloads = RTE_ETH_TX_OFFLOAD_TCP_CKSUM;
}

static int device_configure(struct port *port, uint16_t mtu, struct lanes *lanes)
{
    struct rte_eth_conf conf = {.rxmode = {.mtu = mtu}};
    uint16_t rx = RX_DESCRIPTORS, tx = TX_DESCRIPTORS;
    struct rte_eth_dev_info info;
    int rc = rte_eth_dev_info_get(port->id, &info);

    if (rc)
        return rc;
    /* Shared memory has frames of any size, whatever its driver says. */
    if (memif_is(port->policy) && conf.rxmode.mtu > RTE_ETHER_MTU)
        conf.rxmode.mtu = RTE_ETHER_MTU;
    ask_sums(port, &conf, &info);
    if (info.max_mtu && info.max_mtu < conf.rxmode.mtu)
        return -EMSGSIZE;
    port->queues = queues_of(&info, lanes->n);
    port->spread = info.reta_size ? info.reta_size : STEER_SPREAD;
    if (port->queues > 1)
        ask_scaling(&conf, &info, &lanes->steer);
    rc = rte_eth_dev_configure(port->id, port->queues, port->queues, &conf);
    if (!rc)
        rc = rte_eth_dev_adjust_nb_rx_tx_desc(port->id, &rx, &tx);
    for (uint16_t i = 0; i < port->queues && !rc; i++)
        rc = queue_setup(port, i, rx, tx);
    if (!rc)
        rc = rte_eth_dev_start(port->id);
    if (rc)
        return rc;
    fill_table(port, lanes->n);
    /* Neighbour discovery is multicast. Devices that take everything anyway refuse to be told. */
    (void)rte_eth_allmulticast_enable(port->id);
    return 0;
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
    rc = device_configure(port, p->mtu, port->ports->lanes);
    if (rc == -EPERM && memif_is(p)) /* the driver's -1: nobody listens on its socket */
        return memif_nobody(p, e);
    if (rc == -EMSGSIZE)
        return err_set(e, rc, where, "lower the port's mtu", "the device takes no MTU of %u",
                       p->mtu);
    if (rc)
        return err_set(e, rc, where, "see the lines before this one",
                       "the device does not start: %s", strerror(-rc));
    return 0;
}

/* Every worker has ports of its own, over the same devices. */
static void share(struct ports *ports, unsigned workers)
{
    for (unsigned w = 1; w < workers; w++) {
        ports[w] = ports[0];
        ports[w].worker = w;
        for (unsigned i = 0; i < ports->n; i++)
            ports[w].port[i].ports = &ports[w];
    }
}

/* A client at a shared memory interface is connected before the next device is opened. */
static int meet(const struct port *port, const struct memif_files *files, struct err *e)
{
    char where[POLICY_NAME_MAX + 32];
    int rc;

    if (!memif_is_client(port->policy))
        return 0;
    rc = memif_await(port->policy, port->id, MEET_MS, e);
    if (rc)
        return rc;
    snprintf(where, sizeof where, "/dpdk/ports/%s/device", port->policy->name);
    rc = memif_restore(files);
    return rc ? err_set(e, rc, where, "restart penstockd", "the descriptor of its memory is lost")
              : 0;
}

static int devices_open(struct ports *ports, const struct policy_dpdk *p, struct err *e)
{
    struct memif_files files;
    int rc = memif_keep(&files);

    if (rc)
        err_set(e, rc, "/dpdk", "raise the limit of open files (LimitNOFILE)",
                "the packets' memory can not be shared: %s", strerror(-rc));
    for (unsigned i = 0; i < p->n_ports && !rc; i++) {
        struct port *port = &ports->port[i];

        port->policy = &p->ports[i];
        port->ports = ports;
        port->pool = ports->pool;
        rc = device_open(port, e);
        if (!rc)
            rc = meet(port, &files, e);
        ports->n++;
    }
    memif_release(&files);
    return rc;
}

int ports_open(struct ports *ports, const struct policy_dpdk *p, struct err *e)
{
    static struct lanes lanes;
    int rc = eal_start(p, e);

    memset(ports, 0, sizeof *ports);
    if (rc)
        return rc;
    rc = cipher_open(p, e);
    if (rc)
        return rc;
    ports->lanes = &lanes;
    ports->pool = packetpool_make(p);
    rc = ports->pool ? lanes_init(&lanes, p->n_lcores) : -ENOMEM;
    if (rc)
        return err_set(e, rc, "/dpdk/memory_mb", "give more", "no pool of packets: %s",
                       rte_strerror(rte_errno));
    rc = devices_open(ports, p, e);
    if (!rc)
        share(ports, p->n_lcores);
    return rc;
}

int ports_await(const struct ports *ports, unsigned ms, struct err *e)
{
    int rc = 0;

    for (unsigned i = 0; i < ports->n && !rc; i++)
        if (memif_is(ports->port[i].policy))
            rc = memif_await(ports->port[i].policy, ports->port[i].id, ms, e);
    return rc;
}
