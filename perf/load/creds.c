#include "perf/load/creds.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "handshake/secrets.h"

#define CREDS_MAX 65536

static void on_secret(const SSL *ssl, const char *line)
{
    struct secrets *s = SSL_get_app_data(ssl);

    if (s)
        secrets_line(s, line);
}

/* Verify a chain, unless it is the one that was verified last. */
static int verify(X509_STORE_CTX *x, void *arg)
{
    struct creds *c = arg;
    X509 *leaf = X509_STORE_CTX_get0_cert(x);
    uint8_t digest[EVP_MAX_MD_SIZE];
    unsigned n = 0;

    if (!leaf || X509_digest(leaf, EVP_sha256(), digest, &n) != 1 || n != sizeof(c->known))
        return 0;
    if (!memcmp(digest, c->known, n)) {
        X509_STORE_CTX_set_error(x, X509_V_OK);
        return 1;
    }
    if (X509_verify_cert(x) != 1)
        return 0;
    memcpy(c->known, digest, n);
    return 1;
}

/* The names of `list` that belong to this version, as OpenSSL writes them, or all of them. */
static int suites(const char *list, uint16_t version, char *out, size_t cap, struct err *e)
{
    size_t used = 0;

    out[0] = '\0';
    for (size_t i = 0; !list && suite_at(i); i++)
        if (suite_at(i)->version == version)
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ":" : "",
                                     suite_at(i)->openssl_name);
    while (list && *list) {
        size_t n = strcspn(list, ":,");
        char name[64];
        const struct suite *s;

        snprintf(name, sizeof(name), "%.*s", (int)(n < 63 ? n : 63), list);
        s = suite_by_name(name);
        if (!s)
            return err_set(e, -EINVAL, "--suites", "see `penstock-load --help`",
                           "no suite of ours: \"%s\"", name);
        if (s->version == version && used + 64 < cap)
            used += (size_t)snprintf(out + used, cap - used, "%s%s", used ? ":" : "",
                                     s->openssl_name);
        list += n + (list[n] != '\0');
    }
    if (!used)
        return err_set(e, -EINVAL, "--suites", NULL, "none of them is one of TLS %s",
                       version == TLS13 ? "1.3" : "1.2");
    return 0;
}

static int set_protocol(SSL_CTX *ctx, const struct options *o, struct err *e)
{
    char names[1024], groups[256];
    int rc = suites(o->suites, o->tls, names, sizeof(names), e);

    if (rc)
        return rc;
    if (SSL_CTX_set_min_proto_version(ctx, o->tls) != 1 ||
        SSL_CTX_set_max_proto_version(ctx, o->tls) != 1 ||
        (o->tls == TLS13 ? SSL_CTX_set_ciphersuites(ctx, names)
                         : SSL_CTX_set_cipher_list(ctx, names)) != 1)
        return err_set(e, -EINVAL, "--suites", NULL, "OpenSSL here does not take %.200s", names);
    if (!o->groups)
        return 0;
    snprintf(groups, sizeof(groups), "%s", o->groups);
    for (char *p = groups; *p; p++)
        *p = *p == ',' ? ':' : *p;
    if (SSL_CTX_set1_groups_list(ctx, groups) != 1)
        return err_set(e, -EINVAL, "--groups", "P-256, X25519, ...",
                       "OpenSSL here does not take \"%.200s\"", groups);
    return 0;
}

static SSL_CTX *context(struct creds *c, const struct options *o, X509_STORE *anchors,
                        struct err *e)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());

    if (!ctx) {
        err_set(e, -ENOMEM, NULL, NULL, "out of memory");
        return NULL;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, c);
    SSL_CTX_set_keylog_callback(ctx, on_secret);
    SSL_CTX_set1_cert_store(ctx, anchors);
    if (set_protocol(ctx, o, e)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

/*
 * The key in a file; `last` has the one before, which may be the same file under another name. What
 * a handshake finds of OpenSSL (provide.h) reads no private keys, so that is done in `files`.
 */
static EVP_PKEY *read_key(OSSL_LIB_CTX *files, const char *path, const struct cred *last)
{
    FILE *f = fopen(path, "r");
    struct stat st;
    EVP_PKEY *key = NULL;

    if (!f)
        return NULL;
    if (last && !fstat(fileno(f), &st) && st.st_ino == last->inode && st.st_dev == last->device) {
        key = last->key;
        EVP_PKEY_up_ref(key);
    } else {
        key = PEM_read_PrivateKey_ex(f, NULL, NULL, NULL, files, NULL);
    }
    fclose(f);
    return key;
}

/* The leaf, what follows it, and the key. 0 or -EINVAL. */
static int read_files(OSSL_LIB_CTX *files, struct cred *to, const char *cert, const char *key,
                      const struct cred *last)
{
    FILE *f = fopen(cert, "r");
    struct stat st;
    X509 *x;

    to->leaf = f ? PEM_read_X509(f, NULL, NULL, NULL) : NULL;
    to->above = sk_X509_new_null();
    while (to->leaf && to->above && (x = PEM_read_X509(f, NULL, NULL, NULL)))
        if (sk_X509_push(to->above, x) <= 0)
            X509_free(x);
    if (f)
        fclose(f);
    to->key = read_key(files, key, last);
    if (!stat(key, &st)) {
        to->inode = st.st_ino;
        to->device = st.st_dev;
    }
    return to->leaf && to->above && to->key && X509_check_private_key(to->leaf, to->key) == 1
               ? 0
               : -EINVAL;
}

static void cred_fini(struct cred *c)
{
    X509_free(c->leaf);
    sk_X509_pop_free(c->above, X509_free);
    EVP_PKEY_free(c->key);
}

static int add(struct creds *c, const char *cert, const char *key, struct err *e)
{
    struct cred made = {0};
    int rc = read_files(c->files, &made, cert, key, c->count ? &c->list[c->count - 1] : NULL);

    if (rc) {
        cred_fini(&made);
        rc = err_set(e, -EINVAL, cert, "give a PEM chain and its unencrypted key",
                     "can not be used with %.200s (%s)", key,
                     ERR_reason_error_string(ERR_peek_last_error()));
    } else {
        c->list[c->count++] = made;
    }
    ERR_clear_error(); /* the end of a file is one, too */
    return rc;
}

static int is_key(const struct dirent *d)
{
    size_t n = strlen(d->d_name);

    return n > 4 && !strcmp(d->d_name + n - 4, ".key");
}

/* Every NAME.key of the directory that has a certificate beside it. */
static int add_directory(struct creds *c, const struct options *o, struct err *e)
{
    struct dirent **found = NULL;
    int n = scandir(o->cert_dir, &found, is_key, alphasort), rc = 0;

    if (n < 0)
        return err_set(e, -errno, o->cert_dir, NULL, "can not be read: %s", strerror(errno));
    if (n > CREDS_MAX)
        rc = err_set(e, -EINVAL, o->cert_dir, NULL, "holds more than %d keys", CREDS_MAX);
    c->list = rc ? NULL : calloc((size_t)n + 1, sizeof(*c->list));
    if (!rc && !c->list)
        rc = err_set(e, -ENOMEM, o->cert_dir, NULL, "out of memory");
    for (int i = 0; i < n; i++) {
        char key[PATH_MAX], cert[PATH_MAX];
        int stem = (int)strlen(found[i]->d_name) - 4;

        snprintf(key, sizeof(key), "%s/%s", o->cert_dir, found[i]->d_name);
        snprintf(cert, sizeof(cert), "%s/%.*s.chain.pem", o->cert_dir, stem, found[i]->d_name);
        if (access(cert, R_OK))
            snprintf(cert, sizeof(cert), "%s/%.*s.pem", o->cert_dir, stem, found[i]->d_name);
        if (!rc && !access(cert, R_OK))
            rc = add(c, cert, key, e);
        free(found[i]);
    }
    free(found);
    if (!rc && !c->count)
        rc = err_set(e, -ENOENT, o->cert_dir, "NAME.key beside NAME.chain.pem or NAME.pem",
                     "holds no key with a certificate");
    return rc;
}

static int load(struct creds *c, const struct options *o, struct err *e)
{
    if (o->cert_dir)
        return add_directory(c, o, e);
    c->list = calloc(1, sizeof(*c->list));
    if (!c->list)
        return err_set(e, -ENOMEM, NULL, NULL, "out of memory");
    return add(c, o->cert, o->key, e);
}

int creds_init(struct creds *c, const struct options *o, struct err *e)
{
    X509_STORE *anchors;
    int rc;

    *c = (struct creds){.name = o->name};
    if (o->plain)
        return 0;
    anchors = X509_STORE_new();
    c->files = anchors ? OSSL_LIB_CTX_new() : NULL;
    if (!c->files) {
        X509_STORE_free(anchors);
        return err_set(e, -ENOMEM, NULL, NULL, "out of memory");
    }
    if (X509_STORE_load_file(anchors, o->ca) != 1) {
        ERR_clear_error();
        rc = err_set(e, -EINVAL, o->ca, "give a PEM file", "holds no certificate to trust");
    } else {
        c->ctx = context(c, o, anchors, e);
        rc = c->ctx ? load(c, o, e) : -EINVAL;
    }
    X509_STORE_free(anchors);
    return rc;
}

void creds_fini(struct creds *c)
{
    for (size_t i = 0; i < c->count; i++)
        cred_fini(&c->list[i]);
    free(c->list);
    SSL_CTX_free(c->ctx);
    OSSL_LIB_CTX_free(c->files);
    *c = (struct creds){0};
}

SSL *creds_session(struct creds *c, uint64_t which)
{
    const struct cred *own = &c->list[which % c->count];
    SSL *ssl = SSL_new(c->ctx);

    if (!ssl || SSL_set_tlsext_host_name(ssl, c->name) != 1 || SSL_set1_host(ssl, c->name) != 1 ||
        SSL_use_cert_and_key(ssl, own->leaf, own->key, own->above, 1) != 1) {
        SSL_free(ssl);
        ERR_clear_error();
        return NULL;
    }
    SSL_set_connect_state(ssl);
    return ssl;
}
