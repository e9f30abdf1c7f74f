/*
 * poll: the readiness loop of copy and splice: pairs of sockets in one epoll set.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "perf/micro/relay/relay.h"

#define EVENTS 256

/* One socket of a pair; what epoll points to. */
struct end {
    struct pair *pair;
    int fd;
    uint32_t interest;
};

struct pair {
    struct end outer, inner;
    struct flow up, down;
    bool dead;
    struct pair *next; /* of those that died in this turn */
};

struct loop {
    int epoll;
    const struct mover *mover;
    struct pair *dead;
};

static void want(const struct loop *l, struct end *e, uint32_t events)
{
    struct epoll_event ev = {.events = events, .data.ptr = e};

    if (events == e->interest)
        return;
    check(epoll_ctl(l->epoll, EPOLL_CTL_MOD, e->fd, &ev) == 0);
    e->interest = events;
}

static void want_all(const struct loop *l, struct pair *p)
{
    want(l, &p->outer,
         (p->up.eof || p->up.blocked ? 0u : EPOLLIN) | (p->down.blocked ? EPOLLOUT : 0u));
    want(l, &p->inner,
         (p->down.eof || p->down.blocked ? 0u : EPOLLIN) | (p->up.blocked ? EPOLLOUT : 0u));
}

static void kill_pair(struct loop *l, struct pair *p)
{
    p->dead = true;
    p->next = l->dead;
    l->dead = p;
}

/* Later events of the same turn may still point to them. */
static void bury(struct loop *l)
{
    while (l->dead) {
        struct pair *p = l->dead;

        l->dead = p->next;
        l->mover->fini(&p->up);
        l->mover->fini(&p->down);
        close(p->outer.fd);
        close(p->inner.fd);
        free(p);
    }
}

static int move(const struct loop *l, struct flow *f)
{
    if (!f->done && l->mover->move(f))
        return -1;
    if (f->eof && !f->blocked && !f->done) {
        shutdown(f->to, SHUT_WR);
        f->done = true;
    }
    return 0;
}

static void work(struct loop *l, struct end *e, uint32_t events)
{
    struct pair *p = e->pair;
    bool outer = e == &p->outer, broken = false;
    struct flow *reads = outer ? &p->up : &p->down, *writes = outer ? &p->down : &p->up;

    if (p->dead)
        return;
    if (events & EPOLLOUT)
        broken = move(l, writes);
    if (!broken && (events & (EPOLLIN | EPOLLHUP | EPOLLERR)) && !reads->blocked)
        broken = move(l, reads);
    if (broken || (events & EPOLLERR) || (p->up.done && p->down.done))
        kill_pair(l, p);
    else
        want_all(l, p);
}

static void pair_up(struct loop *l, int outer, int inner)
{
    struct pair *p = calloc(1, sizeof(*p));
    struct epoll_event ev = {.events = EPOLLIN};

    check(p);
    p->outer = (struct end){.pair = p, .fd = outer, .interest = EPOLLIN};
    p->inner = (struct end){.pair = p, .fd = inner, .interest = EPOLLIN};
    p->up = (struct flow){.pair = p, .from = outer, .to = inner, .pipe = {-1, -1}};
    p->down = (struct flow){.pair = p, .from = inner, .to = outer, .pipe = {-1, -1}};
    ev.data.ptr = &p->outer;
    check(epoll_ctl(l->epoll, EPOLL_CTL_ADD, outer, &ev) == 0);
    ev.data.ptr = &p->inner;
    check(epoll_ctl(l->epoll, EPOLL_CTL_ADD, inner, &ev) == 0);
}

static void take(struct loop *l, int listening, const struct addr *to)
{
    int outer, inner;

    while ((outer = accept4(listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
        inner = relay_dial(to);
        if (inner < 0)
            close(outer);
        else
            pair_up(l, outer, inner);
    }
}

int relay_poll(int listening, const struct addr *to, const struct mover *mover)
{
    struct epoll_event ev[EVENTS], first = {.events = EPOLLIN};
    struct loop l = {.epoll = epoll_create1(EPOLL_CLOEXEC), .mover = mover};

    if (l.epoll < 0 || epoll_ctl(l.epoll, EPOLL_CTL_ADD, listening, &first))
        return -errno;
    for (;;) {
        int n = epoll_wait(l.epoll, ev, EVENTS, -1);

        check(n >= 0 || errno == EINTR);
        for (int i = 0; i < n; i++) {
            if (ev[i].data.ptr)
                work(&l, ev[i].data.ptr, ev[i].events);
            else
                take(&l, listening, to);
        }
        bury(&l);
    }
}
