/* The judge: a chain and a side in, a verdict out, by the same verify() as the handshake; for mgmt
 * with every reason. */
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/control_send.h"
#include "dataplane/wire/explain.h"
#include "handshake/process.h"

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

static const struct verify_side *side_named(const struct revision *r, const char *link,
                                            enum leg_side side)
{
    for (unsigned i = 0; r && i < r->policy->n_links; i++)
        if (!strcmp(r->policy->links[i].name, link) && r->links[i].verify[side].trust)
            return &r->links[i].verify[side];
    return NULL;
}

static void add_reason(struct explain_answer *a, enum reason reason, const char *text)
{
    a->reasons[a->n].reason = reason;
    snprintf(a->reasons[a->n++].text, sizeof a->reasons[0].text, "%s", text);
}

/* Every reason, not the first alone. */
static void explain(struct process *p, const struct explain_ask *m, struct explain_answer *out)
{
    const struct revision *r = m->trial ? p->trial : p->current;
    const struct verify_side *side = side_named(r, m->link, (enum leg_side)m->side);
    enum reason why = REASON_INTERNAL;
    STACK_OF(X509) * chain;
    struct verdict v = {0};

    *out = (struct explain_answer){.revision = r ? r->policy->revision : 0, .known = side != NULL};
    if (!side)
        return;
    chain = chain_parse(m->chain, m->n_chain, &why);
    if (!chain) {
        add_reason(out, why, "the chain can not be read, or is larger than allowed");
        return;
    }
    verify(side, chain, m->at_s ? m->at_s : clock_wall_s(), &v, NULL);
    out->allow = v.allow;
    out->rule = v.allow ? v.rule : 0;
    out->until = v.allow ? v.until : 0;
    for (unsigned i = 0; !v.allow && i < v.n_reasons && i < EXPLAIN_REASONS; i++)
        add_reason(out, v.reasons[i].reason, v.reasons[i].text);
    if (!v.allow && !out->n)
        add_reason(out, REASON_INTERNAL, "no reason was given");
    sk_X509_pop_free(chain, X509_free);
}

static int take_explain(struct process *p, int fd, struct chan_msg *msg)
{
    struct explain_answer answer;
    struct explain_ask m;
    struct buf b;

    if (explain_get_ask(&msg->body, &m))
        return -EPROTO;
    explain(p, &m, &answer);
    buf_init(&b, p->out, sizeof p->out);
    explain_put_answer(&b, &answer);
    return chan_send_wait(fd, EXPLAIN_ANSWER, &b, NULL, 0, CONTROL_SEND_MS);
}

/* ---- a revision on trial ---- */

static int take_attach(struct process *p, int fd, struct chan_msg *msg)
{
    struct control_attach a;

    (void)fd;
    if (control_get_attach(&msg->body, &a) || msg->n_fds != 1)
        return -EPROTO;
    return revision_attach(&p->trial_parts, &a, chan_msg_take_fd(msg, 0));
}

static int take_build(struct process *p, int fd, struct chan_msg *msg)
{
    struct err e = {.what = ""};
    uint64_t number;
    int rc = 0;

    if (control_get_number(&msg->body, &number))
        return -EPROTO;
    revision_put(p->trial);
    p->trial = NULL;
    if (number)
        rc = revision_build(&p->trial_parts, number, &p->trial, &e);
    else
        revision_parts_clear(&p->trial_parts);
    if (!rc && number && p->current)
        process_inherit(p->trial, p->current);
    if (!number)
        malloc_trim(0);
    return control_send_number(fd, EXPLAIN_BUILT, (uint64_t)-rc);
}

static int take_judge(struct process *p, int fd, struct chan_msg *msg)
{
    struct handoff_judged answer;
    struct handoff_judge m;
    struct buf b;

    if (handoff_get_judge(&msg->body, &m))
        return -EPROTO;
    judge(p, &m, &answer);
    buf_init(&b, p->out, sizeof p->out);
    handoff_put_judged(&b, &answer);
    return chan_send_wait(fd, HANDOFF_JUDGED, &b, NULL, 0, CONTROL_SEND_MS);
}

static const struct {
    uint8_t type;
    int (*take)(struct process *p, int fd, struct chan_msg *msg);
} questions[] = {
    {HANDOFF_JUDGE, take_judge},
    {EXPLAIN_ASK, take_explain},
    {EXPLAIN_ATTACH, take_attach},
    {EXPLAIN_BUILD, take_build},
};

int process_judge(struct process *p, int fd)
{
    for (int i = 0; i < MESSAGES_A_TURN; i++) {
        struct chan_msg msg;
        int rc = chan_recv(fd, p->in, sizeof p->in, &msg);

        if (rc == -EAGAIN)
            return 0;
        if (rc != 1)
            return rc ? rc : -EPIPE;
        rc = -EPROTO;
        for (size_t k = 0; k < ARRAY_LEN(questions); k++)
            if (questions[k].type == msg.type)
                rc = questions[k].take(p, fd, &msg);
        chan_msg_close_fds(&msg);
        if (rc)
            return rc;
    }
    return 0;
}
