#include "dataplane/core/session.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/core/flow.h"
#include "dataplane/core/wind.h"
#include "dataplane/core/worker.h"

#define HANDSHAKE_MS_DEFAULT 5000 /* until the link is known */
#define LINGER_MS            1000 /* for the peer to read our last words */
#define REFUSALS_LOGGED      100  /* lines a second; the rest are summed up */
#define CHECK_A_TURN         512  /* sessions looked at between two rounds of events, */
#define CUT_A_TURN           4    /* and ended: each costs a last word and a line */

/* id: worker (8 bits), slot (24), generation (16), zero (16) */
static uint64_t session_make_id(const struct worker *w, const struct session *s)
{
    return (uint64_t)w->index << 56 | (uint64_t)pool_slot(&w->sessions, s) << 32 |
           (uint64_t)pool_gen(&w->sessions, s) << 16;
}

struct session *session_find(struct worker *w, uint64_t id)
{
    struct session *s = pool_at(&w->sessions, (id >> 32) & 0xffffff, (uint16_t)(id >> 16));

    if (!s || s->id != id) {
        w->stale_ids++;
        return NULL;
    }
    return s;
}

void worker_check_begin(struct worker *w)
{
    /* One that is under way may have passed some already: it begins anew. */
    w->checking = true;
    w->check_at = 0;
}

void worker_check_turn(struct worker *w)
{
    unsigned looked = 0, cut = 0;

    for (; w->check_at < w->sessions.fresh && looked < CHECK_A_TURN && cut < CUT_A_TURN;
         w->check_at++) {
        struct session *s = pool_any(&w->sessions, w->check_at);

        if (!s || s->state != SESSION_PUMPING)
            continue;
        looked++;
        flow_check_peer(s);
        cut += s->state != SESSION_PUMPING;
    }
    w->checking = w->check_at < w->sessions.fresh;
}

void worker_each_session(struct worker *w, void (*fn)(struct session *s))
{
    for (uint32_t slot = 0; slot < w->sessions.fresh; slot++) {
        struct session *s = pool_any(&w->sessions, slot);
        if (s)
            fn(s);
    }
}

struct session *session_new(struct worker *w, struct gate *g)
{
    struct shake *shake = calloc(1, sizeof *shake);
    struct session *s = shake ? pool_get(&w->sessions) : NULL;

    if (!s) {
        free(shake);
        return NULL;
    }
    w->shared->live++;
    s->id = session_make_id(w, s);
    s->worker = w;
    s->gate = gate_get(g);
    s->shake = shake;
    s->start_ms = s->active_ms = w->now_ms;
    leg_init(&s->leg[LEG_OUTER], LEG_OUTER);
    leg_init(&s->leg[LEG_INNER], LEG_INNER);
    list_init(&s->node);
    session_move(s, SESSION_ADMITTED);
    s->deadline_ms = w->now_ms + HANDSHAKE_MS_DEFAULT;
    session_arm_timer(s);
    return s;
}

static bool source_allowed(const struct policy_link *l, const struct addr *a)
{
    for (unsigned i = 0; i < l->n_sources; i++)
        if (cidr_match(&l->sources[i], a))
            return true;
    return l->n_sources == 0;
}

static bool link_rate_take(struct link_live *live, uint32_t rate, uint64_t now_ms)
{
    bool ok;

    pthread_mutex_lock(&live->lock);
    ok = bucket_take(&live->rate, rate, rate, now_ms);
    pthread_mutex_unlock(&live->lock);
    return ok;
}

static enum reason link_limits(struct session *s, struct gate_link *l)
{
    const struct policy_limits *lim = &l->policy->limits;
    struct worker *w = s->worker;
    uint8_t net[16];

    if (!source_allowed(l->policy, &s->leg[LEG_OUTER].addr))
        return REASON_SOURCE_DENIED;
    addr_source_net(&s->leg[LEG_OUTER].addr, net);
    if (lim->handshakes_per_source && !sources_take(&w->shared->sources, net, l->live->number,
                                                    lim->handshakes_per_source, w->now_ms))
        return REASON_SOURCE_RATE;
    if (lim->handshakes_per_second &&
        !link_rate_take(l->live, lim->handshakes_per_second, w->now_ms))
        return REASON_LINK_RATE;
    if (atomic_fetch_add(&l->live->sessions, 1) >= lim->sessions) {
        atomic_fetch_sub(&l->live->sessions, 1);
        return REASON_LINK_SESSIONS;
    }
    return REASON_NONE;
}

bool session_enter_link(struct session *s, struct gate_link *l, enum reason *why)
{
    s->link = l;
    l->live->accepted++;
    *why = link_limits(s, l);
    if (*why)
        return false;
    s->counted_live = true;
    l->live->shaking++;
    s->counted_shaking = true;
    s->deadline_ms = s->start_ms + l->policy->limits.handshake_ms;
    session_arm_timer(s);
    return true;
}

static const char *engine_of(const struct leg *leg)
{
    return leg->ops ? leg_engine_name((uint8_t)leg->ops->engine) : "none";
}

static void session_log_closed(const struct session *s)
{
    const struct leg *o = &s->leg[LEG_OUTER], *i = &s->leg[LEG_INNER];
    const struct leg *t = o->tls ? o : i;
    const struct suite *suite = suite_by_id(t->suite);
    char source[ADDR_TEXT_MAX], target[ADDR_TEXT_MAX], peer[2][300], text[600], alert[32] = "";

    log_quote(peer[0], sizeof peer[0], o->peer ? o->peer->facts.name : "-",
              o->peer ? strlen(o->peer->facts.name) : 1);
    log_quote(peer[1], sizeof peer[1], i->peer ? i->peer->facts.name : "-",
              i->peer ? strlen(i->peer->facts.name) : 1);
    log_quote(text, sizeof text, s->text, strlen(s->text));
    if (s->peer_alert)
        snprintf(alert, sizeof alert, " alert=%u", s->peer_alert);
    log_event(LOG_INFO, "session_closed",
              "link=%s session=%016" PRIx64 " reason=%s source=%s target=%s outer_peer=%s "
              "inner_peer=%s version=%s suite=%s group=%s outer_engine=%s inner_engine=%s "
              "up_bytes=%" PRIu64 " down_bytes=%" PRIu64 " age_ms=%" PRIu64 " keyupdates=%u%s%s%s",
              s->link->policy->name, s->id, reason_name(s->reason), addr_text(&o->addr, source),
              addr_text(&i->addr, target), peer[0], peer[1], t->version == TLS13 ? "1.3" : "1.2",
              suite ? suite->name : "-", t->group[0] ? t->group : "-", engine_of(o), engine_of(i),
              session_up(s), session_down(s), s->worker->now_ms - s->start_ms,
              o->keyupdates_rx + o->keyupdates_tx + i->keyupdates_rx + i->keyupdates_tx, alert,
              s->text[0] ? " text=" : "", s->text[0] ? text : "");
}

/* Failed handshakes are summed up above REFUSALS_LOGGED lines a second, over all workers. */
static bool refusal_loggable(struct worker *w, uint64_t *skipped)
{
    uint64_t second = w->now_ms / 1000, old, new;

    *skipped = 0;
    do {
        old = atomic_load(&w->shared->refused_logged);
        if (old >> 32 == second) {
            new = old + 1;
        } else {
            *skipped = (old & 0xffffffff) > REFUSALS_LOGGED ? (old & 0xffffffff) - REFUSALS_LOGGED
                                                            : 0;
            new = second << 32 | 1;
        }
    } while (!atomic_compare_exchange_weak(&w->shared->refused_logged, &old, new));
    return (new & 0xffffffff) <= REFUSALS_LOGGED;
}

static void session_log_refused(const struct session *s)
{
    char source[ADDR_TEXT_MAX], target[ADDR_TEXT_MAX], peer[300], text[600], alert[32] = "";
    const char *side = s->leg[LEG_INNER].addr.len ? "forward" : "listen";
    uint64_t skipped;
    bool loggable = refusal_loggable(s->worker, &skipped);

    if (skipped)
        log_event(LOG_WARN, "refusals_summed", "count=%" PRIu64, skipped);
    if (!loggable)
        return;
    notices_refused(&s->worker->notices, s, s->worker->evidence);
    log_quote(peer, sizeof peer, s->peer_name[0] ? s->peer_name : "-",
              s->peer_name[0] ? strlen(s->peer_name) : 1);
    log_quote(text, sizeof text, s->text, strlen(s->text));
    if (s->peer_alert)
        snprintf(alert, sizeof alert, " alert=%u", s->peer_alert);
    log_event(LOG_WARN, "refused",
              "link=%s session=%016" PRIx64 " side=%s reason=%s source=%s target=%s peer=%s "
              "age_ms=%" PRIu64 "%s text=%s",
              s->link ? s->link->policy->name : "-", s->id, side, reason_name(s->reason),
              addr_text(&s->leg[LEG_OUTER].addr, source),
              addr_text(&s->leg[LEG_INNER].addr, target), peer, s->worker->now_ms - s->start_ms,
              alert, s->text[0] ? text : "-");
}

/* What the ends of a connection do by themselves is no news. */
static bool is_told(enum reason reason)
{
    return reason != REASON_CLOSED && reason != REASON_TRUNCATED && reason != REASON_RESET &&
           reason != REASON_IDLE && reason != REASON_LIFE && reason != REASON_DRAINED;
}

void session_close(struct session *s, enum reason reason, const char *text)
{
    struct worker *w = s->worker;

    if (s->state >= SESSION_CLOSING)
        return;
    s->reason = reason;
    if (text)
        snprintf(s->text, sizeof s->text, "%s", text);
    w->reasons[reason]++;
    for (int i = 0; i < 2; i++) {
        if (s->leg[i].peer_alert)
            s->peer_alert = s->leg[i].peer_alert;
        if (s->leg[i].opened)
            hsclient_close(w, s, &s->leg[i]);
    }
    /* Now: no byte passes after this, and its last words may take a while. */
    if (s->pumped && is_told(reason))
        notices_ended(&w->notices, s);
    if (s->pumped)
        session_log_closed(s);
    else if (reason != REASON_CLOSED)
        session_log_refused(s);
    session_move(s, SESSION_CLOSING);
    s->deadline_ms = w->now_ms + LINGER_MS;
    session_arm_timer(s);
    wind_down(w, s);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void session_arm_timer(struct session *s)
{
    uint64_t due = s->deadline_ms;

    if (s->state == SESSION_PUMPING) {
        const struct policy_limits *lim = &s->link->policy->limits;
        due = UINT64_MAX;
        if (lim->idle_ms)
            due = s->active_ms + lim->idle_ms;
        if (lim->life_ms)
            due = earlier(due, s->start_ms + lim->life_ms);
    }
    if (due == UINT64_MAX || s->state == SESSION_DRAINING)
        timers_cancel(&s->worker->timers, &s->timer);
    else
        timers_set(&s->worker->timers, &s->timer, due);
}

static void session_timer_pumping(struct session *s)
{
    const struct policy_limits *lim = &s->link->policy->limits;
    uint64_t now = s->worker->now_ms;

    if (lim->life_ms && now >= s->start_ms + lim->life_ms)
        session_close(s, REASON_LIFE, NULL);
    else if (lim->idle_ms && now >= s->active_ms + lim->idle_ms)
        session_close(s, REASON_IDLE, NULL);
    else
        session_arm_timer(s);
}

void session_timer(struct session *s)
{
    switch (s->state) {
    case SESSION_ADMITTED:
    case SESSION_SHAKING:
        session_close(s, REASON_HANDSHAKE_TIMEOUT, NULL);
        break;
    case SESSION_DIALLING:
        flow_dial_timeout(s);
        break;
    case SESSION_SHAKING_INNER:
        session_close(s, REASON_HANDSHAKE_TIMEOUT, "the target did not finish its handshake");
        break;
    case SESSION_PUMPING:
        session_timer_pumping(s);
        break;
    case SESSION_CLOSING:
        wind_cut(s->worker, s);
        break;
    default:
        break;
    }
}

/* Undo every count the session was in. */
static void session_leave(struct session *s)
{
    if (s->counted_shaking)
        s->link->live->shaking--;
    if (s->counted_live)
        s->link->live->sessions--;
    if (s->target)
        s->target->sessions--;
    if (s->link && !s->pumped)
        s->link->live->refused++;
    s->counted_shaking = s->counted_live = false;
    s->target = NULL;
}

void session_gone(struct session *s)
{
    struct worker *w = s->worker;

    check(s->inflight == 0);
    session_leave(s);
    list_remove(&s->node);
    timers_cancel(&w->timers, &s->timer);
    leg_fini(w, &s->leg[LEG_OUTER]);
    leg_fini(w, &s->leg[LEG_INNER]);
    free(s->shake);
    gate_put(s->gate);
    session_move(s, SESSION_FREE);
    w->shared->live--;
    pool_put(&w->sessions, s);
}
