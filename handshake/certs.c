#include "handshake/certs.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/hash.h"

#define TAIL 32

struct cert {
    X509 *x; /* NULL: none */
    uint8_t *der;
    size_t n;
};

typedef X509 *reader(X509 **a, const unsigned char **in, long n);

struct certs {
    struct hash_key key;
    struct cert sets[CERTS_SETS][CERTS_WAYS]; /* each by use, the latest first */
    uint64_t came[CERTS_CAME];                /* by hash: let in once */
    unsigned count;
    int mark; /* ex_data that is set while a certificate is kept */
};

/* OpenSSL hands d2i_X509() no context of ours; set once. */
static _Thread_local struct certs *the;

/* OpenSSL's own d2i_X509(). */
static reader *openssl(void)
{
    static reader *_Atomic theirs;
    reader *r = theirs;

    if (!r)
        theirs = r = (reader *)(uintptr_t)dlsym(RTLD_NEXT, "d2i_X509");
    check(r);
    return r;
}

int certs_init(void)
{
    struct certs *c = calloc(1, sizeof *c);

    if (!c)
        return -ENOMEM;
    c->mark = X509_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    if (c->mark < 0) {
        free(c);
        return -ENOMEM;
    }
    hash_key_init(&c->key);
    the = c;
    return 0;
}

unsigned certs_count(void)
{
    return the ? the->count : 0;
}

/* By the end of its signature, which is another one in every certificate. */
static uint64_t hash(const uint8_t *der, size_t n)
{
    size_t tail = n < TAIL ? n : TAIL;

    return hash_bytes(&the->key, der + n - tail, tail);
}

static struct cert *set_of(const uint8_t *der, size_t n)
{
    return the->sets[hash(der, n) % CERTS_SETS];
}

/* Who comes once leaves a number; only for who comes again it is worth to keep what was read. */
static bool came_before(const uint8_t *der, size_t n)
{
    uint64_t h = hash(der, n), *place = &the->came[h % CERTS_CAME];
    bool before = *place == h;

    *place = h;
    return before;
}

/* Entry i becomes the first of its set. */
static void use(struct cert *set, unsigned i)
{
    struct cert used = set[i];

    memmove(set + 1, set, i * sizeof *set);
    set[0] = used;
}

static X509 *find(struct cert *set, const uint8_t *der, size_t n)
{
    for (unsigned i = 0; i < CERTS_WAYS; i++)
        if (set[i].x && set[i].n == n && !memcmp(set[i].der, der, n)) {
            use(set, i);
            return set[0].x;
        }
    return NULL;
}

static void drop(struct cert *c)
{
    if (!c->x)
        return;
    X509_set_ex_data(c->x, the->mark, NULL); /* a leg may hold it still */
    X509_free(c->x);
    free(c->der);
    the->count--;
}

static void keep(X509 *x, const uint8_t *der, size_t n)
{
    struct cert *set = set_of(der, n), *last = &set[CERTS_WAYS - 1];
    uint8_t *copy;

    if (find(set, der, n) || !came_before(der, n) || !(copy = malloc(n)))
        return;
    if (X509_set_ex_data(x, the->mark, the) != 1 || !X509_up_ref(x)) {
        free(copy);
        return;
    }
    drop(last);
    the->count++;
    memcpy(copy, der, n);
    *last = (struct cert){.x = x, .der = copy, .n = n};
    use(set, CERTS_WAYS - 1);
}

void certs_keep(STACK_OF(X509) * chain)
{
    for (int i = 0; the && i < sk_X509_num(chain); i++) {
        X509 *x = sk_X509_value(chain, i);
        uint8_t der[CERTS_DER_MAX], *at = der;
        int n = X509_get_ex_data(x, the->mark) ? 0 : i2d_X509(x, NULL);

        if (n > 0 && n <= CERTS_DER_MAX && i2d_X509(x, &at) == n)
            keep(x, der, (size_t)n);
    }
}

/* In the place of libcrypto's, for libssl as well. The object is shared: nobody may change it. */
X509 *d2i_X509(X509 **a, const unsigned char **in, long n)
{
    X509 *x = NULL;

    if (the && in && *in && n > 0 && n <= CERTS_DER_MAX)
        x = find(set_of(*in, (size_t)n), *in, (size_t)n);
    if (!x || !X509_up_ref(x))
        return openssl()(a, in, n);
    if (a) {
        X509_free(*a);
        *a = x;
    }
    *in += n;
    return x;
}
