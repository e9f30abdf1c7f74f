#include "dataplane/dpdk/tcp.h"

#include <errno.h>
#include <string.h>
#include <rte_mempool.h>
#include "dataplane/base/check.h"
#include "dataplane/core/event.h"
#include "dataplane/core/flow.h"
#include "dataplane/core/legs.h"
#include "dataplane/dpdk/checks.h"
#include "dataplane/dpdk/cipher.h"
#include "dataplane/dpdk/demux.h"
#include "dataplane/dpdk/ipaddr.h"
#include "dataplane/dpdk/mend.h"
#include "dataplane/dpdk/quota.h"
#include "dataplane/dpdk/tails.h"

#define WRITE_MAX 0xf000u /* of one call: lengths are 16 bits there */
#define HELD_PART 8       /* of the pool's packets, so many wait for the rest of their record */

static struct tcp *tcp_of(struct worker *w)
{
    return w->ring;
}

int conn_index(const struct conn *c)
{
    return (int)pool_slot(&c->tcp->conns, c);
}

struct conn *conn_of(struct worker *w, int index)
{
    struct conn *c = index < 0 ? NULL : pool_any(&tcp_of(w)->conns, (uint32_t)index);

    check(c);
    return c;
}

/* Something happened: the loop looks whether its leg wanted to know. */
static void note(struct conn *c)
{
    if (list_empty(&c->node))
        list_push(&c->tcp->ready, &c->node);
}

static err_t on_recv(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    struct conn *c = arg;

    (void)err;
    if (!c) { /* let go of already: nobody reads it */
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
        quota_count(pcb, &c->sent, &c->tcp->sent);
        c->progress_ms = c->tcp->w->now_ms;
        note(c);
    }
    return ERR_OK;
}

/* lwIP has freed the connection. */
static void on_error(void *arg, err_t err)
{
    struct conn *c = arg;

    if (!c)
        return;
    c->pcb = NULL;
    quota_count(NULL, &c->sent, &c->tcp->sent);
    if (err == ERR_CLSD) /* both ends had finished */
        c->eof = true;
    else
        c->error = err == ERR_RST ? (c->connected ? -ECONNRESET : -ECONNREFUSED) : -ETIMEDOUT;
    note(c);
}

static err_t on_poll(void *arg, struct tcp_pcb *pcb)
{
    struct conn *c = arg;
    uint64_t now_ms = c ? c->tcp->w->now_ms : 0;

    demux_look(pcb);
    if (!c || !c->user_timeout_ms)
        return ERR_OK;
    if (!pcb->unacked && !pcb->unsent)
        c->progress_ms = now_ms;
    if (now_ms < c->progress_ms + c->user_timeout_ms)
        return ERR_OK;
    demux_front(pcb);
    mend_abort(pcb); /* on_error() hears of it */
    return ERR_ABRT;
}

struct conn *conn_new(struct tcp *t, struct tcp_pcb *pcb)
{
    struct conn *c = pool_get(&t->conns);

    if (!c)
        return NULL;
    c->tcp = t;
    c->pcb = pcb;
    list_init(&c->node);
    c->progress_ms = t->w->now_ms;
    tcp_arg(pcb, c);
    tcp_recv(pcb, on_recv);
    tcp_sent(pcb, on_sent);
    tcp_err(pcb, on_error);
    tcp_poll(pcb, on_poll, 5); /* of lwIP's slow ticks: twice a second */
    tcp_setprio(pcb, TCP_PRIO_MAX);
    tcp_nagle_disable(pcb);
    return c;
}

static void pcb_end(struct conn *c)
{
    struct tcp_pcb *pcb = c->pcb;

    if (!pcb)
        return;
    tcp_arg(pcb, NULL);
    tcp_err(pcb, NULL);
    tcp_sent(pcb, NULL);
    tcp_poll(pcb, NULL, 0);
    demux_front(pcb);
    if (!c->rx.first)
        quota_end(pcb);
    if (c->reset || tcp_close(pcb) != ERR_OK)
        mend_abort(pcb);
}

void conn_free(struct conn *c)
{
    pcb_end(c);
    quota_count(NULL, &c->sent, &c->tcp->sent);
    packets_take(&c->rx, NULL, SIZE_MAX);
    whole_end(&c->whole, &c->tcp->whole);
    list_remove(&c->node);
    pool_put(&c->tcp->conns, c);
}

static bool ended(const struct conn *c)
{
    return c->eof || c->error;
}

static bool readable(struct conn *c)
{
    return ended(c) || whole_ready(&c->whole, &c->tcp->whole, &c->rx);
}

static size_t iov_bytes(const struct iovec *iov, unsigned n)
{
    size_t all = 0;

    for (unsigned i = 0; i < n; i++)
        all += iov[i].iov_len;
    return all;
}

static ssize_t net_read(struct worker *w, struct leg *leg, const struct iovec *iov, unsigned n)
{
    struct conn *c = conn_of(w, leg->fd);
    bool records = leg_seals(leg) && !leg->in.n;
    size_t left = whole_due(&c->whole, &c->tcp->whole, &c->rx, records, ended(c),
                            iov_bytes(iov, n));
    size_t done = 0;

    for (unsigned i = 0; i < n && left; i++) {
        size_t step = iov[i].iov_len < left ? iov[i].iov_len : left;

        done += packets_take(&c->rx, iov[i].iov_base, step);
        left -= step;
    }
    if (c->pcb && done)
        quota_read(c->pcb, c->tcp->conns.used, &c->withheld, done);
    if (done)
        return (ssize_t)done;
    return c->error ? c->error : c->eof ? 0 : -EAGAIN;
}

static ssize_t write_piece(struct conn *c, const uint8_t *data, size_t n, bool more)
{
    size_t done = 0;

    while (done < n) {
        size_t step = quota_fit(c->pcb, c->tcp->conns.used, c->tcp->sent, n - done);
        err_t rc;

        step = step < WRITE_MAX ? step : WRITE_MAX;
        if (!step)
            break;
        rc = tails_write(
            c->pcb, data + done, (u16_t)step,
            (u8_t)(TCP_WRITE_FLAG_COPY | (more || done + step < n ? TCP_WRITE_FLAG_MORE : 0)));
        if (rc == ERR_MEM) {
            c->starved = true;
            break;
        }
        if (rc != ERR_OK)
            return -EPIPE;
        done += step;
    }
    return (ssize_t)done;
}

static ssize_t net_write(struct worker *w, struct leg *leg, const struct iovec *iov, unsigned n)
{
    struct conn *c = conn_of(w, leg->fd);
    size_t done = 0;

    if (!c->pcb)
        return c->error ? c->error : -EPIPE;
    if (!c->pcb->unacked && !c->pcb->unsent)
        c->progress_ms = w->now_ms;
    for (unsigned i = 0; i < n; i++) {
        ssize_t rc = write_piece(c, iov[i].iov_base, iov[i].iov_len, i + 1 < n);

        if (rc < 0 && !done)
            return rc;
        done += rc > 0 ? (size_t)rc : 0;
        if (rc < (ssize_t)iov[i].iov_len)
            break;
    }
    quota_count(c->pcb, &c->sent, &c->tcp->sent);
    if (done)
        tcp_output(c->pcb);
    return done ? (ssize_t)done : -EAGAIN;
}

static void net_options(struct worker *w, struct leg *leg, uint32_t keepalive_s,
                        uint32_t user_timeout_s)
{
    struct conn *c = conn_of(w, leg->fd);

    c->user_timeout_ms = user_timeout_s * 1000;
    if (!c->pcb || !keepalive_s)
        return;
    ip_set_option(c->pcb, SOF_KEEPALIVE);
    c->pcb->keep_idle = keepalive_s * 1000;
    c->pcb->keep_intvl = 10 * 1000;
    c->pcb->keep_cnt = 5;
}

/* Packets are only seen when the port is asked. */
static bool net_awaited(struct worker *w)
{
    (void)w;
    return true;
}

static void net_finish(struct worker *w, struct leg *leg)
{
    struct conn *c = conn_of(w, leg->fd);

    if (c->pcb)
        tcp_shutdown(c->pcb, 0, 1); /* without memory for it lwIP tries again by itself */
}

static void net_reset(struct worker *w, struct leg *leg)
{
    conn_of(w, leg->fd)->reset = true;
}

static void net_hang_up(struct worker *w, struct leg *leg)
{
    if (leg->fd >= 0)
        conn_free(conn_of(w, leg->fd));
    leg->fd = -1;
}

static void net_refuse(struct worker *w, int index)
{
    struct conn *c = conn_of(w, index);

    c->reset = true;
    conn_free(c);
}

/* Below that, a look costs more than it moves. */
static bool writable(const struct conn *c)
{
    unsigned n = c->tcp->conns.used;
    size_t all = c->tcp->sent;

    return c->error || !c->pcb ||
           (c->connected && quota_room(c->pcb, n, all) >= quota_worth(n, all));
}

static void bind_leg(struct conn *c, struct session *s, struct leg *leg)
{
    c->s = s;
    c->leg = leg;
}

static void net_want_in(struct worker *w, struct session *s, struct leg *leg)
{
    struct conn *c = leg->fd < 0 ? NULL : conn_of(w, leg->fd);

    if (!c)
        return;
    bind_leg(c, s, leg);
    leg->armed_in = true;
    if (readable(c))
        note(c);
}

static void net_want_out(struct worker *w, struct session *s, struct leg *leg)
{
    struct conn *c = leg->fd < 0 ? NULL : conn_of(w, leg->fd);

    if (!c)
        return;
    bind_leg(c, s, leg);
    leg->armed_out = true;
    if (!c->starved && writable(c))
        note(c);
    else if (c->starved && list_empty(&c->node))
        list_push(&c->tcp->starved, &c->node);
}

static void net_unwant(struct worker *w, struct session *s, struct leg *leg)
{
    (void)w;
    (void)s;
    leg->armed_in = leg->armed_out = false;
}

static int net_install(struct worker *w, struct session *s, struct leg *leg)
{
    (void)w;
    (void)s;
    return leg_soft_install(leg, &leg_dpdk_ops, cipher_library);
}

/* What c's leg asked for, if it is so. The leg's session may end, and c with it, in either call. */
static void conn_event(struct tcp *t, struct conn *c)
{
    struct session *s = c->s;
    struct leg *leg = c->leg;
    int index = conn_index(c);

    if (s && leg->armed_out && writable(c)) {
        leg->armed_out = false;
        event_writable(t->w, s, leg);
        if (leg->fd != index)
            return;
    }
    if (s && leg->armed_in && readable(c)) {
        leg->armed_in = false;
        event_readable(t->w, s, leg);
    }
}

static int listener_of(const struct tcp *t, const struct conn *c)
{
    const struct policy *p = t->w->gate ? t->w->gate->policy : NULL;

    for (unsigned i = 0; p && i < p->n_listeners; i++)
        if (p->listeners[i].dpdk && addr_equal(&p->listeners[i].addr, &c->local))
            return (int)i;
    return -1;
}

static void conn_accepted(struct tcp *t, struct conn *c)
{
    int index = listener_of(t, c);

    if (index < 0 || !c->pcb)
        conn_free(c);
    else
        flow_accepted(t->w, (unsigned)index, conn_index(c), &c->peer, &c->local);
}

/* One round of a list; what is noted meanwhile has its turn in the next. */
static bool drain(struct tcp *t, struct list *head, void (*act)(struct tcp *t, struct conn *c))
{
    struct list turn;

    if (list_empty(head))
        return false;
    turn = *head;
    turn.next->prev = turn.prev->next = &turn;
    list_init(head);
    while (!list_empty(&turn)) {
        struct conn *c = list_entry(turn.next, struct conn, node);

        list_remove(&c->node);
        act(t, c);
    }
    return true;
}

bool tcp_events(struct tcp *t)
{
    bool any = drain(t, &t->accepted, conn_accepted);

    return drain(t, &t->ready, conn_event) || any;
}

static void retry(struct tcp *t, struct conn *c)
{
    (void)t;
    c->starved = false;
    note(c);
}

void tcp_tick(struct tcp *t)
{
    drain(t, &t->starved, retry);
    checks_tick(t);
}

int tcp_begin(struct tcp *t, struct worker *w, struct ports *ports)
{
    int rc = pool_init(&t->conns, sizeof(struct conn), 2 * w->sessions.cap);

    if (rc)
        return rc;
    t->w = w;
    t->ports = ports;
    t->whole.most = ports->pool->size / HELD_PART / ports->lanes->n;
    list_init(&t->ready);
    list_init(&t->accepted);
    list_init(&t->starved);
    checks_begin(t);
    w->ring = t;
    w->net = &tcp_net;
    return 0;
}

/* mgmt's calls and unix: targets are carried by sockets, in the other process. */
static void no_answer(struct worker *w, uint64_t session, int fd, int error)
{
    (void)w;
    (void)session;
    (void)fd;
    (void)error;
}

/* The loop polls the channel itself. */
static void watch_query(struct worker *w, int fd)
{
    (void)w;
    (void)fd;
}

static void count_frames(struct worker *w, struct query_stats *st)
{
    ports_count(tcp_of(w)->ports, st);
}

const struct net_ops tcp_net = {
    .read = net_read,
    .write = net_write,
    .options = net_options,
    .awaited = net_awaited,
    .finish = net_finish,
    .reset = net_reset,
    .hang_up = net_hang_up,
    .refuse = net_refuse,
    .want_in = net_want_in,
    .want_out = net_want_out,
    .unwant = net_unwant,
    .dial = tcp_dial,
    .dial_writable = tcp_dial_writable,
    .dial_answered = no_answer,
    .dial_cancel = tcp_dial_cancel,
    .install = net_install,
    .listen = tcp_listen_on,
    .stop_listening = tcp_stop_listening,
    .watch_query = watch_query,
    .count_frames = count_frames,
};
