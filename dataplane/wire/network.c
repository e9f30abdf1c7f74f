#include "dataplane/wire/network.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/codec.h"

const char *const network_dhcp_words[NETWORK_DHCPS] = {"none", "ipv4", "ipv6", "both"};
const char *const network_mode_words[NETWORK_MODES] = {"active-backup", "802.3ad", "balance-xor"};

/* ---- text ---- */

static uint8_t all_bits(uint8_t family)
{
    return family == AF_INET ? 32 : 128;
}

int network_parse(struct network_prefix *p, const char *text)
{
    struct network_prefix out = {0};
    char ip[INET6_ADDRSTRLEN], *end;
    size_t n = strcspn(text, "/");
    unsigned long bits;

    if (n >= sizeof ip)
        return -EINVAL;
    memcpy(ip, text, n);
    ip[n] = 0;
    out.family = strchr(ip, ':') ? AF_INET6 : AF_INET;
    out.bits = all_bits(out.family);
    if (inet_pton(out.family, ip, out.ip) != 1)
        return -EINVAL;
    if (text[n] == '/') {
        bits = strtoul(text + n + 1, &end, 10);
        if (text[n + 1] < '0' || text[n + 1] > '9' || *end || bits > out.bits)
            return -EINVAL;
        out.bits = (uint8_t)bits;
    }
    *p = out;
    return 0;
}

const char *network_text(const struct network_prefix *p, bool length, char out[NETWORK_TEXT])
{
    char ip[INET6_ADDRSTRLEN] = "?";

    (void)inet_ntop(p->family, p->ip, ip, sizeof ip);
    snprintf(out, NETWORK_TEXT, length ? "%s/%u" : "%s", ip, p->bits);
    return out;
}

/* ---- bytes ---- */

void network_put_prefix(struct buf *b, const struct network_prefix *p)
{
    buf_put_u8(b, p->family == AF_INET6);
    buf_put_u8(b, p->bits);
    buf_put_bytes(b, p->ip, all_bits(p->family) / 8);
}

void network_get_prefix(struct buf *b, struct network_prefix *p)
{
    p->family = codec_get_bool(b) ? AF_INET6 : AF_INET;
    p->bits = codec_get_upto(b, all_bits(p->family));
    codec_get_array(b, p->ip, all_bits(p->family) / 8);
}

static void put_link(struct buf *b, const struct network_link *l)
{
    buf_put_str(b, l->name);
    buf_put_u8(b, l->kind);
    buf_put_u8(b, l->dhcp);
    buf_put_u8(b, l->mode);
    buf_put_u8(b, l->adverts);
    buf_put_u16(b, l->mtu);
    buf_put_u16(b, l->vlan);
    buf_put_str(b, l->on);
    buf_put_u8(b, l->n_members);
    for (unsigned i = 0; i < l->n_members; i++)
        buf_put_str(b, l->members[i]);
    buf_put_u8(b, l->n_addresses);
    for (unsigned i = 0; i < l->n_addresses; i++)
        network_put_prefix(b, &l->addresses[i]);
    buf_put_u8(b, l->n_routes);
    for (unsigned i = 0; i < l->n_routes; i++) {
        network_put_prefix(b, &l->routes[i].to);
        network_put_prefix(b, &l->routes[i].via);
    }
}

static void get_link(struct buf *b, struct network_link *l)
{
    buf_get_str(b, l->name, sizeof l->name);
    l->kind = codec_get_upto(b, NETWORK_KINDS - 1);
    l->dhcp = codec_get_upto(b, NETWORK_DHCPS - 1);
    l->mode = codec_get_upto(b, NETWORK_MODES - 1);
    l->adverts = codec_get_bool(b);
    l->mtu = buf_get_u16(b);
    l->vlan = buf_get_u16(b);
    buf_get_str(b, l->on, sizeof l->on);
    l->n_members = codec_get_upto(b, NETWORK_MEMBERS);
    for (unsigned i = 0; i < l->n_members; i++)
        buf_get_str(b, l->members[i], sizeof l->members[i]);
    l->n_addresses = codec_get_upto(b, NETWORK_ADDRESSES);
    for (unsigned i = 0; i < l->n_addresses; i++)
        network_get_prefix(b, &l->addresses[i]);
    l->n_routes = codec_get_upto(b, NETWORK_ROUTES);
    for (unsigned i = 0; i < l->n_routes; i++) {
        network_get_prefix(b, &l->routes[i].to);
        network_get_prefix(b, &l->routes[i].via);
    }
}

void network_put(struct buf *b, const struct network *n)
{
    buf_put_u8(b, n->n_links);
    for (unsigned i = 0; i < n->n_links; i++)
        put_link(b, &n->links[i]);
    buf_put_u8(b, n->n_dns);
    for (unsigned i = 0; i < n->n_dns; i++)
        network_put_prefix(b, &n->dns[i]);
}

void network_get(struct buf *b, struct network *n)
{
    memset(n, 0, sizeof *n);
    n->n_links = codec_get_upto(b, NETWORK_LINKS);
    for (unsigned i = 0; i < n->n_links && buf_ok(b); i++)
        get_link(b, &n->links[i]);
    n->n_dns = codec_get_upto(b, NETWORK_SERVERS);
    for (unsigned i = 0; i < n->n_dns; i++)
        network_get_prefix(b, &n->dns[i]);
}

void network_put_time(struct buf *b, const struct network_time *t)
{
    buf_put_u8(b, t->n);
    for (unsigned i = 0; i < t->n; i++)
        buf_put_str(b, t->servers[i]);
}

void network_get_time(struct buf *b, struct network_time *t)
{
    memset(t, 0, sizeof *t);
    t->n = codec_get_upto(b, NETWORK_SERVERS);
    for (unsigned i = 0; i < t->n; i++)
        buf_get_str(b, t->servers[i], sizeof t->servers[i]);
}
