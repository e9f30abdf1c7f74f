#include "dataplane/core/hsclient.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "dataplane/core/flow.h"

static struct handoff_id leg_id(const struct session *s, const struct leg *leg)
{
    return (struct handoff_id){.session = s->id, .leg = leg->side};
}

/* The link is fixed unless several share the listener and SNI has to choose. */
static void put_open(struct buf *b, const struct session *s, const struct leg *leg, size_t n)
{
    struct handoff_open m = {
        .id = leg_id(s, leg),
        .revision = s->gate->policy->revision,
        .listener = s->shake->listener,
        .link = s->link ? (uint16_t)(s->link - s->gate->links) : HANDOFF_LINK_ANY,
        .records = leg->in.data,
        .n_records = n,
    };

    if (leg->side == LEG_INNER && s->link->policy->inner->alpn_same)
        memcpy(m.alpn, s->shake->outer.alpn, sizeof m.alpn);
    handoff_put_open(b, &m);
}

static int feed_now(struct worker *w, struct session *s, struct leg *leg, size_t n)
{
    struct handoff_feed feed = {.id = leg_id(s, leg), .records = leg->in.data, .n_records = n};
    struct buf b;

    buf_init(&b, w->message, sizeof w->message);
    if (leg->opened)
        handoff_put_feed(&b, &feed);
    else
        put_open(&b, s, leg, n);
    if (!leg->opened)
        leg->opened_under = s->gate->policy->revision;
    return chan_send(w->hs.fd, leg->opened ? HANDOFF_FEED : HANDOFF_OPEN, &b, NULL, 0);
}

void hsclient_feed(struct worker *w, struct session *s, struct leg *leg, size_t n)
{
    int rc = w->hs.fd < 0 ? -EAGAIN : feed_now(w, s, leg, n);

    leg->fed = (uint32_t)n;
    leg->waiting = rc == -EAGAIN;
    if (rc == 0) {
        check(!leg->feeding);
        w->hs.open += !leg->opened;
        leg->opened = leg->feeding = true;
        w->hs.due++;
    } else if (rc == -EAGAIN) {
        w->hs.want_out = w->hs.fd >= 0;
        if (leg->opened && w->hs.fd < 0)
            session_close(s, REASON_HANDSHAKE_LOST, NULL);
    } else if (rc == -EPIPE || rc == -ECONNRESET) {
        leg->waiting = true;
        hsclient_lost(w);
    } else {
        session_close(s, REASON_INTERNAL, "a message to the handshake process was not accepted");
    }
}

void hsclient_answered(struct worker *w, struct leg *leg)
{
    if (!leg->feeding)
        return;
    leg->feeding = false;
    check(w->hs.due > 0);
    w->hs.due--;
}

void hsclient_ended(struct worker *w, struct leg *leg)
{
    hsclient_answered(w, leg);
    if (!leg->opened)
        return;
    leg->opened = false;
    check(w->hs.open > 0);
    w->hs.open--;
}

static void send_id(struct worker *w, struct session *s, struct leg *leg, uint8_t type)
{
    struct handoff_id id = leg_id(s, leg);
    uint8_t mem[64];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    handoff_put_id(&b, &id);
    /* Small and rare next to records: a full channel is waited for, briefly. */
    if (chan_send_wait(w->hs.fd, type, &b, NULL, 0, 1000) && type == HANDOFF_GO)
        session_close(s, REASON_HANDSHAKE_LOST, NULL);
}

void hsclient_go(struct worker *w, struct session *s)
{
    send_id(w, s, &s->leg[LEG_OUTER], HANDOFF_GO);
}

void hsclient_close(struct worker *w, struct session *s, struct leg *leg)
{
    hsclient_ended(w, leg);
    leg->waiting = false;
    if (w->hs.fd >= 0)
        send_id(w, s, leg, HANDOFF_CLOSE);
}

static void retry_waiting(struct session *s)
{
    for (int i = 0; i < 2; i++) {
        struct leg *leg = &s->leg[i];
        if (leg->waiting && s->state < SESSION_CLOSING && s->worker->hs.fd >= 0 &&
            !s->worker->hs.want_out) {
            leg->waiting = false;
            hsclient_feed(s->worker, s, leg, leg->fed);
        }
    }
}

void hsclient_attach(struct worker *w, int fd)
{
    if (w->hs.fd >= 0)
        hsclient_lost(w);
    w->hs.fd = fd;
    w->hs.want_out = false;
    worker_each_session(w, retry_waiting);
}

/* Only what the dead process knew is lost; a leg that still waits to be opened goes on waiting. */
static void end_if_lost(struct session *s)
{
    for (int i = 0; i < 2; i++)
        if (s->leg[i].opened && s->state < SESSION_CLOSING)
            session_close(s, REASON_HANDSHAKE_LOST, NULL);
}

void hsclient_lost(struct worker *w)
{
    if (w->hs.fd < 0)
        return;
    close(w->hs.fd);
    w->hs.fd = -1;
    w->hs.want_out = false;
    worker_each_session(w, end_if_lost);
}

void hsclient_writable(struct worker *w)
{
    w->hs.want_out = false;
    worker_each_session(w, retry_waiting);
}

static int take_link(struct worker *w, struct buf *b)
{
    struct handoff_link m;
    int rc = handoff_get_link(b, &m);

    if (!rc)
        flow_link(w, &m);
    return rc;
}

static int take_step(struct worker *w, struct buf *b)
{
    struct handoff_step m;
    int rc = handoff_get_step(b, &m);

    if (!rc)
        flow_step(w, &m);
    return rc;
}

static int take_keyed(struct worker *w, struct buf *b)
{
    struct handoff_keyed m;
    int rc = handoff_get_keyed(b, &m);

    if (!rc)
        flow_keyed(w, &m);
    traffic_keys_wipe(&m.rx);
    traffic_keys_wipe(&m.tx);
    secret_wipe(b->data, b->len);
    return rc;
}

static int take_failed(struct worker *w, struct buf *b)
{
    struct handoff_failed m;
    int rc = handoff_get_failed(b, &m);

    if (!rc)
        flow_failed(w, &m);
    return rc;
}

static const struct {
    uint8_t type;
    int (*take)(struct worker *w, struct buf *b);
} answers[] = {
    {HANDOFF_LINK, take_link},
    {HANDOFF_STEP, take_step},
    {HANDOFF_KEYED, take_keyed},
    {HANDOFF_FAILED, take_failed},
};

static int take_message(struct worker *w, struct chan_msg *m)
{
    for (unsigned i = 0; i < ARRAY_LEN(answers); i++)
        if (answers[i].type == m->type)
            return answers[i].take(w, &m->body);
    return -EPROTO;
}

bool hsclient_take(struct worker *w)
{
    /* Its own memory: what a message leads to may send, and sending uses w->message. */
    struct chan_msg m;
    int rc = w->hs.fd < 0 ? -EAGAIN : chan_recv(w->hs.fd, w->hs_message, sizeof w->hs_message, &m);

    if (rc == -EAGAIN)
        return false;
    if (rc == 1) {
        rc = take_message(w, &m);
        chan_msg_close_fds(&m);
    } else if (rc == 0) {
        rc = -EPIPE;
    }
    if (rc)
        hsclient_lost(w);
    return !rc && w->hs.due; /* without one due nothing more can be there */
}

void hsclient_readable(struct worker *w)
{
    for (int i = 0; i < HSCLIENT_ANSWERS && hsclient_take(w); i++)
        ;
}
