/*
 * tlspeer: a TLS 1.3 client that says on purpose what no library says.
 *
 * Why: the gateway's answers to odd and broken records need a peer that can make them. OpenSSL does
 * the handshake; the records after it are made here, line by line from a script on stdin. Owner:
 * one connection, one thread. Never: part of the product.
 *
 *   hold                       send the client's Finished together with what comes next
 *   connect ADDRESS:PORT CERT KEY SNI  the handshake
 *   record TYPE BODY [PAD]     one protected record; BODY is hex, "fill:N" or "-" for nothing
 *   badtag | raw HEX           a record with a wrong tag | bytes as they are
 *   keyupdate 0|1              KeyUpdate, then own new sending keys
 *   newkeys                    own new sending keys alone
 *   pieces N                   from now on, each N bytes in a segment of their own
 *   fin | rst                  end the TCP connection
 *   expect data N | alert N | keyupdate | eof | reset
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "dataplane/record/record.h"

#define BODY_MAX 40000

struct peer {
    int fd;
    bool hold;
    size_t pieces; /* 0: as it comes */
    SSL *ssl;
    struct seal tx, rx;
    uint8_t out[2 * BODY_MAX]; /* what is held back */
    size_t n_out;
    uint8_t in[5 + 65535];
};

static struct traffic_keys client_keys, server_keys; /* what the keylog callback can reach */

static void die(const char *what)
{
    printf("failed: %s\n", what);
    exit(1);
}

static size_t from_hex(const char *hex, uint8_t *out, size_t cap)
{
    size_t n = 0;
    unsigned byte;

    for (; n < cap && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        out[n] = (uint8_t)byte;
    return n;
}

static void on_secret(const SSL *ssl, const char *line)
{
    struct traffic_keys *k = NULL;

    if (!strncmp(line, "CLIENT_TRAFFIC_SECRET_0 ", 24))
        k = &client_keys;
    if (!strncmp(line, "SERVER_TRAFFIC_SECRET_0 ", 24))
        k = &server_keys;
    if (!k)
        return;
    k->suite = suite_by_id((uint16_t)SSL_CIPHER_get_protocol_id(SSL_get_current_cipher(ssl)));
    from_hex(strrchr(line, ' ') + 1, k->secret, sizeof(k->secret));
}

static void flush_out(struct peer *p)
{
    size_t done = 0;

    while (done < p->n_out) {
        size_t step = p->n_out - done;
        ssize_t n;

        step = p->pieces && p->pieces < step ? p->pieces : step;
        n = send(p->fd, p->out + done, step, MSG_NOSIGNAL);
        if (n <= 0) /* an expect tells how the connection ended */
            break;
        done += (size_t)n;
        if (p->pieces)
            sched_yield(); /* the gateway may look at it */
    }
    p->n_out = 0;
}

static void put(struct peer *p, const void *data, size_t n)
{
    if (n > sizeof(p->out) - p->n_out)
        die("too much held back");
    memcpy(p->out + p->n_out, data, n);
    p->n_out += n;
}

static void handshake(struct peer *p)
{
    BIO *rbio = BIO_new(BIO_s_mem()), *wbio = BIO_new(BIO_s_mem());
    uint8_t buf[16384];

    SSL_set_bio(p->ssl, rbio, wbio);
    for (;;) {
        int rc = SSL_do_handshake(p->ssl), n;

        while ((n = BIO_read(wbio, buf, sizeof(buf))) > 0)
            put(p, buf, (size_t)n);
        if (rc == 1)
            break;
        if (SSL_get_error(p->ssl, rc) != SSL_ERROR_WANT_READ)
            die("handshake");
        flush_out(p);
        n = (int)recv(p->fd, buf, sizeof(buf), 0);
        if (n <= 0)
            die("handshake ended");
        BIO_write(rbio, buf, n);
    }
    if (!p->hold)
        flush_out(p);
    if (seal_init(&p->tx, &client_keys, NULL) || seal_init(&p->rx, &server_keys, NULL))
        die("keys");
    printf("connected\n");
}

static void do_connect(struct peer *p, char *args)
{
    char host[64], cert[512], key[512], sni[256];
    struct sockaddr_in to = {.sin_family = AF_INET};
    struct timeval limit = {.tv_sec = 10};
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    int port;

    if (sscanf(args, "%63[0-9.]:%d %511s %511s %255s", host, &port, cert, key, sni) != 5 ||
        inet_pton(AF_INET, host, &to.sin_addr) != 1)
        die("connect wants ADDRESS:PORT CERT KEY SNI");
    SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION);
    SSL_CTX_set_keylog_callback(ctx, on_secret);
    if (SSL_CTX_use_certificate_chain_file(ctx, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1)
        die("certificate or key");
    p->ssl = SSL_new(ctx);
    SSL_set_tlsext_host_name(p->ssl, sni);
    SSL_set_connect_state(p->ssl);
    to.sin_port = htons((uint16_t)port);
    p->fd = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(p->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
    if (connect(p->fd, (struct sockaddr *)&to, sizeof(to)))
        die("connect");
    handshake(p);
}

/* Seal body | type | pad zeros without any of the product's limits. */
static void protect(struct peer *p, uint8_t type, const uint8_t *body, size_t n, size_t pad,
                    bool bad)
{
    static uint8_t rec[5 + BODY_MAX + 16];
    struct seal *s = &p->tx;
    size_t inner = n + 1 + pad, len = inner + 16;
    uint8_t nonce[12];

    if (inner > BODY_MAX || (!s->state && s->ops->init(s)))
        die("seal");
    memcpy(nonce, s->keys.iv, 12);
    for (int i = 0; i < 8; i++)
        nonce[4 + i] ^= (uint8_t)(s->keys.seq >> (56 - 8 * i));
    s->keys.seq++;
    memcpy(rec, (uint8_t[]){23, 3, 3, (uint8_t)(len >> 8), (uint8_t)len}, 5);
    memset(rec + 5, 0, inner);
    memcpy(rec + 5, body, n);
    rec[5 + n] = type;
    if (s->ops->encrypt(s, nonce, rec, 5, rec + 5, rec + 5, inner))
        die("encrypt");
    rec[5 + len - 1] ^= bad;
    put(p, rec, 5 + len);
    flush_out(p);
}

static void do_record(struct peer *p, const char *args)
{
    static char text[2 * BODY_MAX + 1];
    static uint8_t body[BODY_MAX];
    unsigned type = 0, pad = 0;
    size_t n = 0;

    if (sscanf(args, "%u %80000s %u", &type, text, &pad) < 2)
        die("record wants TYPE BODY");
    if (!strncmp(text, "fill:", 5)) {
        n = strtoul(text + 5, NULL, 10);
        if (n > BODY_MAX)
            die("fill");
        memset(body, 'x', n);
    } else if (strcmp(text, "-")) {
        n = from_hex(text, body, sizeof(body));
    }
    protect(p, (uint8_t)type, body, n, pad, false);
}

/* One record; its type, or -1 at the end, -2 after a reset, -3 for none in time. */
static int read_record(struct peer *p, struct opened *o)
{
    size_t have = 0, want = 5;

    while (have < want) {
        ssize_t n = recv(p->fd, p->in + have, want - have, 0);

        if (n <= 0)
            return !n ? -1 : errno == ECONNRESET ? -2 : -3;
        have += (size_t)n;
        if (have == 5)
            want = 5 + (size_t)(p->in[3] << 8 | p->in[4]);
    }
    if (open_record(&p->rx, p->in, have, o))
        die("a record that does not open");
    if (o->type == CONTENT_HANDSHAKE && o->n == 5 && o->data[0] == 24 && seal_update(&p->rx))
        die("new receiving keys");
    return o->type;
}

static void do_expect(struct peer *p, const char *args)
{
    char what[16] = "";
    unsigned long n = 0, got = 0;
    struct opened o = {0};
    int type;

    sscanf(args, "%15s %lu", what, &n);
    do {
        type = read_record(p, &o);
        got += type == CONTENT_DATA ? o.n : 0;
    } while (!strcmp(what, "data") && type == CONTENT_DATA && got < n);
    if ((!strcmp(what, "data") && type == CONTENT_DATA && got == n) ||
        (!strcmp(what, "alert") && type == CONTENT_ALERT && o.n == 2 && o.data[1] == n) ||
        (!strcmp(what, "keyupdate") && type == CONTENT_HANDSHAKE && o.data[0] == 24) ||
        (!strcmp(what, "eof") && type == -1) || (!strcmp(what, "reset") && type == -2)) {
        printf("%s\n", what);
        return;
    }
    printf("failed: wanted %s %lu, got type %d, %lu bytes, alert %d\n", what, n, type, got,
           type == CONTENT_ALERT && o.n == 2 ? o.data[1] : -1);
    exit(1);
}

static void command(struct peer *p, const char *name, char *args)
{
    uint8_t update[5] = {24, 0, 0, 1, (uint8_t)atoi(args)}, bytes[4096];

    if (!strcmp(name, "hold")) {
        p->hold = true;
    } else if (!strcmp(name, "connect")) {
        do_connect(p, args);
    } else if (!strcmp(name, "record")) {
        do_record(p, args);
    } else if (!strcmp(name, "pieces")) {
        p->pieces = (size_t)atoi(args);
        setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    } else if (!strcmp(name, "badtag")) {
        protect(p, CONTENT_DATA, bytes, 0, 8, true);
    } else if (!strcmp(name, "raw")) {
        put(p, bytes, from_hex(args, bytes, sizeof(bytes)));
        flush_out(p);
    } else if (!strcmp(name, "keyupdate") || !strcmp(name, "newkeys")) {
        if (name[0] == 'k')
            protect(p, CONTENT_HANDSHAKE, update, 5, 0, false);
        if (seal_update(&p->tx))
            die("new sending keys");
    } else if (!strcmp(name, "fin")) {
        shutdown(p->fd, SHUT_WR);
    } else if (!strcmp(name, "rst")) {
        struct linger now = {.l_onoff = 1};

        setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
        close(p->fd);
    } else if (!strcmp(name, "expect")) {
        do_expect(p, args);
    } else {
        die(name);
    }
}

int main(void)
{
    static struct peer p;
    static char line[2 * BODY_MAX + 64];

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (record_init())
        die("record layer");
    while (fgets(line, sizeof(line), stdin)) {
        char *args;

        line[strcspn(line, "\n")] = '\0';
        args = strchr(line, ' ');
        if (args)
            *args++ = '\0';
        command(&p, line, args ? args : line + strlen(line));
    }
    return 0;
}
