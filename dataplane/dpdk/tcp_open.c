/* Connections begin: listening, accepting, dialling. */
#include <errno.h>
#include <string.h>
#include <lwip/sys.h>
#include "dataplane/core/flow.h"
#include "dataplane/dpdk/checks.h"
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/ipaddr.h"
#include "dataplane/dpdk/lwip/hooks.h"
#include "dataplane/dpdk/quota.h"
#include "dataplane/dpdk/tcp.h"

#define PORT_FIRST 49152u /* of the dynamic ones, RFC 6335 6 */
#define PORTS      16384u

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct tcp *t = arg;
    struct conn *c;

    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    demux_opened(pcb);
    c = conn_new(t, pcb);
    if (!c)
        return ERR_MEM; /* lwIP resets it */
    c->connected = true;
    quota_begin(pcb, t->conns.used, &c->withheld);
    ipaddr_to(&c->peer, &pcb->remote_ip, pcb->remote_port);
    ipaddr_to(&c->local, &pcb->local_ip, pcb->local_port);
    list_push(&t->accepted, &c->node);
    return ERR_OK;
}

static struct tcp_pcb *listener_open(struct tcp *t, const struct addr *a)
{
    struct port *port = ports_with(t->ports, a);
    struct tcp_pcb *pcb, *listening;
    ip_addr_t ip;

    if (!port)
        return NULL;
    ipaddr_from(&ip, a);
    pcb = tcp_new_ip_type(IP_GET_TYPE(&ip));
    if (!pcb)
        return NULL;
    tcp_bind_netif(pcb, &port->netif);
    if (tcp_bind(pcb, &ip, addr_port(a)) != ERR_OK) {
        tcp_abort(pcb);
        return NULL;
    }
    listening = tcp_listen_with_backlog(pcb, TCP_DEFAULT_LISTEN_BACKLOG);
    if (!listening) {
        tcp_abort(pcb);
        return NULL;
    }
    demux_listen(listening);
    tcp_arg(listening, t);
    tcp_accept(listening, on_accept);
    return listening;
}

static void listener_close(struct tcp_listener *l)
{
    if (l->pcb)
        tcp_close(l->pcb);
    l->pcb = NULL;
}

static bool wanted(const struct policy *p, const struct addr *a)
{
    for (unsigned i = 0; i < p->n_listeners; i++)
        if (p->listeners[i].dpdk && addr_equal(&p->listeners[i].addr, a))
            return true;
    return false;
}

static bool listens(const struct tcp *t, const struct addr *a)
{
    for (unsigned i = 0; i < t->n_listeners; i++)
        if (addr_equal(&t->listener[i].addr, a))
            return true;
    return false;
}

/* A listener that both revisions have stays: no caller is lost. */
int tcp_listen_on(struct worker *w, const struct policy *p, const int *fds, unsigned n)
{
    struct tcp *t = w->ring;
    unsigned kept = 0;

    (void)fds;
    (void)n;
    for (unsigned i = 0; i < t->n_listeners; i++) {
        if (wanted(p, &t->listener[i].addr))
            t->listener[kept++] = t->listener[i];
        else
            listener_close(&t->listener[i]);
    }
    t->n_listeners = kept;
    for (unsigned i = 0; i < p->n_listeners && t->n_listeners < TCP_LISTENERS_MAX; i++) {
        const struct addr *a = &p->listeners[i].addr;

        if (!p->listeners[i].dpdk || listens(t, a))
            continue;
        t->listener[t->n_listeners].addr = *a;
        t->listener[t->n_listeners].pcb = listener_open(t, a);
        if (!t->listener[t->n_listeners].pcb)
            return -EADDRNOTAVAIL;
        t->n_listeners++;
    }
    checks_set(t);
    return 0;
}

void tcp_stop_listening(struct worker *w)
{
    struct tcp *t = w->ring;

    for (unsigned i = 0; i < t->n_listeners; i++)
        listener_close(&t->listener[i]);
    t->n_listeners = 0;
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct conn *c = arg;

    (void)err;
    demux_opened(pcb);
    c->connected = true;
    quota_begin(pcb, c->tcp->conns.used, &c->withheld);
    if (list_empty(&c->node))
        list_push(&c->tcp->ready, &c->node);
    return ERR_OK;
}

static struct port *choose_port(struct tcp *t, const struct policy_link *l, const struct addr *to,
                                struct addr *from)
{
    const struct addr *source = &l->source;
    bool asked = source->len && source->sa.sa_family == to->sa.sa_family;
    struct port *port = asked ? ports_with(t->ports, source) : ports_towards(t->ports, to);

    if (port)
        *from = asked ? *source : port_source(port, to);
    return port && from->len ? port : NULL;
}

/*
 * Choose a local port by which the answers come to this worker, at a random place to begin with
 * (RFC 6056). lwIP's own choice and its binding walk all connections. False: all of them are taken.
 */
static bool choose_number(struct tcp *t, const struct port *port, struct tcp_pcb *pcb,
                          const struct addr *from, const struct addr *to)
{
    unsigned first = lwip_random() % PORTS;
    struct addr own = *from;

    for (unsigned i = 0; i < PORTS; i++) {
        uint16_t number = (uint16_t)(PORT_FIRST + (first + i) % PORTS);
        struct tuple ends;

        *(own.sa.sa_family == AF_INET ? &own.in4.sin_port
                                      : &own.in6.sin6_port) = lwip_htons(number);
        ends = ports_tuple(&own, to);
        if (!ports_answer_here(t->ports, port, &ends) || demux_find(&ends))
            continue;
        ipaddr_from(&pcb->local_ip, from);
        pcb->local_port = number;
        return true;
    }
    return false;
}

int tcp_connect_to(struct tcp *t, const struct policy_link *l, const struct addr *to)
{
    struct tcp_pcb *pcb;
    struct addr from;
    ip_addr_t ip;
    struct port *port = choose_port(t, l, to, &from);
    struct conn *c;

    if (!port)
        return -ENETUNREACH;
    ipaddr_from(&ip, to);
    pcb = tcp_new_ip_type(IP_GET_TYPE(&ip));
    c = pcb ? conn_new(t, pcb) : NULL;
    if (!c) {
        if (pcb)
            tcp_abort(pcb);
        return -ENOMEM;
    }
    c->peer = *to;
    tcp_bind_netif(pcb, &port->netif);
    if (!choose_number(t, port, pcb, &from, to) ||
        tcp_connect(pcb, &ip, addr_port(to), on_connected) != ERR_OK || demux_add(pcb)) {
        c->reset = true;
        conn_free(c);
        return -EADDRNOTAVAIL;
    }
    return conn_index(c);
}

void tcp_dial(struct worker *w, struct session *s, const struct policy_target *target)
{
    struct leg *inner = &s->leg[LEG_INNER];
    int rc = tcp_connect_to(w->ring, s->link->policy, &target->addr);

    if (rc < 0) {
        flow_dialled(s, rc);
        return;
    }
    inner->fd = rc;
    w->net->options(w, inner, s->link->policy->keepalive_s, s->link->policy->user_timeout_s);
    w->net->want_out(w, s, inner);
}

void tcp_dial_cancel(struct worker *w, struct session *s)
{
    struct leg *inner = &s->leg[LEG_INNER];

    if (inner->fd < 0)
        return;
    w->net->unwant(w, s, inner);
    w->net->reset(w, inner);
    w->net->hang_up(w, inner);
}

void tcp_dial_writable(struct worker *w, struct session *s)
{
    const struct conn *c = conn_of(w, s->leg[LEG_INNER].fd);
    int rc = c->error;

    if (rc)
        tcp_dial_cancel(w, s);
    flow_dialled(s, rc);
}

/* RFC 6528: a clock plus a keyed hash of both ends. */
u32_t tcp_first_sequence(const void *local, u16_t local_port, const void *remote, u16_t remote_port)
{
    static struct hash_key key;
    struct {
        uint8_t ends[2][16];
        uint16_t ports[2];
    } id;
    const ip_addr_t *ends[2] = {local, remote};

    if (!key.k0 && !key.k1)
        hash_key_init(&key);
    memset(&id, 0, sizeof id);
    for (int i = 0; i < 2; i++) {
        if (IP_IS_V4(ends[i]))
            memcpy(id.ends[i], &ip_2_ip4(ends[i])->addr, 4);
        else
            memcpy(id.ends[i], ip_2_ip6(ends[i])->addr, 16);
    }
    id.ports[0] = local_port;
    id.ports[1] = remote_port;
    return (u32_t)hash_bytes(&key, &id, sizeof id) + sys_now() * 250;
}
