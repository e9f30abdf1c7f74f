#include "mgmt/ship/ship.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "mgmt/manager.h"
#include "mgmt/outcall.h"
#include "mgmt/store/audit.h"

#define RETRY_MS  1000 /* doubled with each failure, up to: */
#define RETRY_MAX 60000
#define WELL_MS   10000 /* a connection that lived so long was none of them */
#define AUDIT_MS  500
#define TURN      256 /* frames in one turn of the loop */

void ship_init(struct ship *s)
{
    *s = (struct ship){.fd = -1};
    syslog_host(s->host);
}

/* ---- the document ---- */

static const json_t *wanted(const json_t *document)
{
    return json_object_get(json_object_get(document, "log"), "syslog");
}

bool ship_is_asked(const json_t *document)
{
    return json_is_object(wanted(document));
}

int ship_fill(json_t *document, struct err *e)
{
    const json_t *w = wanted(document);
    json_t *links, *filled;

    if (!json_is_object(w))
        return 0;
    if (!json_object_get(document, "links"))
        json_object_set_new(document, "links", json_object());
    links = json_object_get(document, "links");
    filled = json_pack("{s:b, s:{s:O, s:{s:O, s:O, s:O, s:[{s:b}]}}, s:{s:i}}", "internal", 1,
                       "forward", "to", json_object_get(w, "to"), "tls", "identity",
                       json_object_get(w, "identity"), "trust", json_object_get(w, "trust"),
                       "server_name", json_object_get(w, "server_name"), "peers", "any", 1,
                       "limits", "sessions", 2);
    if (!filled || json_object_set_new(links, SHIP_LINK, filled))
        return err_set(e, -EINVAL, "/log/syslog", "free memory", "out of memory");
    return 0;
}

static void hang_up(struct ship *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
    s->out = 0; /* the frame on its way goes whole to the next */
}

static enum log_level least_of(const json_t *w)
{
    const char *word = json_string_value(json_object_get(w, "least"));

    return word && !strcmp(word, "error")  ? LOG_ERROR
           : word && !strcmp(word, "warn") ? LOG_WARN
                                           : LOG_INFO;
}

/* Rows from before are in the audit; whoever wants them asks for them there. */
static uint64_t last_row(struct manager *m)
{
    json_t *rows = m->store.db ? audit_list(&m->store, 0, 1) : NULL;
    json_int_t seq = json_integer_value(json_object_get(json_array_get(rows, 0), "seq"));

    json_decref(rows);
    return seq > 0 ? (uint64_t)seq : 0;
}

void ship_follow(struct manager *m)
{
    struct ship *s = &m->ship;
    json_t *w = json_incref((json_t *)(uintptr_t)wanted(m->document));
    bool asked = json_is_object(w), same = w && s->wish && json_equal(w, s->wish);

    json_decref(s->wish);
    s->wish = w;
    if (same)
        return;
    if (asked && !s->asked) {
        s->at = journal_last(&m->journal, JOURNAL_ROOM);
        s->audit = last_row(m);
        s->audit -= s->audit > 0; /* the change that asked for it */
        s->n = s->out = 0;
    }
    s->asked = asked;
    s->least = least_of(w);
    hang_up(s); /* another target, another identity: begin anew */
    s->next_ms = 0;
    s->failures = 0;
}

/* ---- frames ---- */

/* The oldest audit row that was not sent, into the frame. */
static bool next_row(struct manager *m, uint64_t now_ms)
{
    struct ship *s = &m->ship;
    json_t *rows, *row;

    if (!m->store.db || now_ms < s->audit_ms)
        return false;
    rows = audit_after(&m->store, s->audit, 1);
    row = json_array_get(rows, 0);
    if (row) {
        s->n = syslog_audit(s->frame, s->host, row);
        s->audit++;
    } else {
        s->audit_ms = now_ms + AUDIT_MS;
    }
    json_decref(rows);
    return row != NULL;
}

static bool next_line(struct manager *m)
{
    struct ship *s = &m->ship;
    const char *line;
    size_t n;

    while ((line = journal_next(&m->journal, &s->at, &n)))
        if (syslog_level(line, n) >= s->least) {
            s->n = syslog_line(s->frame, s->host, line, n);
            return true;
        }
    return false;
}

/* The next frame; what was lost comes before what follows. False: there is nothing to say. */
static bool next_frame(struct manager *m, uint64_t now_ms)
{
    struct ship *s = &m->ship;

    s->out = s->n = 0;
    journal_skip(&m->journal, &s->at);
    if (s->at.lost) {
        s->n = syslog_lost(s->frame, s->host, s->at.lost);
        s->lost += s->at.lost;
        s->at.lost = 0;
        return true;
    }
    return next_row(m, now_ms) || next_line(m);
}

/* ---- the connection ---- */

static void failed(struct ship *s, uint64_t now_ms)
{
    uint64_t wait = RETRY_MS;

    if (s->fd >= 0 && now_ms - s->since_ms >= WELL_MS)
        s->failures = 0;
    for (unsigned i = 0; i < s->failures && wait < RETRY_MAX; i++)
        wait *= 2;
    s->failures++;
    hang_up(s);
    s->next_ms = now_ms + (wait < RETRY_MAX ? wait : RETRY_MAX);
}

static void connect_due(struct manager *m, uint64_t now_ms)
{
    struct ship *s = &m->ship;
    int fd;

    if (s->fd >= 0 || now_ms < s->next_ms)
        return;
    fd = outcall_open(m, SHIP_LINK);
    if (fd < 0) {
        failed(s, now_ms);
        return;
    }
    s->fd = fd;
    s->since_ms = now_ms;
    s->connections++;
}

/* A collector says nothing: what comes is the end. False: it has ended. */
static bool still_open(struct ship *s)
{
    char nothing[256];
    ssize_t n = recv(s->fd, nothing, sizeof nothing, MSG_DONTWAIT);

    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

/* 1: the frame is out, 0: later, -1: the connection has ended. */
static int push(struct ship *s)
{
    while (s->out < s->n) {
        ssize_t n = send(s->fd, s->frame + s->out, s->n - s->out, MSG_DONTWAIT | MSG_NOSIGNAL);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return errno == EAGAIN ? 0 : -1;
        s->out += (size_t)n;
    }
    return 1;
}

void ship_poll(const struct manager *m, struct pollfd *p)
{
    const struct ship *s = &m->ship;

    *p = (struct pollfd){.fd = s->fd, .events = (short)(s->out < s->n ? POLLIN | POLLOUT : POLLIN)};
}

void ship_run(struct manager *m, uint64_t now_ms)
{
    struct ship *s = &m->ship;
    int rc = 1;

    if (!s->asked || !m->revision)
        return;
    connect_due(m, now_ms);
    if (s->fd < 0)
        return;
    if (!still_open(s)) {
        failed(s, now_ms);
        return;
    }
    for (int i = 0; i < TURN && rc == 1; i++) {
        bool had = s->out < s->n;

        if (!had && !next_frame(m, now_ms))
            return;
        rc = push(s);
        s->sent += rc == 1;
    }
    if (rc < 0)
        failed(s, now_ms);
}

json_t *ship_json(const struct manager *m)
{
    const struct ship *s = &m->ship;

    if (!s->asked)
        return NULL;
    return json_pack("{s:b, s:I, s:I, s:I}", "connected", s->fd >= 0, "sent", (json_int_t)s->sent,
                     "lost", (json_int_t)(s->lost + s->at.lost), "connections",
                     (json_int_t)s->connections);
}
