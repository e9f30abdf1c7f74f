/* The judge: a chain and a side in, a verdict out, by the same verify() as the handshake. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "handshake/process.h"

#define SEND_MS         5000
#define MESSAGES_A_TURN 64

static const struct verify_side *side_of(struct process *p, const struct handoff_judge *m)
{
    struct revision *r = process_revision(p, m->revision);

    if (!r || m->link >= r->policy->n_links || !r->links[m->link].verify[m->side].trust)
        return NULL;
    return &r->links[m->link].verify[m->side];
}

static void judge(struct process *p, const struct handoff_judge *m, struct handoff_judged *out)
{
    const struct verify_side *side = side_of(p, m);
    enum reason why = REASON_INTERNAL;
    STACK_OF(X509) *chain = chain_parse(m->chain, m->n_chain, &why);
    struct verdict v = {0};

    *out = (struct handoff_judged){.token = m->token, .revision = m->revision, .reason = why};
    if (!side) {
        out->reason = REASON_INTERNAL;
        snprintf(out->text, sizeof out->text, "the revision or the link is not known to the judge");
    } else if (chain) {
        verify(side, chain, clock_wall_s(), &v, NULL);
        out->allow = v.allow;
        out->until = v.until;
        out->rule = v.rule;
        out->reason = v.allow ? REASON_NONE : v.n_reasons ? v.reasons[0].reason : REASON_INTERNAL;
        snprintf(out->text, sizeof out->text, "%s",
                 v.n_reasons && !v.allow ? v.reasons[0].text : "");
    }
    sk_X509_pop_free(chain, X509_free);
}

int process_judge(struct process *p, int fd)
{
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        struct handoff_judged answer;
        struct handoff_judge m;
        struct chan_msg msg;
        struct buf b;
        int rc = chan_recv(fd, p->in, sizeof p->in, &msg);

        if (rc == -EAGAIN)
            return 0;
        if (rc != 1)
            return rc ? rc : -EPIPE;
        chan_msg_close_fds(&msg);
        if (msg.type != HANDOFF_JUDGE || handoff_get_judge(&msg.body, &m))
            return -EPROTO;
        judge(p, &m, &answer);
        buf_init(&b, p->out, sizeof p->out);
        handoff_put_judged(&b, &answer);
        rc = chan_send_wait(fd, HANDOFF_JUDGED, &b, NULL, 0, SEND_MS);
        if (rc)
            return rc;
    }
    return 0;
}
