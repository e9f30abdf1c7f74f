#include "dataplane/core/notes.h"

#include <stdlib.h>
#include <unistd.h>
#include "dataplane/core/answer.h"
#include "dataplane/core/flow.h"
#include "dataplane/wire/control.h"

static void query_channel(struct worker *w, int fd)
{
    if (w->query_fd >= 0)
        close(w->query_fd);
    w->query_fd = fd;
    w->net->watch_query(w, fd);
}

static void note_channel(struct worker *w, struct note *n)
{
    if (n->channel == CHANNEL_HANDOFF)
        hsclient_attach(w, n->fd);
    else if (n->channel == CHANNEL_NOTICES)
        notices_attach(&w->notices, n->fd);
    else
        query_channel(w, n->fd);
}

static void tell_main(struct worker *w, enum note_kind kind)
{
    struct note *n = note_new(kind);

    if (!n)
        return;
    n->worker = w->index - w->shared->first_worker;
    inbox_post(w->to_main, n);
}

/* P8: one pointer; sessions come along, or end when their link is gone. */
static void note_swap(struct worker *w, struct note *n)
{
    struct gate *old = w->gate;

    w->gate = n->gate;
    if (w->net->listen(w, n->gate->policy, n->fds, n->n_fds))
        for (unsigned i = 0; i < n->n_fds; i++)
            if (n->fds[i] >= 0)
                close(n->fds[i]);
    worker_each_session(w, flow_regate);
    gate_put(old);
    tell_main(w, NOTE_SWAPPED);
}

static void drain_session(struct session *s)
{
    session_close(s, REASON_DRAINED, NULL);
}

static void take_note(struct worker *w, struct note *n)
{
    switch (n->kind) {
    case NOTE_CHANNEL:
        note_channel(w, n);
        break;
    case NOTE_SWAP:
        note_swap(w, n);
        break;
    case NOTE_PEERS:
        worker_check_begin(w);
        break;
    case NOTE_DIALLED:
        w->net->dial_answered(w, n->session, n->fd, n->error);
        break;
    case NOTE_CALL:
        flow_called(w, n->link, n->fd);
        break;
    case NOTE_STOP_LISTENING:
        w->draining = true;
        w->net->stop_listening(w);
        break;
    case NOTE_DRAIN:
        worker_each_session(w, drain_session);
        break;
    default:
        w->stop = true;
        break;
    }
}

void notes_take(struct worker *w)
{
    struct note *n;

    while ((n = inbox_take(w->inbox))) {
        take_note(w, n);
        free(n->fds);
        free(n);
    }
}

void notes_query(struct worker *w)
{
    if (w->query_fd >= 0 && !answer_query(w, w->query_fd))
        query_channel(w, -1);
}

void notes_rejudge(struct worker *w)
{
    tell_main(w, NOTE_REJUDGE);
}
