/*
 * conn: one leg's handshake: records in, records out, keys at the end.
 *
 * Why: OpenSSL never sees a socket; it is fed one record at a time, so that nothing behind the
 * handshake's end is ever given to it. Owner: the process's table; dies at KEYED, FAILED or CLOSE.
 * Secrets are wiped with it. Never: answers more than once for one OPEN, GO or FEED; keeps an SSL
 * after KEYED.
 *
 *   server leg: CHOOSING (bootstrap SSL reads the hello) -> WAITING_GO -> SHAKING -> done
 *   client leg: SHAKING -> done
 */
#ifndef PENSTOCK_HANDSHAKE_CONN_H
#define PENSTOCK_HANDSHAKE_CONN_H

#include <openssl/ssl.h>
#include "dataplane/wire/handoff.h"
#include "handshake/hello.h"
#include "handshake/revision.h"
#include "handshake/secrets.h"
#include "handshake/sign.h"

#define CONN_BYTES_MAX   (128 * 1024) /* fed to one handshake */
#define CONN_RECORDS_MAX 1024         /* of one handshake: tiny records are an attack */

enum conn_state { CONN_CHOOSING, CONN_WAITING_GO, CONN_SHAKING };

struct conn {
    struct handoff_id id;
    enum conn_state state;
    struct revision *revision; /* counted */
    struct revision_link *link;
    uint16_t link_index;
    uint16_t listener;
    SSL *ssl;
    BIO *in, *out; /* the SSL's */
    struct secrets secrets;
    uint64_t rx_records, tx_records; /* protected by application keys so far */
    bool rx_last_keys, tx_last_keys; /* what follows is under application keys */
    bool has_12, has_13;             /* the link's profile has the version */
    bool lacks_ems;                  /* the server took TLS 1.2 without extended master secret */
    enum reason refused;             /* by the hello callback */
    const char *refused_text;
    char server_name[256]; /* SNI of the first hello, lower case */
    bool name_seen;
    char alpn[64];
    uint8_t *hello; /* the first record(s), kept until GO */
    size_t n_hello;
    struct hello_length announced; /* of the ClientHello */
    size_t fed;                    /* bytes in all */
    unsigned records;
    uint32_t consumed; /* of the last OPEN or FEED */
    struct verdict verdict;
    bool judged;
    STACK_OF(X509) * chain; /* as presented, leaf first */
    char peer[256];
};

/* What a step ended in; the caller sends the answer and frees the conn unless it goes on. */
enum conn_result { CONN_MORE, CONN_LINK, CONN_KEYED, CONN_FAILED };

struct conn_failure {
    enum reason reason;
    char text[HANDOFF_TEXT_MAX];
};

/* Callbacks that every context needs. */
void conn_context(SSL_CTX *ctx);

/* Begin; bootstrap: the context that only reads hellos. NULL: out of memory, or indices that do not
 * exist. */
struct conn *conn_new(const struct handoff_open *open, struct revision *r, SSL_CTX *bootstrap);
void conn_free(struct conn *c);

/* Might its next step have to wait for a signature of a token? */
bool conn_may_wait(const struct conn *c, const struct signer *s);
/* Take records (of OPEN or FEED; none for a client's OPEN) or go on after GO (NULL, 0). */
enum conn_result conn_step(struct conn *c, const uint8_t *records, size_t n,
                           struct conn_failure *f);
/* Bytes to send now; valid until the next step. */
size_t conn_output(struct conn *c, const uint8_t **data);
/* They went out: forget them. */
void conn_sent(struct conn *c);
/*
 * The presented chain into CHAIN_DER_MAX bytes, as handoff has it. Bytes, or -errno: there is none,
 * or it is larger.
 */
long conn_chain(const struct conn *c, uint8_t *out);
/*
 * The presented chain into CHAIN_DER_MAX bytes, as handoff has it. Bytes (0: there was none), or
 * -errno: it is larger.
 */
long conn_chain(const struct conn *c, uint8_t *out);
/* After CONN_KEYED: fill the message (keys move out of the conn). 0 or -errno with *f. chain must
 * have CHAIN_DER_MAX bytes. */
int conn_keyed(struct conn *c, struct handoff_keyed *m, uint8_t *chain, struct conn_failure *f);

#endif
