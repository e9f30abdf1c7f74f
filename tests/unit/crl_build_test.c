/* crls: do revocation lists become the tables that the handshake can use, and only those? */
#include <sys/mman.h>
#include <unistd.h>
#include "dataplane/wire/chan.h"
#include "dataplane/wire/crl.h"
#include "mgmt/model/crls.h"
#include "tests/unit/made_certs.h"
#include "tests/unit/test.h"

static struct made ca;

static void make_ca(void)
{
    if (!ca.x)
        ca = made_cert("CA", NULL, (struct made_how){.ca = true});
}

static uint8_t *der_of(X509_CRL *crl, size_t *n)
{
    uint8_t *der = NULL;
    int len = i2d_X509_CRL(crl, &der);

    *n = len > 0 ? (size_t)len : 0;
    return der;
}

/* The lists of a made one read back from its DER; NULL with *e. */
static STACK_OF(X509_CRL) * read_back(X509_CRL *crl, struct err *e)
{
    size_t n;
    uint8_t *der = der_of(crl, &n);
    STACK_OF(X509_CRL) *all = crls_read(der, n, "/trust/a/crls/0", e);

    OPENSSL_free(der);
    X509_CRL_free(crl);
    return all;
}

static void refused(struct made_list how, const char *word)
{
    struct err e = {{0}, {0}, {0}};
    STACK_OF(X509_CRL) * all;

    make_ca();
    all = read_back(made_crl(&ca, 3, how), &e);
    EXPECT(all == NULL);
    EXPECT(!strcmp(e.where, "/trust/a/crls/0") && strstr(e.what, word));
    sk_X509_CRL_pop_free(all, X509_CRL_free);
}

TEST("a table has every serial, sorted, and the signed bytes of the list")
{
    const void *data = NULL;
    struct crl_view v;
    size_t n = 0, n_der;
    X509_CRL *crl;
    uint8_t *der;
    int fd;

    make_ca();
    crl = made_crl(&ca, 1000, (struct made_list){0});
    der = der_of(crl, &n_der);
    fd = crls_table(crl);
    EXPECT(fd >= 0 && memfd_map(fd, CRL_MAX, &data, &n) == 0);
    EXPECT(crl_view_init(&v, data, n) == 0);
    EXPECT(v.count == 1000 && v.n_der == n_der && !memcmp(v.der, der, n_der));
    EXPECT(crl_has(&v, (const uint8_t *)"\x03\xe8", 2) &&
           crl_has(&v, (const uint8_t *)"\x07\xcf", 2));
    EXPECT(!crl_has(&v, (const uint8_t *)"\x07\xd0", 2) &&
           !crl_has(&v, (const uint8_t *)"\x03", 1));
    EXPECT(v.n_number == 1 && v.number[0] == 7 && v.next_update > v.this_update);
    EXPECT(v.tbs[0] == 0x30 && v.n_tbs < v.n_der && v.tbs > v.der);
    munmap((void *)(uintptr_t)data, n);
    close(fd);
    OPENSSL_free(der);
    X509_CRL_free(crl);
}

TEST("an empty list is a table of no rows")
{
    const void *data = NULL;
    struct crl_view v;
    X509_CRL *crl;
    size_t n = 0;
    int fd;

    make_ca();
    crl = made_crl(&ca, 0, (struct made_list){0});
    fd = crls_table(crl);
    EXPECT(memfd_map(fd, CRL_MAX, &data, &n) == 0 && crl_view_init(&v, data, n) == 0);
    EXPECT(v.count == 0);
    munmap((void *)(uintptr_t)data, n);
    close(fd);
    X509_CRL_free(crl);
}

TEST("100,000 entries are read and compiled in a moment")
{
    struct err e;
    STACK_OF(X509_CRL) * all;
    X509_CRL *crl;
    clock_t start;
    uint8_t *der;
    size_t n;
    int fd;

    make_ca();
    crl = made_crl(&ca, 100000, (struct made_list){0});
    der = der_of(crl, &n);
    start = clock();
    all = crls_read(der, n, "x", &e);
    fd = all ? crls_table(sk_X509_CRL_value(all, 0)) : -1;
    EXPECT(fd >= 0);
    EXPECT((double)(clock() - start) / CLOCKS_PER_SEC < 10); /* each with each would take hours */
    close(fd);
    sk_X509_CRL_pop_free(all, X509_CRL_free);
    OPENSSL_free(der);
    X509_CRL_free(crl);
}

TEST("a list that no certificate could be judged by is refused, with the reason")
{
    refused((struct made_list){.no_next = true}, "next update");
    refused((struct made_list){.no_number = true}, "number");
    refused((struct made_list){.delta = true}, "delta");
    refused((struct made_list){.partial = true}, "part");
    refused((struct made_list){.v1 = true}, "version 2");
    refused((struct made_list){.general_time = true}, "UTCTime");
    refused((struct made_list){.critical_number = true}, "critical");
}

TEST("a list that is past its time is read: the handshake judges it at its time")
{
    struct err e;
    STACK_OF(X509_CRL) * all;

    make_ca();
    all = read_back(made_crl(&ca, 1, (struct made_list){.from_s = -200, .until_s = -100}), &e);
    EXPECT(sk_X509_CRL_num(all) == 1);
    EXPECT(crls_next_update(sk_X509_CRL_value(all, 0)) < time(NULL));
    sk_X509_CRL_pop_free(all, X509_CRL_free);
}

TEST("every list of a PEM file counts, not the first alone")
{
    struct made_files files = {0};
    STACK_OF(X509_CRL) * all;
    X509_CRL *a, *b;
    struct err e;

    make_ca();
    a = made_crl(&ca, 1, (struct made_list){0});
    b = made_crl(&ca, 2, (struct made_list){0});
    made_put_crl(&files, "two", a, b);
    all = crls_read(files.f[0].data, files.f[0].n, "x", &e);
    EXPECT(sk_X509_CRL_num(all) == 2);
    sk_X509_CRL_pop_free(all, X509_CRL_free);
    /* and a cut one is told, not dropped */
    all = crls_read(files.f[0].data, files.f[0].n - 40, "x", &e);
    EXPECT(all == NULL && strstr(e.what, "after 1 lists"));
    made_files_free(&files);
    X509_CRL_free(a);
    X509_CRL_free(b);
}

TEST("a certificate, an empty file, and bytes after the list are no list")
{
    struct made_files files = {0};
    struct err e;
    X509_CRL *crl;
    uint8_t *der, *more;
    size_t n;

    make_ca();
    made_put_pem(&files, "ca", ca.x, NULL, NULL);
    EXPECT(!crls_read(files.f[0].data, files.f[0].n, "x", &e) && strstr(e.what, "CERTIFICATE"));
    EXPECT(!crls_read((const uint8_t *)"", 0, "x", &e) && strstr(e.what, "no CRL"));
    crl = made_crl(&ca, 1, (struct made_list){0});
    der = der_of(crl, &n);
    more = malloc(n + 3);
    memcpy(more, der, n);
    memcpy(more + n, "abc", 3);
    EXPECT(!crls_read(more, n + 3, "x", &e) && strstr(e.what, "can not be read"));
    free(more);
    OPENSSL_free(der);
    X509_CRL_free(crl);
    made_files_free(&files);
}

int main(void)
{
    int rc = test_run();

    made_free(&ca);
    return rc;
}
