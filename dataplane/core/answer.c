#include "dataplane/core/answer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/chan.h"
#include "dataplane/wire/query.h"

#define SLOTS_PER_PAGE 65536 /* looked at for one page, so that an empty table is quick too */

static void fill_leg(struct query_leg *q, const struct leg *leg)
{
    uint8_t engine = leg->ops ? (uint8_t)leg->ops->engine : LEG_PLAIN;

    q->addr = leg->addr;
    q->engine_rx = q->engine_tx = engine;
    snprintf(q->why, sizeof q->why, "%s", leg->why && leg->tls ? leg->why : "");
    q->version = leg->version;
    q->suite = leg->suite;
    snprintf(q->group, sizeof q->group, "%s", leg->group);
    if (leg->peer) {
        snprintf(q->peer, sizeof q->peer, "%s", leg->peer->facts.name);
        memcpy(q->chain_sha256, leg->peer->facts.chain_sha256, sizeof q->chain_sha256);
    }
    q->keyupdates_rx = leg->keyupdates_rx;
    q->keyupdates_tx = leg->keyupdates_tx;
}

static void fill_session(struct query_session *q, const struct session *s)
{
    memset(q, 0, sizeof *q);
    q->id = s->id;
    snprintf(q->link, sizeof q->link, "%s", s->link ? s->link->policy->name : "-");
    snprintf(q->state, sizeof q->state, "%s", session_state_name(s->state));
    q->age_ms = s->worker->now_ms - s->start_ms;
    q->idle_ms = s->worker->now_ms - s->active_ms;
    q->up_bytes = session_up(s);
    q->down_bytes = session_down(s);
    fill_leg(&q->outer, &s->leg[LEG_OUTER]);
    fill_leg(&q->inner, &s->leg[LEG_INNER]);
}

/* The cursor is the next slot to look at. */
static uint8_t answer_sessions(struct worker *w, uint64_t cursor, struct buf *out)
{
    struct query_page *page = calloc(1, sizeof *page);
    uint64_t end = cursor + SLOTS_PER_PAGE;
    uint32_t slot = cursor < w->sessions.fresh ? (uint32_t)cursor : w->sessions.fresh;

    if (!page) {
        out->bad = true;
        return QUERY_PAGE;
    }
    for (; slot < w->sessions.fresh && slot < end && page->n_rows < QUERY_PAGE_ROWS; slot++) {
        const struct session *s = pool_any(&w->sessions, slot);
        if (s && s->state < SESSION_CLOSING)
            fill_session(&page->rows[page->n_rows++], s);
    }
    page->next = slot < w->sessions.fresh ? slot : 0;
    query_put_page(out, page);
    free(page);
    return QUERY_PAGE;
}

/*
 * Live states of links are shared by all workers: worker 0 reports them, the others only their own
 * reasons, so that mgmt may add everything up.
 */
static void fill_links(struct worker *w, struct query_stats *st, uint32_t first)
{
    const struct gate *g = w->gate;

    st->first = first;
    if (w->index != w->shared->first_worker || !g)
        return;
    st->total = g->policy->n_links;
    for (uint32_t i = first; i < st->total && st->n_links < QUERY_LINKS_MAX; i++) {
        const struct link_live *l = g->links[i].live;
        struct query_link_stats *q = &st->links[st->n_links++];
        snprintf(q->link, sizeof q->link, "%s", l->name);
        q->live = l->sessions;
        q->shaking = l->shaking;
        q->accepted = l->accepted;
        q->keyed = l->keyed;
        q->refused = l->refused;
        q->up_bytes = l->up_bytes;
        q->down_bytes = l->down_bytes;
    }
}

static uint8_t answer_stats(struct worker *w, uint64_t first, struct buf *out)
{
    struct query_stats *st = calloc(1, sizeof *st);

    if (!st) {
        out->bad = true;
        return QUERY_STATS_PAGE;
    }
    fill_links(w, st, (uint32_t)first);
    for (unsigned i = 0; i < REASON_COUNT; i++)
        st->reasons[i] = w->reasons[i];
    st->stale_ids = w->stale_ids;
    if (w->net->count_frames)
        w->net->count_frames(w, st);
    query_put_stats(out, st);
    free(st);
    return QUERY_STATS_PAGE;
}

static uint8_t answer_end(struct worker *w, uint64_t id, struct buf *out)
{
    struct session *s = session_find(w, id);

    if (s)
        session_close(s, REASON_ENDED, NULL);
    query_put_ended(out, s ? 0 : ENOENT);
    return QUERY_ENDED;
}

/* The table is shared by all workers of the process: the first has all of it, the others nothing.
 */
static uint8_t answer_peers(struct worker *w, uint64_t cursor, struct buf *out)
{
    struct query_peers *page = calloc(1, sizeof *page);
    struct peer *peers[QUERY_PEERS_ROWS];
    unsigned n = 0;

    if (page && w->index == w->shared->first_worker) {
        n = peers_page(&w->shared->peers, cursor, QUERY_PEERS_ROWS, QUERY_PEERS_BYTES, peers,
                       &page->next);
        page->n = (uint16_t)n;
    } else if (!page) {
        out->bad = true;
    }
    for (unsigned i = 0; i < n; i++) {
        struct query_peer *row = &page->rows[i];

        memcpy(row->link, peers[i]->link_name, sizeof row->link);
        row->side = peers[i]->side;
        row->facts = peers[i]->facts;
        row->facts.until = atomic_load(&peers[i]->until); /* of its present verdict */
        row->chain = peers[i]->chain;
        row->n_chain = peers[i]->n_chain;
    }
    if (page)
        query_put_peers(out, page);
    for (unsigned i = 0; i < n; i++)
        peers_put(&w->shared->peers, peers[i]);
    free(page);
    return QUERY_PEERS_PAGE;
}

static const struct {
    uint8_t type;
    uint8_t (*answer)(struct worker *w, uint64_t argument, struct buf *out);
} queries[] = {
    {QUERY_SESSIONS, answer_sessions},
    {QUERY_STATS, answer_stats},
    {QUERY_END, answer_end},
    {QUERY_PEERS, answer_peers},
};

static int answer_one(struct worker *w, int fd, struct chan_msg *m)
{
    uint64_t argument;
    struct buf out;

    if (query_get_number(&m->body, &argument))
        return -EPROTO;
    for (unsigned i = 0; i < ARRAY_LEN(queries); i++)
        if (queries[i].type == m->type) {
            buf_init(&out, w->message, sizeof w->message);
            uint8_t type = queries[i].answer(w, argument, &out);
            /* mgmt asks one question at a time; if it does not read, it loses its channel. */
            return chan_send(fd, type, &out, NULL, 0);
        }
    return -EPROTO;
}

bool answer_query(struct worker *w, int fd)
{
    uint8_t mem[256];
    struct chan_msg m;
    int rc = chan_recv(fd, mem, sizeof mem, &m);

    if (rc == -EAGAIN)
        return true;
    if (rc != 1)
        return false;
    rc = answer_one(w, fd, &m);
    chan_msg_close_fds(&m);
    return rc == 0;
}
