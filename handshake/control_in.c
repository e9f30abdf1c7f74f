/* The launcher's messages: channels, and the two phases of a new revision. */
#include <errno.h>
#include <malloc.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/wire/control_send.h"
#include "handshake/process.h"

static int take_channel(struct process *p, struct chan_msg *m)
{
    struct control_channel ch;
    int fd;

    if (control_get_channel(&m->body, &ch) || m->n_fds != 1)
        return -EPROTO;
    fd = chan_msg_take_fd(m, 0);
    if (ch.kind == CHANNEL_HANDOFF && !p->judge) {
        if (p->handoff >= 0)
            close(p->handoff);
        if (p->signing)
            p->drop_later = true;
        else
            process_drop_conns(p); /* they belong to the worker that is gone */
        p->handoff = fd;
    } else if (ch.kind == CHANNEL_KEYS && !p->judge) {
        sign_attach(&p->signer, fd);
    } else if (ch.kind == CHANNEL_EXPLAIN && p->judge) {
        if (p->judges[PROCESS_EXPLAIN] >= 0)
            close(p->judges[PROCESS_EXPLAIN]);
        p->judges[PROCESS_EXPLAIN] = fd;
    } else if (ch.kind == CHANNEL_JUDGE && p->judge && ch.index < PROCESS_EXPLAIN) {
        if (p->judges[ch.index] >= 0)
            close(p->judges[ch.index]);
        p->judges[ch.index] = fd;
    } else {
        close(fd);
        return -EPROTO;
    }
    return 0;
}

static int take_attach(struct process *p, struct chan_msg *m)
{
    struct control_attach a;

    if (control_get_attach(&m->body, &a) || m->n_fds != 1)
        return -EPROTO;
    return revision_attach(&p->parts, &a, chan_msg_take_fd(m, 0));
}

static int take_prepare(struct process *p, struct chan_msg *m)
{
    uint64_t revision;
    struct err e;

    if (control_get_number(&m->body, &revision))
        return -EPROTO;
    revision_put(p->prepared);
    p->prepared = NULL;
    if (revision_build(&p->parts, revision, &p->prepared, &e) == 0)
        return control_send_number(p->control, CONTROL_PREPARED, revision);
    return control_send_refused(p->control, CONTROL_REFUSED, revision, &e);
}

/* What is known of paths under unchanged anchors stays known: live peers are judged again at once.
 */
void process_inherit(struct revision *r, const struct revision *old)
{
    for (unsigned i = 0; old && i < r->policy->n_trusts; i++)
        for (unsigned k = 0; k < old->policy->n_trusts; k++)
            if (!strcmp(r->policy->trusts[i].name, old->policy->trusts[k].name))
                trust_inherit(r->trusts[i], old->trusts[k]);
}

static int take_commit(struct process *p, struct chan_msg *m)
{
    uint64_t number;

    if (control_get_number(&m->body, &number) || !p->prepared ||
        p->prepared->policy->revision != number)
        return -EPROTO;
    process_inherit(p->prepared, p->current);
    revision_put(p->previous);
    p->previous = p->current;
    p->current = p->prepared;
    p->prepared = NULL;
    malloc_trim(0);
    return control_send_number(p->control, CONTROL_COMMITTED, number);
}

static int take_abort(struct process *p, struct chan_msg *m)
{
    uint64_t number;

    if (control_get_number(&m->body, &number))
        return -EPROTO;
    revision_parts_clear(&p->parts);
    revision_put(p->prepared);
    p->prepared = NULL;
    return 0;
}

static int take_drain(struct process *p, struct chan_msg *m)
{
    (void)p; /* sessions being set up are the data plane's to end; this process ends with its
                channel */
    (void)m;
    return 0;
}

static const struct {
    uint8_t type;
    int (*take)(struct process *p, struct chan_msg *m);
} messages[] = {
    {CONTROL_CHANNEL, take_channel}, {CONTROL_ATTACH, take_attach}, {CONTROL_PREPARE, take_prepare},
    {CONTROL_COMMIT, take_commit},   {CONTROL_ABORT, take_abort},   {CONTROL_DRAIN, take_drain},
};

int process_control(struct process *p)
{
    uint8_t mem[CHAN_HEADER + 4096];
    struct chan_msg m;
    int rc;

    while ((rc = chan_recv(p->control, mem, sizeof mem, &m)) == 1) {
        rc = -EPROTO;
        for (size_t i = 0; i < ARRAY_LEN(messages); i++)
            if (messages[i].type == m.type)
                rc = messages[i].take(p, &m);
        chan_msg_close_fds(&m);
        if (rc)
            return rc;
    }
    return rc == -EAGAIN ? 0 : rc ? rc : -EPIPE;
}
