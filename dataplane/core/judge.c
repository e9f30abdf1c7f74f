#include "dataplane/core/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "dataplane/wire/chan.h"

void judge_init(struct judge *j, struct peers *peers)
{
    memset(j, 0, sizeof *j);
    j->fd = -1;
    j->peers = peers;
}

static void judge_end_run(struct judge *j)
{
    for (long i = 0; i < j->n; i++)
        peers_put(j->peers, j->list[i]);
    free(j->list);
    gate_put(j->gate);
    j->list = NULL;
    j->gate = NULL;
    j->n = j->next = j->answered = j->denied = 0;
}

void judge_fini(struct judge *j)
{
    judge_end_run(j);
    if (j->fd >= 0)
        close(j->fd);
    j->fd = -1;
}

/* The question about one peer, or false when its link has no such side now (its sessions end
 * anyway). */
static bool judge_question(const struct judge *j, long i, struct handoff_judge *m)
{
    const struct peer *p = j->list[i];
    const struct gate_link *l = gate_find(j->gate, p->link_name);

    if (!l || !(p->side == LEG_OUTER ? l->policy->outer : l->policy->inner))
        return false;
    if (!j->all && p->revision >= j->gate->policy->revision)
        return false;
    *m = (struct handoff_judge){
        .token = (uint64_t)i,
        .revision = j->gate->policy->revision,
        .link = (uint16_t)(l - j->gate->links),
        .side = p->side,
        .chain = p->chain,
        .n_chain = p->n_chain,
    };
    return true;
}

static int judge_ask(struct judge *j, const struct handoff_judge *m)
{
    static const size_t cap = CHAIN_DER_MAX + 1024;
    uint8_t *mem = malloc(cap);
    struct buf b;
    int rc;

    if (!mem)
        return -ENOMEM;
    buf_init(&b, mem, cap);
    handoff_put_judge(&b, m);
    rc = chan_send_wait(j->fd, HANDOFF_JUDGE, &b, NULL, 0, 1000);
    free(mem);
    return rc;
}

/* Keep JUDGE_OUTSTANDING questions under way. */
static void judge_ask_on(struct judge *j)
{
    while (j->gate && j->fd >= 0 && j->next < j->n && j->next - j->answered < JUDGE_OUTSTANDING) {
        struct handoff_judge m;

        if (!judge_question(j, j->next, &m)) {
            j->answered++;
        } else if (judge_ask(j, &m)) {
            close(j->fd); /* it died: a new channel begins the run anew */
            j->fd = -1;
            return;
        }
        j->next++;
    }
}

void judge_start(struct judge *j, struct gate *g, bool all)
{
    if (j->gate) {
        j->again = true;
        j->again_all |= all;
        return;
    }
    j->n = peers_list(j->peers, &j->list);
    if (j->n < 0) {
        j->n = 0;
        j->again = true; /* out of memory: the next event tries again */
        return;
    }
    j->gate = gate_get(g);
    j->all = all;
    judge_ask_on(j);
}

void judge_attach(struct judge *j, int fd)
{
    if (j->fd >= 0)
        close(j->fd);
    j->fd = fd;
    j->next = j->answered = 0;
    judge_ask_on(j);
}

static int judge_answer(struct judge *j, struct buf *body)
{
    struct handoff_judged m;
    int rc = handoff_get_judged(body, &m);

    if (rc)
        return rc;
    if (!j->gate || m.revision != j->gate->policy->revision || m.token >= (uint64_t)j->n)
        return 0; /* of a run that is over */
    j->answered++;
    if (m.allow) {
        peers_allow(j->list[m.token], m.revision, m.until);
    } else {
        peers_deny(j->peers, j->list[m.token], m.reason, m.text);
        j->denied++;
    }
    return 0;
}

static int judge_take(struct judge *j)
{
    uint8_t mem[CHAN_HEADER + 2048];
    struct chan_msg m;
    int rc = chan_recv(j->fd, mem, sizeof mem, &m);

    if (rc != 1)
        return rc ? rc : -EPIPE;
    rc = m.type == HANDOFF_JUDGED ? judge_answer(j, &m.body) : -EPROTO;
    chan_msg_close_fds(&m);
    return rc;
}

/* Everything was answered: say so, and begin what was asked for meanwhile. */
static bool judge_finish(struct judge *j, struct gate *current)
{
    bool denied = j->denied > 0, all = j->again_all, again = j->again;

    log_event(LOG_INFO, "rejudged", "revision=%" PRIu64 " peers=%ld denied=%ld",
              j->gate->policy->revision, j->n, j->denied);
    judge_end_run(j);
    j->again = j->again_all = false;
    if (again)
        judge_start(j, current, all);
    return denied;
}

bool judge_step(struct judge *j, struct gate *current)
{
    int rc = 0;

    while (j->fd >= 0 && rc == 0)
        rc = judge_take(j);
    if (rc && rc != -EAGAIN) {
        close(j->fd);
        j->fd = -1;
        return false;
    }
    judge_ask_on(j);
    return j->gate && j->answered >= j->n ? judge_finish(j, current) : false;
}
