#include "mgmt/crlplace.h"

#include <errno.h>
#include <openssl/x509v3.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/model/crls.h"
#include "mgmt/store/objects.h"

#define WHERE "/crl"

/* The one list of some bytes, or NULL with *e. */
X509_CRL *crlplace_read(const void *data, size_t n, struct err *e)
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

/* Put the reference where its issuer's list is, or behind the others. 0 or -EEXIST with *e. */
static int place(json_t *list, X509_CRL *fresh, const char *ref, struct err *e)
{
    json_t *item;
    size_t i;

    json_array_foreach(list, i, item)
    {
        switch (compare(fresh, json_string_value(item) ? json_string_value(item) : "")) {
        case FIT_OLDER:
            return err_set(e, -EEXIST, WHERE, "give the newest list",
                           "a newer list of this issuer is there already");
        case FIT_AMONG_OTHERS:
            return err_set(e, -EEXIST, WHERE, "replace them by PATCHing \"crls\" of the trust",
                           "the list of this issuer is kept together with others");
        case FIT_REPLACES:
            json_array_set_new(list, i, json_string(ref));
            return 0;
        case FIT_OTHER:
            break;
        }
    }
    json_array_append_new(list, json_string(ref));
    return 0;
}

json_t *crlplace(const json_t *document, const char *trust, X509_CRL *fresh, const char *ref,
                 struct err *e)
{
    json_t *copy = json_deep_copy(document), *of, *list;

    of = json_object_get(json_object_get(copy, "trust"), trust);
    list = json_object_get(of, "crls");
    if (!list) {
        list = json_array();
        json_object_set_new(of, "crls", list);
    }
    if (!place(list, fresh, ref, e))
        return copy;
    json_decref(copy);
    return NULL;
}
