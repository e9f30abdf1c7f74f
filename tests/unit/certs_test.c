/* Is a certificate that was let in before the same to everybody, and nothing but that one? */
#include "handshake/certs.h"

#include <dlfcn.h>
#include <pthread.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "tests/unit/test.h"
#include "tests/unit/world.h"

typedef X509 *reader(X509 **a, const unsigned char **in, long n);

struct der {
    uint8_t data[2 * CERTS_DER_MAX];
    long n;
};

static struct der der_of(X509 *x)
{
    struct der d;
    unsigned char *at = d.data;

    check(i2d_X509(x, NULL) <= (int)sizeof d.data);
    d.n = i2d_X509(x, &at);
    return d;
}

static X509 *read_by(reader *r, const struct der *d, long *used)
{
    const unsigned char *at = d->data;
    X509 *a = X509_new(), *x = r(&a, &at, d->n); /* as libssl does */

    *used = at - d->data;
    EXPECT(!x || x == a);
    if (!x)
        X509_free(a);
    ERR_clear_error();
    return x;
}

static X509 *read_der(const struct der *d)
{
    long used;
    X509 *x = read_by(d2i_X509, d, &used);

    EXPECT(!x || used == d->n);
    return x;
}

static void let_in(X509 *x)
{
    STACK_OF(X509) *chain = sk_X509_new_null();

    check(chain && sk_X509_push(chain, x) > 0);
    certs_keep(chain);
    sk_X509_free(chain);
}

/* It comes twice. */
static void keep(X509 *x)
{
    let_in(x);
    let_in(x);
}

/* A leaf that was kept, and its bytes. */
static X509 *kept(struct der *d)
{
    struct world *w = world_start();
    struct pki_cert leaf = world_leaf(&w->inter, KEY_P256, "clientAuth", "dns:kept.test");
    X509 *x;

    *d = der_of(leaf.x);
    x = read_der(d);
    check(x);
    keep(x);
    return x;
}

TEST("what was kept is the same object when its bytes come again")
{
    struct der d;
    X509 *first = kept(&d), *again = read_der(&d), *alone;
    const unsigned char *at = d.data;

    alone = d2i_X509(NULL, &at, d.n);
    EXPECT(again == first && alone == first && at == d.data + d.n);
    X509_free(alone);
    X509_free(again);
    X509_free(first);
}

TEST("a certificate that was read but not kept is read anew")
{
    struct world *w = world_start();
    struct der d = der_of(world_leaf(&w->inter, KEY_P256, "clientAuth", "dns:new.test").x);
    X509 *first = read_der(&d), *again = read_der(&d);

    EXPECT(first && again && first != again && X509_cmp(first, again) == 0);
    X509_free(first);
    X509_free(again);
}

TEST("a certificate is kept when it is let in for the second time, not for the first")
{
    struct world *w = world_start();
    struct der d = der_of(world_leaf(&w->inter, KEY_P256, "clientAuth", "dns:twice.test").x);
    X509 *first = read_der(&d), *second, *third;

    let_in(first);
    second = read_der(&d);
    EXPECT(second != first);
    let_in(second);
    third = read_der(&d);
    EXPECT(third == second);
    X509_free(first);
    X509_free(second);
    X509_free(third);
}

/* The same object or refusal as by OpenSSL's own, and never the one that is kept. */
static void reads_alike(const struct der *d, const X509 *not_this)
{
    reader *theirs = (reader *)(uintptr_t)dlsym(RTLD_NEXT, "d2i_X509");
    long used_ours, used_theirs;
    X509 *ours = read_by(d2i_X509, d, &used_ours), *other = read_by(theirs, d, &used_theirs);

    check(theirs && theirs != d2i_X509);
    EXPECT(ours != not_this);
    EXPECT(!ours == !other);
    if (ours && other) {
        struct der a = der_of(ours), b = der_of(other);

        EXPECT(used_ours == used_theirs && a.n == b.n && !memcmp(a.data, b.data, (size_t)a.n));
        EXPECT(X509_get_extension_flags(ours) == X509_get_extension_flags(other));
    }
    X509_free(ours);
    X509_free(other);
}

TEST("a certificate of which one byte differs is another one, read or refused as by OpenSSL's own")
{
    struct der d;
    X509 *x = kept(&d);

    for (long i = 0; i < d.n; i++) {
        d.data[i] ^= 1;
        reads_alike(&d, x);
        d.data[i] ^= 1 ^ 0x80;
        reads_alike(&d, x);
        d.data[i] ^= 0x80;
    }
    d.n--;
    reads_alike(&d, x);
    d.data[++d.n] = 0;
    d.n++; /* a byte behind it: it is read, and the byte left over */
    reads_alike(&d, x);
    X509_free(x);
}

TEST("only so many are kept, and one that is used stays")
{
    struct der d;
    X509 *x = kept(&d);
    const ASN1_INTEGER *serial = X509_get0_serialNumber(x);
    uint8_t *at = memmem(d.data, (size_t)d.n, ASN1_STRING_get0_data(serial),
                         (size_t)ASN1_STRING_length(serial));
    struct der other = d;

    check(at);
    for (unsigned i = 0; i < 2 * CERTS_SETS * CERTS_WAYS; i++) {
        uint8_t *last = other.data + (d.n - 8); /* in its signature, which nobody looks at here */
        X509 *more, *again = read_der(&d);

        EXPECT(again == x);
        X509_free(again);
        memcpy(last, &i, sizeof i);
        more = read_der(&other);
        check(more);
        keep(more);
        X509_free(more);
    }
    EXPECT(certs_count() <= CERTS_SETS * CERTS_WAYS);
    EXPECT(certs_count() > CERTS_SETS * CERTS_WAYS * 9 / 10);
    X509_free(x);
}

TEST("what made room for others is kept again when it is let in again")
{
    struct der d;
    X509 *x = kept(&d), *again;
    struct der other = d;

    for (unsigned i = 0; i < 16 * CERTS_SETS * CERTS_WAYS; i++) {
        X509 *more;

        memcpy(other.data + (d.n - 8), &i, sizeof i);
        more = read_der(&other);
        check(more);
        keep(more);
        X509_free(more);
    }
    again = read_der(&d);
    EXPECT(again != x); /* 64 others came into its set */
    X509_free(again);
    keep(x);
    again = read_der(&d);
    EXPECT(again == x);
    X509_free(again);
    X509_free(x);
}

TEST("a certificate longer than the limit is read each time")
{
    struct world *w = world_start();
    char sans[2 * CERTS_DER_MAX + 64] = "";
    struct der d;
    X509 *x, *again;
    size_t n = 0;

    for (int i = 0; n < 2 * CERTS_DER_MAX - 1000; i++)
        n += (size_t)snprintf(sans + n, sizeof sans - n, "%sdns:n%04d.test", i ? " " : "", i);
    d = der_of(world_leaf(&w->inter, KEY_P256, "clientAuth", sans).x);
    EXPECT(d.n > CERTS_DER_MAX);
    x = read_der(&d);
    keep(x);
    again = read_der(&d);
    EXPECT(x && again && again != x);
    X509_free(again);
    X509_free(x);
}

static void *read_elsewhere(void *arg)
{
    return read_der(arg);
}

TEST("another thread reads as if nothing were kept")
{
    struct der d;
    X509 *x = kept(&d);
    pthread_t thread;
    void *theirs;

    check(pthread_create(&thread, NULL, read_elsewhere, &d) == 0);
    check(pthread_join(thread, &theirs) == 0);
    EXPECT(theirs && theirs != x);
    X509_free(theirs);
    X509_free(x);
}

TEST("OpenSSL's own reading of a peer's chain finds what was kept, in both roles")
{
    for (int side = LEG_OUTER; side <= LEG_INNER; side++) {
        struct peer_spec p = {.side = (enum leg_side)side};
        struct talk *first, *again;

        talk_free(talk(&(struct world_spec){0}, &p)); /* it comes for the first time */
        first = talk(&(struct world_spec){0}, &p);
        again = talk(&(struct world_spec){0}, &p);
        EXPECT(talk_keyed(first) && talk_keyed(again));
        EXPECT(sk_X509_num(first->conn->chain) == 2 && sk_X509_num(again->conn->chain) == 2);
        for (int i = 0; i < 2; i++)
            EXPECT(sk_X509_value(first->conn->chain, i) == sk_X509_value(again->conn->chain, i));
        talk_free(first);
        talk_free(again);
    }
}

TEST("who is not let in is not kept")
{
    struct world *w = world_start();
    struct pki_cert stranger = world_leaf(&w->other_root, KEY_P256, "clientAuth", "dns:x.test");
    struct der d = der_of(stranger.x);
    struct talk *t = talk(&(struct world_spec){0}, &(struct peer_spec){.own = &stranger});
    X509 *x, *again;

    EXPECT(t->result == CONN_FAILED);
    talk_free(t);
    x = read_der(&d);
    again = read_der(&d);
    EXPECT(x && again && x != again);
    X509_free(x);
    X509_free(again);
}

/* A verdict on what d2i_X509() gives now. */
static enum reason asked(const struct der *d, X509 *const ca[2], X509_CRL *const crls[3],
                         int64_t now)
{
    X509 *x = read_der(d);
    struct pki_case c = {
        .anchors = {ca[0]}, .crls = {crls[0], crls[1], crls[2]}, .chain = {x, ca[1]}, .now = now};
    enum reason r = pki_refusal(&c);

    let_in(x);
    X509_free(x);
    return r;
}

TEST("a certificate that is kept and expires, or is revoked, is refused like any other")
{
    struct pki_cert root = pki_ca(NULL, "Root"), ca = pki_ca(&root, "CA");
    struct pki_cert leaf = pki_leaf(&ca, LEG_OUTER, "dns:client.test");
    X509 *const cas[] = {root.x, ca.x};
    X509_CRL *crls[3] = {pki_crl(&ca, &(struct pki_crl_spec){.to = PKI_NOW + 200 * PKI_DAY}),
                         pki_crl(&root, &(struct pki_crl_spec){.to = PKI_NOW + 200 * PKI_DAY}),
                         NULL};
    struct der d;

    world_start();
    d = der_of(leaf.x);
    for (int i = 0; i < 3; i++)
        EXPECT(asked(&d, cas, crls, PKI_NOW) == REASON_NONE);
    EXPECT(asked(&d, cas, crls, PKI_NOW + 150 * PKI_DAY) == REASON_EXPIRED);
    crls[2] = pki_crl(&ca, &(struct pki_crl_spec){.revoked = {leaf.x}, .number = "02"});
    EXPECT(asked(&d, cas, crls, PKI_NOW) == REASON_REVOKED);
}

int main(void)
{
    return test_run();
}
