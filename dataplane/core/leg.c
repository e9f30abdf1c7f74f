#include "dataplane/core/leg.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"
#include "dataplane/core/worker.h"

enum { /* TLS alerts (RFC 8446 6) */
       ALERT_LEVEL_WARNING = 1,
       ALERT_LEVEL_FATAL = 2,
       ALERT_CLOSE_NOTIFY = 0,
       ALERT_UNEXPECTED_MESSAGE = 10,
       ALERT_DECODE_ERROR = 50,
       ALERT_USER_CANCELED = 90,
};

/*
 * A peer whose limit is reached may ask with every record that is still on its way until our answer
 * arrives (RFC 8446 4.6.3; Java does): a burst is as long as what fits into its buffers.
 */
#define KEYUPDATE_BURST  4096
#define KEYUPDATE_RATE   64          /* a second */
#define KEYUPDATE_VOLUME (64 * 1024) /* one more KeyUpdate for so many bytes, either way */
#define MSG_KEY_UPDATE   24

int stash_reserve(struct stash *s, size_t cap)
{
    uint8_t *p;

    if (s->cap >= cap)
        return 0;
    p = malloc(cap);
    if (!p)
        return -ENOMEM;
    if (s->n)
        memcpy(p, s->data, s->n);
    if (s->data)
        secret_wipe(s->data, s->n);
    free(s->data);
    s->data = p;
    s->cap = (uint32_t)cap;
    return 0;
}

int stash_set(struct stash *s, const uint8_t *src, size_t n)
{
    if (n == 0) {
        stash_free(s);
        return 0;
    }
    if (s->cap < n) {
        uint8_t *p = malloc(n);
        if (!p)
            return -ENOMEM;
        memcpy(p, src, n);
        stash_free(s);
        s->data = p;
        s->cap = (uint32_t)n;
    } else {
        memmove(s->data, src, n);
    }
    s->n = (uint32_t)n;
    return 0;
}

void stash_free(struct stash *s)
{
    if (s->data)
        secret_wipe(s->data, s->n);
    free(s->data);
    memset(s, 0, sizeof *s);
}

void leg_init(struct leg *leg, uint8_t side)
{
    memset(leg, 0, sizeof *leg);
    leg->fd = -1;
    leg->side = side;
}

void leg_fini(struct worker *w, struct leg *leg)
{
    stash_free(&leg->in);
    iobuf_put(&w->iobufs, leg->out);
    leg->out = NULL;
    seal_fini(&leg->rx);
    seal_fini(&leg->tx);
    peers_put(&w->shared->peers, leg->peer);
    leg->peer = NULL;
}

enum leg_event leg_fail(struct leg *leg, enum reason reason, uint8_t alert, const char *text)
{
    if (leg->fault == REASON_NONE) {
        leg->fault = reason;
        leg->alert = alert;
        leg->fault_text = text;
    }
    return LEG_FAILED;
}

/* RFC 8446 6: in TLS 1.3 the level byte is ignored; close_notify and user_canceled are not fatal.
 */
static enum leg_event leg_alert(struct leg *leg, const uint8_t *data, size_t n)
{
    if (n != 2)
        return leg_fail(leg, REASON_RECORD_TYPE, ALERT_DECODE_ERROR, "an alert of a wrong size");
    if (data[1] == ALERT_CLOSE_NOTIFY)
        return LEG_EOF;
    if (data[1] == ALERT_USER_CANCELED)
        return LEG_DATA;
    if (leg->version != TLS13 && data[0] == ALERT_LEVEL_WARNING)
        return LEG_DATA;
    leg->peer_alert = data[1];
    if (leg->side == LEG_INNER && leg->version == TLS13 && !leg->seen_data)
        return leg_fail(leg, REASON_REFUSED_BY_SERVER, 0,
                        "the server sent an alert before its first data byte");
    return leg_fail(leg, REASON_PEER_ALERT, 0, "the peer sent a fatal alert");
}

void leg_volume(struct leg *leg, size_t n)
{
    leg->keyupdate_bytes += n;
    if (leg->keyupdate_bytes > (uint64_t)KEYUPDATE_BURST * KEYUPDATE_VOLUME)
        leg->keyupdate_bytes = (uint64_t)KEYUPDATE_BURST * KEYUPDATE_VOLUME;
}

/* A KeyUpdate is paid for by time (with a burst in store) or by volume. */
static bool keyupdate_allowed(struct worker *w, struct leg *leg)
{
    if (leg->keyupdate_bytes >= KEYUPDATE_VOLUME) {
        leg->keyupdate_bytes -= KEYUPDATE_VOLUME;
        return true;
    }
    return bucket_take(&leg->keyupdates, KEYUPDATE_RATE, KEYUPDATE_BURST, w->now_ms);
}

static enum leg_event leg_keyupdate(struct worker *w, struct leg *leg, bool requested,
                                    int (*rekey_rx)(struct worker *w, struct leg *leg))
{
    int rc;

    if (!keyupdate_allowed(w, leg))
        return leg_fail(leg, REASON_KEYUPDATE_RATE, ALERT_UNEXPECTED_MESSAGE,
                        "more KeyUpdates than allowed");
    rc = rekey_rx(w, leg);
    if (rc == -EBUSY || rc == -EOPNOTSUPP)
        return leg_fail(
            leg, REASON_REKEY_UNSUPPORTED, 0,
            "this kernel can not take a new receiving key: engine auto or soft does, or "
            "a kernel from 6.14 on");
    if (rc)
        return leg_fail(leg, REASON_ENGINE, 80, "the new receiving key was not accepted");
    leg->keyupdates_rx++;
    if (requested)
        leg->owed |= OWE_KEYUPDATE;
    return LEG_DATA;
}

static enum leg_event leg_handshake_record(struct worker *w, struct leg *leg, const uint8_t *data,
                                           size_t n,
                                           int (*rekey_rx)(struct worker *w, struct leg *leg))
{
    if (leg->version != TLS13)
        return leg_fail(leg, REASON_RECORD_TYPE, 100, "renegotiation is not offered");
    if (n == 0) /* RFC 8446 5.1: no zero-length handshake fragments */
        return leg_fail(leg, REASON_RECORD_TYPE, ALERT_UNEXPECTED_MESSAGE,
                        "an empty handshake record");
    while (n > 0) {
        size_t used = 0;
        int ev = post_feed(&leg->post, data, n, &used);

        if (ev < 0)
            return leg_fail(leg, REASON_RECORD_TYPE, ALERT_UNEXPECTED_MESSAGE,
                            "a handshake message that is not legal here");
        data += used;
        n -= used;
        if (ev == POST_KEYUPDATE || ev == POST_KEYUPDATE_REQUESTED) {
            enum leg_event e = leg_keyupdate(w, leg, ev == POST_KEYUPDATE_REQUESTED, rekey_rx);
            if (e != LEG_DATA)
                return e;
        }
    }
    return LEG_DATA;
}

enum leg_event leg_control_record(struct worker *w, struct leg *leg, uint8_t type,
                                  const uint8_t *data, size_t n,
                                  int (*rekey_rx)(struct worker *w, struct leg *leg))
{
    if (type == CONTENT_HANDSHAKE)
        return leg_handshake_record(w, leg, data, n, rekey_rx);
    if (!post_idle(&leg->post))
        return leg_fail(leg, REASON_RECORD_TYPE, ALERT_UNEXPECTED_MESSAGE,
                        "another record inside a handshake message");
    if (type == CONTENT_ALERT)
        return leg_alert(leg, data, n);
    return leg_fail(leg, REASON_RECORD_TYPE, ALERT_UNEXPECTED_MESSAGE,
                    "a record type that is not legal here");
}

static int leg_send_keyupdate(struct worker *w, struct leg *leg)
{
    static const uint8_t update_not_requested[5] = {MSG_KEY_UPDATE, 0, 0, 1, 0};
    int rc;

    rc = leg->ops->control(w, leg, CONTENT_HANDSHAKE, update_not_requested,
                           sizeof update_not_requested);
    if (rc)
        return rc;
    rc = leg->ops->rekey_tx(w, leg);
    if (rc)
        return rc;
    leg->keyupdates_tx++;
    leg->tx_records = 0;
    return 0;
}

static int leg_send_close(struct worker *w, struct leg *leg)
{
    static const uint8_t close_notify[2] = {ALERT_LEVEL_WARNING, ALERT_CLOSE_NOTIFY};
    int rc;

    leg->fin_next = true;
    rc = leg->tls ? leg->ops->control(w, leg, CONTENT_ALERT, close_notify, sizeof close_notify) : 0;
    if (rc == 0)
        leg->tx_closed = true;
    return rc;
}

/* In order: an answer to a KeyUpdate may precede close_notify, never follow it. */
static const struct {
    uint8_t owed;
    int (*send)(struct worker *w, struct leg *leg);
} settlements[] = {
    {OWE_KEYUPDATE, leg_send_keyupdate},
    {OWE_CLOSE, leg_send_close},
};

int leg_settle(struct worker *w, struct leg *leg)
{
    leg->retry_control = false;
    for (unsigned i = 0; i < ARRAY_LEN(settlements); i++) {
        int rc;

        if (leg->out || leg->tx_closed || !(leg->owed & settlements[i].owed))
            continue;
        rc = settlements[i].send(w, leg);
        if (rc == -EAGAIN) {
            leg->retry_control = true;
            return 0;
        }
        if (rc)
            return rc;
        leg->owed &= (uint8_t)~settlements[i].owed;
    }
    return 0;
}
