#include "mgmt/renew/lists.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/crlplace.h"
#include "mgmt/manager.h"
#include "mgmt/model/certs.h"
#include "mgmt/model/crls.h"
#include "mgmt/renew/web.h"
#include "mgmt/renew/when.h"
#include "mgmt/store/objects.h"

#define BUSY_S 5 /* another change is under way */

/* ---- which there are ---- */

static struct list_source *find(struct manager *m, const char *trust, const char *url)
{
    for (struct list_source *s = m->lists; s; s = s->next)
        if (!strcmp(s->trust, trust) && !strcmp(s->url, url))
            return s;
    return NULL;
}

static void free_source(struct list_source *s)
{
    free(s->trust);
    free(s->url);
    free(s);
}

static void follow(struct manager *m, const char *trust, const char *url, uint32_t every_s)
{
    struct list_source *s = find(m, trust, url);

    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s)
            return;
        s->trust = strdup(trust);
        s->url = strdup(url);
        if (!s->trust || !s->url) {
            free_source(s);
            return;
        }
        s->next = m->lists;
        m->lists = s;
    }
    s->every_s = every_s;
    s->wanted = true;
}

/* One that is busy goes when its answer is here. */
static void drop_unwanted(struct manager *m)
{
    struct list_source **at = &m->lists;

    while (*at) {
        struct list_source *s = *at;

        if (s->wanted || s->busy) {
            at = &s->next;
        } else {
            *at = s->next;
            free_source(s);
        }
    }
}

void lists_follow(struct manager *m)
{
    json_t *trusts = json_object_get(m->document, "trust"), *trust, *url;
    const char *name;
    size_t i;

    for (struct list_source *s = m->lists; s; s = s->next)
        s->wanted = false;
    json_object_foreach(trusts, name, trust)
    {
        uint32_t every = (uint32_t)json_number_value(json_object_get(trust, "crl_every_s"));

        json_array_foreach(json_object_get(trust, "crl_urls"), i, url)
            follow(m, name, json_string_value(url), every);
    }
    drop_unwanted(m);
}

/* ---- is it the issuer's word? ---- */

static bool signed_by(X509_CRL *crl, const json_t *ref)
{
    const char *name = json_string_value(ref);
    STACK_OF(X509) * certs;
    bool good = false;
    uint8_t *data;
    struct err e;
    size_t n;

    if (!name || objects_get(name, OBJECTS_MAX, &data, &n))
        return false;
    certs = certs_read(data, n, "/", &e);
    free(data);
    for (int i = 0; i < sk_X509_num(certs) && !good; i++) {
        X509 *x = sk_X509_value(certs, i);

        good = !X509_NAME_cmp(X509_get_subject_name(x), X509_CRL_get_issuer(crl)) &&
               X509_CRL_verify(crl, X509_get0_pubkey(x)) == 1;
    }
    sk_X509_pop_free(certs, X509_free);
    ERR_clear_error();
    return good;
}

static bool any_signed(X509_CRL *crl, const json_t *refs)
{
    json_t *ref;
    size_t i;

    json_array_foreach(refs, i, ref)
    {
        if (signed_by(crl, ref))
            return true;
    }
    return false;
}

static bool is_genuine(struct manager *m, const char *trust, X509_CRL *crl)
{
    const json_t *of = json_object_get(json_object_get(m->document, "trust"), trust);
    json_t *ids = json_object_get(m->document, "identities"), *id;
    const char *name;

    if (any_signed(crl, json_object_get(of, "anchors")) ||
        any_signed(crl, json_object_get(of, "crl_issuers")))
        return true;
    json_object_foreach(ids, name, id)
    {
        if (signed_by(crl, json_object_get(id, "certificate")))
            return true;
    }
    return false;
}

/* ---- what came ---- */

static void say(struct manager *m, struct list_source *s, bool good, const char *result)
{
    char quoted[700], url[1400];

    snprintf(s->result, sizeof s->result, "%s", result);
    log_event(good ? LOG_INFO : LOG_ERROR, good ? "crl_fetched" : "crl_not_fetched",
              "trust=%s url=%s result=%s", s->trust,
              log_quote(url, sizeof url, s->url, strlen(s->url)),
              log_quote(quoted, sizeof quoted, s->result, strlen(s->result)));
    events_add(m, "crl",
               json_pack("{s:s, s:s, s:b, s:s}", "trust", s->trust, "url", s->url, "good", good,
                         "result", s->result));
}

static void failed(struct manager *m, struct list_source *s, int64_t wish_s, const char *why)
{
    int64_t now = clock_wall_s();

    s->next_s = when_retry(now, ++s->failures, s->next_update, wish_s);
    s->etag[0] = '\0';
    say(m, s, false, why);
}

static void good(struct list_source *s)
{
    s->failures = 0;
    s->next_s = when_fetch(clock_wall_s(), s->next_update, s->every_s);
}

struct applied {
    struct manager *m;
    char trust[128], url[WEB_URL_MAX];
    int64_t next_update;
};

/* The change's end: the source may be gone meanwhile. */
static void on_applied(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct applied *a = arg;
    struct list_source *s = find(a->m, a->trust, a->url);
    char text[1100];

    if (s && rc) {
        failed(a->m, s, -1, err_text(e, text, sizeof text));
    } else if (s) {
        s->next_update = a->next_update;
        good(s);
        snprintf(text, sizeof text, "applied as revision %" PRIu64, revision);
        say(a->m, s, true, text);
    }
    free(a);
}

static void propose(struct manager *m, struct list_source *s, X509_CRL *crl, const char *ref)
{
    struct applied *a = calloc(1, sizeof *a);
    struct coming_wish w = {.actor = "penstock",
                            .action = "trust.crl.fetched",
                            .comment = s->url,
                            .done = on_applied,
                            .arg = a};
    char text[1100];
    struct err e;
    json_t *document = crlplace(m->document, s->trust, crl, ref, &e);
    int rc = document && a ? 0 : -EEXIST;

    if (!a && document)
        rc = err_set(&e, -ENOMEM, "/", "free memory", "out of memory");
    if (!rc) {
        a->m = m;
        snprintf(a->trust, sizeof a->trust, "%s", s->trust);
        snprintf(a->url, sizeof a->url, "%s", s->url);
        a->next_update = crls_next_update(crl);
        rc = coming_propose(m, document, &w, &e);
    }
    json_decref(document);
    if (!rc)
        return;
    free(a);
    if (rc == -EBUSY) {
        s->next_s = clock_wall_s() + BUSY_S;
        s->etag[0] = '\0';
    } else {
        failed(m, s, -1, err_text(&e, text, sizeof text));
    }
}

static bool is_held(struct manager *m, const char *trust, const char *ref)
{
    const json_t *of = json_object_get(json_object_get(m->document, "trust"), trust);
    json_t *item;
    size_t i;

    json_array_foreach(json_object_get(of, "crls"), i, item)
    {
        if (json_is_string(item) && !strcmp(json_string_value(item), ref))
            return true;
    }
    return false;
}

static void take_list(struct manager *m, struct list_source *s, const struct web_answer *a)
{
    char ref[OBJECTS_REF_MAX], text[1100];
    struct err e;
    X509_CRL *crl = crlplace_read(a->body ? a->body : (const uint8_t *)"", a->n, &e);
    int rc;

    if (!crl) {
        failed(m, s, -1, err_text(&e, text, sizeof text));
        return;
    }
    snprintf(s->etag, sizeof s->etag, "%s", a->etag);
    if (!is_genuine(m, s->trust, crl)) {
        failed(m, s, -1,
               "the list's signature can not be checked: give its issuer's certificate in "
               "crl_issuers of the trust (or the list is not the issuer's)");
    } else if ((rc = objects_put(a->body, a->n, ref))) {
        snprintf(text, sizeof text, "the list can not be kept (%s)", strerror(-rc));
        failed(m, s, -1, text);
    } else if (is_held(m, s->trust, ref)) {
        s->next_update = crls_next_update(crl);
        good(s);
        snprintf(s->result, sizeof s->result, "as before");
    } else {
        propose(m, s, crl, ref);
    }
    X509_CRL_free(crl);
}

struct fetching {
    struct manager *m;
    struct list_source *s;
};

static void on_answer(void *arg, const struct web_answer *a)
{
    struct fetching *f = arg;
    struct manager *m = f->m;
    struct list_source *s = f->s;
    char text[300];

    free(f);
    s->busy = false;
    s->last_s = clock_wall_s();
    if (!s->wanted) {
        drop_unwanted(m);
    } else if (a->status == 304) {
        good(s);
        snprintf(s->result, sizeof s->result, "as before");
    } else if (a->status == 200) {
        take_list(m, s, a);
    } else {
        if (a->status)
            snprintf(text, sizeof text, "the server answered %ld", a->status);
        else
            snprintf(text, sizeof text, "%s", a->why);
        failed(m, s, a->retry_after_s, text);
    }
}

static void fetch(struct manager *m, struct list_source *s, int64_t now_s)
{
    struct fetching *f = calloc(1, sizeof *f);
    struct web_ask ask = {
        .url = s->url, .fd = -1, .etag = s->etag, .max = LISTS_BYTES, .timeout_s = LISTS_TIMEOUT_S};
    int rc = -ENOMEM;

    if (f) {
        *f = (struct fetching){m, s};
        rc = web_start(&m->web, &ask, on_answer, f);
    }
    s->busy = !rc;
    if (!rc)
        return;
    free(f);
    s->next_s = now_s + BUSY_S;
}

void lists_tick(struct manager *m, int64_t now_s)
{
    if (!m->revision || m->coming.busy)
        return;
    for (struct list_source *s = m->lists; s; s = s->next)
        if (!s->busy && s->wanted && now_s >= s->next_s && !pair_leaves(m, "trust", s->trust))
            fetch(m, s, now_s);
}

unsigned lists_hurry(struct manager *m, const char *trust)
{
    unsigned n = 0;

    for (struct list_source *s = m->lists; s; s = s->next) {
        if (strcmp(s->trust, trust) != 0 || !s->wanted)
            continue;
        s->next_s = 0;
        n++;
    }
    return n;
}

json_t *lists_json(const struct manager *m)
{
    json_t *list = json_array();

    for (const struct list_source *s = m->lists; s; s = s->next)
        if (s->wanted)
            json_array_append_new(
                list, json_pack("{s:s, s:s, s:b, s:I, s:I, s:i, s:s, s:I}", "trust", s->trust,
                                "url", s->url, "busy", s->busy, "last_at", (json_int_t)s->last_s,
                                "next_at", (json_int_t)s->next_s, "failures", (int)s->failures,
                                "result", s->result, "next_update", (json_int_t)s->next_update));
    return list;
}
