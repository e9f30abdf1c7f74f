#include "dataplane/core/health.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/log.h"
#include "dataplane/core/balance.h"

void health_init(struct health *h, const struct health_net *net, void *self)
{
    memset(h, 0, sizeof *h);
    h->net = net;
    h->self = self;
}

static unsigned checks_of(const struct health *h, const struct gate_link *l)
{
    return l->policy->health.interval_ms && h->net->carries(l->policy) ? l->policy->n_targets : 0;
}

static void let_go(struct health *h, struct health_check *c)
{
    if (c->handle >= 0)
        h->net->end(h->self, c->handle);
    c->handle = -1;
}

void health_set(struct health *h, struct gate *g, uint64_t now_ms)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->n; i++)
        let_go(h, &h->checks[i]);
    free(h->checks);
    gate_put(h->gate);
    h->gate = g ? gate_get(g) : NULL;
    h->n = 0;
    for (unsigned i = 0; g && i < g->policy->n_links; i++)
        n += checks_of(h, &g->links[i]);
    h->checks = n ? calloc(n, sizeof *h->checks) : NULL;
    for (unsigned i = 0; h->checks && i < g->policy->n_links; i++)
        for (unsigned t = 0; t < checks_of(h, &g->links[i]); t++)
            if (addr_is_ip(&g->links[i].targets[t]->addr))
                h->checks[h->n++] = (struct health_check){
                    .link = &g->links[i], .target = t, .handle = -1, .due_ms = now_ms};
}

static void check_end(struct health *h, struct health_check *c, bool ok, uint64_t now_ms)
{
    const struct target_live *t = c->link->targets[c->target];
    char text[ADDR_TEXT_MAX];

    let_go(h, c);
    c->due_ms = now_ms + c->link->policy->health.interval_ms;
    if (balance_result(c->link, c->target, ok, true, now_ms))
        log_event(ok ? LOG_INFO : LOG_WARN, ok ? "target_up" : "target_down", "link=%s target=%s",
                  c->link->policy->name, addr_text(&t->addr, text));
}

static void check_begin(struct health *h, struct health_check *c, uint64_t now_ms)
{
    const struct policy_link *l = c->link->policy;
    int rc = h->net->begin(h->self, l, &c->link->targets[c->target]->addr);

    c->due_ms = now_ms + l->health.timeout_ms;
    if (rc >= 0)
        c->handle = rc;
    else if (rc != -EAGAIN)
        check_end(h, c, false, now_ms);
}

static void check_look(struct health *h, struct health_check *c, uint64_t now_ms)
{
    int rc = h->net->look(h->self, c->handle);

    if (rc != -EINPROGRESS)
        check_end(h, c, rc == 0, now_ms);
    else if (now_ms >= c->due_ms)
        check_end(h, c, false, now_ms);
}

void health_step(struct health *h, uint64_t now_ms)
{
    for (unsigned i = 0; i < h->n; i++) {
        struct health_check *c = &h->checks[i];

        if (c->handle >= 0)
            check_look(h, c, now_ms);
        else if (now_ms >= c->due_ms)
            check_begin(h, c, now_ms);
    }
}

uint64_t health_wait_ms(const struct health *h, uint64_t now_ms, uint64_t max_ms)
{
    for (unsigned i = 0; i < h->n; i++) {
        uint64_t left = h->checks[i].due_ms > now_ms ? h->checks[i].due_ms - now_ms : 0;
        max_ms = left < max_ms ? left : max_ms;
    }
    return max_ms;
}
