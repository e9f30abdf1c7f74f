/* peers: who is connected: the live sessions by certificate chain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/ask.h"

#define PAGE_MAX 100000

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
