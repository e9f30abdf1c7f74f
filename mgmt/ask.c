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

/* One question, one answer, in m->message. 0 or -errno. */
static int ask(struct manager *m, unsigned worker, uint8_t type, uint64_t argument,
               struct chan_msg *answer)
{
    uint64_t end = clock_mono_ms() + QUERY_MS;
    uint8_t mem[16];
    struct buf b;
    int rc;

    if (m->workers[worker] < 0)
        return -EPIPE;
    buf_init(&b, mem, sizeof mem);
    query_put_number(&b, argument);
    rc = chan_send_wait(m->workers[worker], type, &b, NULL, 0, QUERY_MS);
    while (!rc) {
        struct pollfd p = {.fd = m->workers[worker], .events = POLLIN};
        uint64_t now = clock_mono_ms();

        rc = chan_recv(p.fd, m->message, sizeof m->message, answer);
        if (rc == 1)
            return 0;
        if (rc == -EAGAIN && now < end)
            rc = poll(&p, 1, (int)(end - now)) < 0 && errno != EINTR ? -errno : 0;
        else
            rc = rc == -EAGAIN ? -ETIMEDOUT : rc ? rc : -EPIPE;
    }
    drop(m, worker); /* an answer that comes later would answer another question */
    return rc;
}

static json_t *leg_json(const struct query_leg *l)
{
    const struct suite *s = suite_by_id(l->suite);
    char address[ADDR_TEXT_MAX], sha[65] = "";
    bool tls = l->version != 0;

    for (int i = 0; i < 32 && tls; i++)
        snprintf(sha + 2 * i, 3, "%02x", l->chain_sha256[i]);
    return json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*, s:s*, s:s*, s:s*, s:i, s:i}", "address",
                     addr_text(&l->addr, address), "engine_rx", leg_engine_name(l->engine_rx),
                     "engine_tx", leg_engine_name(l->engine_tx), "why", l->why, "version",
                     !tls                  ? NULL
                     : l->version == TLS13 ? "1.3"
                                           : "1.2",
                     "suite", tls && s ? s->name : NULL, "group", tls ? l->group : NULL, "peer",
                     tls ? l->peer : NULL, "chain_sha256", tls ? sha : NULL, "keyupdates_rx",
                     (int)l->keyupdates_rx, "keyupdates_tx", (int)l->keyupdates_tx);
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

static int worker_sessions(struct manager *m, unsigned worker, struct query_page *page,
                           json_t *list)
{
    uint64_t cursor = 0;

    do {
        struct chan_msg answer;
        int rc = ask(m, worker, QUERY_SESSIONS, cursor, &answer);

        if (rc)
            return rc;
        chan_msg_close_fds(&answer);
        if (answer.type != QUERY_PAGE || query_get_page(&answer.body, page)) {
            drop(m, worker);
            return -EPROTO;
        }
        for (unsigned i = 0; i < page->n_rows; i++)
            json_array_append_new(list, session_json(&page->rows[i]));
        cursor = page->next;
    } while (cursor);
    return 0;
}

json_t *ask_sessions(struct manager *m)
{
    struct query_page *page = malloc(sizeof *page);
    json_t *list = json_array();
    int missing = 0;

    for (unsigned i = 0; page && i < m->n_workers; i++)
        missing += worker_sessions(m, i, page, list) != 0;
    free(page);
    return json_pack("{s:o, s:i}", "sessions", list, "missing_workers", missing);
}

static void add_links(json_t *links, const struct query_stats *st)
{
    for (unsigned i = 0; i < st->n_links; i++) {
        const struct query_link_stats *l = &st->links[i];
        json_array_append_new(
            links,
            json_pack("{s:s, s:i, s:i, s:I, s:I, s:I, s:I, s:I}", "link", l->link, "live",
                      (int)l->live, "shaking", (int)l->shaking, "accepted", (json_int_t)l->accepted,
                      "keyed", (json_int_t)l->keyed, "refused", (json_int_t)l->refused, "up_bytes",
                      (json_int_t)l->up_bytes, "down_bytes", (json_int_t)l->down_bytes));
    }
}

static int worker_stats(struct manager *m, unsigned worker, struct query_stats *st, json_t *links,
                        uint64_t *reasons)
{
    uint32_t next = 0;

    do {
        struct chan_msg answer;
        int rc = ask(m, worker, QUERY_STATS, next, &answer);

        if (rc)
            return rc;
        chan_msg_close_fds(&answer);
        if (answer.type != QUERY_STATS_PAGE || query_get_stats(&answer.body, st)) {
            drop(m, worker);
            return -EPROTO;
        }
        add_links(links, st);
        for (unsigned i = 0; i < REASON_COUNT && next == 0; i++)
            reasons[i] += st->reasons[i];
        next = st->n_links ? st->first + st->n_links : st->total;
    } while (next < st->total);
    return 0;
}

json_t *ask_stats(struct manager *m)
{
    struct query_stats *st = malloc(sizeof *st);
    uint64_t reasons[REASON_COUNT] = {0};
    json_t *links = json_array(), *by_reason = json_object();
    int missing = 0;

    for (unsigned i = 0; st && i < m->n_workers; i++)
        missing += worker_stats(m, i, st, links, reasons) != 0;
    for (unsigned i = 1; i < REASON_COUNT; i++)
        if (reasons[i])
            json_object_set_new(by_reason, reason_name((enum reason)i),
                                json_integer((json_int_t)reasons[i]));
    free(st);
    return json_pack("{s:o, s:o, s:i}", "links", links, "reasons", by_reason, "missing_workers",
                     missing);
}

int ask_end(struct manager *m, uint64_t session)
{
    unsigned worker = (unsigned)(session >> 56);
    struct chan_msg answer;
    int32_t error;
    int rc = worker < m->n_workers ? ask(m, worker, QUERY_END, session, &answer) : -ENOENT;

    if (rc)
        return rc;
    chan_msg_close_fds(&answer);
    if (answer.type != QUERY_ENDED || query_get_ended(&answer.body, &error))
        return -EPROTO;
    return -error;
}
