#include "dataplane/core/health.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "dataplane/core/balance.h"

static unsigned checks_of(const struct gate_link *l)
{
    return l->policy->health.interval_ms ? l->policy->n_targets : 0;
}

void health_set(struct health *h, struct gate *g, uint64_t now_ms)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->n; i++)
        if (h->checks[i].fd >= 0)
            close(h->checks[i].fd);
    free(h->checks);
    gate_put(h->gate);
    h->gate = g ? gate_get(g) : NULL;
    h->n = 0;
    for (unsigned i = 0; g && i < g->policy->n_links; i++)
        n += checks_of(&g->links[i]);
    h->checks = n ? calloc(n, sizeof *h->checks) : NULL;
    for (unsigned i = 0; h->checks && i < g->policy->n_links; i++)
        for (unsigned t = 0; t < checks_of(&g->links[i]); t++)
            if (addr_is_ip(&g->links[i].targets[t]->addr))
                h->checks[h->n++] = (struct health_check){
                    .link = &g->links[i], .target = t, .fd = -1, .due_ms = now_ms};
}

static void check_end(struct health_check *c, bool ok, uint64_t now_ms)
{
    const struct target_live *t = c->link->targets[c->target];
    char text[ADDR_TEXT_MAX];

    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->due_ms = now_ms + c->link->policy->health.interval_ms;
    if (balance_result(c->link, c->target, ok, true, now_ms))
        log_event(ok ? LOG_INFO : LOG_WARN, ok ? "target_up" : "target_down", "link=%s target=%s",
                  c->link->policy->name, addr_text(&t->addr, text));
}

static void check_begin(struct health_check *c, uint64_t now_ms)
{
    const struct addr *to = &c->link->targets[c->target]->addr;

    c->fd = socket(to->sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    c->due_ms = now_ms + c->link->policy->health.timeout_ms;
    if (c->fd >= 0 && connect(c->fd, &to->sa, to->len) && errno != EINPROGRESS)
        check_end(c, false, now_ms);
}

static void check_look(struct health_check *c, uint64_t now_ms)
{
    struct pollfd p = {.fd = c->fd, .events = POLLOUT};
    int err = 0;
    socklen_t len = sizeof err;

    if (poll(&p, 1, 0) == 1) {
        getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &err, &len);
        check_end(c, err == 0, now_ms);
    } else if (now_ms >= c->due_ms) {
        check_end(c, false, now_ms);
    }
}

void health_step(struct health *h, uint64_t now_ms)
{
    for (unsigned i = 0; i < h->n; i++) {
        struct health_check *c = &h->checks[i];

        if (c->fd >= 0)
            check_look(c, now_ms);
        else if (now_ms >= c->due_ms)
            check_begin(c, now_ms);
    }
}

unsigned health_poll(const struct health *h, struct pollfd *p, unsigned cap)
{
    unsigned n = 0;

    for (unsigned i = 0; i < h->n && n < cap; i++)
        if (h->checks[i].fd >= 0)
            p[n++] = (struct pollfd){.fd = h->checks[i].fd, .events = POLLOUT};
    return n;
}

uint64_t health_wait_ms(const struct health *h, uint64_t now_ms, uint64_t max_ms)
{
    for (unsigned i = 0; i < h->n; i++) {
        uint64_t left = h->checks[i].due_ms > now_ms ? h->checks[i].due_ms - now_ms : 0;
        max_ms = left < max_ms ? left : max_ms;
    }
    return max_ms;
}
