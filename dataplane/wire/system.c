#include "dataplane/wire/system.h"

#include <errno.h>
#include <string.h>
#include "dataplane/wire/codec.h"

const char *const system_slot_states[SYSTEM_SLOT_STATES] = {
    "empty", "incomplete", "installed", "trial", "good", "failed", "aside",
};

const char *const system_protocols[SYSTEM_PROTOCOLS] = {"tcp", "udp", "raw"};

int system_get_empty(struct buf *b)
{
    return codec_done(b);
}

const uint8_t *system_get_data(struct buf *b, size_t *n)
{
    *n = buf_left(b);
    return *n && *n <= SYSTEM_DATA_MAX ? buf_get_bytes(b, *n) : NULL;
}

void system_put_version(struct buf *b, uint64_t version)
{
    buf_put_u64(b, version);
}

int system_get_version(struct buf *b, uint64_t *version)
{
    uint64_t v = buf_get_u64(b);
    int rc = codec_done(b);

    if (!rc)
        *version = v;
    return rc;
}

void system_put_power(struct buf *b, enum system_power what)
{
    buf_put_u8(b, what);
}

int system_get_power(struct buf *b, enum system_power *what)
{
    uint8_t v = codec_get_upto(b, SYSTEM_POWERS - 1);
    int rc = codec_done(b);

    if (!rc)
        *what = (enum system_power)v;
    return rc;
}

void system_put_status(struct buf *b, const struct system_status *m)
{
    buf_put_u64(b, m->version);
    buf_put_u8(b, m->running);
    buf_put_u8(b, m->installing);
    buf_put_u64(b, m->uptime_s);
    buf_put_str(b, m->kernel);
    for (unsigned i = 0; i < SYSTEM_SLOTS; i++) {
        buf_put_u64(b, m->slots[i].version);
        buf_put_u8(b, m->slots[i].state);
        buf_put_u8(b, m->slots[i].left);
    }
}

int system_get_status(struct buf *b, struct system_status *m)
{
    memset(m, 0, sizeof *m);
    m->version = buf_get_u64(b);
    m->running = codec_get_upto(b, SYSTEM_SLOTS - 1);
    m->installing = codec_get_bool(b);
    m->uptime_s = buf_get_u64(b);
    buf_get_str(b, m->kernel, sizeof m->kernel);
    for (unsigned i = 0; i < SYSTEM_SLOTS; i++) {
        m->slots[i].version = buf_get_u64(b);
        m->slots[i].state = codec_get_upto(b, SYSTEM_SLOT_STATES - 1);
        m->slots[i].left = codec_get_upto(b, SYSTEM_LEFT_MAX);
    }
    return codec_done(b);
}

void system_put_done(struct buf *b, const struct system_done *m)
{
    buf_put_u32(b, (uint32_t)m->error);
    buf_put_u64(b, m->version);
    buf_put_str(b, m->error ? m->why.where : "");
    buf_put_str(b, m->error ? m->why.what : "");
    buf_put_str(b, m->error ? m->why.fix : "");
}

int system_get_done(struct buf *b, struct system_done *m)
{
    memset(m, 0, sizeof *m);
    m->error = codec_get_errno(b);
    m->version = buf_get_u64(b);
    buf_get_str(b, m->why.where, sizeof m->why.where);
    buf_get_str(b, m->why.what, sizeof m->why.what);
    buf_get_str(b, m->why.fix, sizeof m->why.fix);
    /* A failure says why, and nothing else does. */
    if ((m->error == 0) != (m->why.what[0] == 0) ||
        (!m->error && (m->why.where[0] || m->why.fix[0])))
        b->bad = true;
    return codec_done(b);
}

void system_put_network(struct buf *b, const struct system_network *m)
{
    buf_put_u64(b, m->version);
    buf_put_u32(b, m->confirm_s);
    network_put(b, &m->network);
}

int system_get_network(struct buf *b, struct system_network *m)
{
    memset(m, 0, sizeof *m);
    m->version = buf_get_u64(b);
    m->confirm_s = buf_get_u32(b);
    if (m->confirm_s > SYSTEM_CONFIRM_MAX)
        b->bad = true;
    network_get(b, &m->network);
    return codec_done(b);
}

static void put_live(struct buf *b, const struct system_live *l)
{
    buf_put_str(b, l->name);
    buf_put_bytes(b, l->mac, sizeof l->mac);
    buf_put_u8(b, l->up);
    buf_put_u8(b, l->carrier);
    buf_put_u16(b, l->mtu);
    buf_put_u32(b, l->speed);
    buf_put_u8(b, l->n_addresses);
    for (unsigned i = 0; i < l->n_addresses; i++)
        network_put_prefix(b, &l->addresses[i]);
}

static void get_live(struct buf *b, struct system_live *l)
{
    buf_get_str(b, l->name, sizeof l->name);
    codec_get_array(b, l->mac, sizeof l->mac);
    l->up = codec_get_bool(b);
    l->carrier = codec_get_bool(b);
    l->mtu = buf_get_u16(b);
    l->speed = buf_get_u32(b);
    l->n_addresses = codec_get_upto(b, SYSTEM_LIVE_IPS);
    for (unsigned i = 0; i < l->n_addresses; i++)
        network_get_prefix(b, &l->addresses[i]);
}

static void put_route(struct buf *b, const struct system_route *r)
{
    network_put_prefix(b, &r->to);
    buf_put_u8(b, r->via.family != 0);
    if (r->via.family)
        network_put_prefix(b, &r->via);
    buf_put_str(b, r->on);
    buf_put_u32(b, r->metric);
}

static void get_route(struct buf *b, struct system_route *r)
{
    network_get_prefix(b, &r->to);
    if (codec_get_bool(b))
        network_get_prefix(b, &r->via);
    buf_get_str(b, r->on, sizeof r->on);
    r->metric = buf_get_u32(b);
}

void system_put_links(struct buf *b, const struct system_links *m)
{
    buf_put_u8(b, m->n);
    for (unsigned i = 0; i < m->n; i++)
        put_live(b, &m->links[i]);
    buf_put_u8(b, m->n_routes);
    for (unsigned i = 0; i < m->n_routes; i++)
        put_route(b, &m->routes[i]);
}

int system_get_links(struct buf *b, struct system_links *m)
{
    memset(m, 0, sizeof *m);
    m->n = codec_get_upto(b, SYSTEM_LIVE_MAX);
    for (unsigned i = 0; i < m->n && buf_ok(b); i++)
        get_live(b, &m->links[i]);
    m->n_routes = codec_get_upto(b, SYSTEM_LIVE_ROUTES);
    for (unsigned i = 0; i < m->n_routes && buf_ok(b); i++)
        get_route(b, &m->routes[i]);
    return codec_done(b);
}

void system_put_time(struct buf *b, const struct system_time *m)
{
    buf_put_u64(b, m->version);
    buf_put_u8(b, m->synchronised);
    buf_put_u64(b, (uint64_t)m->offset_us);
    buf_put_u64(b, (uint64_t)m->max_error_us);
    buf_put_u64(b, (uint64_t)m->built_s);
    network_put_time(b, &m->time);
}

int system_get_time(struct buf *b, struct system_time *m)
{
    memset(m, 0, sizeof *m);
    m->version = buf_get_u64(b);
    m->synchronised = codec_get_bool(b);
    m->offset_us = (int64_t)buf_get_u64(b);
    m->max_error_us = (int64_t)buf_get_u64(b);
    m->built_s = (int64_t)buf_get_u64(b);
    network_get_time(b, &m->time);
    return codec_done(b);
}

static void put_unit(struct buf *b, const struct system_unit *u)
{
    buf_put_str(b, u->name);
    buf_put_str(b, u->active);
    buf_put_str(b, u->sub);
    buf_put_str(b, u->result);
    buf_put_u32(b, u->restarts);
    buf_put_u64(b, u->memory);
}

static void get_word(struct buf *b, char *out, size_t cap)
{
    buf_get_str(b, out, cap);
    for (const char *at = out; *at; at++)
        if (*at < ' ' || *at > '~')
            b->bad = true;
}

static void get_unit(struct buf *b, struct system_unit *u)
{
    get_word(b, u->name, sizeof u->name);
    get_word(b, u->active, sizeof u->active);
    get_word(b, u->sub, sizeof u->sub);
    get_word(b, u->result, sizeof u->result);
    u->restarts = buf_get_u32(b);
    u->memory = buf_get_u64(b);
}

static void put_counter(struct buf *b, const struct system_counter *c)
{
    buf_put_str(b, c->name);
    buf_put_u64(b, c->packets);
    buf_put_u64(b, c->bytes);
}

static void get_counter(struct buf *b, struct system_counter *c)
{
    get_word(b, c->name, sizeof c->name);
    c->packets = buf_get_u64(b);
    c->bytes = buf_get_u64(b);
}

static void put_listener(struct buf *b, const struct system_listener *l)
{
    buf_put_u8(b, l->protocol);
    network_put_prefix(b, &l->address);
    buf_put_u16(b, l->port);
    buf_put_u32(b, l->user);
}

static void get_listener(struct buf *b, struct system_listener *l)
{
    l->protocol = codec_get_upto(b, SYSTEM_PROTOCOLS - 1);
    network_get_prefix(b, &l->address);
    l->port = buf_get_u16(b);
    l->user = buf_get_u32(b);
}

void system_put_checkup(struct buf *b, const struct system_checkup *m)
{
    buf_put_u8(b, m->n_units);
    for (unsigned i = 0; i < m->n_units; i++)
        put_unit(b, &m->units[i]);
    buf_put_u8(b, m->n_counters);
    for (unsigned i = 0; i < m->n_counters; i++)
        put_counter(b, &m->counters[i]);
    buf_put_u8(b, m->n_listeners);
    for (unsigned i = 0; i < m->n_listeners; i++)
        put_listener(b, &m->listeners[i]);
}

int system_get_checkup(struct buf *b, struct system_checkup *m)
{
    memset(m, 0, sizeof *m);
    m->n_units = codec_get_upto(b, SYSTEM_UNITS);
    for (unsigned i = 0; i < m->n_units && buf_ok(b); i++)
        get_unit(b, &m->units[i]);
    m->n_counters = codec_get_upto(b, SYSTEM_COUNTERS);
    for (unsigned i = 0; i < m->n_counters && buf_ok(b); i++)
        get_counter(b, &m->counters[i]);
    m->n_listeners = codec_get_upto(b, SYSTEM_LISTENERS);
    for (unsigned i = 0; i < m->n_listeners && buf_ok(b); i++)
        get_listener(b, &m->listeners[i]);
    return codec_done(b);
}

static void put_device(struct buf *b, const struct system_device *d)
{
    buf_put_str(b, d->address);
    buf_put_u16(b, d->vendor);
    buf_put_u16(b, d->device);
    buf_put_str(b, d->driver);
    buf_put_str(b, d->interface);
    buf_put_u8(b, d->grouped);
    buf_put_u32(b, d->group);
    buf_put_u8(b, d->given);
    buf_put_str(b, d->why);
}

static void get_device(struct buf *b, struct system_device *d)
{
    get_word(b, d->address, sizeof d->address);
    d->vendor = buf_get_u16(b);
    d->device = buf_get_u16(b);
    get_word(b, d->driver, sizeof d->driver);
    get_word(b, d->interface, sizeof d->interface);
    d->grouped = codec_get_bool(b);
    d->group = buf_get_u32(b);
    d->given = codec_get_bool(b);
    get_word(b, d->why, sizeof d->why);
}

void system_put_devices(struct buf *b, const struct system_devices *m)
{
    buf_put_u32(b, m->huge_mb);
    buf_put_u8(b, m->n);
    for (unsigned i = 0; i < m->n; i++)
        put_device(b, &m->devices[i]);
}

int system_get_devices(struct buf *b, struct system_devices *m)
{
    memset(m, 0, sizeof *m);
    m->huge_mb = buf_get_u32(b);
    m->n = codec_get_upto(b, SYSTEM_DEVICES_MAX);
    for (unsigned i = 0; i < m->n && buf_ok(b); i++)
        get_device(b, &m->devices[i]);
    return codec_done(b);
}

void system_put_give(struct buf *b, const struct system_give *m)
{
    buf_put_u32(b, m->huge_mb);
    buf_put_u8(b, m->n);
    for (unsigned i = 0; i < m->n; i++)
        buf_put_str(b, m->devices[i]);
}

int system_get_give(struct buf *b, struct system_give *m)
{
    memset(m, 0, sizeof *m);
    m->huge_mb = buf_get_u32(b);
    m->n = codec_get_upto(b, SYSTEM_GIVEN_MAX);
    for (unsigned i = 0; i < m->n && buf_ok(b); i++)
        get_word(b, m->devices[i], sizeof m->devices[i]);
    return codec_done(b);
}
