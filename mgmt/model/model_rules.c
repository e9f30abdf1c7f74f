/* Peer rules: objects whose keys must all match; nothing that could allow all by accident. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/addr.h"
#include "mgmt/model/model_parts.h"

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

static bool is_hex(const char *s, size_t n)
{
    return strspn(s, "0123456789abcdef") == n && strlen(s) == n;
}

/* "*" stands for a whole label. */
static bool dns_pattern(const char *s)
{
    if (strlen(s) > 253)
        return false;
    for (;;) {
        size_t n = strcspn(s, ".");
        if (!(n == 1 && *s == '*') &&
            (n == 0 || n > 63 || s[0] == '-' || s[n - 1] == '-' ||
             strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") < n))
            return false;
        if (!s[n])
            return true;
        s += n + 1;
    }
}

/* "*" a whole path segment, "**" the last one; none in scheme or authority. */
static bool uri_pattern(const char *s)
{
    const char *path = strstr(s, "://");
    size_t head = path ? (size_t)(path + 3 - s) + strcspn(path + 3, "/") : strcspn(s, ":") + 1;

    if (!strchr(s, ':') || s[0] == ':' || strlen(s) > 2048 || strpbrk(s, " \t\r\n<>\"{}|\\^`"))
        return false;
    if (memchr(s, '*', head < strlen(s) ? head : strlen(s)))
        return false;
    if (!strchr(s, '*'))
        return true;
    if (!path || strpbrk(s, "%?#"))
        return false;
    for (s += head; *s == '/';) {
        size_t n = strcspn(s + 1, "/");
        if (memchr(s + 1, '*', n) && !(n == 1) && !(n == 2 && s[1] == '*' && s[2] == '*' && !s[3]))
            return false;
        s += n + 1;
    }
    return *s == '\0';
}

static int check_value(const struct node *n, uint8_t match, const char *v)
{
    struct cidr c;

    switch (match) {
    case MATCH_URI:
        return uri_pattern(v)
                   ? 0
                   : node_fail(n, "give scheme://name/path; * is one path segment, ** the rest",
                               "\"%s\" is no URI pattern", v);
    case MATCH_DNS:
        return dns_pattern(v) ? 0
                              : node_fail(n, "give a DNS name; * stands for one whole label",
                                          "\"%s\" is no DNS pattern", v);
    case MATCH_EMAIL:
        return strchr(v, '@') && strchr(v, '@') != v && dns_pattern(strchr(v, '@') + 1) &&
                       !strchr(v, '*')
                   ? 0
                   : node_fail(n, "give local@domain", "\"%s\" is no email address", v);
    case MATCH_IP:
        return cidr_parse(&c, v) == 0 ? 0
                                      : node_fail(n,
                                                  "give an address or a network such as "
                                                  "192.0.2.0/24 with its host bits zero",
                                                  "\"%s\" is no network", v);
    case MATCH_ISSUER_SHA256:
    case MATCH_SPKI_SHA256:
    case MATCH_CERT_SHA256:
        return is_hex(v, 64)
                   ? 0
                   : node_fail(n, "give 64 lower-case hex digits", "\"%s\" is no SHA-256", v);
    case MATCH_SERIAL:
        return strlen(v) <= 40 && is_hex(v, strlen(v)) && strlen(v) % 2 == 0
                   ? 0
                   : node_fail(n, "give an even number of lower-case hex digits, at most 40",
                               "\"%s\" is no serial", v);
    default:
        return 0;
    }
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

static int parse_rule(const struct node *n, struct policy_rule *r)
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
        rc = json_is_object(r.v) ? parse_rule(&r, &t->rules[i])
                                 : node_fail(&r, "give an object: { ... }", "is no object");
    }
    return rc;
}
