/* live: what runs, and ending it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "mgmt/api/handlers.h"
#include "mgmt/ask.h"
#include "mgmt/store/audit.h"

#define PAGE_MAX 100000

/* What is near its end, with the days left, beside the warnings of the load. */
static json_t *warnings_now(const struct manager *m, int64_t now)
{
    json_t *list = json_copy(m->warnings);
    char text[1100];

    for (unsigned i = 0; list && i < m->n_dates; i++) {
        const struct compile_date *d = &m->dates[i];

        if (now < d->warn_at)
            continue;
        if (now >= d->ends_at)
            snprintf(text, sizeof text, "%s: ended", d->text);
        else
            snprintf(text, sizeof text, "%s: ends in %.1f days", d->text,
                     (double)(d->ends_at - now) / 86400);
        json_array_append_new(list, json_string(text));
    }
    if (list && !m->store.db)
        json_array_append_new(list, json_string(err_text(&m->store_err, text, sizeof text)));
    if (list && m->store.put_aside[0])
        json_array_append_new(list, json_sprintf("the store was damaged and begun anew; the old "
                                                 "one is %s",
                                                 m->store.put_aside));
    if (list && m->vault.kek_in_file)
        json_array_append_new(list, json_string("the key-encryption key of stored private keys "
                                                "lies beside them, in keyring.kek: seal it as a "
                                                "credential of the service manager"));
    return list;
}

void live_status(struct call *c)
{
    uint64_t now = clock_mono_ms();
    struct manager *m = c->m;
    json_t *stats = ask_stats(m);

    call_answer(c, 200,
                json_pack("{s:I, s:s, s:f, s:f, s:o, s:O, s:O}", "revision",
                          (json_int_t)m->revision, "configuration", m->name, "uptime_s",
                          (double)(now - m->start_ms) / 1000, "applied_s",
                          (double)(now - m->applied_ms) / 1000, "warnings",
                          warnings_now(m, clock_wall_s()), "links", json_object_get(stats, "links"),
                          "missing_workers", json_object_get(stats, "missing_workers")));
    json_decref(stats);
}

void live_stats(struct call *c)
{
    call_answer(c, 200, ask_stats(c->m));
}

void live_health(struct call *c)
{
    call_answer(c, 200, json_pack("{s:s}", "status", "alive"));
}

void live_ready(struct call *c)
{
    json_t *stats = ask_stats(c->m);
    bool ready = c->m->revision && stats &&
                 json_integer_value(json_object_get(stats, "missing_workers")) == 0;

    json_decref(stats);
    if (ready)
        call_answer(c, 200, json_pack("{s:s}", "status", "ready"));
    else
        call_problem(c, 503, "Service Unavailable",
                     c->m->revision ? "a worker does not answer" : "no revision runs yet");
}

/* Does a value of the query, where it stands, equal the session's? */
static bool wanted(const struct call *c, const json_t *session)
{
    static const char *const keys[] = {"link", "state", "source", "target"};
    const char *peer = call_query(c, "peer");

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        const char *v = call_query(c, keys[i]);
        const char *have = json_string_value(json_object_get(session, keys[i]));

        if (v && (!have || strcmp(v, have) != 0))
            return false;
    }
    if (peer) {
        const char *outer = json_string_value(
            json_object_get(json_object_get(session, "outer"), "peer"));
        const char *inner = json_string_value(
            json_object_get(json_object_get(session, "inner"), "peer"));

        return (outer && !strcmp(outer, peer)) || (inner && !strcmp(inner, peer));
    }
    return true;
}

static int by_id(const void *a, const void *b)
{
    return strcmp(json_string_value(json_object_get(*(json_t *const *)a, "id")),
                  json_string_value(json_object_get(*(json_t *const *)b, "id")));
}

/* Those that are wanted, in the order of their ids, from behind the cursor on. */
static json_t *page(const struct call *c, const json_t *all, uint64_t limit, const char **next)
{
    size_t n = json_array_size(all), used = 0;
    json_t **rows = calloc(n + 1, sizeof *rows), *list = json_array();
    const char *cursor = call_query(c, "cursor");

    *next = NULL;
    for (size_t i = 0; rows && i < n; i++) {
        json_t *s = json_array_get(all, i);
        const char *id = json_string_value(json_object_get(s, "id"));

        if (id && (!cursor || strcmp(id, cursor) > 0) && wanted(c, s))
            rows[used++] = s;
    }
    if (rows)
        qsort(rows, used, sizeof *rows, by_id);
    for (size_t i = 0; rows && i < used && i < limit; i++)
        json_array_append(list, rows[i]);
    if (used > limit)
        *next = json_string_value(json_object_get(rows[limit - 1], "id"));
    free(rows);
    return list;
}

void live_sessions(struct call *c)
{
    json_t *all, *list;
    const char *next;
    uint64_t limit;

    if (!call_number(c, "limit", PAGE_MAX, PAGE_MAX, &limit))
        return;
    all = ask_sessions(c->m);
    if (!all)
        return;
    list = page(c, json_object_get(all, "sessions"), limit, &next);
    if (next)
        json_object_set_new(all, "next", json_string(next));
    json_object_set_new(all, "sessions", list);
    call_answer(c, 200, all);
}

void live_end_session(struct call *c)
{
    const char *id = c->name;
    bool good = strlen(id) == 16 && strspn(id, "0123456789abcdef") == 16;
    int rc = good ? ask_end(c->m, strtoull(id, NULL, 16)) : -ENOENT;
    struct audit_row row = {
        .actor = c->who.name, .action = "session.end", .object = id, .result = "ended"};
    struct err e;

    if (rc == -ENOENT) {
        call_problem(c, 404, "Not Found", "no live session has this id");
    } else if (rc) {
        call_problem(c, 503, "Service Unavailable", "the data plane did not answer");
    } else {
        (void)audit_add(&c->m->store, &row,
                        &e); /* the session has ended: what is left is to say so */
        call_answer(c, 200, json_pack("{s:s}", "ended", id));
    }
}
