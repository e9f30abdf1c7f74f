/* crl: a new revocation list takes the place of its issuer's old one. */
#include <errno.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"
#include "mgmt/model/crls.h"
#include "mgmt/store/objects.h"

#define WHERE "/crl"

/* The one list of some bytes, or NULL with *e. */
static X509_CRL *read_one(const void *data, size_t n, struct err *e)
{
    STACK_OF(X509_CRL) *lists = crls_read(data, n, WHERE, e);
    X509_CRL *one = NULL;

    if (lists && sk_X509_CRL_num(lists) == 1)
        one = sk_X509_CRL_shift(lists);
    else if (lists)
        err_set(e, -EINVAL, WHERE, "give one list at a time", "there are %d lists",
                sk_X509_CRL_num(lists));
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
    return one;
}

/* Issued by the same name under the same key? */
static bool same_issuer(X509_CRL *a, X509_CRL *b)
{
    AUTHORITY_KEYID *ka = X509_CRL_get_ext_d2i(a, NID_authority_key_identifier, NULL, NULL),
                    *kb = X509_CRL_get_ext_d2i(b, NID_authority_key_identifier, NULL, NULL);
    bool same = !X509_NAME_cmp(X509_CRL_get_issuer(a), X509_CRL_get_issuer(b));

    if (same && ka && kb && ka->keyid && kb->keyid)
        same = !ASN1_OCTET_STRING_cmp(ka->keyid, kb->keyid);
    AUTHORITY_KEYID_free(ka);
    AUTHORITY_KEYID_free(kb);
    return same;
}

/* RFC 5280 5.2.3: numbers go up. */
static bool is_older(X509_CRL *fresh, X509_CRL *old)
{
    ASN1_INTEGER *nf = X509_CRL_get_ext_d2i(fresh, NID_crl_number, NULL, NULL),
                 *no = X509_CRL_get_ext_d2i(old, NID_crl_number, NULL, NULL);
    bool older = nf && no && ASN1_INTEGER_cmp(nf, no) < 0;

    ASN1_INTEGER_free(nf);
    ASN1_INTEGER_free(no);
    return older;
}

/* What a list that is kept means for a new one. */
enum fit { FIT_OTHER, FIT_REPLACES, FIT_OLDER, FIT_AMONG_OTHERS };

static enum fit compare(X509_CRL *fresh, const char *ref)
{
    STACK_OF(X509_CRL) *lists = NULL;
    enum fit fit = FIT_OTHER;
    uint8_t *data;
    struct err e;
    size_t n;

    if (objects_get(ref, OBJECTS_MAX, &data, &n))
        return FIT_OTHER;
    lists = crls_read(data, n, WHERE, &e);
    free(data);
    for (int i = 0; i < sk_X509_CRL_num(lists); i++) {
        X509_CRL *old = sk_X509_CRL_value(lists, i);

        if (!same_issuer(fresh, old))
            continue;
        fit = is_older(fresh, old)         ? FIT_OLDER
              : sk_X509_CRL_num(lists) > 1 ? FIT_AMONG_OTHERS
                                           : FIT_REPLACES;
    }
    sk_X509_CRL_pop_free(lists, X509_CRL_free);
    return fit;
}

/* Put the reference where its issuer's list is, or behind the others. False: answered. */
static bool place(struct call *c, json_t *list, X509_CRL *fresh, const char *ref)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        switch (compare(fresh, json_string_value(item) ? json_string_value(item) : "")) {
        case FIT_OLDER:
            call_problem(c, 409, "Conflict", "a newer list of this issuer is there already");
            return false;
        case FIT_AMONG_OTHERS:
            call_problem(c, 409, "Conflict",
                         "the list of this issuer is kept together with others: replace them by "
                         "PATCHing \"crls\" of the trust");
            return false;
        case FIT_REPLACES:
            json_array_set_new(list, i, json_string(ref));
            return true;
        case FIT_OTHER:
            break;
        }
    }
    json_array_append_new(list, json_string(ref));
    return true;
}

/* The running document with the list in it, or NULL: answered. */
static json_t *with_list(struct call *c, X509_CRL *fresh, const char *ref)
{
    json_t *document = json_deep_copy(c->m->document), *trust, *list;

    trust = json_object_get(json_object_get(document, "trust"), c->name);
    list = json_object_get(trust, "crls");
    if (!list) {
        list = json_array();
        json_object_set_new(trust, "crls", list);
    }
    if (place(c, list, fresh, ref))
        return document;
    json_decref(document);
    return NULL;
}

void crl_post(struct call *c)
{
    const json_t *trust = json_object_get(json_object_get(c->m->document, "trust"), c->name);
    char ref[OBJECTS_REF_MAX];
    json_t *document = NULL;
    X509_CRL *fresh;
    struct err e;
    int rc;

    if (!trust) {
        call_problem(c, 404, "Not Found", "trust has no \"%s\"", c->name);
        return;
    }
    if (!call_may_change(c, true, trust))
        return;
    fresh = read_one(c->body ? c->body : "", c->n_body, &e);
    if (!fresh) {
        call_refuse(c, -EINVAL, &e);
        return;
    }
    rc = objects_put(c->body, c->n_body, ref);
    if (rc)
        call_problem(c, rc == -ENOSPC ? 507 : 500,
                     rc == -ENOSPC ? "Insufficient Storage" : "Internal Server Error",
                     "the list can not be kept (%s)", strerror(-rc));
    else
        document = with_list(c, fresh, ref);
    X509_CRL_free(fresh);
    if (document)
        change_begin(c, document, "trust.crl", c->name, "trust", c->name);
}
