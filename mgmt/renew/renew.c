#include "mgmt/renew/renew.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/manager.h"
#include "mgmt/model/certs.h"
#include "mgmt/renew/renew_parts.h"
#include "mgmt/renew/when.h"
#include "mgmt/store/objects.h"

#define CERTS_MAX (256u * 1024)

/* ---- which there are ---- */

void renew_forget(struct renewal *r)
{
    free(r->spki);
    free(r->request);
    sk_X509_pop_free(r->issued, X509_free);
    r->spki = NULL;
    r->request = NULL;
    r->issued = NULL;
    r->key[0] = '\0';
}

static void free_renewal(struct renewal *r)
{
    renew_forget(r);
    free(r->identity);
    free(r->url);
    free(r);
}

static struct renewal *find(struct manager *m, const char *identity)
{
    for (struct renewal *r = m->renewals; r; r = r->next)
        if (!strcmp(r->identity, identity))
            return r;
    return NULL;
}

/* The leaf of what the identity presents now, or NULL. */
X509 *renew_leaf(const struct renewal *r)
{
    const json_t *id = json_object_get(json_object_get(r->m->document, "identities"), r->identity);
    const char *ref = json_string_value(json_object_get(id, "certificate"));
    STACK_OF(X509) *chain = NULL;
    X509 *leaf = NULL;
    uint8_t *data;
    struct err e;
    size_t n;

    if (ref && !objects_get(ref, CERTS_MAX, &data, &n)) {
        chain = certs_read(data, n, "/", &e);
        free(data);
    }
    if (sk_X509_num(chain) > 0)
        leaf = sk_X509_shift(chain);
    sk_X509_pop_free(chain, X509_free);
    return leaf;
}

/* A new certificate begins a new life. */
static void look(struct renewal *r)
{
    X509 *leaf = renew_leaf(r);
    int64_t from = leaf ? certs_time(X509_get0_notBefore(leaf), NULL) : 0,
            until = leaf ? certs_time(X509_get0_notAfter(leaf), NULL) : 0;

    X509_free(leaf);
    if (from == r->not_before && until == r->not_after)
        return;
    r->not_before = from;
    r->not_after = until;
    r->failures = 0;
    r->next_s = when_renew(from, until, r->identity);
}

static void follow(struct manager *m, const char *name, const json_t *renew)
{
    const char *url = json_string_value(json_object_get(renew, "est"));
    struct renewal *r = find(m, name);

    if (!r) {
        r = calloc(1, sizeof *r);
        if (!r)
            return;
        r->m = m;
        r->identity = strdup(name);
        r->next = m->renewals;
        m->renewals = r;
    }
    if (!r->url || strcmp(r->url, url) != 0) {
        free(r->url);
        r->url = strdup(url);
    }
    r->again = !json_object_get(renew, "identity");
    r->wanted = r->identity && r->url;
    look(r);
}

static void drop_unwanted(struct manager *m)
{
    struct renewal **at = &m->renewals;

    while (*at) {
        struct renewal *r = *at;

        if (r->wanted || r->busy) {
            at = &r->next;
        } else {
            *at = r->next;
            free_renewal(r);
        }
    }
}

void renew_follow(struct manager *m)
{
    json_t *ids = json_object_get(m->document, "identities"), *id;
    const char *name;

    for (struct renewal *r = m->renewals; r; r = r->next)
        r->wanted = false;
    json_object_foreach(ids, name, id)
    {
        const json_t *renew = json_object_get(id, "renew");

        if (renew)
            follow(m, name, renew);
    }
    drop_unwanted(m);
}

/* ---- how it ends ---- */

void renew_say(struct renewal *r, bool good)
{
    char quoted[700];

    log_event(good ? LOG_INFO : LOG_ERROR, good ? "renewed" : "renewal_failed",
              "identity=%s next_s=%" PRId64 " result=%s", r->identity, r->next_s - clock_wall_s(),
              log_quote(quoted, sizeof quoted, r->result, strlen(r->result)));
    events_add(r->m, "renewal",
               json_pack("{s:s, s:b, s:s, s:I, s:I}", "identity", r->identity, "good", good,
                         "result", r->result, "next_at", (json_int_t)r->next_s, "not_after",
                         (json_int_t)r->not_after));
}

void renew_fail(struct renewal *r, int64_t wish_s, const struct err *e)
{
    char text[1100];

    if (r->key[0])
        (void)keys_remove(r->key); /* nothing names it */
    renew_forget(r);
    r->busy = false;
    r->next_s = when_retry(clock_wall_s(), ++r->failures, r->not_after, wish_s);
    snprintf(r->result, sizeof r->result, "%s", err_text(e, text, sizeof text));
    renew_say(r, false);
    if (!r->wanted)
        drop_unwanted(r->m);
}

/* The server has to think: the same request again, later. */
void renew_wait(struct renewal *r, int64_t wish_s)
{
    r->busy = false;
    r->next_s = clock_wall_s() + (wish_s < 1                ? WHEN_RETRY_MIN
                                  : wish_s > WHEN_RETRY_MAX ? WHEN_RETRY_MAX
                                                            : wish_s);
    snprintf(r->result, sizeof r->result, "the server has taken the request and will answer later");
}

void renew_tick(struct manager *m, int64_t now_s)
{
    struct renewal *next;

    if (!m->revision || m->coming.busy)
        return;
    for (struct renewal *r = m->renewals; r; r = next) {
        next = r->next;
        if (!r->busy && r->wanted && now_s >= r->next_s &&
            !pair_leaves(m, "identities", r->identity))
            renew_begin(r);
    }
}

bool renew_hurry(struct manager *m, const char *identity)
{
    struct renewal *r = find(m, identity);

    if (!r || !r->wanted)
        return false;
    r->next_s = 0;
    return true;
}

json_t *renew_json(const struct manager *m)
{
    json_t *list = json_array();

    for (const struct renewal *r = m->renewals; r; r = r->next)
        if (r->wanted)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:I, s:I, s:I, s:i, s:s}", "identity", r->identity,
                                "url", r->url, "not_after", (json_int_t)r->not_after, "last_at",
                                (json_int_t)r->last_s, "next_at", (json_int_t)r->next_s, "failures",
                                (int)r->failures, "result", r->result));
    return list;
}
