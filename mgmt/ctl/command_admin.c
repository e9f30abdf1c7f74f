/* command_admin: administrators of a gateway that keeps its own management CA. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "dataplane/base/secret.h"
#include "mgmt/ctl/command_parts.h"
#include "mgmt/model/token.h"

#define CSR_ROOM  (16 * 1024)
#define TRIES     40
#define TRY_US    250000 /* the link is cut when the list of administrators changes */
#define PATH_ROOM 1200

/* ---- a key and its request ---- */

static EVP_PKEY *make_key(void)
{
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256");
}

/* What a writer makes, as text; free(). */
static char *text_of(BIO *bio, bool good)
{
    char *at = NULL, *text = NULL;
    long n = good && bio ? BIO_get_mem_data(bio, &at) : 0;

    if (n > 0)
        text = strndup(at, (size_t)n);
    BIO_free(bio);
    return text;
}

static char *csr_text(EVP_PKEY *key, const char *name)
{
    X509_REQ *req = X509_REQ_new();
    BIO *bio = BIO_new(BIO_s_mem());
    bool good = req && bio &&
                X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(req), "CN", MBSTRING_UTF8,
                                           (const unsigned char *)name, -1, -1, 0) == 1 &&
                X509_REQ_set_pubkey(req, key) == 1 && X509_REQ_sign(req, key, EVP_sha256()) > 0 &&
                PEM_write_bio_X509_REQ(bio, req) == 1;

    X509_REQ_free(req);
    return text_of(bio, good);
}

static char *key_text(EVP_PKEY *key)
{
    BIO *bio = BIO_new(BIO_s_secmem());
    bool good = bio && PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) == 1;

    return text_of(bio, good);
}

static char *cert_text(X509 *x)
{
    BIO *bio = BIO_new(BIO_s_mem());
    bool good = bio && PEM_write_bio_X509(bio, x) == 1;

    return text_of(bio, good);
}

/* A new file: what is there is not overwritten. 0 or -1: said why. */
static int write_new(const char *dir, const char *name, const char *end, const char *text,
                     mode_t mode)
{
    char path[PATH_ROOM];
    size_t n = strlen(text);
    int fd, rc = -1;

    snprintf(path, sizeof path, "%s/%s%s", dir, name, end);
    fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
    if (fd >= 0 && write(fd, text, n) == (ssize_t)n && !fsync(fd))
        rc = 0;
    if (rc)
        fprintf(stderr, "penstockctl: %s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
    return rc;
}

/* ---- the first administrator ---- */

/* The host of "https://host:port", for the server to be known by. */
static void host_of(const char *url, char out[256])
{
    const char *at = url + strlen("https://");
    size_t n = at[0] == '[' ? strcspn(++at, "]") : strcspn(at, ":/");

    snprintf(out, 256, "%.*s", (int)n, at);
}

/* Ask with the token's certificate, and of the one server that the token means. */
static int ask_enroll(const struct options *o, const struct token *t, const char *csr,
                      struct http_answer *a)
{
    struct token_identity id;
    char host[256], *cert = NULL, *key = NULL;
    struct options with = *o;
    json_t *body;
    int rc;

    if (token_identity(t, &id)) {
        fprintf(stderr, "penstockctl: this OpenSSL has no Ed25519 or HKDF\n");
        return 1;
    }
    host_of(o->args[0], host);
    cert = cert_text(id.leaf);
    key = key_text(id.key);
    body = json_pack("{s:s, s:s, s:s}", "name", o->name, "csr", csr, "reached_as", host);
    with.gateway = (struct http_gateway){
        .url = o->args[0], .cert_pem = cert, .key_pem = key, .pin = t->pin, .n_pin = TOKEN_PIN};
    rc = command_ask(
        &with, &(struct http_ask){.method = "POST", .path = "/api/v1/enroll", .body = body}, a);
    json_decref(body);
    if (key)
        secret_wipe(key, strlen(key));
    free(key);
    free(cert);
    token_identity_fini(&id);
    return rc;
}

static int keep(const char *dir, const char *name, const struct http_answer *a)
{
    const char *cert = json_string_value(json_object_get(a->json, "certificate")),
               *ca = json_string_value(json_object_get(a->json, "ca"));

    if (!cert || !ca) {
        fprintf(stderr, "penstockctl: the answer has no certificate\n");
        return 1;
    }
    return write_new(dir, name, ".pem", cert, 0644) || write_new(dir, name, ".ca.pem", ca, 0644);
}

/* With what was got, does the gateway answer? It needs a moment to change who may come in. */
static int try_it(const struct options *o, const char *dir)
{
    char ca[PATH_ROOM], cert[PATH_ROOM], key[PATH_ROOM];
    struct http_gateway g = {.url = o->args[0], .ca = ca, .cert = cert, .key = key};
    struct http_ask q = {.method = "GET", .path = "/readyz"};
    struct http_answer a;

    snprintf(ca, sizeof ca, "%s/%s.ca.pem", dir, o->name);
    snprintf(cert, sizeof cert, "%s/%s.pem", dir, o->name);
    snprintf(key, sizeof key, "%s/%s.key", dir, o->name);
    for (int i = 0; i < TRIES; i++) {
        bool good = !http_request(&g, &q, &a) && a.status == 200;

        http_free(&a);
        if (good) {
            printf("enrolled: penstockctl --url %s --ca %s --cert %s --key %s status\n", o->args[0],
                   ca, cert, key);
            return 0;
        }
        usleep(TRY_US);
    }
    fprintf(stderr, "penstockctl: enrolled, but the gateway does not answer the new certificate\n");
    return 1;
}

int command_enroll(const struct options *o, const struct command *c)
{
    const char *dir = o->out ? o->out : ".";
    struct http_answer a = {0};
    EVP_PKEY *key = NULL;
    char *csr = NULL, *secret = NULL;
    struct token t;
    int rc = 2;

    (void)c;
    if (!o->token || !o->name || strncmp(o->args[0], "https://", 8) != 0)
        fprintf(stderr, "penstockctl: enroll takes https://HOST:PORT --token TOKEN --name NAME\n");
    else if (token_parse(o->token, &t))
        fprintf(stderr, "penstockctl: --token: is no token: 52 letters and digits 2 to 7\n");
    else
        rc = 0;
    if (rc)
        return rc;
    key = make_key();
    csr = key ? csr_text(key, o->name) : NULL;
    secret = key ? key_text(key) : NULL;
    rc = csr && secret && !write_new(dir, o->name, ".key", secret, 0600) ? 0 : 1;
    if (!rc)
        rc = ask_enroll(o, &t, csr, &a);
    if (!rc)
        rc = keep(dir, o->name, &a) ? 1 : try_it(o, dir);
    http_free(&a);
    if (secret)
        secret_wipe(secret, strlen(secret));
    free(secret);
    free(csr);
    EVP_PKEY_free(key);
    secret_wipe(&t, sizeof t);
    return rc;
}

/* ---- those after the first ---- */

static json_t *list_of(const char *text)
{
    json_t *list = json_array();

    while (text && *text) {
        size_t n = strcspn(text, ",");

        json_array_append_new(list, json_stringn(text, n));
        text += n + (text[n] == ',');
    }
    return list;
}

static void show_certificate(const json_t *body, bool wide)
{
    const char *pem = json_string_value(json_object_get(body, "certificate"));

    (void)wide;
    fputs(pem ? pem : "", stdout);
}

int command_add_admin(const struct options *o, const struct command *c)
{
    size_t n;
    char *csr = command_read_file(o->args[1], CSR_ROOM, &n);
    json_t *body = csr ? json_pack("{s:s, s:s%}", "name", o->args[0], "csr", csr, n) : NULL;
    struct http_ask q = {.method = "POST", .path = "/api/v1/administrators", .body = body};
    struct command shown = *c;
    int rc = 2;

    shown.show = show_certificate;

    if (body && o->roles)
        json_object_set_new(body, "roles", list_of(o->roles));
    if (body)
        rc = command_finish(o, &shown, &q);
    json_decref(body);
    free(csr);
    return rc;
}

static int send_plain(const struct options *o, const struct command *c, const char *method,
                      const char *path)
{
    struct http_ask q = {.method = method, .path = path};

    return command_finish(o, c, &q);
}

int command_remove_admin(const struct options *o, const struct command *c)
{
    char path[PATH_ROOM];
    struct http_ask q = {.method = "DELETE", .path = path};

    snprintf(path, sizeof path, "/api/v1/administrators/%.128s", o->args[0]);
    return command_change(o, c, path, &q);
}

/* With the roles that the old one has; the certificate goes to standard output. */
int command_renew_admin(const struct options *o, const struct command *c)
{
    char read[PATH_ROOM], path[PATH_ROOM + 16];
    size_t n;
    char *csr = command_read_file(o->args[1], CSR_ROOM, &n);
    json_t *body = csr ? json_pack("{s:s%}", "csr", csr, n) : NULL;
    struct http_ask q = {.method = "POST", .path = path, .body = body};
    struct command shown = *c;
    int rc = 2;

    shown.show = show_certificate;
    snprintf(read, sizeof read, "/api/v1/administrators/%.128s", o->args[0]);
    snprintf(path, sizeof path, "%s/certificate", read);
    if (body)
        rc = command_change(o, &shown, read, &q);
    json_decref(body);
    free(csr);
    return rc;
}

int command_close_token(const struct options *o, const struct command *c)
{
    return send_plain(o, c, "DELETE", "/api/v1/bootstrap");
}

int command_recover(const struct options *o, const struct command *c)
{
    return send_plain(o, c, "POST", "/api/v1/bootstrap");
}
