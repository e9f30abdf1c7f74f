/* ask_judge: questions to the judge, about chains and about revisions that do not run. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/control.h"
#include "mgmt/ask.h"
#include "mgmt/coming_parts.h"

/* The next message of the judge, in m->message. 0, -ETIMEDOUT, or -errno: the channel is dead. */
static int await_judge(struct manager *m, uint64_t end_ms, struct chan_msg *answer)
{
    for (;;) {
        struct pollfd p = {.fd = m->judge, .events = POLLIN};
        int rc = chan_recv(m->judge, m->message, sizeof m->message, answer);
        uint64_t now_ms = clock_mono_ms();

        if (rc == 1) {
            chan_msg_close_fds(answer);
            return 0;
        }
        if (rc != -EAGAIN)
            return rc ? rc : -EPIPE;
        if (now_ms >= end_ms)
            return -ETIMEDOUT;
        poll(&p, 1, (int)(end_ms - now_ms));
    }
}

static int lose_judge(struct manager *m, int rc)
{
    if (rc && rc != -ETIMEDOUT && m->judge >= 0) {
        close(m->judge); /* dead: the launcher brings another with the next judge */
        m->judge = -1;
    }
    return rc;
}

/*
 * One question, one answer of a type, in m->message. What it still owes to questions that were
 * given up comes first, as with workers.
 */
static int ask_judge(struct manager *m, uint8_t type, const struct buf *b, uint8_t wanted,
                     struct chan_msg *answer)
{
    uint64_t end_ms = clock_mono_ms() + QUERY_MS;
    int rc = m->judge < 0 ? -EPIPE : 0;

    while (!rc && m->judge_owes && !(rc = await_judge(m, end_ms, answer)))
        m->judge_owes--;
    if (!rc)
        rc = chan_send_wait(m->judge, type, b, NULL, 0, QUERY_MS);
    if (!rc) {
        m->judge_owes++;
        rc = await_judge(m, end_ms, answer);
    }
    if (!rc) {
        m->judge_owes--;
        rc = answer->type == wanted ? 0 : -EPROTO;
    }
    return lose_judge(m, rc);
}

int ask_explain(struct manager *m, const struct explain_ask *q, struct explain_answer *a)
{
    uint8_t *mem = malloc(CHAIN_DER_MAX + 256);
    struct chan_msg answer;
    struct buf b;
    int rc;

    if (!mem)
        return -ENOMEM;
    buf_init(&b, mem, CHAIN_DER_MAX + 256);
    explain_put_ask(&b, q);
    rc = ask_judge(m, EXPLAIN_ASK, &b, EXPLAIN_ANSWER, &answer);
    if (!rc)
        rc = lose_judge(m, explain_get_answer(&answer.body, a));
    free(mem);
    return rc;
}

static int attach(struct manager *m, uint64_t revision, uint8_t kind, uint32_t index, int fd)
{
    struct control_attach a = {.revision = revision, .kind = kind, .index = index};
    uint8_t mem[32];
    struct buf b;

    if (m->judge < 0)
        return -EPIPE;
    buf_init(&b, mem, sizeof mem);
    control_put_attach(&b, &a);
    return chan_send_wait(m->judge, EXPLAIN_ATTACH, &b, &fd, 1, QUERY_MS);
}

static int attach_all(struct manager *m, struct compiled *c)
{
    int fd = images_handshake(c), rc;

    if (fd < 0)
        return fd;
    rc = attach(m, c->policy.revision, ATTACH_IMAGE_HANDSHAKE, 0, fd);
    close(fd);
    for (unsigned i = 0; i < c->n_crls && !rc; i++)
        rc = attach(m, c->policy.revision, ATTACH_CRL, i, c->crl_fds[i]);
    return lose_judge(m, rc);
}

int ask_trial(struct manager *m, struct compiled *c)
{
    int rc = c ? attach_all(m, c) : 0;
    struct chan_msg answer;
    uint64_t error;
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    control_put_number(&b, c ? c->policy.revision : 0);
    if (!rc)
        rc = ask_judge(m, EXPLAIN_BUILD, &b, EXPLAIN_BUILT, &answer);
    if (!rc)
        rc = control_get_number(&answer.body, &error) ? -EPROTO : -(int)error;
    return rc;
}
