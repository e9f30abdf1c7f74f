#include "mgmt/trial.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/query.h"
#include "mgmt/ask.h"
#include "mgmt/manager.h"

struct trial {
    struct manager *m;
    struct compiled *c;
    uint64_t until_ms;
    json_t *denied; /* "link/side/chain" -> row */
    bool complete;
};

static const char *const legs[] = {"outer", "inner"};
static const char *const sides[] = {"listen", "forward"};

/* ---- peers ---- */

static void key_of(char out[256], const char *link, unsigned side, const char *chain_sha256)
{
    snprintf(out, 256, "%.63s/%u/%.64s", link, side, chain_sha256);
}

static void deny(struct trial *t, const struct query_peer *p, const struct explain_answer *a)
{
    char sha[65], key[256];
    json_t *name = json_string(p->facts.name);

    for (int i = 0; i < 32; i++)
        snprintf(sha + 2 * i, 3, "%02x", p->facts.chain_sha256[i]);
    key_of(key, p->link, p->side, sha);
    json_object_set_new(t->denied, key,
                        json_pack("{s:s, s:s, s:o, s:s, s:i, s:s, s:s}", "link", p->link, "side",
                                  sides[p->side == LEG_INNER], "peer",
                                  name ? name : json_string("?"), "chain_sha256", sha, "sessions",
                                  0, "reason", reason_name(a->reasons[0].reason), "text",
                                  a->reasons[0].text));
}

/* One page of live peers before the judge. */
static void judge_page(struct trial *t, const struct query_peers *page)
{
    struct explain_answer a;

    for (unsigned i = 0; i < page->n && t->complete; i++) {
        const struct query_peer *p = &page->rows[i];
        struct explain_ask q = {
            .trial = true, .side = p->side, .chain = p->chain, .n_chain = p->n_chain};

        memcpy(q.link, p->link, sizeof q.link);
        if (clock_mono_ms() >= t->until_ms || ask_explain(t->m, &q, &a))
            t->complete = false;
        else if (a.known && !a.allow)
            deny(t, p, &a);
    }
}

static void judge_peers(struct trial *t)
{
    struct query_peers *page = malloc(sizeof *page);
    uint64_t cursor = 0;
    uint8_t *mem = NULL;

    t->complete = page && !ask_trial(t->m, t->c);
    while (t->complete) {
        mem = ask_peers(t->m, cursor, page); /* rows point into it */
        if (!mem) {
            t->complete = false;
            break;
        }
        judge_page(t, page);
        cursor = page->next;
        free(mem);
        if (!cursor)
            break;
    }
    ask_trial(t->m, NULL);
    free(page);
}

/* ---- sessions ---- */

static const struct policy_link *link_named(const struct trial *t, const char *name)
{
    const struct policy *p = &t->c->policy;

    for (unsigned i = 0; i < p->n_links; i++)
        if (!strcmp(p->links[i].name, name))
            return &p->links[i];
    return NULL;
}

static bool is_tls(const json_t *session, int leg)
{
    return json_object_get(json_object_get(session, legs[leg]), "version") != NULL;
}

/* Why the link itself would end it, or NULL. */
static const char *by_link(const struct trial *t, const json_t *session, const char *name)
{
    const struct policy_link *l = link_named(t, name);
    const char *text = json_string_value(
        json_object_get(json_object_get(session, legs[0]), "address"));
    struct addr a;

    if (!l || (l->outer != NULL) != is_tls(session, 0) || (l->inner != NULL) != is_tls(session, 1))
        return reason_name(REASON_LINK_REMOVED);
    if (!l->n_sources || !text || addr_parse(&a, text))
        return NULL;
    for (unsigned i = 0; i < l->n_sources; i++)
        if (cidr_match(&l->sources[i], &a))
            return NULL;
    return reason_name(REASON_SOURCE_DENIED);
}

static void count(json_t *row)
{
    json_t *n = json_object_get(row, "sessions");

    json_integer_set(n, json_integer_value(n) + 1);
}

static json_t *denied_row(const struct trial *t, const json_t *session, const char *link)
{
    json_t *row = NULL;
    char key[256];

    for (unsigned i = 0; i < 2 && !row; i++) {
        const char *sha = json_string_value(
            json_object_get(json_object_get(session, legs[i]), "chain_sha256"));

        if (!sha)
            continue;
        key_of(key, link, i ? LEG_INNER : LEG_OUTER, sha);
        row = json_object_get(t->denied, key);
    }
    return row;
}

/* One live session: would it go on? */
static bool would_end(const struct trial *t, const json_t *session, json_t *links)
{
    const char *link = json_string_value(json_object_get(session, "link"));
    const char *why = by_link(t, session, link);
    json_t *row = why ? NULL : denied_row(t, session, link);
    char key[128];

    if (why) {
        snprintf(key, sizeof key, "%.63s/%s", link, why);
        row = json_object_get(links, key);
        if (!row) {
            row = json_pack("{s:s, s:i, s:s}", "link", link, "sessions", 0, "reason", why);
            json_object_set_new(links, key, row);
        }
    }
    if (row)
        count(row);
    return row != NULL;
}

static json_t *values(const json_t *table)
{
    json_t *list = json_array(), *row;
    const char *key;

    json_object_foreach((json_t *)(uintptr_t)table, key, row)
    {
        if (json_array_size(list) < TRIAL_ROWS_MAX)
            json_array_append(list, row);
    }
    return list;
}

json_t *trial_cuts(struct manager *m, struct compiled *c)
{
    struct trial t = {
        .m = m, .c = c, .until_ms = clock_mono_ms() + TRIAL_MS, .denied = json_object()};
    json_t *links = json_object(), *all, *session, *out;
    json_int_t n = 0;
    size_t i;

    judge_peers(&t);
    all = ask_sessions(m);
    t.complete &= json_integer_value(json_object_get(all, "missing_workers")) == 0;
    json_array_foreach(json_object_get(all, "sessions"), i, session)
        n += would_end(&t, session, links);
    out = json_pack("{s:I, s:o, s:o, s:b}", "sessions", n, "peers", values(t.denied), "links",
                    values(links), "complete", t.complete);
    json_decref(all);
    json_decref(links);
    json_decref(t.denied);
    return out;
}
