/* server_settings: the verbs of the network and the time (settings.h). */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "appliance-image/src/live.h"
#include "appliance-image/src/running.h"
#include "appliance-image/src/server_parts.h"
#include "appliance-image/src/settings.h"
#include "dataplane/base/log.h"

int server_network(struct server *s, unsigned i, struct buf *b)
{
    struct system_network m;
    uint8_t mem[NETWORK_BODY_MAX];
    struct buf out;

    if (system_get_empty(b))
        return -EPROTO;
    m.version = s->settings->version;
    m.confirm_s = settings_left_s(s->settings);
    m.network = s->settings->running;
    buf_init(&out, mem, sizeof mem);
    system_put_network(&out, &m);
    server_answer(s, i, SYSTEM_NETWORK_IS, &out);
    return 0;
}

int server_network_set(struct server *s, unsigned i, struct buf *b)
{
    struct system_network m;
    struct err e;
    int rc;

    if (system_get_network(b, &m))
        return -EPROTO;
    rc = settings_network(s->settings, &m, &e);
    if (!rc)
        log_event(LOG_INFO, "network_set", "interfaces=%u confirm_s=%u", m.network.n_links,
                  m.confirm_s);
    server_done(s, i, rc, s->settings->version, &e);
    return 0;
}

int server_network_confirm(struct server *s, unsigned i, struct buf *b)
{
    struct err e;
    int rc;

    if (system_get_empty(b))
        return -EPROTO;
    rc = settings_confirm(s->settings, &e);
    if (!rc)
        log_event(LOG_INFO, "network_confirmed", "interfaces=%u", s->settings->saved.n_links);
    server_done(s, i, rc, s->settings->version, &e);
    return 0;
}

int server_links(struct server *s, unsigned i, struct buf *b)
{
    struct system_links m;
    uint8_t mem[NETWORK_BODY_MAX];
    struct buf out;

    if (system_get_empty(b))
        return -EPROTO;
    live_links(&m);
    live_routes(&m);
    buf_init(&out, mem, sizeof mem);
    system_put_links(&out, &m);
    server_answer(s, i, SYSTEM_LINKS_ARE, &out);
    return 0;
}

int server_time(struct server *s, unsigned i, struct buf *b)
{
    struct system_time m = {.version = s->settings->time_version,
                            .built_s = running_made_s(s->version),
                            .time = s->settings->time};
    uint8_t mem[NETWORK_BODY_MAX];
    struct buf out;

    if (system_get_empty(b))
        return -EPROTO;
    live_clock(&m);
    buf_init(&out, mem, sizeof mem);
    system_put_time(&out, &m);
    server_answer(s, i, SYSTEM_TIME_IS, &out);
    return 0;
}

int server_time_set(struct server *s, unsigned i, struct buf *b)
{
    struct system_time m;
    struct err e;
    int rc;

    if (system_get_time(b, &m))
        return -EPROTO;
    rc = settings_time(s->settings, &m, &e);
    if (!rc)
        log_event(LOG_INFO, "time_set", "servers=%u", m.time.n);
    server_done(s, i, rc, s->settings->time_version, &e);
    return 0;
}
