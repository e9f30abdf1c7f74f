/* explain: would this chain be let in on this side of this link, and if not, why not? */
#include <errno.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "mgmt/api/handlers.h"
#include "mgmt/ask.h"
#include "mgmt/model/certs.h"

#define PEM "-----BEGIN "

/* RFC 3339 in UTC, or seconds since 1970. 0 or -EINVAL. */
static int read_time(const json_t *v, int64_t *at_s)
{
    const char *text = json_string_value(v), *end;
    struct tm tm = {0};

    if (json_is_integer(v) && json_integer_value(v) > 0) {
        *at_s = json_integer_value(v);
        return 0;
    }
    end = text ? strptime(text, "%Y-%m-%dT%H:%M:%S", &tm) : NULL;
    if (!end || strcmp(end, "Z") != 0)
        return -EINVAL;
    *at_s = timegm(&tm);
    return *at_s > 0 ? 0 : -EINVAL;
}

/* The certificates of a PEM text as a chain on the wire. Its length, or -EINVAL with *e. */
static long read_chain(const char *text, size_t n, uint8_t *out, struct err *e)
{
    STACK_OF(X509) *list = certs_read((const uint8_t *)text, n, "/chain", e);
    struct buf b;

    if (!list)
        return -EINVAL;
    buf_init(&b, out, CHAIN_DER_MAX);
    for (int i = 0; i < sk_X509_num(list); i++) {
        unsigned char *der = NULL;
        int size = i2d_X509(sk_X509_value(list, i), &der);

        if (size > 0)
            buf_put_blob(&b, der, (size_t)size);
        OPENSSL_free(der);
    }
    sk_X509_pop_free(list, X509_free);
    if (buf_ok(&b))
        return (long)b.len;
    return err_set(e, -EINVAL, "/chain", "give the chain alone",
                   "more than %d bytes of certificates", CHAIN_DER_MAX);
}

static bool read_question(struct call *c, struct explain_ask *q, uint8_t *chain)
{
    static const char *const sides[] = {[LEG_OUTER] = "listen", [LEG_INNER] = "forward"};
    const char *pem = c->body, *side = NULL;
    size_t n_pem = c->n_body;
    struct err e = {0};
    long n;

    if (!c->n_body || strncmp(c->body, PEM, strlen(PEM)) != 0) {
        if (!call_object(c))
            return false;
        pem = json_string_value(json_object_get(c->json, "chain"));
        n_pem = pem ? strlen(pem) : 0;
        side = json_string_value(json_object_get(c->json, "side"));
        if (json_object_get(c->json, "time") &&
            read_time(json_object_get(c->json, "time"), &q->at_s)) {
            call_problem(c, 400, "Bad Request", "time: give 2026-01-31T12:00:00Z");
            return false;
        }
    }
    q->side = side && !strcmp(side, sides[LEG_INNER]) ? LEG_INNER : LEG_OUTER;
    if (!pem || (side && strcmp(side, sides[q->side]) != 0)) {
        call_problem(c, 400, "Bad Request",
                     "give {\"chain\": PEM text, \"side\": \"listen\" or \"forward\"}, or the PEM");
        return false;
    }
    n = read_chain(pem, n_pem, chain, &e);
    if (n < 0) {
        call_refuse(c, (int)n, &e);
        return false;
    }
    q->chain = chain;
    q->n_chain = (size_t)n;
    snprintf(q->link, sizeof q->link, "%.63s", c->name);
    return true;
}

/* The rule as it stands in the configuration. */
static const json_t *rule_of(const struct call *c, const struct explain_ask *q, uint16_t rule)
{
    const json_t *link = json_object_get(json_object_get(c->m->document, "links"), q->link), *side;

    if (!strcmp(q->link, MODEL_MANAGEMENT))
        return json_array_get(c->m->callers.access, rule);
    side = json_object_get(link, q->side == LEG_OUTER ? "listen" : "forward");
    return json_array_get(json_object_get(json_object_get(side, "tls"), "peers"), rule);
}

static json_t *reasons_json(const struct explain_answer *a)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < a->n; i++) {
        json_t *text = json_string(a->reasons[i].text);

        /* Names in it come from the certificate: what is no UTF-8 is not shown. */
        json_array_append_new(list,
                              json_pack("{s:s, s:o}", "reason", reason_name(a->reasons[i].reason),
                                        "text", text ? text : json_string("(not printable)")));
    }
    return list;
}

void explain_post(struct call *c)
{
    uint8_t *chain = malloc(CHAIN_DER_MAX);
    struct explain_ask q = {0};
    struct explain_answer a;
    json_t *out;

    if (!chain || !read_question(c, &q, chain)) {
        free(chain);
        return;
    }
    if (ask_explain(c->m, &q, &a)) {
        call_problem(c, 503, "Service Unavailable", "the judge did not answer: try again");
    } else if (!a.known) {
        call_problem(c, 404, "Not Found", "no link \"%s\" has TLS on its %s side", q.link,
                     q.side == LEG_OUTER ? "listen" : "forward");
    } else {
        out = json_pack("{s:s, s:I}", "verdict", a.allow ? "allow" : "deny", "revision",
                        (json_int_t)a.revision);
        if (a.allow) {
            const json_t *rule = rule_of(c, &q, a.rule);

            json_object_set_new(out, "until", json_integer(a.until));
            json_object_set_new(out, "rule", json_integer(a.rule));
            if (rule)
                json_object_set_new(out, "matched", json_deep_copy(rule));
        } else {
            json_object_set_new(out, "reasons", reasons_json(&a));
        }
        call_answer(c, 200, out);
    }
    free(chain);
}
