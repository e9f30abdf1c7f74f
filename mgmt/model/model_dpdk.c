/* The "dpdk" block: ports of the DPDK engine, and what a link on them may be. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/policy_port.h"
#include "mgmt/model/model_dpdk.h"

#define MEMORY_DEFAULT 256
#define MTU_DEFAULT    1500
#define MTU6_MIN       1280 /* RFC 8200 5 */

/* n bytes of a host's address, as addr_parse() wants them. */
static void host_text(char *out, size_t cap, const char *text, size_t n)
{
    if (memchr(text, ':', n))
        snprintf(out, cap, "[%.*s]:0", (int)n, text);
    else
        snprintf(out, cap, "%.*s:0", (int)n, text);
}

/* "192.0.2.1", or "192.0.2.1/24" where bits is asked for; a host's address, never a network's. */
static int parse_host(const struct node *n, struct addr *out, uint8_t *bits)
{
    const char *text = NULL, *slash,
               *fix = bits ? "give ADDRESS/BITS, such as 192.0.2.1/24 or "
                             "2001:db8::1/64"
                           : "give an IP address";
    char host[128];
    unsigned long v = 0;
    char *end = NULL;
    int rc = node_string(n, &text);

    if (rc)
        return rc;
    slash = strchr(text, '/');
    if ((slash != NULL) != (bits != NULL) || strlen(text) > 64)
        return node_fail(n, fix, "\"%.64s\" is none", text);
    host_text(host, sizeof host, text, slash ? (size_t)(slash - text) : strlen(text));
    if (slash)
        v = strtoul(slash + 1, &end, 10);
    if (addr_parse(out, host) || (slash && (!slash[1] || *end || v < 1 || v > 128)))
        return node_fail(n, fix, "\"%.64s\" is none", text);
    if (bits)
        *bits = (uint8_t)v;
    return 0;
}

static int take_v4(const struct node *n, struct policy_port *p, const struct addr *a, uint8_t bits)
{
    if (p->v4.len)
        return node_fail(n, "give the port one IPv4 address", "is a second one");
    if (bits > 31)
        return node_fail(n, "give 1 to 31 bits", "a network of %u bits has no neighbours", bits);
    p->v4 = *a;
    p->v4_prefix = bits;
    return 0;
}

static int take_v6(const struct node *n, struct policy_port *p, const struct addr *a, uint8_t bits)
{
    unsigned i = p->v6[0].len ? 1 : 0;

    if (bits != 64)
        return node_fail(n, "give /64", "networks of IPv6 have 64 bits here");
    if (p->v6[1].len)
        return node_fail(n, "give the port at most two IPv6 addresses", "is a third one");
    p->v6[i] = *a;
    return 0;
}

static int parse_addresses(const struct node *n, struct policy_port *p)
{
    struct model_strings list = {0};
    int rc = node_required(n, "give [\"ADDRESS/BITS\"]");

    if (!rc)
        rc = node_strings(n, false, 3, &list);
    if (!rc && list.n == 0)
        rc = node_fail(n, "give [\"ADDRESS/BITS\"]", "is empty");
    for (unsigned i = 0; i < list.n && !rc; i++) {
        struct node at = node_element(n, i);
        struct addr a;
        uint8_t bits;

        rc = parse_host(&at, &a, &bits);
        if (!rc)
            rc = a.sa.sa_family == AF_INET ? take_v4(&at, p, &a, bits) : take_v6(&at, p, &a, bits);
    }
    free(list.s);
    return rc;
}

/* One for each family, in a network of the port's. */
static int parse_gateways(const struct node *n, struct policy_port *p)
{
    struct model_strings list = {0};
    int rc = node_strings(n, false, 2, &list);

    for (unsigned i = 0; i < list.n && !rc; i++) {
        struct node at = node_element(n, i);
        struct addr a, *slot;

        rc = parse_host(&at, &a, NULL);
        if (rc)
            break;
        slot = a.sa.sa_family == AF_INET ? &p->gateway4 : &p->gateway6;
        if (slot->len)
            rc = node_fail(&at, "give one for each IP version", "is a second one");
        else if (policy_port_reach(p, &a) != PORT_ON_LINK || policy_port_owns(p, &a))
            rc = node_fail(&at, "give a neighbour's address", "is in no network of this port");
        else
            *slot = a;
    }
    free(list.s);
    return rc;
}

static int parse_device(const struct node *n, const char *fix, char out[POLICY_DEVICE_MAX])
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:,=/-";
    const char *text = NULL;
    int rc = node_required(n, fix);

    if (!rc)
        rc = node_string(n, &text);
    if (!rc && (strlen(text) >= POLICY_DEVICE_MAX || strspn(text, allowed) != strlen(text) ||
                text[0] == '-'))
        rc = node_fail(n, fix, "is no device");
    if (!rc)
        snprintf(out, POLICY_DEVICE_MAX, "%s", text);
    return rc;
}

static int parse_port(const struct node *n, const char *name, struct policy_port *p)
{
    static const char *const known[] = {"device", "addresses", "gateways", "vlan", "mtu", NULL};
    struct node device, addresses, gateways, vlan, mtu;
    uint32_t tag = 0, size = MTU_DEFAULT;
    int rc = model_name(n, name);

    if (!rc)
        rc = json_is_object(n->v) ? node_object(n, known)
                                  : node_fail(n, "give an object: { ... }", "is no object");
    if (rc)
        return rc;
    snprintf(p->name, sizeof p->name, "%s", name);
    device = node_member(n, "device");
    addresses = node_member(n, "addresses");
    gateways = node_member(n, "gateways");
    vlan = node_member(n, "vlan");
    mtu = node_member(n, "mtu");
    rc = parse_device(&device,
                      "give a PCI address (0000:03:00.0), or a virtual device and its arguments "
                      "(net_af_packet0,iface=eth1)",
                      p->device);
    if (!rc)
        rc = parse_addresses(&addresses, p);
    if (!rc)
        rc = parse_gateways(&gateways, p);
    if (!rc)
        rc = node_number(&vlan, 1, 4094, &tag);
    if (!rc)
        rc = node_number(&mtu, p->v6[0].len ? MTU6_MIN : POLICY_MTU_MIN, POLICY_MTU_MAX, &size);
    p->vlan = (uint16_t)tag;
    p->mtu = (uint16_t)size;
    return rc;
}

/* Do both name one device? What follows are arguments. */
static bool same_device(const char *a, const char *b)
{
    size_t n = strcspn(a, ",");

    return n == strcspn(b, ",") && !strncmp(a, b, n);
}

static int check_distinct(const struct node *n, const struct policy_dpdk *d)
{
    const struct policy_port *last = &d->ports[d->n_ports - 1];

    for (unsigned i = 0; i + 1 < d->n_ports; i++) {
        const struct policy_port *p = &d->ports[i];

        if (same_device(p->device, last->device))
            return node_fail(n, "give each port a device of its own", "has the device of \"%s\"",
                             p->name);
        if ((last->v4.len && policy_port_reach(p, &last->v4) == PORT_ON_LINK) ||
            (last->v6[0].len && policy_port_reach(p, &last->v6[0]) == PORT_ON_LINK))
            return node_fail(n, "give each port networks of its own",
                             "has an address in a network of \"%s\"", p->name);
    }
    return 0;
}

static int parse_ports(const struct node *n, struct policy_dpdk *d)
{
    const char *name;
    json_t *v;
    int rc = node_required(n, "give { \"NAME\": { \"device\": ..., \"addresses\": [...] } }");

    if (!rc)
        rc = node_object(n, NULL);
    if (!rc && (json_object_size(n->v) == 0 || json_object_size(n->v) > POLICY_PORTS_MAX))
        rc = node_fail(n, "give 1 to 8 ports", "has %zu", json_object_size(n->v));
    if (rc)
        return rc;
    d->ports = calloc(json_object_size(n->v), sizeof *d->ports);
    if (!d->ports)
        return -ENOMEM;
    json_object_foreach(n->v, name, v)
    {
        struct node port = node_member(n, name);

        (void)v;
        rc = parse_port(&port, name, &d->ports[d->n_ports++]);
        if (!rc)
            rc = check_distinct(&port, d);
        if (rc)
            return rc;
    }
    return 0;
}

static int parse_lcores(const struct node *n, struct policy_dpdk *d)
{
    int rc = node_required(n, "give the processors that poll: [1, 2]");

    if (!rc && (!json_is_array(n->v) || json_array_size(n->v) < 1 ||
                json_array_size(n->v) > POLICY_LCORES_MAX))
        rc = node_fail(n, "give a list of processors: [1, 2]", "this engine runs on 1 to %u",
                       POLICY_LCORES_MAX);
    for (unsigned i = 0; !rc && i < json_array_size(n->v); i++) {
        struct node at = node_element(n, i);
        uint32_t core = 0;

        rc = node_number(&at, 0, 1023, &core);
        for (unsigned k = 0; k < i && !rc; k++)
            if (d->lcores[k] == core)
                rc = node_fail(&at, "name each processor once", "is named twice");
        d->lcores[i] = (uint16_t)core;
        d->n_lcores = (uint16_t)(i + 1);
    }
    return rc;
}

/* What computes records, where it is not this processor's own library. */
static int parse_crypto(const struct node *n, struct policy_dpdk *d)
{
    const char *fix = "give PCI addresses (0000:3d:01.0), or drivers of DPDK (crypto_aesni_gcm)";
    int rc = 0;

    if (n->v && (!json_is_array(n->v) || json_array_size(n->v) < 1 ||
                 json_array_size(n->v) > POLICY_CRYPTO_MAX))
        return node_fail(n, fix, "is no list of 1 to %u devices", POLICY_CRYPTO_MAX);
    for (unsigned i = 0; !rc && i < json_array_size(n->v); i++) {
        struct node at = node_element(n, i);

        rc = parse_device(&at, fix, d->crypto[i]);
        for (unsigned k = 0; k < i && !rc; k++)
            if (same_device(d->crypto[k], d->crypto[i]))
                rc = node_fail(&at, "name each device once", "is named twice");
        for (unsigned k = 0; k < d->n_ports && !rc; k++)
            if (same_device(d->ports[k].device, d->crypto[i]))
                rc = node_fail(&at, fix, "is the device of port \"%s\"", d->ports[k].name);
        d->n_crypto = (uint16_t)(i + 1);
    }
    return rc;
}

int model_dpdk(const struct node *n, struct policy_dpdk *d)
{
    static const char *const known[] = {"lcores", "memory_mb", "hugepages",
                                        "crypto", "ports",     NULL};
    struct node lcores, memory, huge, crypto, ports;
    int rc = node_object(n, known);

    if (rc || !n->v)
        return rc;
    d->memory_mb = MEMORY_DEFAULT;
    d->hugepages = true;
    lcores = node_member(n, "lcores");
    memory = node_member(n, "memory_mb");
    huge = node_member(n, "hugepages");
    ports = node_member(n, "ports");
    rc = parse_lcores(&lcores, d);
    if (!rc)
        rc = node_number(&memory, POLICY_MEMORY_MIN, POLICY_MEMORY_MAX, &d->memory_mb);
    if (!rc)
        rc = node_bool(&huge, &d->hugepages);
    if (!rc)
        rc = parse_ports(&ports, d);
    crypto = node_member(n, "crypto");
    return rc ? rc : parse_crypto(&crypto, d);
}

/* A fault of a link, at a place below it: the i-th of a list, where i is not -1. */
static int fault(struct err *e, const struct model_link *l, const char *rest, int i,
                 const char *fix, const char *what)
{
    char where[256], number[16] = "";

    if (i >= 0)
        snprintf(number, sizeof number, "/%d", i);
    snprintf(where, sizeof where, "/links/%s%s%s", l->name, rest, number);
    return err_set(e, -EINVAL, where, fix, "%s", what);
}

static bool owned(const struct policy_dpdk *d, const struct addr *a)
{
    for (unsigned i = 0; i < d->n_ports; i++)
        if (policy_port_owns(&d->ports[i], a))
            return true;
    return false;
}

bool model_dpdk_reaches(const struct policy_dpdk *d, const struct addr *a)
{
    for (unsigned i = 0; i < d->n_ports; i++)
        if (policy_port_reach(&d->ports[i], a) != PORT_NO_WAY)
            return true;
    return false;
}

static int judge_source(const struct policy_dpdk *d, const struct model_link *l, struct err *e)
{
    struct addr a;
    char text[96];

    if (!l->source)
        return 0;
    host_text(text, sizeof text, l->source, strlen(l->source));
    if (addr_parse(&a, text) && addr_parse(&a, l->source))
        return 0; /* judged elsewhere */
    return owned(d, &a) ? 0
                        : fault(e, l, "/forward/source", -1, "give an address of /dpdk/ports",
                                "no port has this address");
}

int model_dpdk_judge(const struct policy_dpdk *d, const struct model_link *l, struct err *e)
{
    struct addr a;

    if (l->engine != ENGINE_DPDK)
        return 0;
    if (!d->n_ports)
        return fault(e, l, "/engine", -1,
                     "add a \"dpdk\" block with ports, or use \"auto\", \"ktls\" or \"soft\"",
                     "there are no ports for the DPDK engine");
    for (unsigned i = 0; i < l->addresses.n; i++)
        if (!addr_parse(&a, l->addresses.s[i]) && !owned(d, &a))
            return fault(e, l, "/listen/address", (int)i, "give an address of /dpdk/ports",
                         "no port has this address");
    for (unsigned i = 0; i < l->targets.n; i++) {
        if (addr_parse(&a, l->targets.s[i]))
            continue; /* a name: judged when it is resolved */
        if (!addr_is_ip(&a))
            return fault(e, l, "/forward/to", (int)i,
                         "give HOST:PORT, or the link another engine and an address of the "
                         "kernel's",
                         "the DPDK engine reaches no unix socket");
        if (!model_dpdk_reaches(d, &a))
            return fault(e, l, "/forward/to", (int)i,
                         "give a port a gateway, or an address in its network",
                         "no port leads to this address");
    }
    return judge_source(d, l, e);
}
