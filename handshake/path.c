/* The path part of verify: what does not change with time. */
#include <openssl/err.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "handshake/parts.h"

#define SECURITY_LEVEL 2
#define DETOURS_MAX    1

/* What a path may be made of. Certificates that are left out do not exist for it. */
struct parts {
    STACK_OF(X509) * untrusted, *anchors; /* not counted */
    bool left_out;
};

static bool check_presented(const struct trust *t, STACK_OF(X509) * chain, struct verdict *v)
{
    size_t bytes = 0;

    if (sk_X509_num(chain) > CHAIN_CERTS_MAX)
        return deny(v, REASON_CHAIN_LIMIT, "%d certificates; at most %d are looked at",
                    sk_X509_num(chain), CHAIN_CERTS_MAX);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        int n = i2d_X509(sk_X509_value(chain, i), NULL);
        bytes += n > 0 ? (size_t)n + 4 : CHAIN_DER_MAX + 1;
    }
    if (bytes > CHAIN_DER_MAX)
        return deny(v, REASON_CHAIN_LIMIT, "a chain of %zu bytes; at most %d are looked at", bytes,
                    CHAIN_DER_MAX);
    for (int i = 0; i < sk_X509_num(chain); i++) {
        X509 *x = sk_X509_value(chain, i);

        if (!form_check(x, i > 0 && trust_has_anchor(t, x), v))
            return false;
    }
    return true;
}

static bool check_server(const struct verify_side *side, GENERAL_NAMES *sans, STACK_OF(X509) * path,
                         struct verdict *v)
{
    X509 *leaf = sk_X509_value(path, 0);
    const char *name = side->tls->server_name;
    char label[96];
    bool wild;

    if (side->side != LEG_INNER)
        return true;
    if (!name || !name[0])
        return deny(v, REASON_NAME_MISMATCH, "%s: the side names no server_name to compare with",
                    cert_label(leaf, label));
    if (!names_match_server(sans, name, &wild))
        return deny(v, REASON_NAME_MISMATCH, "%s: no SAN matches the server name %s",
                    cert_label(leaf, label), name);
    /* What a wildcard stands for must not lie in what an issuer may not name. */
    if (wild && constraints_exclude(path, name))
        return deny(v, REASON_CHAIN, "%s: its issuer may not name %s", cert_label(leaf, label),
                    name);
    return true;
}

static const struct {
    int error;
    enum reason reason;
} openssl_reasons[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, REASON_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, REASON_UNKNOWN_CA},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, REASON_UNKNOWN_CA},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, REASON_UNKNOWN_CA},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, REASON_UNKNOWN_CA},
    {X509_V_ERR_CERT_UNTRUSTED, REASON_UNKNOWN_CA},
    {X509_V_ERR_CERT_SIGNATURE_FAILURE, REASON_SIGNATURE},
    {X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, REASON_SIGNATURE},
    {X509_V_ERR_EE_KEY_TOO_SMALL, REASON_KEY_TYPE},
    {X509_V_ERR_CA_KEY_TOO_SMALL, REASON_KEY_TYPE},
    {X509_V_ERR_CA_MD_TOO_WEAK, REASON_KEY_TYPE},
    {X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, REASON_KEY_TYPE},
    {X509_V_ERR_CERT_CHAIN_TOO_LONG, REASON_CHAIN_LIMIT},
    {X509_V_ERR_INVALID_PURPOSE, REASON_EKU},
    {X509_V_ERR_OUT_OF_MEM, REASON_INTERNAL},
    {X509_V_ERR_UNSPECIFIED, REASON_INTERNAL},
};

static enum reason openssl_reason(int error)
{
    for (size_t i = 0; i < ARRAY_LEN(openssl_reasons); i++)
        if (openssl_reasons[i].error == error)
            return openssl_reasons[i].reason;
    return REASON_CHAIN;
}

void path_parameters(X509_STORE_CTX *ctx)
{
    X509_VERIFY_PARAM *p = X509_STORE_CTX_get0_param(ctx);

    X509_VERIFY_PARAM_set_depth(p, PATH_CERTS_MAX - 2); /* intermediates */
    X509_VERIFY_PARAM_set_auth_level(p, SECURITY_LEVEL);
    /* Dates and CRLs belong to the status part. */
    X509_VERIFY_PARAM_set_flags(p, X509_V_FLAG_X509_STRICT | X509_V_FLAG_TRUSTED_FIRST |
                                       X509_V_FLAG_NO_CHECK_TIME);
}

static int find(STACK_OF(X509) * in, const X509 *x)
{
    for (int i = 0; i < sk_X509_num(in); i++)
        if (sk_X509_value(in, i) == x)
            return i;
    return -1;
}

/* Of a path that failed: a certificate of which another of the same subject was presented, which
 * may lead on. NULL: none. A wrong signature is not tried again: it costs us more than its maker.
 */
static X509 *replaceable(X509_STORE_CTX *ctx, STACK_OF(X509) * untrusted)
{
    STACK_OF(X509) *path = X509_STORE_CTX_get0_chain(ctx);
    enum reason reason = openssl_reason(X509_STORE_CTX_get_error(ctx));

    for (int i = 1;
         i < sk_X509_num(path) && (reason == REASON_UNKNOWN_CA || reason == REASON_CHAIN); i++) {
        X509 *x = sk_X509_value(path, i);

        for (int k = 0; k < sk_X509_num(untrusted) && find(untrusted, x) >= 0; k++)
            if (find(path, sk_X509_value(untrusted, k)) < 0 &&
                X509_NAME_cmp(X509_get_subject_name(sk_X509_value(untrusted, k)),
                              X509_get_subject_name(x)) == 0)
                return x;
    }
    return NULL;
}

static bool build_once(const struct verify_side *side, X509 *leaf, const struct parts *parts,
                       struct issuers *issuers, struct verdict *v, STACK_OF(X509) * *path,
                       X509 **instead)
{
    int purpose = side->side == LEG_OUTER ? X509_PURPOSE_SSL_CLIENT : X509_PURPOSE_SSL_SERVER;
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    bool ok = ctx && X509_STORE_CTX_init(ctx, NULL, leaf, parts->untrusted) == 1 &&
              X509_STORE_CTX_set_purpose(ctx, purpose) == 1;
    char label[96];

    *instead = NULL;
    if (!ok) {
        X509_STORE_CTX_free(ctx);
        return deny(v, REASON_INTERNAL, "out of memory");
    }
    X509_STORE_CTX_set0_trusted_stack(ctx, parts->anchors);
    path_parameters(ctx);
    issuers_attach(issuers, side->trust, ctx);
    ok = X509_verify_cert(ctx) == 1;
    if (ok) {
        *path = X509_STORE_CTX_get1_chain(ctx);
        ok = *path || deny(v, REASON_INTERNAL, "out of memory");
    } else {
        int error = X509_STORE_CTX_get_error(ctx);
        X509 *at = X509_STORE_CTX_get_current_cert(ctx);

        deny(v, openssl_reason(error), "%s: %s", at ? cert_label(at, label) : "chain",
             X509_verify_cert_error_string(error));
        *instead = replaceable(ctx, parts->untrusted);
    }
    X509_STORE_CTX_free(ctx);
    return ok;
}

/* OpenSSL follows one path only. Where two certificates of one CA were presented and the first
 * leads nowhere, the other is tried; of several failures the first is told. */
static bool build_path(const struct verify_side *side, X509 *leaf, const struct parts *parts,
                       struct issuers *issuers, struct verdict *v, STACK_OF(X509) * *path)
{
    struct parts rest = {.anchors = parts->anchors, .untrusted = sk_X509_dup(parts->untrusted)};
    struct verdict first = {0}, again;
    X509 *instead = NULL;
    bool ok = rest.untrusted ? build_once(side, leaf, &rest, issuers, &first, path, &instead)
                             : deny(&first, REASON_INTERNAL, "out of memory");

    for (int i = 0; i < DETOURS_MAX && !ok && instead; i++) {
        again.n_reasons = 0;
        sk_X509_delete_ptr(rest.untrusted, instead);
        ok = build_once(side, leaf, &rest, issuers, &again, path, &instead);
    }
    sk_X509_free(rest.untrusted);
    return ok || deny(v, first.reasons[0].reason, "%s", first.reasons[0].text);
}

/* Everything about a path that has nothing to do with time. *path only on success. */
static bool path_judge(const struct verify_side *side, STACK_OF(X509) * presented,
                       const struct parts *parts, struct verdict *v, STACK_OF(X509) * *path)
{
    X509 *leaf = sk_X509_value(presented, 0);
    STACK_OF(X509) *found = NULL;
    GENERAL_NAMES *sans = NULL;
    struct issuers issuers;
    char label[96];
    bool ok;

    if (!check_presented(side->trust, presented, v) || !form_check_leaf(leaf, side->side, v))
        return false;
    if (!names_read(leaf, &sans))
        return deny(v, REASON_NAME_INVALID, "%s: its subject alternative name can not be read",
                    cert_label(leaf, label));
    ok = names_check(leaf, sans, side->side, v) &&
         build_path(side, leaf, parts, &issuers, v, &found);
    for (int i = 1; ok && i < sk_X509_num(found); i++)
        ok = form_check(sk_X509_value(found, i), i == sk_X509_num(found) - 1, v);
    if (ok && sk_X509_num(found) > PATH_CERTS_MAX)
        ok = deny(v, REASON_CHAIN_LIMIT, "a path of %d certificates; at most %d are looked at",
                  sk_X509_num(found), PATH_CERTS_MAX);
    ok = ok && constraints_check_uris(found, sans, v) && check_server(side, sans, found, v);
    GENERAL_NAMES_free(sans);
    if (ok) {
        issuers_learn(&issuers, found);
        *path = found;
    } else {
        sk_X509_pop_free(found, X509_free);
    }
    return ok;
}

static bool in_date(X509 *x, int64_t now)
{
    return asn1_time(X509_get0_notBefore(x)) <= now && now <= asn1_time(X509_get0_notAfter(x));
}

/* Where each certificate of a path came from; n is 0 when that can not be told. */
static struct path_known path_origin(const struct trust *t, STACK_OF(X509) * presented,
                                     STACK_OF(X509) * path)
{
    struct path_known k = {.n = (uint8_t)sk_X509_num(path)};

    for (int i = 0; i < sk_X509_num(path); i++) {
        int anchor = find(t->anchors, sk_X509_value(path, i));
        int at = anchor >= 0 ? anchor : find(presented, sk_X509_value(path, i));

        if (at < 0)
            return (struct path_known){0};
        k.at[i].anchor = anchor >= 0;
        k.at[i].index = (uint16_t)at;
    }
    return k;
}

static STACK_OF(X509) *
    path_again(const struct trust *t, STACK_OF(X509) * presented, const struct path_known *k)
{
    STACK_OF(X509) *path = sk_X509_new_null();

    for (unsigned i = 0; path && i < k->n; i++) {
        X509 *x = sk_X509_value(k->at[i].anchor ? t->anchors : presented, k->at[i].index);

        check(x);
        if (!X509_up_ref(x) || sk_X509_push(path, x) <= 0) {
            sk_X509_pop_free(path, X509_free);
            return NULL;
        }
    }
    return path;
}

/* All that the verdict on a path depends on besides the anchors. */
static int path_identity(const struct verify_side *side, STACK_OF(X509) * presented,
                         const struct parts *parts, uint8_t out[32])
{
    struct {
        uint8_t side;
        char server_name[256];
        uint8_t presented[CHAIN_CERTS_MAX];
        uint8_t anchors[32];
    } all = {.side = (uint8_t)side->side};

    if (side->side == LEG_INNER && side->tls->server_name)
        snprintf(all.server_name, sizeof all.server_name, "%s", side->tls->server_name);
    if (parts->left_out) {
        for (int i = 0; i < sk_X509_num(presented) && i < CHAIN_CERTS_MAX; i++)
            all.presented[i] = find(parts->untrusted, sk_X509_value(presented, i)) < 0;
        if (chain_digest(parts->anchors, "left out", 8, all.anchors))
            return -1;
    }
    return chain_digest(presented, &all, sizeof all, out);
}

static bool path_cached(const struct verify_side *side, STACK_OF(X509) * presented,
                        const struct parts *parts, struct verdict *v, STACK_OF(X509) * *path)
{
    struct path_cache *cache = side->trust->cache;
    struct path_known known;
    uint8_t id[32];

    if (sk_X509_num(presented) > CHAIN_CERTS_MAX || path_identity(side, presented, parts, id))
        return path_judge(side, presented, parts, v, path);
    if (path_cache_find(cache, id, &known)) {
        *path = path_again(side->trust, presented, &known);
        return *path || deny(v, REASON_INTERNAL, "out of memory");
    }
    if (!path_judge(side, presented, parts, v, path))
        return false;
    known = path_origin(side->trust, presented, *path);
    if (known.n)
        path_cache_add(cache, id, &known);
    return true;
}

static STACK_OF(X509) * only_in_date(STACK_OF(X509) * from, int64_t now)
{
    STACK_OF(X509) *out = sk_X509_new_null();

    for (int i = 0; out && i < sk_X509_num(from); i++)
        if (in_date(sk_X509_value(from, i), now) && sk_X509_push(out, sk_X509_value(from, i)) <= 0)
            break;
    return out;
}

/* Where an issuer is out of date, another path may avoid it: a renewed root, a cross-certificate.
 * No other path: the first one stays, and the status part tells what is wrong with it. */
static void path_in_date(const struct verify_side *side, STACK_OF(X509) * presented, int64_t now,
                         STACK_OF(X509) * *path)
{
    struct parts parts = {.left_out = true};
    STACK_OF(X509) *other = NULL;
    struct verdict ignored = {0};
    bool good = true;

    for (int i = 1; i < sk_X509_num(*path); i++)
        good &= in_date(sk_X509_value(*path, i), now);
    if (good)
        return;
    parts.untrusted = only_in_date(presented, now);
    parts.anchors = only_in_date(side->trust->anchors, now);
    if (parts.untrusted && parts.anchors && sk_X509_num(parts.anchors) > 0 &&
        path_cached(side, presented, &parts, &ignored, &other)) {
        sk_X509_pop_free(*path, X509_free);
        *path = other;
    }
    sk_X509_free(parts.untrusted);
    sk_X509_free(parts.anchors);
}

bool path_verify(const struct verify_side *side, STACK_OF(X509) * presented, int64_t now,
                 struct verdict *v, STACK_OF(X509) * *path)
{
    struct parts parts = {.anchors = side->trust->anchors};
    bool ok;

    /* Of several certificates that would do, OpenSSL takes the first. */
    parts.untrusted = sk_X509_dup(presented);
    if (!parts.untrusted)
        return deny(v, REASON_INTERNAL, "out of memory");
    sk_X509_set_cmp_func(parts.untrusted, longest_living_first);
    sk_X509_sort(parts.untrusted);
    ok = path_cached(side, presented, &parts, v, path);
    if (ok)
        path_in_date(side, presented, now, path);
    sk_X509_free(parts.untrusted);
    return ok;
}
