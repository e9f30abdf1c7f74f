/*
 * watch: refused handshakes, and events as they happen (server-sent events, as HTML describes
 * them).
 *
 * A stream is a response without an end. When it has nothing to say its connection is suspended;
 * whoever adds an event, or the clock, wakes all of them (watch_wake()).
 */
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "mgmt/api/handlers.h"
#include "mgmt/api/watch.h"
#include "mgmt/manager.h"
#include "mgmt/store/objects.h"
#include "mgmt/store/pem.h"

#define PAGE_MAX     1000
#define HEARTBEAT_MS 15000
#define BLOCK        (16 * 1024)
#define HELLO        ": what happens from now on\n\n"

/* ---- refusals ---- */

static bool fits(const struct refusal *r, const char *key, const char *wanted)
{
    const char *is = json_string_value(json_object_get(r->facts, key));

    return !wanted || (is && !strcmp(is, wanted));
}

void watch_refusals(struct call *c)
{
    const char *link = call_query(c, "link"), *reason = call_query(c, "reason");
    json_t *items = json_array();
    uint64_t limit, cursor, id, last = 0;

    if (!call_number(c, "limit", PAGE_MAX, 100, &limit) ||
        !call_number(c, "cursor", INT64_MAX, 0, &cursor)) {
        json_decref(items);
        return;
    }
    id = cursor ? cursor - 1 : c->m->events.last_refusal;
    if (id > c->m->events.last_refusal)
        id = c->m->events.last_refusal;
    for (; id && json_array_size(items) < limit; id--) {
        const struct refusal *r = events_refusal(c->m, id);

        if (!r)
            break;
        if (fits(r, "link", link) && fits(r, "reason", reason))
            json_array_append(items, r->facts);
        last = id;
    }
    call_answer(c, 200,
                json_pack("{s:o, s:I}", "items", items, "lost", (json_int_t)c->m->events.lost));
    if (last && events_refusal(c->m, last - 1) && json_array_size(items) == limit)
        json_object_set_new(c->answer, "next", json_sprintf("%" PRIu64, last));
}

/* The presented chain: each certificate has a u32 length before it. */
static char *chain_pem(const struct refusal *r)
{
    char *all = strdup("");
    size_t n_all = 0;
    struct buf b;

    buf_init_read(&b, r->chain, r->n_chain);
    while (all && buf_left(&b)) {
        size_t n;
        const uint8_t *der = buf_get_blob(&b, r->n_chain, &n);
        char *pem = buf_ok(&b) ? pem_text("CERTIFICATE", der, n) : NULL;
        char *more = pem ? realloc(all, n_all + strlen(pem) + 1) : NULL;

        if (!more) {
            free(pem);
            break;
        }
        all = more;
        memcpy(all + n_all, pem, strlen(pem) + 1);
        n_all += strlen(pem);
        free(pem);
    }
    return all;
}

void watch_refusal(struct call *c)
{
    const struct refusal *r = events_refusal(c->m, strtoull(c->name, NULL, 10));
    char *pem;
    json_t *out;

    if (!r) {
        call_problem(c, 404, "Not Found",
                     "no such refusal is kept: the newest of an hour are, at most %d",
                     EVENTS_REFUSALS);
        return;
    }
    pem = chain_pem(r);
    out = json_deep_copy(r->facts);
    json_object_set_new(out, "chain", json_string(pem ? pem : ""));
    free(pem);
    call_answer(c, 200, out);
}

/* ---- events ---- */

struct watcher {
    struct manager *m;
    struct MHD_Connection *conn;
    char types[256]; /* with commas around each; "": all */
    uint64_t next;   /* the event that it gets next */
    uint64_t beat_ms;
    char *rest; /* of an event that did not fit into one block */
    size_t n_rest, at_rest;
    bool suspended, said_hello;
};

static bool wanted(const struct watcher *w, const struct event *e)
{
    char word[64];

    snprintf(word, sizeof word, ",%s,", e->type);
    return !w->types[0] || strstr(w->types, word);
}

/* The next thing to say, as text (free()), or NULL: nothing now. */
static char *next_text(struct watcher *w)
{
    struct events *all = &w->m->events;
    const struct event *e;
    size_t room;
    char *text;

    if (w->next < all->first) {
        uint64_t missed = all->first - w->next;

        w->next = all->first;
        text = malloc(64);
        if (text)
            snprintf(text, 64, "event: missed\ndata: {\"events\": %" PRIu64 "}\n\n", missed);
        return text;
    }
    while ((e = events_get(w->m, w->next)) && !wanted(w, e))
        w->next++;
    if (!e)
        return NULL;
    room = e->n + strlen(e->type) + 64;
    text = malloc(room);
    if (text)
        snprintf(text, room, "id: %" PRIu64 "\nevent: %s\ndata: %s\n\n", e->id, e->type, e->data);
    w->next++;
    return text;
}

static void say(struct watcher *w, char *text)
{
    free(w->rest);
    w->rest = text;
    w->n_rest = text ? strlen(text) : 0;
    w->at_rest = 0;
    w->beat_ms = clock_mono_ms();
}

/* libmicrohttpd asks for bytes. */
static ssize_t read_stream(void *arg, uint64_t pos, char *out, size_t max)
{
    struct watcher *w = arg;
    size_t n;

    (void)pos;
    if (w->at_rest == w->n_rest) {
        if (!w->said_hello)
            say(w, strdup(HELLO));
        else
            say(w, next_text(w));
        w->said_hello = true;
    }
    if (!w->rest) {
        w->suspended = true;
        MHD_suspend_connection(w->conn);
        return 0;
    }
    n = w->n_rest - w->at_rest < max ? w->n_rest - w->at_rest : max;
    memcpy(out, w->rest + w->at_rest, n);
    w->at_rest += n;
    return (ssize_t)n;
}

static void forget(void *arg)
{
    struct watcher *w = arg;

    for (unsigned i = 0; i < WATCHERS_MAX; i++)
        if (w->m->watchers[i] == w)
            w->m->watchers[i] = NULL;
    free(w->rest);
    free(w);
}

struct MHD_Response *watch_response(struct call *c)
{
    struct watcher *w = c->watcher;
    struct MHD_Response *r = MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK, read_stream,
                                                               w, forget);

    if (r)
        MHD_add_response_header(r, "Content-Type", "text/event-stream");
    c->watcher = NULL; /* the response has it */
    return r;
}

static uint64_t first_wanted(const struct call *c)
{
    const char *seen = call_header(c, "Last-Event-ID");
    uint64_t id = seen ? strtoull(seen, NULL, 10) : 0;

    /* An id from before a restart is none of ours: begin with what is kept. */
    if (id > c->m->events.last)
        id = 0;
    return seen ? id + 1 : c->m->events.last + 1;
}

void watch_events(struct call *c)
{
    const char *types = call_query(c, "types");
    struct watcher *w = calloc(1, sizeof *w);
    unsigned slot = 0;

    while (slot < WATCHERS_MAX && c->m->watchers[slot])
        slot++;
    if (!w || slot == WATCHERS_MAX) {
        call_problem(c, 503, "Service Unavailable", "%d others watch already", WATCHERS_MAX);
        free(w);
        return;
    }
    *w = (struct watcher){.m = c->m, .conn = c->conn, .next = first_wanted(c)};
    if (types && *types)
        snprintf(w->types, sizeof w->types, ",%.250s,", types);
    c->m->watchers[slot] = w;
    c->watcher = w;
    call_answer(c, 200, NULL);
}

void watch_wake(struct manager *m)
{
    uint64_t now_ms = clock_mono_ms();

    for (unsigned i = 0; i < WATCHERS_MAX; i++) {
        struct watcher *w = m->watchers[i];
        bool news = w && (w->next <= m->events.last || !w->said_hello);

        if (!w || !w->suspended)
            continue;
        if (!news && now_ms - w->beat_ms < HEARTBEAT_MS)
            continue;
        if (!news)
            say(w, strdup(": still here\n\n")); /* or the connection is found to be dead */
        w->suspended = false;
        MHD_resume_connection(w->conn);
    }
}

void watch_end(struct manager *m)
{
    for (unsigned i = 0; i < WATCHERS_MAX; i++) {
        if (m->watchers[i] && m->watchers[i]->suspended)
            MHD_resume_connection(m->watchers[i]->conn);
    }
}

void watch_drop(struct watcher *w)
{
    if (w)
        forget(w);
}
