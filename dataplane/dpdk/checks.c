#include "dataplane/dpdk/checks.h"

#include <errno.h>

#define STEP_MS 10 /* between two looks at the checks */

static bool carries(const struct policy_link *l)
{
    return l->engine == ENGINE_DPDK;
}

static int begin(void *self, const struct policy_link *l, const struct addr *to)
{
    int rc = tcp_connect_to(self, l, to);

    return rc == -ENOMEM || rc == -EADDRNOTAVAIL ? -EAGAIN : rc;
}

static int look(void *self, int index)
{
    const struct tcp *t = self;
    const struct conn *c = conn_of(t->w, index);

    return c->connected ? 0 : c->error ? c->error : -EINPROGRESS;
}

static void end(void *self, int index)
{
    const struct tcp *t = self;

    conn_free(conn_of(t->w, index));
}

static const struct health_net stack_checks = {carries, begin, look, end};

void checks_begin(struct tcp *t)
{
    health_init(&t->health, &stack_checks, t);
}

void checks_set(struct tcp *t)
{
    if (t->ports->worker == 0)
        health_set(&t->health, t->w->gate, t->w->now_ms);
}

void checks_tick(struct tcp *t)
{
    if (t->w->now_ms < t->health_ms)
        return;
    t->health_ms = t->w->now_ms + STEP_MS;
    health_step(&t->health, t->w->now_ms);
}

void checks_end(struct tcp *t)
{
    health_set(&t->health, NULL, 0);
}
