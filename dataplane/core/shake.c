/*
 * Before KEYED: reading an inbound PROXY header, and whole TLS records for the handshake process.
 * `exact` legs may go to the kernel: nothing is read behind the record in hand.
 */
#include "dataplane/core/shake.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/core/flow.h"
#include "dataplane/core/proxy.h"
#include "dataplane/core/stream.h"
#include "dataplane/record/frame.h"

#define STASH_FIRST 2048 /* enough for a hello and a client's flight; grows to a whole record */
#define STASH_MAX   (RECORD_HEADER + RECORD_BODY_MAX)

/* A plaintext fatal alert: what a peer gets that did not even send a TLS record. */
static void raw_alert(struct session *s, struct leg *leg, uint8_t alert)
{
    uint8_t record[7] = {CONTENT_ALERT, 3, 3, 0, 2, 2, alert};

    if (stream_send_bytes(s->worker, leg, record, sizeof record) == 0)
        leg->linger = true;
}

/* Read up to n more bytes into the stash. >0, 0: the peer closed, -errno. */
static long stash_read(struct worker *w, struct leg *leg, size_t n)
{
    ssize_t got;

    if (stash_reserve(&leg->in, leg->in.n + n))
        return -ENOMEM;
    got = w->net->read(w, leg, &(struct iovec){leg->in.data + leg->in.n, n}, 1);
    if (got < 0)
        return got;
    leg->in.n += (uint32_t)got;
    return got;
}

/* Whole records at the stash's start (as many as one message takes), or -errno of a bad one. */
static long stash_records(const struct leg *leg)
{
    size_t used = 0;

    while (used < HANDOFF_FEED_MAX) {
        long size = frame_size(leg->in.data + used, leg->in.n - used, RECORD_BODY_MAX);

        if (size < 0)
            return used ? (long)used : size;
        if (size == 0 || used + (size_t)size > leg->in.n || used + (size_t)size > HANDOFF_FEED_MAX)
            break;
        used += (size_t)size;
        if (leg->exact)
            break;
    }
    return (long)used;
}

/* How many bytes to read next. */
static size_t records_want(const struct leg *leg)
{
    long size;

    if (!leg->exact)
        return leg->in.cap > leg->in.n ? leg->in.cap - leg->in.n
               : leg->in.n             ? STASH_MAX - (leg->in.n % STASH_MAX)
                                       : STASH_FIRST;
    if (leg->in.n < RECORD_HEADER)
        return RECORD_HEADER - leg->in.n;
    size = frame_size(leg->in.data, leg->in.n, RECORD_BODY_MAX);
    return (size_t)size - leg->in.n;
}

static void records_bad(struct session *s, struct leg *leg, long rc)
{
    if (rc == -EMSGSIZE) {
        raw_alert(s, leg, 22);
        session_close(s, REASON_BAD_RECORD, "a record larger than TLS allows");
    } else {
        raw_alert(s, leg, 10);
        session_close(s, leg->opened ? REASON_BAD_RECORD : REASON_NOT_TLS, NULL);
    }
}

static void records_ended(struct session *s, const struct leg *leg, long rc)
{
    const char *who = leg->side == LEG_OUTER ? "the peer" : "the target";
    char text[96];

    snprintf(text, sizeof text, "%s %s in mid-handshake", who,
             rc == 0 ? "closed" : "reset the connection");
    session_close(s, REASON_HANDSHAKE_CLOSED, text);
}

/* True if the stash gave the leg something to do, or ended the session. */
static bool use_stash(struct session *s, struct leg *leg)
{
    long rc = leg->in.n ? stash_records(leg) : 0;

    if (rc < 0)
        records_bad(s, leg, rc);
    else if (rc > 0)
        flow_records(s, leg, (size_t)rc);
    return rc != 0;
}

static void read_records(struct worker *w, struct session *s, struct leg *leg)
{
    while (!leg->feeding && !leg->waiting && !use_stash(s, leg)) {
        long rc = stash_read(w, leg, records_want(leg));

        if (rc == -EAGAIN) {
            w->net->want_in(w, s, leg);
            return;
        }
        if (rc <= 0) {
            records_ended(s, leg, rc);
            return;
        }
    }
}

/* S1: a balancer's header says who the client is; not a byte behind it is read. */
static void read_proxy(struct worker *w, struct session *s, struct leg *leg)
{
    struct addr src = {0}, dst = {0};
    long rc;

    while ((rc = proxy_read(leg->in.data, leg->in.n, &src, &dst)) > 0) {
        long got = stash_read(w, leg, (size_t)rc);

        if (got == -EAGAIN) {
            w->net->want_in(w, s, leg);
            return;
        }
        if (got <= 0) {
            session_close(s, REASON_BAD_PROXY_HEADER, "the connection ended inside the header");
            return;
        }
    }
    stash_free(&leg->in);
    if (rc < 0) {
        session_close(s, REASON_BAD_PROXY_HEADER, "the first bytes are no PROXY header");
        return;
    }
    if (src.len) {
        leg->addr = src;
        s->shake->proxy_dst = dst;
    }
    flow_admitted(s);
}

void shake_read(struct worker *w, struct session *s, struct leg *leg)
{
    if (s->state == SESSION_ADMITTED)
        read_proxy(w, s, leg);
    else
        read_records(w, s, leg);
}

void shake_more(struct worker *w, struct session *s, struct leg *leg)
{
    if (!use_stash(s, leg))
        w->net->want_in(w, s, leg);
}

int shake_send(struct worker *w, struct session *s, struct leg *leg, const uint8_t *data, size_t n)
{
    int rc = stream_send_bytes(w, leg, data, n);

    if (!rc && leg->out)
        w->net->want_out(w, s, leg);
    return rc;
}

void shake_writable(struct worker *w, struct session *s, struct leg *leg)
{
    int rc = stream_flush(w, leg);

    if (rc)
        records_ended(s, leg, rc);
    else if (leg->out)
        w->net->want_out(w, s, leg);
    else if (leg->keyed_wait)
        flow_install(s, leg);
}
