/* Peer rules: objects whose keys must all match; nothing that could allow all by accident. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/model/model_parts.h"
#include "mgmt/model/names.h"

static const char *const keys[] = {
    [MATCH_URI] = "uri",
    [MATCH_DNS] = "dns",
    [MATCH_EMAIL] = "email",
    [MATCH_IP] = "ip",
    [MATCH_ORGANIZATION] = "organization",
    [MATCH_ORGANIZATIONAL_UNIT] = "organizational_unit",
    [MATCH_ISSUER_SHA256] = "issuer_sha256",
    [MATCH_SPKI_SHA256] = "spki_sha256",
    [MATCH_CERT_SHA256] = "cert_sha256",
    [MATCH_SERIAL] = "serial",
    [MATCH_COUNT] = "any",
    NULL,
};

static const char *check_network(const char *s)
{
    char meant[96];

    return name_network(s, meant);
}

/* By enum policy_match: the form of a value, and the way out. */
static const struct {
    const char *(*check)(const char *s);
    const char *fix;
} forms[MATCH_COUNT] = {
    [MATCH_URI] = {name_uri_pattern, "give scheme://name/path; * is one path segment, ** the rest"},
    [MATCH_DNS] = {name_dns_pattern, "give a DNS name; * stands for one whole label"},
    [MATCH_EMAIL] = {name_email, "give local@domain"},
    [MATCH_IP] = {check_network, "give an address, or a network such as 192.0.2.0/24"},
    [MATCH_ORGANIZATION] = {name_text, "give the name as it stands in the certificate"},
    [MATCH_ORGANIZATIONAL_UNIT] = {name_text, "give the name as it stands in the certificate"},
    [MATCH_ISSUER_SHA256] = {name_sha256, "give 64 lower-case hex digits"},
    [MATCH_SPKI_SHA256] = {name_sha256, "give 64 lower-case hex digits"},
    [MATCH_CERT_SHA256] = {name_sha256, "give 64 lower-case hex digits"},
    [MATCH_SERIAL] = {name_serial, "give an even number of lower-case hex digits, at most 40"},
};

static int check_value(const struct node *n, uint8_t match, const char *v)
{
    const char *fault = forms[match].check(v);
    char meant[96], fix[128];

    if (!fault)
        return 0;
    if (match == MATCH_IP && name_network(v, meant) && meant[0]) {
        snprintf(fix, sizeof fix, "did you mean %s?", meant);
        return node_fail(n, fix, "\"%s\" %s", v, fault);
    }
    return node_fail(n, forms[match].fix, "\"%s\" %s", v, fault);
}

static int parse_cond(const struct node *n, uint8_t match, struct policy_cond *c)
{
    struct model_strings values = {0};
    int rc = node_strings(n, true, 256, &values);

    if (rc)
        return rc;
    c->match = match;
    c->values = values.s;
    c->n_values = (uint16_t)values.n;
    if (values.n == 0)
        return node_fail(n, "give at least one value, or leave the key out",
                         "is an empty list: it would match nothing");
    for (unsigned i = 0; i < values.n; i++) {
        struct node at = json_is_array(n->v) ? node_element(n, i) : *n;
        rc = check_value(&at, match, values.s[i]);
        if (rc)
            return rc;
    }
    return 0;
}

static int parse_any(const struct node *n, struct policy_rule *r)
{
    struct node any = node_member(n, "any");

    if (!json_is_true(any.v))
        return node_fail(&any, "give {\"any\": true} or name who is allowed", "may only be true");
    if (json_object_size(n->v) > 1)
        return node_fail(n, "give {\"any\": true} alone, or leave \"any\" out",
                         "\"any\" stands beside other conditions");
    r->any = true;
    return 0;
}

int model_rule(const struct node *n, struct policy_rule *r)
{
    int rc = node_object(n, keys);

    if (rc)
        return rc;
    if (json_object_size(n->v) == 0)
        return node_fail(
            n, "name who is allowed; to allow every chain that verifies say {\"any\": true}",
            "is an empty rule: it would allow all");
    if (json_object_get(n->v, "any"))
        return parse_any(n, r);
    r->conds = calloc(MATCH_COUNT, sizeof *r->conds);
    if (!r->conds)
        return -ENOMEM;
    for (uint8_t m = 0; m < MATCH_COUNT && !rc; m++) {
        struct node v = node_member(n, keys[m]);
        if (v.v)
            rc = parse_cond(&v, m, &r->conds[r->n_conds++]);
    }
    return rc;
}

int model_rules(const struct node *n, struct model_tls *t)
{
    int rc = 0;

    if (!n->v)
        return 0;
    if (!json_is_array(n->v))
        return node_fail(n, "give an array of rules: [ { \"dns\": \"...\" } ]", "is no array");
    if (json_array_size(n->v) > MODEL_RULES_MAX)
        return node_fail(n, "give fewer", "has %zu rules; at most %d are allowed",
                         json_array_size(n->v), MODEL_RULES_MAX);
    t->rules = calloc(json_array_size(n->v) + 1, sizeof *t->rules);
    if (!t->rules)
        return -ENOMEM;
    for (size_t i = 0; i < json_array_size(n->v) && !rc; i++) {
        struct node r = node_element(n, i);
        t->n_rules++;
        rc = json_is_object(r.v) ? model_rule(&r, &t->rules[i])
                                 : node_fail(&r, "give an object: { ... }", "is no object");
    }
    return rc;
}
