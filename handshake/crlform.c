#include "handshake/crlform.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>
#include "handshake/algs.h"
#include "handshake/der.h"
#include "handshake/parts.h"

#define NUMBER_MAX     20 /* bytes, RFC 5280 5.2.3 */
#define EXTENSIONS_MAX 32
#define UTC_TIME_END   INT64_C(2524608000) /* 2050 begins */

struct extension {
    const uint8_t *oid, *value;
    size_t n_oid, n_value;
    bool critical;
};

static bool extension_get(struct buf *list, struct extension *x)
{
    struct der whole, oid, flag, value;

    if (!der_want(list, DER_SEQUENCE, &whole) || !der_want(&whole.in, DER_OID, &oid))
        return false;
    x->critical = der_next_is(&whole.in, DER_BOOLEAN);
    if (x->critical && !der_want(&whole.in, DER_BOOLEAN, &flag))
        return false;
    if (!der_want(&whole.in, DER_OCTETS, &value) || !buf_done(&whole.in))
        return false;
    x->oid = oid.in.data;
    x->n_oid = oid.in.len;
    x->value = value.in.data;
    x->n_value = value.in.len;
    return true;
}

enum { /* the last arc of 2.5.29.N, RFC 5280 4.2 and 5.2 */
       CE_CRL_NUMBER = 20,
       CE_REASON = 21,
       CE_INVALIDITY = 24,
       CE_DELTA = 27,
       CE_SCOPE = 28,
       CE_ISSUER = 29,
       CE_AUTHORITY_KEY = 35
};

static bool is_ce(const struct extension *x, uint8_t n)
{
    return x->n_oid == 3 && x->oid[0] == 0x55 && x->oid[1] == 0x1d && x->oid[2] == n;
}

static void read_number(struct crl_form *f, const struct extension *x)
{
    struct der number;
    struct buf b;

    buf_init_read(&b, x->value, x->n_value);
    if (f->number || !der_want(&b, DER_INTEGER, &number) || !buf_done(&b) || number.in.len == 0 ||
        number.in.len > NUMBER_MAX || number.in.data[0] & 0x80) {
        f->fault = "it has a malformed CRL number";
        return;
    }
    f->number = number.in.data;
    f->n_number = number.in.len;
    while (f->n_number > 1 && *f->number == 0) {
        f->number++;
        f->n_number--;
    }
}

static void read_key_id(struct crl_form *f, const struct extension *x)
{
    struct der whole, id;
    struct buf b;

    buf_init_read(&b, x->value, x->n_value);
    if (f->key_id || !der_want(&b, DER_SEQUENCE, &whole) || !buf_done(&b)) {
        f->fault = "it has a malformed authority key identifier";
    } else if (der_next_is(&whole.in, DER_KEY_ID) && der_get(&whole.in, &id)) {
        f->key_id = id.in.data;
        f->n_key_id = id.in.len;
    }
}

static void read_extension(struct crl_form *f, const struct extension *x)
{
    bool number = is_ce(x, CE_CRL_NUMBER), key_id = is_ce(x, CE_AUTHORITY_KEY);

    if (number)
        read_number(f, x);
    if (key_id)
        read_key_id(f, x);
    if ((number || key_id) && x->critical)
        f->fault = "an extension is critical that must not be";
    else if (is_ce(x, CE_DELTA))
        f->fault = "it is a delta CRL";
    else if (is_ce(x, CE_SCOPE))
        f->fault = "it may cover only a part of its issuer's certificates";
    else if (x->critical)
        f->fault = "it has a critical extension that is not known";
}

static bool read_extensions(struct crl_form *f, struct buf *tbs)
{
    struct der outer, list;
    struct extension x;

    if (!der_want(tbs, DER_EXTENSIONS, &outer) || !der_want(&outer.in, DER_SEQUENCE, &list) ||
        !buf_done(&outer.in))
        return false;
    for (unsigned i = 0; buf_left(&list.in); i++) {
        if (i == EXTENSIONS_MAX || !extension_get(&list.in, &x))
            return false;
        read_extension(f, &x);
    }
    return buf_ok(&list.in);
}

static bool read_entry_extensions(struct crl_form *f, struct buf *entry)
{
    struct extension x;
    struct der list;

    if (!der_want(entry, DER_SEQUENCE, &list))
        return false;
    for (unsigned i = 0; buf_left(&list.in); i++) {
        if (i == EXTENSIONS_MAX || !extension_get(&list.in, &x))
            return false;
        if (is_ce(&x, CE_ISSUER))
            f->fault = "it is an indirect CRL";
        else if (x.critical && !is_ce(&x, CE_REASON) && !is_ce(&x, CE_INVALIDITY))
            f->fault = "an entry has a critical extension that is not known";
    }
    return buf_ok(&list.in);
}

/* A serial that no accepted certificate can have: empty, negative or over 20 bytes. */
static bool serial_moot(const struct buf *serial)
{
    return serial->len == 0 || serial->data[0] & 0x80 || serial->len > CRL_SERIAL_MAX + 1 ||
           (serial->len == CRL_SERIAL_MAX + 1 && serial->data[0]);
}

/* Every serial that a certificate may have must stand in the table. */
static bool read_entries(struct crl_form *f, struct buf *tbs, const struct crl_view *view)
{
    struct der list, entry, serial, date;

    if (!der_want(tbs, DER_SEQUENCE, &list))
        return false;
    while (buf_left(&list.in)) {
        if (!der_want(&list.in, DER_SEQUENCE, &entry) ||
            !der_want(&entry.in, DER_INTEGER, &serial) || !der_get(&entry.in, &date) ||
            (buf_left(&entry.in) && !read_entry_extensions(f, &entry.in)) || !buf_done(&entry.in))
            return false;
        if (!serial_moot(&serial.in) && !crl_has(view, serial.in.data, serial.in.len))
            f->fault = "its table lacks an entry of the signed list";
    }
    return buf_ok(&list.in);
}

/* RFC 5280 5.1.2.4: UTCTime to the end of 2049. False when it is no time at all. */
static bool read_time(struct crl_form *f, const struct der *d, int64_t *seconds)
{
    const unsigned char *p = d->raw;
    ASN1_TIME *t = d2i_ASN1_TIME(NULL, &p, (long)d->n_raw);

    *seconds = asn1_time(t);
    ASN1_TIME_free(t);
    if (d->tag != DER_UTC_TIME && *seconds < UTC_TIME_END)
        f->fault = "a date before 2050 is not written as UTCTime";
    return *seconds != INT64_MIN;
}

static bool read_updates(struct crl_form *f, struct buf *tbs)
{
    struct der d;

    if (!der_get(tbs, &d) || !read_time(f, &d, &f->this_update))
        return false;
    if (!der_next_is(tbs, DER_UTC_TIME) && !der_next_is(tbs, DER_TIME)) {
        f->fault = "it has no next update";
        return true;
    }
    if (!der_get(tbs, &d) || !read_time(f, &d, &f->next_update))
        return false;
    if (f->next_update <= f->this_update)
        f->fault = "its next update is not after its this update";
    return true;
}

/* TBSCertList ::= SEQUENCE { version, signature, issuer, thisUpdate, nextUpdate, revoked, [0] } */
static bool read_tbs(struct crl_form *f, struct buf *tbs, const struct der *alg,
                     const struct crl_view *view)
{
    struct der version, inner, issuer;
    const unsigned char *p;

    if (!der_next_is(tbs, DER_INTEGER))
        f->fault = "it is not of version 2";
    else if (!der_get(tbs, &version) || version.in.len != 1 || version.in.data[0] != 1)
        return false;
    if (!der_want(tbs, DER_SEQUENCE, &inner) || !der_want(tbs, DER_SEQUENCE, &issuer))
        return false;
    if (inner.n_raw != alg->n_raw || memcmp(inner.raw, alg->raw, alg->n_raw))
        f->fault = "it names two signature algorithms";
    p = issuer.raw;
    f->issuer = d2i_X509_NAME(NULL, &p, (long)issuer.n_raw);
    if (!f->issuer || !read_updates(f, tbs))
        return false;
    if (der_next_is(tbs, DER_SEQUENCE) && !read_entries(f, tbs, view))
        return false;
    if (buf_left(tbs) && !read_extensions(f, tbs))
        return false;
    if (!f->number && !f->fault)
        f->fault = "it has no CRL number";
    return buf_done(tbs);
}

int crl_form_read(struct crl_form *f, const struct crl_view *view)
{
    struct der whole, tbs, alg, bits;
    struct crl_form got = {0};
    const unsigned char *p;
    struct buf b;

    buf_init_read(&b, view->der, view->n_der);
    if (!der_want(&b, DER_SEQUENCE, &whole) || !buf_done(&b) ||
        !der_want(&whole.in, DER_SEQUENCE, &tbs) || !der_want(&whole.in, DER_SEQUENCE, &alg) ||
        !der_want(&whole.in, DER_BITS, &bits) || !buf_done(&whole.in) || tbs.raw != view->tbs ||
        tbs.n_raw != view->n_tbs || bits.in.len < 2 || bits.in.data[0] != 0)
        return -EINVAL;
    p = alg.raw;
    got.alg = d2i_X509_ALGOR(NULL, &p, (long)alg.n_raw);
    if (!got.alg || !read_tbs(&got, &tbs.in, &alg, view)) {
        crl_form_clear(&got);
        return -EINVAL;
    }
    got.signature = bits.in.data + 1;
    got.n_signature = bits.in.len - 1;
    if (!signature_allowed(got.alg))
        got.fault = "it is signed with a weak or unknown algorithm";
    *f = got;
    return 0;
}

void crl_form_clear(struct crl_form *f)
{
    X509_NAME_free(f->issuer);
    X509_ALGOR_free(f->alg);
    memset(f, 0, sizeof *f);
}
