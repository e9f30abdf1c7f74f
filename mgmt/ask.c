#include "mgmt/ask.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/query.h"
#include "dataplane/wire/suite.h"

static void drop(struct manager *m, unsigned worker)
{
    close(m->workers[worker]);
    m->workers[worker] = -1;
}

/*
 * One message of the worker, in m->message: 0, -ETIMEDOUT at end_ms, or -errno: the channel is
 * dead.
 */
static int await(struct manager *m, unsigned worker, uint64_t end_ms, struct chan_msg *answer)
{
    for (;;) {
        struct pollfd p = {.fd = m->workers[worker], .events = POLLIN};
        int rc = chan_recv(p.fd, m->message, sizeof m->message, answer);
        uint64_t now_ms = clock_mono_ms();

        if (rc == 1)
            return 0;
        if (rc != -EAGAIN)
            return rc ? rc : -EPIPE;
        if (now_ms >= end_ms)
            return -ETIMEDOUT;
        if (poll(&p, 1, (int)(end_ms - now_ms)) < 0 && errno != EINTR)
            return -errno;
    }
}

/*
 * One question, one answer. The worker answers in order, so what it still owes to questions that
 * were given up comes first and is passed over; the channel lives on. 0 or -errno.
 */
static int ask(struct manager *m, unsigned worker, uint8_t type, uint64_t argument, uint64_t end_ms,
               struct chan_msg *answer)
{
    uint64_t now_ms = clock_mono_ms();
    uint8_t mem[16];
    struct buf b;
    int rc = m->workers[worker] < 0 ? -EPIPE : now_ms >= end_ms ? -ETIMEDOUT : 0;

    while (!rc && m->owed[worker]) {
        rc = await(m, worker, end_ms, answer);
        if (!rc) {
            chan_msg_close_fds(answer);
            m->owed[worker]--;
        }
    }
    buf_init(&b, mem, sizeof mem);
    query_put_number(&b, argument);
    if (!rc)
        rc = chan_send_wait(m->workers[worker], type, &b, NULL, 0, (int)(end_ms - now_ms));
    if (!rc) {
        rc = await(m, worker, end_ms, answer);
        m->owed[worker] += rc == -ETIMEDOUT;
    }
    if (rc && rc != -ETIMEDOUT && m->workers[worker] >= 0)
        drop(m, worker); /* the launcher brings another when the data plane is back */
    return rc;
}

/* Names come from certificates: what is no UTF-8 would cost the whole answer. */
json_t *ask_text(const char *s)
{
    json_t *v = json_string(s);
    char masked[512];
    size_t n = 0;

    if (v)
        return v;
    for (; *s && n + 1 < sizeof masked; s++)
        masked[n++] = (unsigned char)*s < 0x20 || (unsigned char)*s > 0x7e ? '?' : *s;
    masked[n] = '\0';
    return json_string(masked);
}

static json_t *leg_json(const struct query_leg *l)
{
    const struct suite *s = suite_by_id(l->suite);
    char address[ADDR_TEXT_MAX], sha[65] = "";
    bool tls = l->version != 0;

    for (int i = 0; i < 32 && tls; i++)
        snprintf(sha + 2 * i, 3, "%02x", l->chain_sha256[i]);
    return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:o*, s:s*, s:I, s:I}", "address",
                     addr_text(&l->addr, address), "engine_rx", leg_engine_name(l->engine_rx),
                     "engine_tx", leg_engine_name(l->engine_tx), "why", l->why, "version",
                     !tls                  ? NULL
                     : l->version == TLS13 ? "1.3"
                                           : "1.2",
                     "suite", tls && s ? s->name : NULL, "group", tls ? l->group : NULL, "peer",
                     tls ? ask_text(l->peer) : NULL, "chain_sha256", tls ? sha : NULL,
                     "keyupdates_rx", (json_int_t)l->keyupdates_rx, "keyupdates_tx",
                     (json_int_t)l->keyupdates_tx);
}

static json_t *session_json(const struct query_session *s)
{
    char id[17];

    snprintf(id, sizeof id, "%016" PRIx64, s->id);
    return json_pack("{s:s, s:s, s:s, s:f, s:f, s:I, s:I, s:o, s:o}", "id", id, "link", s->link,
                     "state", s->state, "age_s", (double)s->age_ms / 1000, "idle_s",
                     (double)s->idle_ms / 1000, "up_bytes", (json_int_t)s->up_bytes, "down_bytes",
                     (json_int_t)s->down_bytes, "outer", leg_json(&s->outer), "inner",
                     leg_json(&s->inner));
}

/* One walk over the sessions: what is wanted, and how far it came. */
struct walk {
    json_t *list;
    uint64_t limit;
    bool (*wanted)(void *arg, const json_t *session); /* NULL: all */
    void *arg;
    uint64_t last; /* id of the last one in the list */
    bool more;     /* there is one behind it */
};

/* False: that is enough. */
static bool add_session(struct walk *w, const struct query_session *s)
{
    json_t *row = session_json(s);

    if (w->wanted && !w->wanted(w->arg, row)) {
        json_decref(row);
        return true;
    }
    if (json_array_size(w->list) == w->limit) {
        w->more = true;
        json_decref(row);
        return false;
    }
    json_array_append_new(w->list, row);
    w->last = s->id;
    return true;
}

/* The cursor is the worker's next slot. */
static int worker_sessions(struct manager *m, unsigned worker, uint64_t cursor, uint64_t end_ms,
                           struct query_page *page, struct walk *w)
{
    bool begun = false;

    while (!w->more && (cursor || !begun)) {
        struct chan_msg answer;
        int rc = ask(m, worker, QUERY_SESSIONS, cursor, end_ms, &answer);

        if (rc)
            return rc;
        begun = true;
        chan_msg_close_fds(&answer);
        if (answer.type != QUERY_PAGE || query_get_page(&answer.body, page)) {
            drop(m, worker);
            return -EPROTO;
        }
        for (unsigned i = 0; i < page->n_rows; i++)
            if (!add_session(w, &page->rows[i]))
                break;
        cursor = page->next;
    }
    return 0;
}

/*
 * An id is the worker's number and the session's slot, from the top: so ids are in the order in
 * which workers are asked, and each of them can go on where the page before ended.
 */
static json_t *walk(struct manager *m, uint64_t after, struct walk *w)
{
    struct query_page *page = malloc(sizeof *page);
    uint64_t end_ms = clock_mono_ms() + QUERY_MS;
    unsigned first = (unsigned)(after >> 56);
    int missing = 0;

    for (unsigned i = first; page && i < m->n_workers && !w->more; i++) {
        uint64_t slot = after && i == first ? (after >> 32 & 0xffffff) + 1 : 0;

        missing += worker_sessions(m, i, slot, end_ms, page, w) != 0;
    }
    free(page);
    return json_pack("{s:o, s:i}", "sessions", w->list, "missing_workers", missing);
}

json_t *ask_sessions(struct manager *m)
{
    struct walk w = {.list = json_array(), .limit = UINT64_MAX};

    return walk(m, 0, &w);
}

json_t *ask_sessions_page(struct manager *m, uint64_t after, uint64_t limit,
                          bool (*wanted)(void *arg, const json_t *session), void *arg)
{
    struct walk w = {.list = json_array(), .limit = limit, .wanted = wanted, .arg = arg};
    json_t *out = walk(m, after, &w);
    char next[17];

    if (out && w.more) {
        snprintf(next, sizeof next, "%016" PRIx64, w.last);
        json_object_set_new(out, "next", json_string(next));
    }
    return out;
}

/* Two data planes (sockets, DPDK) may know one link: what they counted is one. */
static void add_up(json_t *have, const json_t *more)
{
    const char *key;
    json_t *v;

    json_object_foreach((json_t *)(uintptr_t)more, key, v)
    {
        if (json_is_integer(v))
            json_object_set_new(have, key,
                                json_integer(json_integer_value(json_object_get(have, key)) +
                                             json_integer_value(v)));
    }
}

static void add_links(json_t *links, json_t *by_name, const struct query_stats *st)
{
    for (unsigned i = 0; i < st->n_links; i++) {
        const struct query_link_stats *l = &st->links[i];
        json_t *have = json_object_get(by_name, l->link);
        json_t *row = json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "link", l->link, "live",
                                (int)l->live, "shaking", (int)l->shaking, "accepted",
                                (json_int_t)l->accepted, "keyed", (json_int_t)l->keyed, "refused",
                                (json_int_t)l->refused, "up_bytes", (json_int_t)l->up_bytes,
                                "down_bytes", (json_int_t)l->down_bytes);

        if (have) {
            add_up(have, row);
        } else {
            json_object_set(by_name, l->link, row);
            json_array_append(links, row);
        }
        json_decref(row);
    }
}

/* Each worker counts what came by its own queues. */
static void add_ports(json_t *ports, const struct query_stats *st)
{
    for (unsigned i = 0; i < st->n_ports; i++) {
        json_t *row = json_object(), *have = json_object_get(ports, st->ports[i].name);

        for (unsigned k = 0; k < FRAMES_COUNTS; k++)
            json_object_set_new(row, query_frames_name(k),
                                json_integer((json_int_t)st->ports[i].frames[k]));
        if (have)
            add_up(have, row);
        else
            json_object_set(ports, st->ports[i].name, row);
        json_decref(row);
    }
}

static int worker_stats(struct manager *m, unsigned worker, uint64_t end_ms, struct query_stats *st,
                        json_t *links, json_t *by_name, json_t *ports, uint64_t *reasons)
{
    uint32_t next = 0;

    do {
        struct chan_msg answer;
        int rc = ask(m, worker, QUERY_STATS, next, end_ms, &answer);

        if (rc)
            return rc;
        chan_msg_close_fds(&answer);
        if (answer.type != QUERY_STATS_PAGE || query_get_stats(&answer.body, st)) {
            drop(m, worker);
            return -EPROTO;
        }
        add_links(links, by_name, st);
        for (unsigned i = 0; i < REASON_COUNT && next == 0; i++)
            reasons[i] += st->reasons[i];
        if (next == 0)
            add_ports(ports, st);
        next = st->n_links ? st->first + st->n_links : st->total;
    } while (next < st->total);
    return 0;
}

json_t *ask_stats(struct manager *m)
{
    struct query_stats *st = malloc(sizeof *st);
    uint64_t end_ms = clock_mono_ms() + QUERY_MS;
    uint64_t reasons[REASON_COUNT] = {0};
    json_t *links = json_array(), *by_name = json_object(), *by_reason = json_object();
    json_t *ports = json_object();
    int missing = 0;

    for (unsigned i = 0; st && i < m->n_workers; i++)
        missing += worker_stats(m, i, end_ms, st, links, by_name, ports, reasons) != 0;
    for (unsigned i = 1; i < REASON_COUNT; i++)
        if (reasons[i])
            json_object_set_new(by_reason, reason_name((enum reason)i),
                                json_integer((json_int_t)reasons[i]));
    free(st);
    json_decref(by_name);
    return json_pack("{s:o, s:o, s:o, s:i}", "links", links, "reasons", by_reason, "ports", ports,
                     "missing_workers", missing);
}

/* Every worker is asked in turn: which one holds a session is the data plane's to know. */
int ask_end(struct manager *m, uint64_t session)
{
    uint64_t end_ms = clock_mono_ms() + QUERY_MS;
    struct chan_msg answer;
    int worst = -ENOENT;

    for (unsigned i = 0; i < m->n_workers; i++) {
        int32_t error = 0;
        int rc = ask(m, i, QUERY_END, session, end_ms, &answer);

        if (!rc) {
            chan_msg_close_fds(&answer);
            rc = answer.type != QUERY_ENDED || query_get_ended(&answer.body, &error) ? -EPROTO
                                                                                     : -error;
        }
        if (!rc)
            return 0;
        if (rc != -ENOENT)
            worst = rc;
    }
    return worst;
}

/* A cursor of the API: the worker above that worker's own. */
#define PEERS_WORKER 56
#define PEERS_CURSOR ((1ull << PEERS_WORKER) - 1)

/* Each data plane has a table of its own, which its first worker answers for. */
uint8_t *ask_peers(struct manager *m, uint64_t cursor, struct query_peers *page)
{
    unsigned worker = (unsigned)(cursor >> PEERS_WORKER);
    struct chan_msg answer;
    uint8_t *mem;
    struct buf b;

    if (worker >= m->n_workers ||
        ask(m, worker, QUERY_PEERS, cursor & PEERS_CURSOR, clock_mono_ms() + QUERY_MS, &answer))
        return NULL;
    chan_msg_close_fds(&answer);
    mem = malloc(answer.body.len + 1);
    if (!mem)
        return NULL;
    memcpy(mem, answer.body.data, answer.body.len); /* the judge's answers take its place */
    buf_init_read(&b, mem, answer.body.len);
    if (answer.type == QUERY_PEERS_PAGE && !query_get_peers(&b, page)) {
        page->next = page->next                  ? page->next | (uint64_t)worker << PEERS_WORKER
                     : worker + 1 < m->n_workers ? (uint64_t)(worker + 1) << PEERS_WORKER
                                                 : 0;
        return mem;
    }
    free(mem);
    drop(m, worker);
    return NULL;
}
