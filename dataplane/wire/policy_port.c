#include "dataplane/wire/policy_port.h"

#include <string.h>

static bool same_host(const struct addr *a, const struct addr *b)
{
    if (!a->len || a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET)
        return a->in4.sin_addr.s_addr == b->in4.sin_addr.s_addr;
    return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, sizeof a->in6.sin6_addr);
}

bool policy_port_owns(const struct policy_port *p, const struct addr *a)
{
    return same_host(&p->v4, a) || same_host(&p->v6[0], a) || same_host(&p->v6[1], a);
}

bool policy_port_same_net(const struct addr *a, const struct addr *b, uint8_t prefix)
{
    if (!a->len || a->sa.sa_family != b->sa.sa_family)
        return false;
    if (a->sa.sa_family == AF_INET) {
        uint32_t mask = prefix ? UINT32_MAX << (32 - prefix) : 0;
        return ((ntohl(a->in4.sin_addr.s_addr) ^ ntohl(b->in4.sin_addr.s_addr)) & mask) == 0;
    }
    return !memcmp(&a->in6.sin6_addr, &b->in6.sin6_addr, 8);
}

enum port_reach policy_port_reach(const struct policy_port *p, const struct addr *a)
{
    bool v4 = a->sa.sa_family == AF_INET;

    if (policy_port_same_net(&p->v4, a, p->v4_prefix) || policy_port_same_net(&p->v6[0], a, 64) ||
        policy_port_same_net(&p->v6[1], a, 64))
        return PORT_ON_LINK;
    return (v4 ? p->gateway4.len : p->gateway6.len) ? PORT_GATEWAY : PORT_NO_WAY;
}

static bool same(const struct addr *a, const struct addr *b)
{
    return a->len == b->len && (!a->len || same_host(a, b));
}

static bool port_equal(const struct policy_port *a, const struct policy_port *b)
{
    return !strcmp(a->name, b->name) && !strcmp(a->device, b->device) && same(&a->v4, &b->v4) &&
           same(&a->v6[0], &b->v6[0]) && same(&a->v6[1], &b->v6[1]) &&
           a->v4_prefix == b->v4_prefix && same(&a->gateway4, &b->gateway4) &&
           same(&a->gateway6, &b->gateway6) && a->vlan == b->vlan && a->mtu == b->mtu;
}

static bool crypto_equal(const struct policy_dpdk *a, const struct policy_dpdk *b)
{
    if (a->n_crypto != b->n_crypto)
        return false;
    for (unsigned i = 0; i < a->n_crypto; i++)
        if (strcmp(a->crypto[i], b->crypto[i]) != 0)
            return false;
    return true;
}

bool policy_dpdk_equal(const struct policy_dpdk *a, const struct policy_dpdk *b)
{
    if (a->n_lcores != b->n_lcores || memcmp(a->lcores, b->lcores, sizeof a->lcores) ||
        a->memory_mb != b->memory_mb || a->hugepages != b->hugepages || a->n_ports != b->n_ports ||
        !crypto_equal(a, b))
        return false;
    for (unsigned i = 0; i < a->n_ports; i++)
        if (!port_equal(&a->ports[i], &b->ports[i]))
            return false;
    return true;
}
