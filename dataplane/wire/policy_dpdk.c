/* The ports of the DPDK engine in a policy image: in the data plane's slice, behind the listeners.
 */
#include <string.h>
#include "dataplane/wire/codec.h"
#include "dataplane/wire/policy_codec.h"

#define PORT_WIRE 20 /* bytes of the shortest port */
#define LCORE_MAX 1023

static void put_port(struct buf *b, const struct policy_port *p)
{
    buf_put_str(b, p->name);
    buf_put_str(b, p->device);
    codec_put_addr(b, &p->v4);
    buf_put_u8(b, p->v4_prefix);
    codec_put_addr(b, &p->v6[0]);
    codec_put_addr(b, &p->v6[1]);
    codec_put_addr(b, &p->gateway4);
    codec_put_addr(b, &p->gateway6);
    buf_put_u16(b, p->vlan);
    buf_put_u16(b, p->mtu);
}

void policy_put_dpdk(struct buf *b, const struct policy *p)
{
    const struct policy_dpdk *d = &p->dpdk;

    buf_put_u16(b, d->n_ports);
    if (!d->n_ports)
        return;
    buf_put_u16(b, d->n_lcores);
    for (unsigned i = 0; i < d->n_lcores; i++)
        buf_put_u16(b, d->lcores[i]);
    buf_put_u32(b, d->memory_mb);
    buf_put_u8(b, d->hugepages);
    buf_put_u16(b, d->n_crypto);
    for (unsigned i = 0; i < d->n_crypto; i++)
        buf_put_str(b, d->crypto[i]);
    for (unsigned i = 0; i < d->n_ports; i++)
        put_port(b, &d->ports[i]);
}

/* It becomes an argument of DPDK: nothing but what a device's name and arguments need. */
static void get_device(struct policy_reader *r, char out[POLICY_DEVICE_MAX])
{
    static const char allowed[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.:,=/-";
    const char *s = reader_string_within(r, POLICY_DEVICE_MAX - 1);

    if (strspn(s, allowed) != strlen(s) || s[0] == '-') {
        r->b.bad = true;
        return;
    }
    memcpy(out, s, strlen(s) + 1);
}

/* None, or a host's address of that family without a port. */
static void get_host(struct policy_reader *r, struct addr *a, sa_family_t family)
{
    codec_get_addr_optional(&r->b, a);
    if (a->len && (a->sa.sa_family != family || addr_port(a) != 0))
        r->b.bad = true;
}

static void get_port(struct policy_reader *r, struct policy_port *p)
{
    reader_name(r, p->name);
    get_device(r, p->device);
    get_host(r, &p->v4, AF_INET);
    p->v4_prefix = codec_get_upto(&r->b, 32);
    get_host(r, &p->v6[0], AF_INET6);
    get_host(r, &p->v6[1], AF_INET6);
    get_host(r, &p->gateway4, AF_INET);
    get_host(r, &p->gateway6, AF_INET6);
    p->vlan = buf_get_u16(&r->b);
    p->mtu = buf_get_u16(&r->b);
    if ((!p->v4.len && (p->v4_prefix || p->gateway4.len)) || (!p->v6[0].len && p->v6[1].len) ||
        (!p->v6[0].len && p->gateway6.len) || (!p->v4.len && !p->v6[0].len) || p->vlan > 4094 ||
        p->mtu < POLICY_MTU_MIN || p->mtu > POLICY_MTU_MAX)
        r->b.bad = true;
}

static void get_lcores(struct policy_reader *r, struct policy_dpdk *d)
{
    uint16_t n = buf_get_u16(&r->b);

    if (n < 1 || n > POLICY_LCORES_MAX)
        r->b.bad = true;
    for (unsigned i = 0; buf_ok(&r->b) && i < n; i++) {
        d->lcores[i] = buf_get_u16(&r->b);
        if (d->lcores[i] > LCORE_MAX)
            r->b.bad = true;
    }
    d->n_lcores = n;
}

void policy_get_dpdk(struct policy_reader *r, struct policy *p)
{
    struct policy_dpdk *d = &p->dpdk;

    d->n_ports = buf_get_u16(&r->b);
    if (!d->n_ports)
        return;
    if (d->n_ports > POLICY_PORTS_MAX)
        r->b.bad = true;
    get_lcores(r, d);
    d->memory_mb = buf_get_u32(&r->b);
    d->hugepages = codec_get_bool(&r->b);
    d->n_crypto = buf_get_u16(&r->b);
    if (d->n_crypto > POLICY_CRYPTO_MAX)
        r->b.bad = true;
    for (unsigned i = 0; buf_ok(&r->b) && i < d->n_crypto; i++)
        get_device(r, d->crypto[i]);
    if (d->memory_mb < POLICY_MEMORY_MIN || d->memory_mb > POLICY_MEMORY_MAX)
        r->b.bad = true;
    d->ports = reader_take(r, d->n_ports, sizeof *d->ports, PORT_WIRE);
    for (unsigned i = 0; buf_ok(&r->b) && i < d->n_ports; i++)
        get_port(r, &d->ports[i]);
}
