#include "mgmt/callers.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/api/api.h"
#include "mgmt/manager.h"

#define HEADER_HEAD 16

static const uint8_t signature[12] = "\r\n\r\n\0\r\nQUIT\n";

enum { TLV_SSL = 0x20, SSL_CN = 0x22, SSL_CLIENT_CERT = 0x28, TLV_RULE = 0xe0 };

/* ---- the header ---- */

long callers_header_size(const uint8_t *p)
{
    size_t n = HEADER_HEAD + ((size_t)p[14] << 8 | p[15]);

    if (memcmp(p, signature, sizeof signature) != 0 || p[12] != 0x21)
        return -EPROTO;
    return n <= CALLERS_HEADER_MAX ? (long)n : -EMSGSIZE;
}

static void get_source(struct buf *b, uint8_t family, struct addr *a)
{
    size_t n = family == 0x11 ? 4 : 16;
    const uint8_t *ip = buf_get_bytes(b, n);
    uint16_t port;

    buf_get_bytes(b, n); /* ours */
    port = buf_get_u16(b);
    buf_get_u16(b);
    if (!buf_ok(b) || !ip)
        return;
    if (n == 4) {
        a->in4 = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(port)};
        memcpy(&a->in4.sin_addr, ip, n);
        a->len = sizeof a->in4;
    } else {
        a->in6 = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(port)};
        memcpy(&a->in6.sin6_addr, ip, n);
        a->len = sizeof a->in6;
    }
}

static void get_ssl(struct buf *b, struct caller_facts *f)
{
    buf_get_u8(b);
    if (buf_get_u32(b) != 0) /* not verified */
        b->bad = true;
    while (buf_ok(b) && buf_left(b)) {
        uint8_t type = buf_get_u8(b);
        size_t n = buf_get_u16(b);
        const uint8_t *value = buf_get_bytes(b, n);

        if (!buf_ok(b))
            return;
        if (type == SSL_CN && n < sizeof f->common_name) {
            memcpy(f->common_name, value, n);
            f->common_name[n] = 0;
        } else if (type == SSL_CLIENT_CERT) {
            SHA256(value, n, f->cert_sha256);
            f->has_cert = true;
        }
    }
}

static void get_rule(struct buf *b, struct caller_facts *f)
{
    f->revision = buf_get_u64(b);
    f->rule = buf_get_u16(b);
    f->has_rule = buf_done(b);
}

int callers_parse(const uint8_t *p, size_t n, struct caller_facts *f)
{
    struct buf b;

    memset(f, 0, sizeof *f);
    if (n < HEADER_HEAD || callers_header_size(p) != (long)n)
        return -EPROTO;
    buf_init_read(&b, p + HEADER_HEAD, n - HEADER_HEAD);
    if (p[13] == 0x11 || p[13] == 0x21)
        get_source(&b, p[13], &f->source);
    else if (p[13] != 0)
        return -EPROTO;
    while (buf_ok(&b) && buf_left(&b)) {
        uint8_t type = buf_get_u8(&b);
        size_t size = buf_get_u16(&b);
        const uint8_t *value = buf_get_bytes(&b, size);
        struct buf inner;

        if (!buf_ok(&b))
            break;
        buf_init_read(&inner, value, size);
        if (type == TLV_SSL)
            get_ssl(&inner, f);
        else if (type == TLV_RULE)
            get_rule(&inner, f);
        if (!buf_ok(&inner))
            return -EPROTO;
    }
    return buf_ok(&b) ? 0 : -EPROTO;
}

/* ---- who may do what ---- */

/* A caller keeps what it may do as long as the list of who may do what is the same. */
void callers_access(struct manager *m, uint64_t revision, json_t *access, unsigned *roles,
                    unsigned n_roles)
{
    if (!access || !m->callers.access || !json_equal(access, m->callers.access))
        m->callers.epoch++;
    json_decref(m->callers.access);
    m->callers.access = json_incref(access);
    free(m->callers.roles);
    m->callers.roles = roles;
    m->callers.n_roles = n_roles;
    m->callers.revision = revision;
}

/* ---- streams ---- */

static void begin(struct callers *c)
{
    for (unsigned i = 0; !c->begun && i < CALLERS_WAITING_MAX; i++)
        c->waiting[i].fd = -1;
    c->begun = true;
}

static void drop(struct caller_waiting *w, bool close_it)
{
    if (close_it)
        close(w->fd);
    free(w->header);
    *w = (struct caller_waiting){.fd = -1};
}

int callers_take(struct manager *m, int fd)
{
    begin(&m->callers);
    for (unsigned i = 0; i < CALLERS_WAITING_MAX; i++) {
        struct caller_waiting *w = &m->callers.waiting[i];

        if (w->fd >= 0)
            continue;
        w->header = malloc(CALLERS_HEADER_MAX);
        if (!w->header)
            break;
        w->fd = fd;
        w->n = 0;
        w->until_ms = clock_mono_ms() + CALLERS_HEADER_MS;
        return 0;
    }
    close(fd);
    return 0;
}

unsigned callers_poll(const struct manager *m, struct pollfd *p)
{
    unsigned n = 0;

    for (unsigned i = 0; m->callers.begun && i < CALLERS_WAITING_MAX; i++)
        if (m->callers.waiting[i].fd >= 0)
            p[n++] = (struct pollfd){.fd = m->callers.waiting[i].fd, .events = POLLIN};
    return n;
}

/* Exactly the header: what comes behind it is HTTP's. 1: it is whole; 0: more has to come. */
static int read_header(struct caller_waiting *w)
{
    for (;;) {
        long want = w->n < HEADER_HEAD ? HEADER_HEAD : callers_header_size(w->header);
        ssize_t got;

        if (want < 0)
            return (int)want;
        if (w->n == (size_t)want && want > HEADER_HEAD)
            return 1;
        got = read(w->fd, w->header + w->n, (size_t)want - w->n);
        if (got < 0 && (errno == EAGAIN || errno == EINTR))
            return 0;
        if (got <= 0)
            return got ? -errno : -EPIPE;
        w->n += (size_t)got;
    }
}

static void refuse(struct caller_waiting *w, const char *why)
{
    log_event(LOG_WARN, "caller_refused", "why=\"%s\"", why);
    drop(w, true);
}

static void name_of(const struct caller_facts *f, char out[300])
{
    char text[ADDR_TEXT_MAX], clean[256];
    size_t n = 0;

    for (const char *p = f->common_name; *p && n + 1 < sizeof clean; p++)
        clean[n++] = (unsigned char)*p < 0x20 || *p == 0x7f ? '?' : *p;
    clean[n] = 0;
    snprintf(out, 300, "\"%.100s\" (certificate %02x%02x%02x%02x%02x%02x%02x%02x) from %s", clean,
             f->cert_sha256[0], f->cert_sha256[1], f->cert_sha256[2], f->cert_sha256[3],
             f->cert_sha256[4], f->cert_sha256[5], f->cert_sha256[6], f->cert_sha256[7],
             addr_text(&f->source, text));
}

static void hand_over(struct manager *m, struct caller_waiting *w)
{
    struct caller_facts f;
    char name[300];
    bool known;

    if (callers_parse(w->header, w->n, &f) || !f.has_cert || !f.has_rule) {
        refuse(w, "the header does not say who it is");
        return;
    }
    if (m->coming.busy && f.revision == m->coming.number)
        return; /* keyed under what is being applied: its roles are known in a moment */
    known = f.revision == m->callers.revision && f.rule < m->callers.n_roles;
    name_of(&f, name);
    /* Keyed under what ran before: it may do nothing, and hears that it should come again. */
    api_caller(m->api, w->fd, name, known ? m->callers.roles[f.rule] : 0,
               known ? m->callers.epoch : m->callers.epoch - 1);
    drop(w, false);
}

void callers_run(struct manager *m)
{
    uint64_t now_ms = clock_mono_ms();

    for (unsigned i = 0; m->callers.begun && i < CALLERS_WAITING_MAX; i++) {
        struct caller_waiting *w = &m->callers.waiting[i];
        int rc = w->fd >= 0 ? read_header(w) : 0;

        if (w->fd < 0)
            continue;
        if (rc == 1)
            hand_over(m, w);
        else if (rc < 0)
            drop(w, true);
        if (w->fd >= 0 && now_ms >= w->until_ms)
            refuse(w, "the header came too late");
    }
}
