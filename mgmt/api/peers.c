/* peers: who is connected: the live sessions by certificate chain, with what is known of each. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "dataplane/wire/handoff.h"
#include "mgmt/api/handlers.h"
#include "mgmt/ask.h"

#define PAGE_MAX    100000
#define SECONDS_MAX 253402300799 /* the year 9999 */

static void add(json_t *row, const char *key, json_int_t n)
{
    json_object_set_new(row, key, json_integer(json_integer_value(json_object_get(row, key)) + n));
}

/* One leg of a session counts for its peer's row. */
static void count(json_t *rows, const json_t *session, const char *leg)
{
    const json_t *l = json_object_get(session, leg);
    const char *link = json_string_value(json_object_get(session, "link"));
    const char *sha = json_string_value(json_object_get(l, "chain_sha256"));
    char key[256];
    json_t *row;

    if (!sha)
        return;
    snprintf(key, sizeof key, "%s/%s/%s", link, leg, sha);
    row = json_object_get(rows, key);
    if (!row) {
        row = json_pack("{s:s, s:s, s:s, s:s, s:O}", "id", key, "link", link, "side",
                        strcmp(leg, "outer") ? "forward" : "listen", "chain_sha256", sha, "peer",
                        json_object_get(l, "peer"));
        json_object_set_new(rows, key, row);
    }
    add(row, "sessions", 1);
    add(row, "up_bytes", json_integer_value(json_object_get(session, "up_bytes")));
    add(row, "down_bytes", json_integer_value(json_object_get(session, "down_bytes")));
}

static json_t *hex_json(const uint8_t sha[32])
{
    char text[65];

    for (int i = 0; i < 32; i++)
        snprintf(text + 2 * i, 3, "%02x", sha[i]);
    return json_string(text);
}

static json_t *time_json(int64_t at)
{
    time_t t = (time_t)at;
    char text[32];
    struct tm tm;

    if (at < 0 || at > SECONDS_MAX || !gmtime_r(&t, &tm))
        return json_null();
    strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &tm);
    return json_string(text);
}

/* The facts of one that has sessions here. A peer whose last session just went has no row. */
static void add_facts(json_t *rows, const struct query_peer *p)
{
    const struct peer_facts *f = &p->facts;
    json_t *sha = hex_json(f->chain_sha256), *row;
    char key[256];

    snprintf(key, sizeof key, "%s/%s/%s", p->link, p->side == LEG_INNER ? "inner" : "outer",
             json_string_value(sha));
    row = json_object_get(rows, key);
    json_decref(sha);
    if (!row)
        return;
    json_object_set_new(row, "certificate_sha256", hex_json(f->cert_sha256));
    json_object_set_new(row, "spki_sha256", hex_json(f->spki_sha256));
    json_object_set_new(row, "serial", json_string(f->serial));
    json_object_set_new(row, "common_name", ask_text(f->common_name));
    json_object_set_new(row, "key", json_string(f->key_alg));
    json_object_set_new(row, "signature", json_string(f->sig_alg));
    json_object_set_new(row, "not_after", time_json(f->not_after));
    json_object_set_new(row, "until", time_json(f->until));
}

/* Page by page, before the rows are sorted and cut. What does not come stays without facts. */
static void facts(struct manager *m, json_t *rows)
{
    struct query_peers *page = json_object_size(rows) ? malloc(sizeof *page) : NULL;
    uint64_t cursor = 0;
    uint8_t *mem;

    while (page && (mem = ask_peers(m, cursor, page))) {
        for (unsigned i = 0; i < page->n; i++)
            add_facts(rows, &page->rows[i]);
        cursor = page->next;
        free(mem);
        if (!cursor)
            break;
    }
    free(page);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void peers_list(struct call *c)
{
    json_t *all, *rows, *items, *row, *session;
    const char *cursor = call_query(c, "cursor"), *link = call_query(c, "link"), *key;
    const char **names;
    size_t i, n = 0, used = 0;
    uint64_t limit;

    if (!call_number(c, "limit", PAGE_MAX, PAGE_MAX, &limit))
        return;
    all = ask_sessions(c->m);
    rows = json_object();
    items = json_array();
    json_array_foreach(json_object_get(all, "sessions"), i, session)
    {
        count(rows, session, "outer");
        count(rows, session, "inner");
    }
    facts(c->m, rows);
    names = calloc(json_object_size(rows) + 1, sizeof *names);
    json_object_foreach(rows, key, row)
    {
        const char *of = json_string_value(json_object_get(row, "link"));

        if (names && (!cursor || strcmp(key, cursor) > 0) && (!link || !strcmp(link, of)))
            names[n++] = key;
    }
    if (names)
        qsort(names, n, sizeof *names, by_name);
    for (; used < n && used < limit; used++)
        json_array_append(items, json_object_get(rows, names[used]));
    call_answer(c, 200,
                json_pack("{s:O, s:O}", "items", items, "missing_workers",
                          json_object_get(all, "missing_workers")));
    if (used && used < n)
        json_object_set_new(c->answer, "next", json_string(names[used - 1]));
    free(names);
    json_decref(items);
    json_decref(rows);
    json_decref(all);
}
