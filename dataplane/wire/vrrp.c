#include "dataplane/wire/vrrp.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/wire/codec.h"

const char *const vrrp_states[VRRP_STATES] = {
    "off", "starting", "passive", "active", "fault", "failed",
};

static unsigned most_bits(uint8_t family)
{
    return family == AF_INET ? 32 : 128;
}

static size_t bytes_of(uint8_t family)
{
    return most_bits(family) / 8;
}

bool vrrp_is_interface(const char *name)
{
    size_t n = strlen(name);

    return n > 0 && n < VRRP_INTERFACE_MAX && name[0] != '.' && name[0] != '-' &&
           strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n;
}

/* "24" behind the slash, into *bits. */
static int parse_bits(const char *text, unsigned most, uint8_t *bits)
{
    size_t n = strlen(text);
    unsigned long v = n && n < 4 && strspn(text, "0123456789") == n ? strtoul(text, NULL, 10) : 0;

    if (v < 1 || v > most || text[0] == '0')
        return -EINVAL;
    *bits = (uint8_t)v;
    return 0;
}

int vrrp_address_parse(const char *text, struct vrrp_address *a)
{
    struct vrrp_address made = {.family = strchr(text, ':') ? AF_INET6 : AF_INET};
    const char *slash = strchr(text, '/');
    char ip[VRRP_TEXT_MAX];
    size_t n = slash ? (size_t)(slash - text) : strlen(text);

    if (n >= sizeof ip)
        return -EINVAL;
    memcpy(ip, text, n);
    ip[n] = '\0';
    if (inet_pton(made.family, ip, made.ip) != 1 ||
        (slash && parse_bits(slash + 1, most_bits(made.family), &made.bits)))
        return -EINVAL;
    *a = made;
    return 0;
}

const char *vrrp_address_text(const struct vrrp_address *a, char out[VRRP_TEXT_MAX])
{
    if (!inet_ntop(a->family, a->ip, out, VRRP_TEXT_MAX))
        snprintf(out, VRRP_TEXT_MAX, "-");
    return out;
}

/* ---- on the wire ---- */

static void put_address(struct buf *b, const struct vrrp_address *a)
{
    buf_put_u8(b, a->family == AF_INET ? 4 : a->family == AF_INET6 ? 6 : 0);
    buf_put_u8(b, a->bits);
    if (a->family)
        buf_put_bytes(b, a->ip, bytes_of(a->family));
}

static void get_address(struct buf *b, struct vrrp_address *a)
{
    uint8_t version = buf_get_u8(b);
    const uint8_t *ip;

    a->bits = buf_get_u8(b);
    if (version != 4 && version != 6) {
        b->bad = b->bad || version || a->bits;
        return;
    }
    a->family = version == 4 ? AF_INET : AF_INET6;
    ip = buf_get_bytes(b, bytes_of(a->family));
    if (ip)
        memcpy(a->ip, ip, bytes_of(a->family));
    if (a->bits > most_bits(a->family))
        b->bad = true;
}

void vrrp_put_set(struct buf *b, const struct vrrp_set *m)
{
    buf_put_u8(b, m->on);
    if (!m->on)
        return;
    buf_put_str(b, m->interface);
    buf_put_u8(b, m->router);
    buf_put_u8(b, m->priority);
    buf_put_u8(b, m->preempt);
    buf_put_u32(b, m->interval_ms);
    put_address(b, &m->source);
    put_address(b, &m->peer);
    buf_put_u8(b, m->n_addresses);
    for (unsigned i = 0; i < m->n_addresses; i++)
        put_address(b, &m->addresses[i]);
}

/* Is it something that keepalived may be told? */
static bool makes_sense(const struct vrrp_set *m)
{
    bool good = vrrp_is_interface(m->interface) && m->router > 0 && m->priority > 0 &&
                m->priority <= VRRP_PRIORITY_MAX && m->interval_ms >= VRRP_INTERVAL_MIN &&
                m->interval_ms <= VRRP_INTERVAL_MAX && m->interval_ms % 10 == 0 &&
                m->peer.family == m->source.family && m->n_addresses > 0;

    for (unsigned i = 0; good && i < m->n_addresses; i++)
        good = m->addresses[i].family && m->addresses[i].bits;
    return good;
}

int vrrp_get_set(struct buf *b, struct vrrp_set *m)
{
    memset(m, 0, sizeof *m);
    m->on = codec_get_bool(b);
    if (!m->on)
        return codec_done(b);
    buf_get_str(b, m->interface, sizeof m->interface);
    m->router = buf_get_u8(b);
    m->priority = buf_get_u8(b);
    m->preempt = codec_get_bool(b);
    m->interval_ms = buf_get_u32(b);
    get_address(b, &m->source);
    get_address(b, &m->peer);
    m->n_addresses = codec_get_upto(b, VRRP_ADDRESSES_MAX);
    for (unsigned i = 0; buf_ok(b) && i < m->n_addresses; i++)
        get_address(b, &m->addresses[i]);
    if (buf_ok(b) && !makes_sense(m))
        b->bad = true;
    return codec_done(b);
}

void vrrp_put_health(struct buf *b, const bool *good)
{
    buf_put_u8(b, *good);
}

int vrrp_get_health(struct buf *b, bool *good)
{
    bool v = codec_get_bool(b);
    int rc = codec_done(b);

    if (!rc)
        *good = v;
    return rc;
}

void vrrp_put_status(struct buf *b, const struct vrrp_status *m)
{
    buf_put_u8(b, m->state);
    buf_put_u64(b, (uint64_t)m->since_s);
    buf_put_u32(b, m->changes);
    buf_put_str(b, m->why);
}

int vrrp_get_status(struct buf *b, struct vrrp_status *m)
{
    memset(m, 0, sizeof *m);
    m->state = codec_get_upto(b, VRRP_STATES - 1);
    m->since_s = (int64_t)buf_get_u64(b);
    m->changes = buf_get_u32(b);
    buf_get_str(b, m->why, sizeof m->why);
    return codec_done(b);
}
