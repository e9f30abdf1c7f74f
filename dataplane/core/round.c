#include "dataplane/core/round.h"

#include "dataplane/base/clock.h"
#include "dataplane/core/legs.h"
#include "dataplane/core/pump.h"

#define QUIET_MS 2000 /* after this an idle leg gives its expanded keys back */

static void round_timers(struct worker *w)
{
    struct timer *tm;

    while ((tm = timers_pop(&w->timers, w->now_ms)))
        session_timer(list_entry(tm, struct session, timer));
}

/*
 * Those that are ready again after their turn wait for the next round, and the others too as soon
 * as somebody has an event: thousands in bulk are not in front of one message.
 */
static void round_turns(struct worker *w)
{
    struct list turn;

    list_init(&turn);
    list_join(&turn, &w->ready);
    while (!list_empty(&turn)) {
        struct list *first = turn.next;

        list_remove(first);
        pump_turn(w, list_entry(first, struct session, node));
        if (w->net->awaited(w))
            break;
    }
    list_join(&w->ready, &turn);
}

static void round_bury(struct worker *w)
{
    struct list *pos, *tmp;

    list_for_each_safe(pos, tmp, &w->dead)
    {
        struct session *s = list_entry(pos, struct session, node);

        for (int i = 0; i < 2; i++)
            if (s->leg[i].fd >= 0)
                w->net->hang_up(w, &s->leg[i]);
        session_gone(s);
    }
}

/* Most of what a storm brings is gone before these would matter: it goes without the calls. */
static void options_of_lasting(struct session *s)
{
    const struct policy_link *l = s->link->policy;

    for (int i = 0; i < 2; i++)
        s->worker->net->options(s->worker, &s->leg[i], l->keepalive_s, l->user_timeout_s);
    s->lasting = true;
}

static void tick_session(struct session *s)
{
    if (s->state != SESSION_PUMPING)
        return;
    if (!s->lasting)
        options_of_lasting(s);
    if (s->active_ms + QUIET_MS > s->worker->now_ms)
        return;
    for (int i = 0; i < 2; i++)
        if (leg_seals(&s->leg[i])) {
            seal_idle(&s->leg[i].rx);
            seal_idle(&s->leg[i].tx);
        }
}

void round_clock(struct worker *w)
{
    w->now_ms = clock_mono_ms();
    if (w->now_ms < w->tick_ms)
        return;
    w->tick_ms = w->now_ms + ROUND_TICK_MS;
    w->wall_s = clock_wall_s();
    worker_each_session(w, tick_session);
    if (!w->checking)
        worker_check_begin(w); /* certificates end by the clock too */
}

void round_end(struct worker *w)
{
    round_timers(w);
    round_turns(w);
    if (w->checking)
        worker_check_turn(w);
    notices_flush(&w->notices);
    round_bury(w);
}

uint64_t round_wait_ms(const struct worker *w)
{
    if (!list_empty(&w->ready) || !list_empty(&w->dead) || w->checking)
        return 0;
    return timers_wait_ms(&w->timers, w->now_ms, ROUND_TICK_MS);
}
