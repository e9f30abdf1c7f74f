/* What reaches a worker besides its sessions: notes of the control thread, channels, the second. */
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>
#include "dataplane/core/answer.h"
#include "dataplane/core/flow.h"
#include "dataplane/uring/dial.h"
#include "dataplane/uring/ring.h"
#include "dataplane/wire/control.h"

#define QUIET_MS 2000 /* after this an idle leg gives its expanded keys back */

static void note_channel(struct ring *r, struct note *n)
{
    if (n->channel == CHANNEL_HANDOFF) {
        hsclient_attach(r->w, n->fd);
        ring_watch(r, RING_HANDOFF, r->w->hs.fd);
    } else if (n->channel == CHANNEL_NOTICES) {
        notices_attach(&r->w->notices, n->fd);
    } else {
        if (r->channel[RING_QUERY].fd >= 0)
            close(r->channel[RING_QUERY].fd);
        ring_watch(r, RING_QUERY, n->fd);
    }
}

/* P8: one pointer; sessions come along, or end when their link is gone. */
static void note_swap(struct ring *r, struct note *n)
{
    struct gate *old = r->w->gate;
    struct note *done = note_new(NOTE_SWAPPED);

    r->w->gate = n->gate;
    if (ring_listen(r, n->gate->policy, n->fds, n->n_fds))
        for (unsigned i = 0; i < n->n_fds; i++)
            close(n->fds[i]);
    worker_each_session(r->w, flow_regate);
    gate_put(old);
    if (done) {
        done->worker = r->w->index;
        inbox_post(r->to_main, done);
    }
}

static void drain_session(struct session *s)
{
    session_close(s, REASON_DRAINED, NULL);
}

static void take_note(struct ring *r, struct note *n)
{
    switch (n->kind) {
    case NOTE_CHANNEL:
        note_channel(r, n);
        break;
    case NOTE_SWAP:
        note_swap(r, n);
        break;
    case NOTE_PEERS:
        worker_check_begin(r->w);
        break;
    case NOTE_DIALLED:
        dial_answered(r->w, n->session, n->fd, n->error);
        break;
    case NOTE_CALL:
        flow_called(r->w, n->link, n->fd);
        break;
    case NOTE_STOP_LISTENING:
        r->w->draining = true;
        ring_stop_listening(r);
        break;
    case NOTE_DRAIN:
        worker_each_session(r->w, drain_session);
        break;
    default:
        r->stop = true;
        break;
    }
}

static void take_notes(struct ring *r)
{
    struct note *n;

    while ((n = inbox_take(r->inbox))) {
        take_note(r, n);
        free(n->fds);
        free(n);
    }
}

void ring_channel_event(struct ring *r, unsigned which, int events)
{
    if (which == RING_INBOX) {
        take_notes(r);
    } else if (which == RING_QUERY) {
        if (!answer_query(r->w, r->channel[RING_QUERY].fd)) {
            close(r->channel[RING_QUERY].fd);
            ring_watch(r, RING_QUERY, -1);
        }
    } else {
        if (events > 0 && (events & POLLOUT))
            hsclient_writable(r->w);
        hsclient_readable(r->w);
    }
}

void ring_tick_session(struct session *s)
{
    if (s->state != SESSION_PUMPING || s->active_ms + QUIET_MS > s->worker->now_ms)
        return;
    for (int i = 0; i < 2; i++)
        if (s->leg[i].ops && s->leg[i].ops->engine == LEG_SOFT) {
            seal_idle(&s->leg[i].rx);
            seal_idle(&s->leg[i].tx);
        }
}
