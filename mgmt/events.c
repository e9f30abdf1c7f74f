#include "mgmt/events.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/chan.h"
#include "dataplane/wire/notice.h"
#include "mgmt/manager.h"
#include "mgmt/store/audit.h"
#include "mgmt/store/objects.h"

#define CUTS_WAIT_S   1
#define LOGINS_WAIT_S 60  /* between two writings */
#define CUTS_PEERS    100 /* that one row names */
#define MESSAGES      256 /* of one worker, before the others have their turn */

static void begin(struct events *e)
{
    for (unsigned i = 0; !e->begun && i < EVENTS_WORKERS; i++)
        e->fds[i] = -1;
    e->begun = true;
}

void events_take(struct manager *m, unsigned worker, int fd)
{
    struct events *e = &m->events;

    begin(e);
    if (worker >= EVENTS_WORKERS) {
        close(fd);
        return;
    }
    if (e->fds[worker] >= 0)
        close(e->fds[worker]);
    e->fds[worker] = fd;
}

unsigned events_poll(const struct manager *m, struct pollfd *p)
{
    unsigned n = 0;

    for (unsigned i = 0; m->events.begun && i < EVENTS_WORKERS; i++)
        if (m->events.fds[i] >= 0)
            p[n++] = (struct pollfd){.fd = m->events.fds[i], .events = POLLIN};
    return n;
}

void events_time(int64_t at_ms, char out[32])
{
    time_t s = (time_t)(at_ms / 1000);
    struct tm tm;
    size_t n;

    if (!gmtime_r(&s, &tm)) {
        out[0] = '\0';
        return;
    }
    n = strftime(out, 24, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 32 - n, ".%03dZ", (int)(at_ms % 1000));
}

/* ---- the ring of events ---- */

static void forget_oldest(struct events *e)
{
    struct event *old = &e->ring[e->first++ % EVENTS_MAX];

    e->bytes -= old->n;
    free(old->data);
    old->data = NULL;
}

static void add_at(struct manager *m, const char *type, json_t *data, int64_t at_ms)
{
    struct events *e = &m->events;
    struct event *slot;
    char at[32], *text;

    events_time(at_ms, at);
    json_object_set_new(data, "at", json_string(at));
    text = json_dumps(data, JSON_COMPACT | JSON_ENSURE_ASCII);
    json_decref(data);
    if (!text)
        return;
    if (!e->last)
        e->first = 1;
    while (e->last + 1 - e->first >= EVENTS_MAX || (e->bytes > EVENTS_BYTES && e->first <= e->last))
        forget_oldest(e);
    slot = &e->ring[++e->last % EVENTS_MAX];
    *slot = (struct event){.id = e->last, .type = type, .data = text, .n = strlen(text)};
    e->bytes += slot->n;
}

void events_add(struct manager *m, const char *type, json_t *data)
{
    add_at(m, type, data, clock_wall_s() * 1000);
}

const struct event *events_get(const struct manager *m, uint64_t id)
{
    const struct events *e = &m->events;

    return id && id >= e->first && id <= e->last ? &e->ring[id % EVENTS_MAX] : NULL;
}

/* ---- refusals ---- */

static void forget_refusal(struct events *e)
{
    struct refusal *old = &e->refusals[e->first_refusal++ % EVENTS_REFUSALS];

    e->chain_bytes -= old->n_chain;
    json_decref(old->facts);
    free(old->chain);
    *old = (struct refusal){0};
}

const struct refusal *events_refusal(const struct manager *m, uint64_t id)
{
    const struct events *e = &m->events;

    return id && id >= e->first_refusal && id <= e->last_refusal
               ? &e->refusals[id % EVENTS_REFUSALS]
               : NULL;
}

/* Names come from certificates: what is no UTF-8 is masked. */
static json_t *text_json(const char *s)
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

static json_t *common_json(const struct notice *n)
{
    char source[ADDR_TEXT_MAX], target[ADDR_TEXT_MAX], id[17];

    snprintf(id, sizeof id, "%016" PRIx64, n->session);
    return json_pack("{s:s, s:s, s:s, s:s, s:o, s:o, s:s, s:s, s:I}", "link",
                     n->link[0] ? n->link : "-", "session", id, "side",
                     n->side == LEG_OUTER ? "listen" : "forward", "reason", reason_name(n->reason),
                     "text", text_json(n->text[0] ? n->text : reason_text(n->reason)), "peer",
                     text_json(n->peer), "source", addr_text(&n->source, source), "target",
                     addr_text(&n->target, target), "revision", (json_int_t)n->revision);
}

static json_t *checks_json(const struct notice *n)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < n->n_reasons; i++)
        json_array_append_new(list,
                              json_pack("{s:s, s:o}", "reason", reason_name(n->reasons[i].reason),
                                        "text", text_json(n->reasons[i].text)));
    return list;
}

/* ---- what belongs in the audit ---- */

/* Ends that somebody's word or the clock brought about: they belong in the audit. */
static bool is_cut(enum reason r)
{
    switch (r) {
    case REASON_ENDED: /* noted when it was asked for */
    case REASON_PEER_ALERT:
    case REASON_INTERNAL:
    case REASON_ENGINE:
    case REASON_BAD_RECORD:
    case REASON_RECORD_TYPE:
    case REASON_KEYUPDATE_RATE:
    case REASON_REKEY_UNSUPPORTED:
        return false;
    default:
        return true;
    }
}

static void add_peer(json_t *row, const struct notice *n)
{
    json_t *peers = json_object_get(row, "peers"), *one = json_object_get(peers, n->peer);

    if (one || json_object_size(peers) < CUTS_PEERS)
        json_object_set_new(peers, n->peer, json_integer(json_integer_value(one) + 1));
}

/* One row for each link and reason, with what is counted of each peer. */
static void gather(struct manager *m, json_t *table, const struct notice *n, const char *counted)
{
    char key[128];
    json_t *row;

    snprintf(key, sizeof key, "%s/%u", n->link, (unsigned)n->reason);
    row = json_object_get(table, key);
    if (!row) {
        row = json_pack("{s:s, s:s, s:o, s:i, s:{}, s:I}", "link", n->link, "reason",
                        reason_name(n->reason), "text", text_json(n->text), counted, 0, "peers",
                        "revision", (json_int_t)m->revision);
        if (!row || json_object_set_new(table, key, row))
            return;
    }
    json_object_set_new(row, counted,
                        json_integer(json_integer_value(json_object_get(row, counted)) + 1));
    add_peer(row, n);
}

static void note_cut(struct manager *m, const struct notice *n)
{
    struct events *e = &m->events;

    if (!e->cuts) {
        e->cuts = json_object();
        e->cuts_at_s = clock_wall_s() + CUTS_WAIT_S + 1;
    }
    gather(m, e->cuts, n, "sessions");
}

/* Whoever knocks at the management's door; summed, so that knocking does not fill the disk. */
static void note_login(struct manager *m, const struct notice *n)
{
    struct events *e = &m->events;

    if (!e->logins) {
        e->logins = json_object();
        if (e->logins_at_s < clock_wall_s())
            e->logins_at_s = clock_wall_s() + 1;
    }
    gather(m, e->logins, n, "attempts");
}

static void write_rows(struct manager *m, json_t **table, const char *action, const char *result)
{
    const char *key, *link;
    json_t *row;

    json_object_foreach(*table, key, row)
    {
        struct audit_row r = {.actor = "penstock", .action = action, .result = result};
        struct err err;
        char text[1100];

        link = json_string_value(json_object_get(row, "link"));
        r.object = link ? link : "";
        r.revision = (uint64_t)json_integer_value(json_object_get(row, "revision"));
        r.detail = row;
        if (audit_add(&m->store, &r, &err))
            log_event(LOG_ERROR, "audit_failed", "error=\"%s\"", err_text(&err, text, sizeof text));
    }
    json_decref(*table);
    *table = NULL;
}

/* ---- notices ---- */

static void take_refused(struct manager *m, const struct notice *n)
{
    struct events *e = &m->events;
    json_t *facts = common_json(n);
    struct refusal *slot;
    char at[32];

    if (!facts)
        return;
    if (!e->last_refusal)
        e->first_refusal = 1;
    while (
        e->last_refusal + 1 - e->first_refusal >= EVENTS_REFUSALS ||
        (e->chain_bytes + n->n_chain > EVENTS_REFUSAL_ROOM && e->first_refusal <= e->last_refusal))
        forget_refusal(e);
    events_time(n->at_ms, at);
    slot = &e->refusals[++e->last_refusal % EVENTS_REFUSALS];
    *slot = (struct refusal){
        .id = e->last_refusal, .at_s = n->at_ms / 1000, .chain = malloc(n->n_chain + 1)};
    if (slot->chain && n->n_chain) {
        memcpy(slot->chain, n->chain, n->n_chain);
        slot->n_chain = n->n_chain;
        e->chain_bytes += n->n_chain;
    }
    json_object_set_new(facts, "id", json_sprintf("%" PRIu64, slot->id));
    slot->facts = json_deep_copy(facts);
    json_object_set_new(slot->facts, "at", json_string(at));
    json_object_set_new(slot->facts, "checks", checks_json(n));
    add_at(m, "refusal", facts, n->at_ms);
    if (!strcmp(n->link, MODEL_MANAGEMENT))
        note_login(m, n);
}

static void take_ended(struct manager *m, const struct notice *n)
{
    json_t *facts = common_json(n);

    if (!facts)
        return;
    json_object_set_new(facts, "up_bytes", json_integer((json_int_t)n->up_bytes));
    json_object_set_new(facts, "down_bytes", json_integer((json_int_t)n->down_bytes));
    json_object_set_new(facts, "age_s", json_real((double)n->age_ms / 1000));
    add_at(m, "session.cut", facts, n->at_ms);
    if (is_cut(n->reason))
        note_cut(m, n);
}

/* ---- reading them ---- */

static int take_rows(struct manager *m, struct buf *b)
{
    struct notice *n = malloc(sizeof *n);
    int rc = n ? 0 : -1;

    while (!rc && buf_left(b)) {
        rc = notice_get(b, n);
        if (rc)
            break;
        if (n->kind == NOTICE_REFUSED)
            take_refused(m, n);
        else if (n->kind == NOTICE_ENDED)
            take_ended(m, n);
        else
            m->events.lost += n->count;
    }
    free(n);
    return rc;
}

static void read_worker(struct manager *m, unsigned worker)
{
    struct events *e = &m->events;
    struct chan_msg msg;
    int rc = 1;

    for (unsigned i = 0; i < MESSAGES && rc == 1; i++) {
        rc = chan_recv(e->fds[worker], m->message, sizeof m->message, &msg);
        if (rc != 1)
            break;
        if (msg.type != NOTICE_ROWS || msg.n_fds || take_rows(m, &msg.body)) {
            log_event(LOG_ERROR, "notice_protocol", "worker=%u", worker);
            rc = -1;
        }
        chan_msg_close_fds(&msg);
    }
    if (rc == 1 || rc == -EAGAIN)
        return;
    close(e->fds[worker]); /* the launcher brings another when the data plane is back */
    e->fds[worker] = -1;
}

static void forget_old(struct events *e, int64_t now_s)
{
    while (e->first_refusal && e->first_refusal <= e->last_refusal &&
           e->refusals[e->first_refusal % EVENTS_REFUSALS].at_s + EVENTS_REFUSAL_S < now_s)
        forget_refusal(e);
}

void events_run(struct manager *m, int64_t now_s)
{
    struct events *e = &m->events;

    for (unsigned i = 0; e->begun && i < EVENTS_WORKERS; i++)
        if (e->fds[i] >= 0)
            read_worker(m, i);
    if (e->cuts && now_s >= e->cuts_at_s)
        write_rows(m, &e->cuts, "sessions.cut", "done");
    if (e->logins && now_s >= e->logins_at_s) {
        write_rows(m, &e->logins, "login", "refused");
        e->logins_at_s = now_s + LOGINS_WAIT_S;
    }
    forget_old(e, now_s);
}
