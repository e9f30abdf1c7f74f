#include "dataplane/core/flow.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "dataplane/core/balance.h"
#include "dataplane/core/legs.h"
#include "dataplane/core/notes.h"
#include "dataplane/core/proxy.h"
#include "dataplane/core/pump.h"
#include "dataplane/core/shake.h"

static void flow_dial(struct session *s);
static void flow_ready(struct session *s);

/* Drop a connection that never became a session. */
static void refuse_now(struct worker *w, int fd, enum reason reason)
{
    w->reasons[reason]++;
    w->net->refuse(w, fd);
}

/* S1: the whole box and the source's network count before anything is known of the link. */
static enum reason box_limits(struct worker *w, const struct policy_listener *l,
                              const struct addr *peer)
{
    uint32_t rate = 0;
    uint8_t net[16];

    if (w->draining)
        return REASON_DRAINED;
    if (l->n_links == 1 || l->accept_proxy)
        return REASON_NONE; /* the link's own limits are checked before a byte is read */
    for (unsigned i = 0; i < l->n_links; i++) {
        uint32_t r = w->gate->policy->links[l->links[i]].limits.handshakes_per_source;
        if (r == 0)
            return REASON_NONE;
        rate = r > rate ? r : rate;
    }
    addr_source_net(peer, net);
    return sources_take(&w->shared->sources, net, 0, rate, w->now_ms) ? REASON_NONE
                                                                      : REASON_SOURCE_RATE;
}

void flow_accepted(struct worker *w, unsigned listener, int fd, const struct addr *peer,
                   const struct addr *local)
{
    const struct policy_listener *l = &w->gate->policy->listeners[listener];
    enum reason why = box_limits(w, l, peer);
    struct session *s = why ? NULL : session_new(w, w->gate);
    struct leg *outer;

    if (!s) {
        refuse_now(w, fd, why ? why : REASON_BOX_LIMIT);
        return;
    }
    outer = &s->leg[LEG_OUTER];
    outer->fd = fd;
    outer->addr = *peer;
    outer->tls = l->tls;
    outer->exact = true;
    s->local = *local;
    s->shake->listener = (uint16_t)listener;
    if (l->accept_proxy)
        shake_read(w, s, outer); /* a PROXY header comes first; then flow_admitted() */
    else
        flow_admitted(s);
}

void flow_called(struct worker *w, const char *link, int fd)
{
    struct gate_link *l = w->gate ? gate_find(w->gate, link) : NULL;
    struct session *s = l && l->policy->internal && !w->draining ? session_new(w, w->gate) : NULL;
    enum reason why;

    if (!s) {
        close(fd); /* mgmt calls where legs are sockets */
        return;
    }
    s->leg[LEG_OUTER].fd = fd;
    s->leg[LEG_OUTER].addr.sa.sa_family = AF_UNIX;
    if (!session_enter_link(s, l, &why)) {
        session_close(s, why, NULL);
        return;
    }
    s->leg[LEG_OUTER].ops = &leg_plain_ops;
    flow_dial(s);
}

void flow_admitted(struct session *s)
{
    const struct policy_listener *l = &s->gate->policy->listeners[s->shake->listener];
    struct worker *w = s->worker;
    enum reason why;

    if (l->n_links == 1 && !session_enter_link(s, &s->gate->links[l->links[0]], &why)) {
        session_close(s, why, NULL);
        return;
    }
    if (s->link && s->link->policy->engine == ENGINE_SOFT)
        s->leg[LEG_OUTER].exact = false;
    if (!s->leg[LEG_OUTER].tls) {
        s->leg[LEG_OUTER].ops = &leg_plain_ops;
        flow_dial(s);
    } else if (session_move(s, SESSION_SHAKING)) {
        shake_read(w, s, &s->leg[LEG_OUTER]);
    }
}

void flow_records(struct session *s, struct leg *leg, size_t n)
{
    hsclient_feed(s->worker, s, leg, n);
}

/* The session and leg of an answer, if they still wait for one. */
static struct session *flow_target(struct worker *w, const struct handoff_id *id, struct leg **leg)
{
    struct session *s = session_find(w, id->session);
    enum session_state expected = id->leg == LEG_OUTER ? SESSION_SHAKING : SESSION_SHAKING_INNER;

    if (!s || s->state != expected || !s->leg[id->leg].feeding)
        return NULL;
    *leg = &s->leg[id->leg];
    return s;
}

/* Forget n bytes at the start of the stash. */
static int stash_drop(struct stash *st, size_t n)
{
    check(n <= st->n);
    return stash_set(st, st->data + n, st->n - n);
}

void flow_link(struct worker *w, const struct handoff_link *m)
{
    const struct policy_listener *l;
    struct leg *leg;
    struct session *s = flow_target(w, &m->id, &leg);
    bool listed = false;
    enum reason why;

    if (!s || s->link || m->id.leg != LEG_OUTER)
        return;
    l = &s->gate->policy->listeners[s->shake->listener];
    for (unsigned i = 0; i < l->n_links; i++)
        listed |= l->links[i] == m->link;
    if (!listed) {
        session_close(s, REASON_INTERNAL, "the handshake process chose a link of another listener");
    } else if (!session_enter_link(s, &s->gate->links[m->link], &why)) {
        session_close(s, why, NULL);
    } else {
        leg->exact = s->link->policy->engine != ENGINE_SOFT && w->shared->ktls.usable;
        hsclient_go(w, s);
    }
}

/* Bytes of an answer; false if the session ended over them. */
static bool flow_send(struct session *s, struct leg *leg, const uint8_t *data, size_t n)
{
    int rc = n ? shake_send(s->worker, s, leg, data, n) : 0;

    if (rc)
        session_close(s, REASON_HANDSHAKE_CLOSED, "the peer reset the connection");
    return rc == 0;
}

void flow_step(struct worker *w, const struct handoff_step *m)
{
    struct leg *leg;
    struct session *s = flow_target(w, &m->id, &leg);

    if (!s || !flow_send(s, leg, m->send, m->n_send))
        return;
    hsclient_answered(w, leg);
    if (stash_drop(&leg->in, leg->fed)) {
        session_close(s, REASON_INTERNAL, "out of memory");
        return;
    }
    leg->fed = 0;
    shake_more(w, s, leg);
}

/* A handshake moved under another policy is judged again by the control thread. */
static void flow_intern_peer(struct session *s, struct leg *leg, const struct handoff_keyed *m)
{
    leg->peer = peers_intern(&s->worker->shared->peers, s->link->policy->name,
                             s->link->live->number, leg->side, s->gate->policy->revision, &m->facts,
                             m->chain, m->n_chain);
}

static bool flow_peer_limit(struct session *s, const struct leg *leg)
{
    uint32_t max = s->link->policy->limits.sessions_per_peer;

    return leg->side == LEG_INNER || max == 0 || leg->peer->refs <= max;
}

static void flow_take_facts(struct session *s, struct leg *leg, struct handoff_keyed *m)
{
    struct negotiated *n = leg->side == LEG_OUTER ? &s->shake->outer : &s->shake->inner;

    *n = m->negotiated;
    leg->version = n->version;
    leg->suite = n->suite;
    leg->rule = m->facts.rule;
    snprintf(leg->group, sizeof leg->group, "%s", n->group);
    traffic_keys_move(&leg->rx.keys, &m->rx);
    traffic_keys_move(&leg->tx.keys, &m->tx);
    leg->post.we_are_client = leg->side == LEG_INNER;
}

void flow_keyed(struct worker *w, struct handoff_keyed *m)
{
    struct leg *leg;
    struct session *s = flow_target(w, &m->id, &leg);

    if (!s)
        return;
    hsclient_ended(w, leg);
    if (!s->link || m->consumed > leg->fed) {
        session_close(s, REASON_INTERNAL, "the handshake process answered out of turn");
        return;
    }
    flow_intern_peer(s, leg, m);
    if (!leg->peer || stash_drop(&leg->in, m->consumed)) {
        session_close(s, REASON_INTERNAL, "out of memory");
        return;
    }
    leg->fed = 0;
    if (!flow_peer_limit(s, leg)) {
        snprintf(s->peer_name, sizeof s->peer_name, "%s", leg->peer->facts.name);
        session_close(s, REASON_PEER_SESSIONS, NULL);
        return;
    }
    flow_take_facts(s, leg, m);
    if (!flow_send(s, leg, m->send, m->n_send))
        return;
    leg->keyed_wait = true;
    if (!leg->out)
        flow_install(s, leg);
}

void flow_install(struct session *s, struct leg *leg)
{
    leg->keyed_wait = false;
    if (s->worker->net->install(s->worker, s, leg)) {
        session_close(s, REASON_ENGINE, leg->fault_text);
        return;
    }
    leg->keyed = true;
    s->link->live->keyed++;
    if (leg->side == LEG_OUTER)
        flow_dial(s);
    else
        flow_ready(s);
}

void flow_failed(struct worker *w, const struct handoff_failed *m)
{
    struct leg *leg;
    struct session *s = flow_target(w, &m->id, &leg);

    if (!s)
        return;
    hsclient_ended(w, leg);
    if (!s->link && m->link < s->gate->policy->n_links)
        s->link = &s->gate->links[m->link];
    snprintf(s->peer_name, sizeof s->peer_name, "%s", m->peer);
    if (m->n_send && !shake_send(w, s, leg, m->send, m->n_send))
        leg->linger = true;
    w->evidence = m;
    session_close(s, m->reason, m->text);
    w->evidence = NULL;
}

static void target_release(struct session *s)
{
    if (s->target)
        s->target->sessions--;
    s->target = NULL;
}

/* S9: choose among the targets that were not tried yet. */
static void flow_dial(struct session *s)
{
    const struct gate_link *l = s->link;
    int i = balance_choose(l, s->shake->tried, s->id >> 32, s->worker->now_ms);

    if (s->state != SESSION_DIALLING && !session_move(s, SESSION_DIALLING))
        return;
    if (i < 0) {
        char text[HANDOFF_TEXT_MAX];
        snprintf(text, sizeof text, "all %u targets were tried; the last one: %s",
                 l->policy->n_targets, strerror((int)s->shake->dial_error));
        session_close(s, REASON_NO_TARGET, text);
        return;
    }
    s->shake->tried |= 1ull << i;
    s->target_index = (uint16_t)i;
    s->target = l->targets[i];
    s->target->sessions++;
    s->leg[LEG_INNER].addr = l->policy->targets[i].addr;
    s->deadline_ms = s->worker->now_ms + l->policy->dial_ms;
    session_arm_timer(s);
    s->worker->net->dial(s->worker, s, &l->policy->targets[i]);
}

void flow_dialled(struct session *s, int err)
{
    struct leg *inner = &s->leg[LEG_INNER];

    balance_result(s->link, s->target_index, err == 0, false, s->worker->now_ms);
    if (err) {
        s->shake->dial_error = (uint32_t)-err;
        target_release(s);
        flow_dial(s);
        return;
    }
    inner->tls = s->link->policy->inner != NULL;
    if (!inner->tls) {
        inner->ops = &leg_plain_ops;
        flow_ready(s);
        return;
    }
    inner->exact = s->link->policy->engine != ENGINE_SOFT && s->worker->shared->ktls.usable;
    s->deadline_ms = s->worker->now_ms + s->link->policy->limits.handshake_ms;
    if (session_move(s, SESSION_SHAKING_INNER)) {
        session_arm_timer(s);
        hsclient_feed(s->worker, s, inner, 0);
    }
}

void flow_dial_timeout(struct session *s)
{
    s->worker->net->dial_cancel(s->worker, s);
    flow_dialled(s, -ETIMEDOUT);
}

/* S10: the PROXY header, if asked for, goes first, inside the inner leg's protection. */
static bool flow_prefix(struct session *s)
{
    uint8_t header[PROXY_MAX];
    struct proxy_facts f = {
        .src = s->leg[LEG_OUTER].addr,
        .dst = s->shake->proxy_dst.len ? s->shake->proxy_dst : s->local,
        .tls = s->leg[LEG_OUTER].tls,
        .negotiated = &s->shake->outer,
        .peer = s->leg[LEG_OUTER].peer,
        .session = s->id,
        .management = s->link->policy->management,
        .revision = s->leg[LEG_OUTER].opened_under,
        .rule = s->leg[LEG_OUTER].rule,
    };
    long n = proxy_write(s->link->policy->proxy, &f, header, sizeof header);

    return n >= 0 && (n == 0 || pump_prefix(s->worker, s, header, (size_t)n) == 0);
}

static void flow_ready(struct session *s)
{
    if (!session_move(s, SESSION_PUMPING))
        return;
    s->pumped = true;
    s->active_ms = s->worker->now_ms;
    s->link->live->shaking--;
    s->counted_shaking = false;
    if (!flow_prefix(s)) {
        session_close(s, REASON_RESET, "the target closed before the PROXY header");
        return;
    }
    free(s->shake);
    s->shake = NULL;
    if (s->gate != s->worker->gate) {
        notes_rejudge(s->worker);
        flow_regate(s);
    }
    if (s->state != SESSION_PUMPING)
        return;
    session_arm_timer(s);
    pump_start(s->worker, s);
}

static bool source_listed(const struct policy_link *l, const struct addr *a)
{
    for (unsigned i = 0; i < l->n_sources; i++)
        if (cidr_match(&l->sources[i], a))
            return true;
    return l->n_sources == 0;
}

void flow_regate(struct session *s)
{
    struct gate *g = s->worker->gate;
    struct gate_link *l;

    if (s->state != SESSION_PUMPING || s->gate == g)
        return;
    l = gate_find(g, s->link->policy->name);
    if (!l || (l->policy->outer != NULL) != s->leg[LEG_OUTER].tls ||
        (l->policy->inner != NULL) != s->leg[LEG_INNER].tls) {
        session_close(s, REASON_LINK_REMOVED, l ? "one side of the link changed its kind" : NULL);
        return;
    }
    if (!source_listed(l->policy, &s->leg[LEG_OUTER].addr)) {
        session_close(s, REASON_SOURCE_DENIED, "by a new configuration");
        return;
    }
    gate_put(s->gate);
    s->gate = gate_get(g);
    s->link = l;
    session_arm_timer(s);
}

void flow_check_peer(struct session *s)
{
    if (s->state != SESSION_PUMPING)
        return;
    for (int i = 0; i < 2; i++) {
        const struct peer *p = s->leg[i].peer;
        if (!p)
            continue;
        if (atomic_load_explicit(&p->denied, memory_order_acquire)) {
            session_close(s, p->reason, p->why);
            return;
        }
        if (p->until <= s->worker->wall_s) {
            session_close(s, REASON_CERTIFICATE_EXPIRED,
                          p->facts.not_after <= s->worker->wall_s
                              ? "the peer's certificate expired"
                              : "a certificate or CRL of the peer's chain ran out");
            return;
        }
    }
}
