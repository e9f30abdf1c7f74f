/*
 * The generator's connections over lwIP and two Ethernet ports (perf/load/wire.h), in one thread
 * with the backend: connections to NETPORTS_SERVER_PORT at the inside port are served right here.
 * As in the gateway, lwIP's callbacks only note what happened.
 */
#include "perf/load/wire.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <lwip/priv/tcp_priv.h>
#include <lwip/timeouts.h>
#include "dataplane/base/check.h"
#include "dataplane/base/list.h"
#include "dataplane/base/pool.h"
#include "dataplane/dpdk/acks.h"
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/face.h"
#include "dataplane/dpdk/ipaddr.h"
#include "dataplane/dpdk/outlet.h"
#include "dataplane/dpdk/packets.h"
#include "dataplane/dpdk/quota.h"
#include "dataplane/dpdk/tails.h"
#include "perf/dpdk/bio.h"
#include "perf/dpdk/netports.h"
#include "perf/load/crew.h"
#include "perf/load/serving.h"

#define CONNS      24000
#define PORT_FIRST 10000
#define PORT_LAST  60000
#define WRITE_MAX  0xf000u /* of one call: lengths are 16 bits there */
#define POLLS      8       /* of a round: it takes what comes while it sends */

/*
 * What is sent and not acknowledged, of all connections: as of many clients behind one line. Each
 * has its turn and sends whole records then.
 */
#define SENT_MAX (1u << 20)

struct conn {
    struct list node;   /* in wire.ready */
    struct list queued; /* in wire.waiting */
    struct tcp_pcb *pcb;
    struct packets rx;
    size_t patience;   /* bytes received that make a wake-up worth it */
    uint32_t withheld; /* bytes that its window is short of */
    uint32_t sent;     /* bytes sent and not acknowledged */
    int error;         /* errno, once lwIP gave it up */
    bool eof, connected, serving;
    bool turn; /* to send */
    uint32_t wanted;
    void *who; /* a stream, or a serving */
};

/* lwIP is one instance in a process, and so is this above it. */
static struct {
    struct ports *ports;
    struct pool conns;
    struct list ready;
    struct list waiting; /* to send, while so much of all is under way */
    size_t sent;         /* bytes of all connections that are not acknowledged */
    struct serving_env backend;
    uint16_t next_port;
    uint64_t tick_ms;
    bool accepting;
} wire;

static struct conn *conn_at(int fd)
{
    struct conn *c = fd < 0 ? NULL : pool_any(&wire.conns, (uint32_t)fd);

    check(c);
    return c;
}

static void note(struct conn *c)
{
    if (list_empty(&c->node))
        list_push(&wire.ready, &c->node);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct conn *c = arg;

    (void)err;
    if (!c) {
        if (p) {
            tcp_recved(pcb, p->tot_len);
            pbuf_free(p);
        }
        return ERR_OK;
    }
    if (p)
        packets_add(&c->rx, p);
    else
        c->eof = true;
    note(c);
    return ERR_OK;
}

static err_t on_sent(void *arg, struct tcp_pcb *pcb, u16_t n)
{
    struct conn *c = arg;

    (void)n;
    if (c) {
        quota_count(pcb, &c->sent, &wire.sent);
        note(c);
    }
    return ERR_OK;
}

static void on_error(void *arg, err_t err)
{
    struct conn *c = arg;

    if (!c)
        return;
    c->pcb = NULL;
    quota_count(c->pcb, &c->sent, &wire.sent);
    if (err == ERR_CLSD)
        c->eof = true;
    else
        c->error = err == ERR_RST ? (c->connected ? ECONNRESET : ECONNREFUSED) : ETIMEDOUT;
    note(c);
}

static err_t on_connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct conn *c = arg;

    (void)err;
    demux_opened(pcb);
    quota_begin(pcb, wire.conns.used, &c->withheld);
    c->connected = true;
    note(c);
    return ERR_OK;
}

static struct conn *conn_new(struct tcp_pcb *pcb)
{
    struct conn *c = pcb ? pool_get(&wire.conns) : NULL;

    if (!c)
        return NULL;
    list_init(&c->node);
    list_init(&c->queued);
    c->pcb = pcb;
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_nagle_disable(pcb);
    return c;
}

static err_t on_accept(void *arg, struct tcp_pcb *pcb, err_t err)
{
    struct conn *c;

    (void)arg;
    if (err != ERR_OK || !pcb)
        return ERR_VAL;
    demux_opened(pcb);
    c = conn_new(pcb);
    if (!c)
        return ERR_MEM;
    c->connected = true;
    quota_begin(pcb, wire.conns.used, &c->withheld);
    wire.accepting = true; /* what it watches now is a serving's */
    serving_new(&wire.backend, (int)pool_slot(&wire.conns, c));
    wire.accepting = false;
    return ERR_OK;
}

static int backend_listen(void)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4), *listening;
    ip_addr_t ip;

    ipaddr_from(&ip, netports_server());
    if (!pcb || tcp_bind(pcb, &ip, NETPORTS_SERVER_PORT) != ERR_OK)
        return -ENOMEM;
    listening = tcp_listen_with_backlog(pcb, TCP_DEFAULT_LISTEN_BACKLOG);
    if (!listening)
        return -ENOMEM;
    demux_listen(listening);
    tcp_accept(listening, on_accept);
    return 0;
}

int wire_begin(void)
{
    int rc;

    wire.ports = netports_open();
    if (!wire.ports)
        return -ENODEV;
    list_init(&wire.ready);
    list_init(&wire.waiting);
    wire.next_port = PORT_FIRST;
    rc = pool_init(&wire.conns, sizeof(struct conn), CONNS);
    if (!rc)
        rc = face_start(wire.ports);
    if (!rc)
        rc = serving_env_init(&wire.backend, 0, "task");
    return rc ? rc : backend_listen();
}

void wire_end(int w)
{
    if (w < 0)
        return;
    ports_flush(wire.ports);
    for (unsigned i = 0; i < wire.ports->n; i++)
        if (wire.ports->port[i].refused[REFUSED_MEMORY])
            fprintf(stderr, "port %u dropped %" PRIu64 " received frames\n", i,
                    wire.ports->port[i].refused[REFUSED_MEMORY]);
}

/* lwIP's own search for a free port walks all connections; here each has its turn. */
static void set_local(struct tcp_pcb *pcb, const struct addr *from)
{
    ipaddr_from(&pcb->local_ip, from);
    pcb->local_port = wire.next_port++;
    if (wire.next_port > PORT_LAST)
        wire.next_port = PORT_FIRST;
}

int wire_dial(int w, const struct addr *to, const struct addr *source, void *who)
{
    struct port *port = ports_towards(wire.ports, to);
    struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_V4);
    struct conn *c = conn_new(pcb);
    struct addr from;
    ip_addr_t ip;
    int fd;

    if (!c || !port || to->sa.sa_family != AF_INET) {
        if (pcb)
            tcp_abort(pcb);
        return c ? -ECONNREFUSED : -EMFILE;
    }
    fd = (int)pool_slot(&wire.conns, c);
    from = source ? *source : port_source(port, to);
    ipaddr_from(&ip, to);
    tcp_bind_netif(pcb, &port->netif);
    set_local(pcb, &from);
    if (tcp_connect(pcb, &ip, addr_port(to), on_connected) != ERR_OK || demux_add(pcb)) {
        wire_close(fd, true);
        return -EADDRNOTAVAIL;
    }
    wire_watch(w, fd, EPOLLOUT, who);
    return fd;
}

int wire_error(int fd)
{
    return conn_at(fd)->error;
}

bool wire_attach(SSL *ssl, int fd)
{
    return bio_attach(ssl, fd);
}

ssize_t wire_recv(int fd, void *to, size_t n)
{
    struct conn *c = conn_at(fd);
    size_t done = packets_take(&c->rx, to, n);

    if (c->pcb && done)
        quota_read(c->pcb, wire.conns.used, &c->withheld, done);
    if (done)
        return (ssize_t)done;
    return c->error ? -c->error : c->eof ? 0 : -EAGAIN;
}

ssize_t wire_drop(int fd, size_t n)
{
    return wire_recv(fd, NULL, n);
}

/*
 * The line is asked once: it does not cut what was begun. flags: TCP_WRITE_FLAG_COPY, or lwIP
 * refers to the bytes.
 */
static ssize_t send_some(struct conn *c, const void *from, size_t n, u8_t flags)
{
    size_t done = 0;
    err_t rc = ERR_OK;

    if (wire.sent >= SENT_MAX)
        return -EAGAIN;
    while (c->pcb && done < n && rc == ERR_OK) {
        size_t step = quota_fit(c->pcb, wire.conns.used, wire.sent, n - done);

        step = step < WRITE_MAX ? step : WRITE_MAX;
        if (!step)
            break;
        rc = tails_write(c->pcb, (const uint8_t *)from + done, (u16_t)step,
                         (u8_t)(flags | (done + step < n ? TCP_WRITE_FLAG_MORE : 0)));
        done += rc == ERR_OK ? step : 0;
        quota_count(c->pcb, &c->sent, &wire.sent);
    }
    if (!c->pcb || (rc != ERR_OK && rc != ERR_MEM))
        return -EPIPE;
    if (done)
        tcp_output(c->pcb);
    return done ? (ssize_t)done : -EAGAIN;
}

ssize_t wire_send(int fd, const void *from, size_t n)
{
    return send_some(conn_at(fd), from, n, TCP_WRITE_FLAG_COPY);
}

ssize_t wire_send_fixed(int fd, const void *from, size_t n)
{
    return send_some(conn_at(fd), from, n, 0);
}

void wire_finish(int fd)
{
    struct conn *c = conn_at(fd);

    if (c->pcb)
        tcp_shutdown(c->pcb, 0, 1);
}

void wire_patient(int fd, int bytes)
{
    struct conn *c = conn_at(fd);

    c->patience = (size_t)bytes;
    note(c);
}

static void pcb_end(struct tcp_pcb *pcb, bool hard)
{
    tcp_arg(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_sent(pcb, NULL);
    demux_front(pcb);
    quota_end(pcb);
    if (hard || tcp_close(pcb) != ERR_OK)
        tcp_abort(pcb);
}

void wire_close(int fd, bool hard)
{
    struct conn *c = conn_at(fd);

    packets_take(&c->rx, NULL, SIZE_MAX);
    if (c->pcb)
        pcb_end(c->pcb, hard);
    c->pcb = NULL;
    quota_count(c->pcb, &c->sent, &wire.sent);
    list_remove(&c->node);
    list_remove(&c->queued);
    pool_put(&wire.conns, c);
}

bool wire_watch(int w, int fd, uint32_t events, void *who)
{
    conn_at(fd)->serving = wire.accepting;
    wire_want(w, fd, events, who);
    return true;
}

void wire_want(int w, int fd, uint32_t events, void *who)
{
    struct conn *c = conn_at(fd);

    (void)w;
    c->wanted = events;
    c->who = who;
    note(c);
}

/* Waiting for more than half a window could be for ever. */
static bool is_worth_reading(const struct conn *c)
{
    return c->rx.n && (c->rx.n >= c->patience || !c->pcb || c->rx.n >= c->pcb->rcv_wnd);
}

/* It has enough of its part left to send, once it is its turn. */
static bool has_part(const struct conn *c)
{
    return c->connected && quota_room(c->pcb, wire.conns.used, wire.sent) >=
                               quota_worth(wire.conns.used, wire.sent);
}

static bool has_turn(const struct conn *c)
{
    return wire.sent < SENT_MAX && (c->turn || list_empty(&wire.waiting));
}

static void queue_up(struct conn *c)
{
    if ((c->wanted & EPOLLOUT) && c->pcb && has_part(c) && list_empty(&c->queued))
        list_push(&wire.waiting, &c->queued);
}

/* As many as there is room for. */
static void give_turns(void)
{
    size_t n = wire.sent < SENT_MAX ? (SENT_MAX - wire.sent) / QUOTA_LEAST : 0;

    for (; n && !list_empty(&wire.waiting); n--) {
        struct conn *c = list_entry(wire.waiting.next, struct conn, queued);

        list_remove(&c->queued);
        c->turn = true;
        note(c);
    }
}

/* Of what is wanted, what is so. */
static uint32_t events_of(const struct conn *c)
{
    uint32_t have = 0;

    if (c->eof || c->error || is_worth_reading(c))
        have |= EPOLLIN;
    if (c->error || !c->pcb || (has_part(c) && has_turn(c)))
        have |= EPOLLOUT;
    return have & c->wanted;
}

/* One round of what is ready: the backend acts at once, the rest is reported. */
static int report(struct epoll_event *ev, int n)
{
    struct list turn;
    int told = 0;

    if (list_empty(&wire.ready))
        return 0;
    turn = wire.ready;
    turn.next->prev = turn.prev->next = &turn;
    list_init(&wire.ready);
    while (!list_empty(&turn) && told < n) {
        struct conn *c = list_entry(turn.next, struct conn, node);
        uint32_t events = events_of(c);

        list_remove(&c->node);
        c->turn = false;
        if (!(events & EPOLLOUT))
            queue_up(c);
        if (!events)
            continue;
        note(c); /* it stays ready until it is not */
        if (c->serving)
            serving_work(&wire.backend, c->who, events);
        else
            ev[told++] = (struct epoll_event){.events = events, .data.ptr = c->who};
    }
    list_join(&wire.ready, &turn);
    return told;
}

static void tick(uint64_t now_ns)
{
    if (now_ns / 1000000 == wire.tick_ms)
        return;
    wire.tick_ms = now_ns / 1000000;
    sys_check_timeouts();
}

int wire_wait(int w, struct epoll_event *ev, int n, uint64_t ns)
{
    uint64_t now = crew_now_ns(), end = now + ns;
    int told;

    (void)w;
    do {
        for (int i = 0; i < POLLS && ports_poll(wire.ports) >= PORT_BURST; i++)
            ;
        tick(now);
        give_turns();
        told = report(ev, n);
        acks_send();
        ports_flush(wire.ports);
        outlet_resume(wire.ports);
        now = crew_now_ns();
    } while (!told && now < end);
    return told;
}
