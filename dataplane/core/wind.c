#include "dataplane/core/wind.h"

#include <errno.h>
#include <string.h>
#include "dataplane/record/seal.h"

#define LINGER_BYTES (1024 * 1024) /* discarded at most while last words travel */

/* The alert that a keyed leg hears when its session ends for this reason; 0: a reset says it all.
 */
static const uint8_t reason_alert[REASON_COUNT] = {
    [REASON_REVOKED] = 44,      [REASON_EXPIRED] = 45,   [REASON_CERTIFICATE_EXPIRED] = 45,
    [REASON_CRL_MISSING] = 46,  [REASON_CRL_STALE] = 46, [REASON_CRL_INVALID] = 46,
    [REASON_UNKNOWN_CA] = 48,   [REASON_NO_RULE] = 49,   [REASON_PEER_DENIED] = 49,
    [REASON_LINK_REMOVED] = 49, [REASON_CHAIN] = 42,     [REASON_PEER_SESSIONS] = 49,
    [REASON_INTERNAL] = 80,
};

/* A fatal alert for a keyed TLS leg, if its socket takes it now. */
static void last_words(struct worker *w, struct session *s, struct leg *leg)
{
    uint8_t alert[2] = {2, leg->alert ? leg->alert : reason_alert[s->reason]};

    if (s->reason == REASON_CLOSED || !leg->ops || !leg->tls || leg->out || leg->tx_closed ||
        leg->peer_alert || !alert[1])
        return;
    if (leg->ops->control(w, leg, CONTENT_ALERT, alert, sizeof alert) == 0 && !leg->out)
        leg->linger = true;
}

void wind_reap(struct worker *w, struct session *s)
{
    list_remove(&s->node);
    if (s->inflight == 0)
        list_push(&w->dead, &s->node);
}

static void to_draining(struct worker *w, struct session *s)
{
    if (s->leg[LEG_OUTER].linger || s->leg[LEG_INNER].linger || s->state != SESSION_CLOSING)
        return;
    for (int i = 0; i < 2; i++)
        w->net->unwant(w, s, &s->leg[i]);
    session_move(s, SESSION_DRAINING);
    session_arm_timer(s);
    wind_reap(w, s);
}

void wind_down(struct worker *w, struct session *s)
{
    for (int i = 0; i < 2; i++) {
        struct leg *leg = &s->leg[i];

        if (leg->fd < 0)
            continue;
        w->net->unwant(w, s, leg);
        last_words(w, s, leg);
        if (leg->linger) {
            w->net->finish(w, leg);
            w->net->want_in(w, s, leg);
        } else if (s->reason != REASON_CLOSED) {
            w->net->reset(w, leg);
        }
    }
    to_draining(w, s);
}

void wind_cut(struct worker *w, struct session *s)
{
    s->leg[LEG_OUTER].linger = s->leg[LEG_INNER].linger = false;
    to_draining(w, s);
}

/* Read and forget, so that closing does not reset the connection before our alert was read. */
void wind_discard(struct worker *w, struct session *s, struct leg *leg)
{
    struct iobuf *io = iobuf_get(&w->iobufs);
    ssize_t n = -ENOMEM;

    if (io) {
        /* A kernel-TLS socket gives control records only to recvmsg; an error ends it just as well.
         */
        n = w->net->read(w, leg, &(struct iovec){io->mem, IOBUF_MEM}, 1);
        iobuf_put(&w->iobufs, io);
    }
    if (n > 0)
        leg->discarded += (uint32_t)n;
    if ((n > 0 && leg->discarded < LINGER_BYTES) || n == -EAGAIN) {
        w->net->want_in(w, s, leg);
        return;
    }
    leg->linger = false;
    to_draining(w, s);
}
