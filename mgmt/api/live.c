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

/* Keys that can not sign now. */
static void warn_tokens(const struct manager *m, json_t *list)
{
    json_t *keys = tokens_list(m), *key;
    size_t i;

    json_array_foreach(keys, i, key)
    {
        const char *why = json_string_value(json_object_get(key, "why"));

        if (strcmp(json_string_value(json_object_get(key, "state")), "up") != 0)
            json_array_append_new(list,
                                  json_sprintf("/identities/%s/key: its token is away: %s",
                                               json_string_value(json_object_get(key, "identity")),
                                               why ? why : ""));
    }
    json_decref(keys);
}

/* A pair that could not go on without this gateway. */
static void warn_pair(const struct manager *m, json_t *list)
{
    const struct pair *p = &m->pair;

    if (p->wanted.vrrp.on && p->vrrp.status.state >= VRRP_FAULT)
        json_array_append_new(list,
                              json_sprintf("/availability: %s: %s",
                                           vrrp_states[p->vrrp.status.state], p->vrrp.status.why));
    if (!p->wanted.partner.present)
        return;
    if (!p->reachable)
        json_array_append_new(
            list, json_sprintf("/availability/partner: does not answer: %s", p->unreachable_why));
    else if (p->word != JUDGE_SAME)
        json_array_append_new(list, json_sprintf("/availability: the configuration is not that of "
                                                 "the partner (%s): %s",
                                                 judge_words[p->word], p->word_why));
}

/* What the appliance's clock does to certificates. */
static void warn_clock(const struct manager *m, int64_t now, json_t *list)
{
    const char *wrong = m->appliance.clock_known ? appliance_clock_wrong(&m->appliance.clock, now)
                                                 : NULL;

    if (wrong)
        json_array_append_new(list, json_string(wrong));
}

/* What guards the stored private keys less than it could. */
static void warn_kek(const struct manager *m, json_t *list)
{
    static const char *const words[KEK_KEPT] = {
        [KEK_FILE] = "the key-encryption key of stored private keys lies beside them, in "
                     "keyring.kek: seal it as a credential of the service manager; an appliance "
                     "with a TPM 2.0 does so by itself",
        [KEK_TPM] = "the key-encryption key is sealed by the TPM, but Secure Boot is off: whoever "
                    "starts another system on this machine can open it",
    };

    if (list && words[m->vault.kek_kept])
        json_array_append_new(list, json_string(words[m->vault.kek_kept]));
}

/* Has what runs ports for the DPDK engine, and the machine nothing for it? */
static bool lacks_engine(const struct manager *m)
{
    return m->missing.what[0] && json_object_get(m->document, "dpdk");
}

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
    warn_tokens(m, list);
    warn_pair(m, list);
    warn_clock(m, now, list);
    if (list && !m->store.db)
        json_array_append_new(list, json_string(err_text(&m->store_err, text, sizeof text)));
    if (list && m->store.put_aside[0])
        json_array_append_new(list, json_sprintf("the store was damaged and begun anew; the old "
                                                 "one is %s",
                                                 m->store.put_aside));
    warn_kek(m, list);
    if (list && lacks_engine(m))
        json_array_append_new(list, json_sprintf("the DPDK engine does not run: %s",
                                                 err_text(&m->missing, text, sizeof text)));
    return list;
}

void live_status(struct call *c)
{
    uint64_t now = clock_mono_ms();
    struct manager *m = c->m;
    json_t *stats = ask_stats(m);

    call_answer(c, 200,
                json_pack("{s:I, s:s, s:f, s:f, s:o, s:o, s:O, s:O}", "revision",
                          (json_int_t)m->revision, "configuration", m->name, "uptime_s",
                          (double)(now - m->start_ms) / 1000, "applied_s",
                          (double)(now - m->applied_ms) / 1000, "warnings",
                          warnings_now(m, clock_wall_s()), "tokens", tokens_list(m), "links",
                          json_object_get(stats, "links"), "missing_workers",
                          json_object_get(stats, "missing_workers")));
    if (m->ship.asked)
        json_object_set_new(c->answer, "log_shipping", ship_json(m));
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
    bool whole = !lacks_engine(c->m),
         ready = c->m->revision && stats && whole &&
                 json_integer_value(json_object_get(stats, "missing_workers")) == 0;

    json_decref(stats);
    if (ready)
        call_answer(c, 200, json_pack("{s:s}", "status", "ready"));
    else
        call_problem(c, 503, "Service Unavailable",
                     !c->m->revision ? "no revision runs yet"
                     : whole         ? "a worker does not answer"
                                     : "the DPDK engine does not run");
}

/* Does a value of the query, where it stands, equal the session's? */
static bool wanted(void *arg, const json_t *session)
{
    const struct call *c = arg;
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

/* The id of a cursor; 0: there is none. False: answered. */
static bool cursor_of(struct call *c, uint64_t *after)
{
    const char *text = call_query(c, "cursor");
    char *end;

    *after = 0;
    if (!text)
        return true;
    errno = 0;
    *after = strtoull(text, &end, 16);
    if (!errno && strlen(text) == 16 && !*end && strspn(text, "0123456789abcdef") == 16)
        return true;
    call_problem(c, 400, "Bad Request", "cursor: give the \"next\" of the page before");
    return false;
}

void live_sessions(struct call *c)
{
    uint64_t limit, after;
    json_t *page;

    if (!call_number(c, "limit", PAGE_MAX, PAGE_MAX, &limit) || !cursor_of(c, &after))
        return;
    page = ask_sessions_page(c->m, after, limit, wanted, c);
    if (page)
        call_answer(c, 200, page);
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
