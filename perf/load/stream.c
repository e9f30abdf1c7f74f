#include "perf/load/stream.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/record/frame.h"
#include "perf/load/wire.h"

#define BODY_MAX      (RECORD_PLAIN_MAX + 256)
#define CLOSE_NOTIFY  0
#define ALERT_REASONS 1000 /* OpenSSL's reason for an alert that came is its number above this */

static void want(struct stream_env *env, struct stream *s, uint32_t events)
{
    if (s->interest == events)
        return;
    wire_want(env->wire, s->fd, events, s);
    s->interest = events;
}

bool stream_drained(const struct stream *s)
{
    return s->from == s->to;
}

static void want_what_waits(struct stream_env *env, struct stream *s)
{
    want(env, s, stream_drained(s) && !s->eager ? EPOLLIN : EPOLLIN | EPOLLOUT);
}

static enum fault dial(struct stream_env *env, struct stream *s, const struct addr *to,
                       const struct addr *source)
{
    int fd = wire_dial(env->wire, to, source, s);

    if (fd == -EMFILE)
        return FAULT_NO_FILES;
    if (fd == -EADDRNOTAVAIL)
        return FAULT_NO_PORTS;
    if (fd < 0)
        return FAULT_CONNECT;
    s->fd = fd;
    return FAULT_NONE;
}

enum fault stream_start(struct stream_env *env, struct stream *s, SSL *ssl, const struct addr *to,
                        const struct addr *source)
{
    enum fault f;

    check(s->state == STREAM_FREE && s->fd < 0);
    s->plain = env->plain;
    s->ssl = ssl;
    s->secrets = s->plain ? NULL : calloc(1, sizeof(*s->secrets));
    if (!s->plain && (!ssl || !s->secrets))
        return FAULT_NO_FILES;
    f = dial(env, s, to, source);
    if (f)
        return f;
    if (ssl && !wire_attach(ssl, s->fd))
        return FAULT_NO_FILES;
    if (ssl)
        SSL_set_app_data(ssl, s->secrets);
    s->interest = EPOLLOUT;
    s->state = STREAM_CONNECTING;
    return FAULT_NONE;
}

static enum fault shake_failed(struct stream_env *env, int why)
{
    unsigned long e = ERR_peek_last_error();
    int reason = ERR_GET_REASON(e);

    ERR_clear_error();
    if (why == SSL_ERROR_SYSCALL || reason == SSL_R_UNEXPECTED_EOF_WHILE_READING)
        return FAULT_SHAKE_END;
    if (reason >= ALERT_REASONS && reason < ALERT_REASONS + 256) {
        env->counts->alerts[reason - ALERT_REASONS]++;
        return FAULT_SHAKE_ALERT;
    }
    return FAULT_SHAKE_LOCAL;
}

/* The handshake is done: from here on records are ours. */
static enum fault take_keys(struct stream *s)
{
    struct traffic_keys rx, tx;

    if (secrets_keys(s->secrets, s->ssl, LEG_INNER, &rx, &tx))
        return FAULT_SHAKE_LOCAL;
    /* In TLS 1.2 each side's Finished was the first record under its key. */
    rx.seq = tx.seq = tx.suite->version == TLS12;
    if (seal_init(&s->rx, &rx, NULL) || seal_init(&s->tx, &tx, NULL))
        return FAULT_NO_FILES;
    s->post.we_are_client = true;
    secrets_wipe(s->secrets);
    free(s->secrets);
    s->secrets = NULL;
    SSL_free(s->ssl);
    s->ssl = NULL;
    s->state = STREAM_GREETING;
    return FAULT_NONE;
}

static enum fault shake(struct stream_env *env, struct stream *s)
{
    int rc = SSL_do_handshake(s->ssl), why;
    enum fault f;

    if (rc == 1) {
        f = take_keys(s);
        if (!f)
            want(env, s, EPOLLIN);
        return f;
    }
    why = SSL_get_error(s->ssl, rc);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
        return shake_failed(env, why);
    want(env, s, why == SSL_ERROR_WANT_READ ? EPOLLIN : EPOLLOUT);
    return FAULT_NONE;
}

static enum fault connected(struct stream_env *env, struct stream *s)
{
    int e = wire_error(s->fd);

    if (e)
        return e == ETIMEDOUT ? FAULT_CONNECT_TIME : FAULT_CONNECT;
    if (s->plain) {
        s->state = STREAM_GREETING;
        want(env, s, EPOLLIN);
        return FAULT_NONE;
    }
    s->state = STREAM_SHAKING;
    return shake(env, s);
}

/* An end that nobody asked for. */
static enum fault cut(const struct stream *s)
{
    return s->state == STREAM_GREETING ? FAULT_REFUSED : FAULT_SESSION_END;
}

static void flush(struct stream_env *env, struct stream *s)
{
    while (!stream_drained(s)) {
        ssize_t n = wire_send(s->fd, s->out + s->from, s->to - s->from);

        if (n == -EAGAIN)
            break;
        if (n < 0) { /* why is told by what can still be read */
            s->to = s->from;
            s->eager = false;
        } else {
            s->from += (size_t)n;
        }
    }
    if (stream_drained(s)) {
        if (s->plain && s->state == STREAM_ENDING)
            wire_finish(s->fd);
        s->from = s->to = 0;
        if (!s->eager) {
            free(s->out);
            s->out = NULL;
            s->cap = 0;
        }
    }
    want_what_waits(env, s);
}

/* Room for n more bytes behind `to`, or false. */
static bool reserve(struct stream *s, size_t n)
{
    uint8_t *grown;

    if (s->cap - s->to >= n)
        return true;
    grown = realloc(s->out, s->to + n);
    if (!grown)
        return false;
    memset(grown + s->cap, 0, s->to + n - s->cap);
    s->out = grown;
    s->cap = s->to + n;
    return true;
}

static size_t overhead(const struct stream *s)
{
    return s->plain ? 0 : seal_overhead(&s->tx);
}

static bool put_record(struct stream *s, uint8_t type, const void *data, size_t n)
{
    uint8_t *at = s->out + s->to;
    size_t made;

    if (s->plain) {
        if (data)
            memcpy(at, data, n);
        s->to += n;
        return true;
    }
    if (data)
        memcpy(at + seal_prefix(&s->tx), data, n);
    if (seal_record(&s->tx, type, at + seal_prefix(&s->tx), n, at, &made))
        return false;
    s->to += made;
    return true;
}

static bool put_small(struct stream *s, uint8_t type, const void *data, size_t n)
{
    return reserve(s, n + overhead(s)) && put_record(s, type, data, n);
}

void stream_put(struct stream_env *env, struct stream *s, const void *data, size_t n)
{
    size_t records = (n + RECORD_PLAIN_MAX - 1) / RECORD_PLAIN_MAX, done = 0;

    if (!reserve(s, n + records * overhead(s)))
        return;
    while (done < n) {
        size_t step = n - done < RECORD_PLAIN_MAX ? n - done : RECORD_PLAIN_MAX;

        if (!put_record(s, CONTENT_DATA, data ? (const uint8_t *)data + done : NULL, step))
            break;
        done += step;
    }
    env->counts->up += done;
    if (s->state >= STREAM_OPEN)
        s->sent += done;
    flush(env, s);
}

void stream_end(struct stream_env *env, struct stream *s)
{
    static const uint8_t alert[2] = {1, CLOSE_NOTIFY};

    s->state = STREAM_ENDING;
    if (s->plain || put_small(s, CONTENT_ALERT, alert, sizeof(alert)))
        flush(env, s);
    stream_eager(env, s, false);
    stream_patient(s, 1);
}

void stream_patient(struct stream *s, int bytes)
{
    wire_patient(s->fd, bytes);
}

void stream_eager(struct stream_env *env, struct stream *s, bool eager)
{
    s->eager = eager;
    want_what_waits(env, s);
}

static enum fault on_alert(struct stream_env *env, struct stream *s, const struct opened *o)
{
    if (o->n != 2)
        return FAULT_BAD_RECORD;
    if (o->data[1] == CLOSE_NOTIFY) {
        s->peer_closed = true;
        return s->state == STREAM_ENDING ? FAULT_NONE : cut(s);
    }
    env->counts->alerts[o->data[1]]++;
    return s->state == STREAM_GREETING ? FAULT_REFUSED : FAULT_SESSION_ALERT;
}

/* Tickets are passed over, KeyUpdates followed and answered. */
static enum fault on_handshake(struct stream *s, const struct opened *o)
{
    static const uint8_t update[5] = {24, 0, 0, 1, 0};
    size_t at = 0, used;

    if (s->rx.keys.suite->version != TLS13)
        return FAULT_BAD_RECORD;
    while (at < o->n) {
        int ev = post_feed(&s->post, o->data + at, o->n - at, &used);

        at += used;
        if (ev < 0)
            return FAULT_BAD_RECORD;
        if (ev != POST_KEYUPDATE && ev != POST_KEYUPDATE_REQUESTED)
            continue;
        if (seal_update(&s->rx))
            return FAULT_BAD_RECORD;
        if (ev == POST_KEYUPDATE_REQUESTED &&
            (!put_small(s, CONTENT_HANDSHAKE, update, sizeof(update)) || seal_update(&s->tx)))
            return FAULT_NO_FILES;
    }
    return FAULT_NONE;
}

static enum fault on_record(struct stream_env *env, struct stream *s, uint8_t *at, size_t n)
{
    struct opened o;

    if (open_record(&s->rx, at, n, &o))
        return FAULT_BAD_RECORD;
    if (o.type == CONTENT_ALERT)
        return on_alert(env, s, &o);
    if (o.type == CONTENT_HANDSHAKE)
        return on_handshake(s, &o);
    if (o.type != CONTENT_DATA || s->peer_closed)
        return FAULT_BAD_RECORD;
    env->counts->down += o.n;
    env->content(env->arg, s, o.data, o.n);
    return FAULT_NONE;
}

/* Every whole record of the n bytes in env->in; what is left over waits in s->rest. */
static enum fault take_records(struct stream_env *env, struct stream *s, size_t n)
{
    enum fault f = FAULT_NONE;
    size_t at = 0;
    long size = 0;

    while (!f && at < n) {
        size = frame_size(env->in + at, n - at, BODY_MAX);
        if (size <= 0 || (size_t)size > n - at)
            break;
        f = on_record(env, s, env->in + at, (size_t)size);
        at += (size_t)size;
    }
    if (!f && size < 0)
        f = s->state == STREAM_GREETING ? FAULT_REFUSED : FAULT_BAD_RECORD;
    s->n_rest = n - at;
    if (!f && s->n_rest) {
        s->rest = malloc(s->n_rest);
        if (!s->rest)
            return FAULT_NO_FILES;
        memcpy(s->rest, env->in + at, s->n_rest);
    }
    return f;
}

static void take_plain(struct stream_env *env, struct stream *s, size_t n)
{
    env->counts->down += n;
    env->content(env->arg, s, env->in, n);
}

static enum fault receive(struct stream_env *env, struct stream *s)
{
    size_t had = s->n_rest;
    ssize_t n;

    n = wire_recv(s->fd, env->in + had, env->n_in - had);
    if (n == -EAGAIN)
        return FAULT_NONE;
    if (n <= 0) {
        s->eof = true;
        return s->state == STREAM_ENDING ? FAULT_NONE : cut(s);
    }
    if (s->plain) {
        take_plain(env, s, (size_t)n);
        return FAULT_NONE;
    }
    if (had)
        memcpy(env->in, s->rest, had);
    free(s->rest);
    s->rest = NULL;
    return take_records(env, s, had + (size_t)n);
}

enum fault stream_work(struct stream_env *env, struct stream *s, uint32_t events)
{
    enum fault f = FAULT_NONE;

    if (s->state == STREAM_CONNECTING)
        return connected(env, s);
    if (s->state == STREAM_SHAKING)
        return shake(env, s);
    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
        f = receive(env, s);
    if (!f && !s->eof)
        flush(env, s);
    return f;
}

enum fault stream_late(const struct stream *s)
{
    static const enum fault faults[] = {
        [STREAM_CONNECTING] = FAULT_CONNECT_TIME, [STREAM_SHAKING] = FAULT_SHAKE_TIME,
        [STREAM_GREETING] = FAULT_REFUSED_TIME,   [STREAM_OPEN] = FAULT_ANSWER_TIME,
        [STREAM_ENDING] = FAULT_CLOSE_TIME,       [STREAM_PAUSED] = FAULT_NONE,
    };

    return faults[s->state];
}

void stream_fini(struct stream *s, bool hard)
{
    if (s->fd >= 0)
        wire_close(s->fd, hard);
    SSL_free(s->ssl);
    if (s->secrets)
        secrets_wipe(s->secrets);
    free(s->secrets);
    seal_fini(&s->rx);
    seal_fini(&s->tx);
    free(s->rest);
    free(s->out);
    *s = (struct stream){.fd = -1, .node = s->node, .timer = s->timer};
}
