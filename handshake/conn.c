#include "handshake/conn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/secret.h"
#include "handshake/certs.h"
#include "handshake/hello.h"
#include "handshake/kdf.h"
#include "handshake/process.h"
#include "handshake/report.h"
#include "handshake/sign_wait.h"

#define MSG_SERVER_HELLO 2
#define MSG_FINISHED     20
#define HEADER           5
#define LACKS_EMS        "TLS 1.2 is allowed only with extended master secret"

static struct conn *conn_of(const SSL *ssl)
{
    return SSL_get_app_data(ssl);
}

/* KEYED counts the records after a direction's Finished; in TLS 1.2 those after its CCS. */
static void on_message(int write, int version, int type, const void *data, size_t n, SSL *ssl,
                       void *arg)
{
    struct conn *c = conn_of(ssl);
    const uint8_t *p = data;

    (void)version;
    (void)arg;
    if (!c)
        return;
    if (type == SSL3_RT_HANDSHAKE && n && p[0] == MSG_SERVER_HELLO && !write)
        c->lacks_ems = hello_server_lacks_ems(p, n);
    if (type == SSL3_RT_HANDSHAKE && n && p[0] == MSG_FINISHED) {
        kdf_listen(&c->secrets); /* application secrets follow a Finished, of whatever side */
        if (write)
            c->tx_last_keys = true;
        else
            c->rx_last_keys = true;
    } else if (type == SSL3_RT_HEADER && n) {
        bool ccs = p[0] == SSL3_RT_CHANGE_CIPHER_SPEC && SSL_version(ssl) == TLS1_2_VERSION;

        c->tx_records += write && c->tx_last_keys;
        c->rx_records += !write && c->rx_last_keys;
        c->tx_last_keys |= write && ccs;
        c->rx_last_keys |= !write && ccs;
    }
}

/* The chain as presented, leaf first. */
static STACK_OF(X509) * presented(X509_STORE_CTX *store)
{
    STACK_OF(X509) *rest = X509_STORE_CTX_get0_untrusted(store), *all = sk_X509_new_null();
    X509 *leaf = X509_STORE_CTX_get0_cert(store);

    if (!all || !leaf || !X509_up_ref(leaf) || !sk_X509_push(all, leaf))
        return all;
    for (int i = 0; i < sk_X509_num(rest); i++) {
        X509 *x = sk_X509_value(rest, i);
        if ((i > 0 || x != leaf) && X509_up_ref(x))
            sk_X509_push(all, x);
    }
    return all;
}

/* S7: the verdict, inside OpenSSL's callback, so that a refusal is a proper alert. Exactly 0 or 1.
 */
static int on_verify(X509_STORE_CTX *store, void *arg)
{
    const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct conn *c = conn_of(ssl);

    (void)arg;
    if (c->lacks_ems) { /* told here because here an alert can still be sent */
        c->refused = REASON_EMS;
        c->refused_text = LACKS_EMS;
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
        return 0;
    }
    sk_X509_pop_free(c->chain, X509_free);
    c->chain = presented(store);
    c->judged = true;
    c->verdict.allow = false;
    if (!c->chain || sk_X509_num(c->chain) == 0) {
        X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
        return 0;
    }
    facts_name(sk_X509_value(c->chain, 0), c->peer);
    verify(&c->link->verify[c->id.leg], c->chain, clock_wall_s(), &c->verdict, NULL);
    X509_STORE_CTX_set_error(store, c->verdict.allow       ? X509_V_OK
                                    : c->verdict.n_reasons ? c->verdict.reasons[0].x509_error
                                                           : X509_V_ERR_UNSPECIFIED);
    if (c->verdict.allow)
        certs_keep(c->chain);
    return c->verdict.allow ? 1 : 0;
}

static int hello_refuse(struct conn *c, int *alert, int number, enum reason reason,
                        const char *text)
{
    c->refused = reason;
    c->refused_text = text;
    *alert = number;
    return SSL_CLIENT_HELLO_ERROR;
}

/* S3: the hello, on the bootstrap SSL and again on the link's own. */
static int on_hello(SSL *ssl, int *alert, void *arg)
{
    struct conn *c = conn_of(ssl);
    char name[256] = "";
    int rc = hello_server_name(ssl, name);

    (void)arg;
    if (rc == -EINVAL)
        return hello_refuse(c, alert, SSL_AD_DECODE_ERROR, REASON_SERVER_NAME,
                            "a malformed server name");
    if (c->name_seen && strcmp(c->server_name, name))
        return hello_refuse(c, alert, SSL_AD_ILLEGAL_PARAMETER, REASON_SERVER_NAME_CHANGED,
                            "the second ClientHello names another server");
    c->name_seen = true;
    snprintf(c->server_name, sizeof c->server_name, "%s", name);
    if (c->state == CONN_CHOOSING) {
        int link = hello_choose(c->revision->policy, c->listener, name);
        if (link < 0)
            return hello_refuse(
                c, alert, SSL_AD_UNRECOGNIZED_NAME, REASON_SERVER_NAME,
                name[0] ? "no link here has this server name"
                        : "the client named no server, and every link here wants a name");
        c->link_index = (uint16_t)link;
        return SSL_CLIENT_HELLO_RETRY;
    }
    if (!hello_link_takes(c->link->policy, name))
        return hello_refuse(c, alert, SSL_AD_UNRECOGNIZED_NAME, REASON_SERVER_NAME,
                            name[0] ? "the link has another server name"
                                    : "the client named no server");
    if (!hello_versions_whole(ssl))
        return hello_refuse(c, alert, SSL_AD_DECODE_ERROR, REASON_TLS_PROTOCOL,
                            "a malformed list of supported versions");
    if (hello_lacks_ems(ssl, c->has_12, c->has_13))
        return hello_refuse(c, alert, SSL_AD_HANDSHAKE_FAILURE, REASON_EMS, LACKS_EMS);
    return SSL_CLIENT_HELLO_SUCCESS;
}

void conn_context(SSL_CTX *ctx)
{
    SSL_CTX_set_msg_callback(ctx, on_message);
    SSL_CTX_set_cert_verify_callback(ctx, on_verify, NULL);
    SSL_CTX_set_client_hello_cb(ctx, on_hello, NULL);
}

/* An SSL over two memory BIOs. */
static int conn_ssl(struct conn *c, SSL_CTX *ctx)
{
    SSL_free(c->ssl);
    c->ssl = SSL_new(ctx);
    c->in = BIO_new(BIO_s_mem());
    c->out = BIO_new(BIO_s_mem());
    if (!c->ssl || !c->in || !c->out) {
        BIO_free(c->in);
        BIO_free(c->out);
        SSL_free(c->ssl);
        c->ssl = NULL;
        return -ENOMEM;
    }
    BIO_set_mem_eof_return(c->in, -1);
    SSL_set_bio(c->ssl, c->in, c->out);
    SSL_set_app_data(c->ssl, c);
    if (c->id.leg == LEG_OUTER)
        SSL_set_accept_state(c->ssl);
    else
        SSL_set_connect_state(c->ssl);
    return 0;
}

static bool is_ip(const char *name)
{
    uint8_t ip[16];

    return inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
}

/* OpenSSL's macro for this casts const away. */
static long set_server_name(SSL *ssl, const char *name)
{
    return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                    (void *)(uintptr_t)name);
}

static int conn_client(struct conn *c)
{
    const struct policy_tls *t = c->link->policy->inner;

    if (!is_ip(t->server_name) && t->server_name[0] && set_server_name(c->ssl, t->server_name) != 1)
        return -ENOMEM;
    snprintf(c->server_name, sizeof c->server_name, "%s", t->server_name);
    if (t->alpn_same && c->alpn[0]) {
        unsigned char list[sizeof c->alpn + 1];
        size_t n = strlen(c->alpn);
        list[0] = (unsigned char)n;
        memcpy(list + 1, c->alpn, n);
        SSL_set_alpn_protos(c->ssl, list, (unsigned)n + 1);
    }
    return 0;
}

/* The link is known: its SSL is born from its own context. */
static int conn_begin(struct conn *c)
{
    const struct policy_tls *t;

    c->link = &c->revision->links[c->link_index];
    t = c->id.leg == LEG_OUTER ? c->link->policy->outer : c->link->policy->inner;
    if (!t || !c->link->ctx[c->id.leg])
        return -EPROTO;
    c->has_12 = c->revision->policy->profiles[t->profile].tls12;
    c->has_13 = c->revision->policy->profiles[t->profile].tls13;
    c->state = CONN_SHAKING;
    if (conn_ssl(c, c->link->ctx[c->id.leg]))
        return -ENOMEM;
    return c->id.leg == LEG_INNER ? conn_client(c) : 0;
}

struct conn *conn_new(const struct handoff_open *open, struct revision *r, SSL_CTX *bootstrap)
{
    struct conn *c = calloc(1, sizeof *c);
    int rc;

    if (!c)
        return NULL;
    c->id = open->id;
    c->revision = revision_get(r);
    c->listener = open->listener;
    c->link_index = open->link;
    memcpy(c->alpn, open->alpn, sizeof c->alpn);
    if (open->link == HANDOFF_LINK_ANY) {
        c->state = CONN_CHOOSING;
        rc = open->id.leg == LEG_OUTER && open->listener < r->policy->n_listeners
                 ? conn_ssl(c, bootstrap)
                 : -EPROTO;
    } else {
        rc = open->link < r->policy->n_links ? conn_begin(c) : -EPROTO;
    }
    if (rc) {
        conn_free(c);
        return NULL;
    }
    return c;
}

void conn_free(struct conn *c)
{
    if (!c)
        return;
    SSL_free(c->ssl);
    secrets_wipe(&c->secrets);
    sk_X509_pop_free(c->chain, X509_free);
    free(c->hello);
    revision_put(c->revision);
    free(c);
}

static enum conn_result fail(struct conn_failure *f, enum reason reason, const char *text)
{
    f->reason = reason;
    snprintf(f->text, sizeof f->text, "%s", text);
    return CONN_FAILED;
}

/* Let OpenSSL look at what it has. */
static enum conn_result advance(struct conn *c, struct conn_failure *f)
{
    int rc, err;

    ERR_clear_error();
    process_signer()->lost = false;
    kdf_listen(NULL);
    rc = SSL_do_handshake(c->ssl);
    kdf_listen(NULL);
    if (rc == 1)
        return CONN_KEYED;
    err = SSL_get_error(c->ssl, rc);
    if (err == SSL_ERROR_WANT_READ)
        return CONN_MORE;
    if (err == SSL_ERROR_WANT_CLIENT_HELLO_CB && c->state == CONN_CHOOSING)
        return CONN_LINK;
    if (c->refused) {
        ERR_clear_error();
        return fail(f, c->refused, c->refused_text);
    }
    report_failure(c, process_signer()->lost, f);
    return CONN_FAILED;
}

/* Only OpenSSL can protect an alert: a record that is legal nowhere makes it send
 * unexpected_message.
 */
static enum conn_result refuse_record(struct conn *c, struct conn_failure *f, const char *text)
{
    static const uint8_t illegal[] = {99, 3, 3, 0, 1, 0};

    if (BIO_write(c->in, illegal, sizeof illegal) == (int)sizeof illegal)
        advance(c, f);
    return fail(f, REASON_TLS_PROTOCOL, text);
}

/* A fatal alert while nothing is encrypted yet. */
static void say(struct conn *c, uint8_t alert)
{
    const uint8_t record[] = {SSL3_RT_ALERT, 3, 3, 0, 2, SSL3_AL_FATAL, alert};

    BIO_write(c->out, record, sizeof record);
}

/* RFC 8446 5: none in a handshake is empty, and a CCS holds one byte of 1. */
static bool record_sane(const uint8_t *record, size_t size)
{
    return size > HEADER &&
           (record[0] != SSL3_RT_CHANGE_CIPHER_SPEC || (size == HEADER + 1 && record[HEADER] == 1));
}

/* One record at a time, so that nothing behind the handshake's end reaches OpenSSL. */
static enum conn_result feed(struct conn *c, const uint8_t *p, size_t n, struct conn_failure *f)
{
    enum conn_result r = CONN_MORE;

    c->consumed = 0;
    while (r == CONN_MORE && n - c->consumed >= HEADER) {
        const uint8_t *record = p + c->consumed;
        size_t size = HEADER + ((size_t)record[3] << 8 | record[4]);

        if (size > n - c->consumed)
            return fail(f, REASON_INTERNAL, "a partial record came from the data plane");
        c->fed += size;
        if (++c->records > CONN_RECORDS_MAX || c->fed > CONN_BYTES_MAX)
            return refuse_record(c, f, "a handshake of too many records or bytes");
        if (!record_sane(record, size))
            return refuse_record(c, f, "an empty record, or a CCS that says something else");
        if (c->id.leg == LEG_OUTER && !hello_fits(&c->announced, record, size)) {
            say(c, SSL_AD_ILLEGAL_PARAMETER);
            return fail(f, REASON_TLS_PROTOCOL, "a ClientHello of more than 16 KiB");
        }
        if (BIO_write(c->in, record, (int)size) != (int)size)
            return fail(f, REASON_INTERNAL, "out of memory");
        c->consumed += (uint32_t)size;
        r = advance(c, f);
    }
    if (r == CONN_MORE && c->consumed < n)
        return fail(f, REASON_INTERNAL, "a partial record came from the data plane");
    return r;
}

static int keep_hello(struct conn *c, const uint8_t *records, size_t n)
{
    uint8_t *more = realloc(c->hello, c->n_hello + n);

    if (!more)
        return -ENOMEM;
    memcpy(more + c->n_hello, records, n);
    c->hello = more;
    c->n_hello += n;
    return 0;
}

static enum conn_result choose(struct conn *c, const uint8_t *records, size_t n,
                               struct conn_failure *f)
{
    enum conn_result r;

    if (c->n_hello + n > CONN_BYTES_MAX || keep_hello(c, records, n))
        return fail(f, REASON_INTERNAL, "out of memory");
    r = feed(c, records, n, f);
    if (r == CONN_LINK) {
        c->state = CONN_WAITING_GO;
        SSL_free(c->ssl);
        c->ssl = NULL;
    }
    return r;
}

/* GO: replay the hello into an SSL of the chosen link. */
static enum conn_result go(struct conn *c, struct conn_failure *f)
{
    enum conn_result r;

    if (conn_begin(c))
        return fail(f, REASON_INTERNAL, "the link's context can not be used");
    c->fed = 0;
    c->records = 0;
    r = feed(c, c->hello, c->n_hello, f);
    free(c->hello);
    c->hello = NULL;
    c->n_hello = 0;
    return r;
}

bool conn_may_wait(const struct conn *c, const struct signer *s)
{
    const struct policy *p = c->revision->policy;
    const struct policy_tls *t;

    if (c->state == CONN_CHOOSING)
        return false;
    t = c->id.leg == LEG_OUTER ? p->links[c->link_index].outer : p->links[c->link_index].inner;
    for (unsigned i = 0; t && i < t->n_identities; i++)
        if (sign_is_remote(s, p->revision << 16 | t->identities[i]))
            return true;
    return false;
}

enum conn_result conn_step(struct conn *c, const uint8_t *records, size_t n, struct conn_failure *f)
{
    if (c->state == CONN_WAITING_GO)
        return records ? fail(f, REASON_INTERNAL, "records before GO") : go(c, f);
    if (c->state == CONN_CHOOSING)
        return choose(c, records, n, f);
    if (n == 0)
        return c->id.leg == LEG_INNER && c->records == 0 ? advance(c, f)
                                                         : fail(f, REASON_INTERNAL, "no records");
    return feed(c, records, n, f);
}

size_t conn_output(struct conn *c, const uint8_t **data)
{
    char *p = NULL;
    long n = c->ssl ? BIO_get_mem_data(c->out, &p) : 0;

    *data = (const uint8_t *)p;
    return n > 0 ? (size_t)n : 0;
}

void conn_sent(struct conn *c)
{
    if (c->ssl)
        BIO_reset(c->out);
}

long conn_chain(const struct conn *c, uint8_t *out)
{
    struct buf b;

    buf_init(&b, out, CHAIN_DER_MAX);
    for (int i = 0; i < sk_X509_num(c->chain); i++) {
        unsigned char *der = NULL;
        int n = i2d_X509(sk_X509_value(c->chain, i), &der);
        if (n > 0)
            buf_put_blob(&b, der, (size_t)n);
        OPENSSL_free(der);
        if (n <= 0)
            return -EINVAL;
    }
    return buf_ok(&b) ? (long)b.len : -EMSGSIZE;
}

/* No key leaves before the verdict is allow. */
static int keyed_checks(const struct conn *c, struct conn_failure *f)
{
    if (!c->judged || !c->verdict.allow || !c->chain)
        return fail(f, REASON_INTERNAL, "finished without a verdict"), -EPROTO;
    if (SSL_version(c->ssl) == TLS1_2_VERSION && SSL_get_extms_support(c->ssl) != 1)
        return fail(f, REASON_EMS, LACKS_EMS), -EPROTO;
    if (SSL_has_pending(c->ssl) || BIO_ctrl_pending(c->in))
        return fail(f, REASON_TLS_PROTOCOL,
                    "bytes behind the handshake's last message in its record"),
               -EPROTO;
    return 0;
}

int conn_keyed(struct conn *c, struct handoff_keyed *m, uint8_t *chain, struct conn_failure *f)
{
    long n_chain;

    if (keyed_checks(c, f))
        return -EPROTO;
    memset(m, 0, sizeof *m);
    m->id = c->id;
    m->n_send = conn_output(c, &m->send);
    m->consumed = c->consumed;
    n_chain = conn_chain(c, chain);
    if (n_chain < 0 || facts_from_chain(c->chain, &c->verdict, &m->facts))
        return fail(f, REASON_CHAIN_LIMIT, "the peer's chain is larger than allowed"), -EMSGSIZE;
    m->chain = chain;
    m->n_chain = (size_t)n_chain;
    report_negotiated(c->ssl, &m->negotiated);
    memcpy(m->negotiated.server_name, c->server_name, sizeof m->negotiated.server_name);
    if (secrets_keys(&c->secrets, c->ssl, c->id.leg, &m->rx, &m->tx))
        return fail(f, REASON_INTERNAL, "no traffic secrets"), -EIO;
    m->rx.seq = c->rx_records;
    m->tx.seq = c->tx_records;
    return 0;
}
