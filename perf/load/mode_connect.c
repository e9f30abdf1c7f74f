/*
 * The modes that connect again and again: handshakes (ended as soon as the backend has greeted) and
 * churn (one exchange first). A slot begins its next attempt when its session is gone for good.
 */
#include "perf/load/crew.h"

/* Fill the free slots, at the rate asked for if there is one. */
static void turn(struct crew *c)
{
    uint64_t due = crew_now_ns();

    while (c->step == STEP_RUN && !list_empty(&c->free)) {
        if (c->o->rate > 0 && !pace_take(&c->pace, crew_now_ns(), &due))
            break;
        if (!crew_attempt(c, due))
            break;
    }
}

static uint64_t next_ns(const struct crew *c)
{
    if (c->step != STEP_RUN || list_empty(&c->free))
        return UINT64_MAX;
    return c->o->rate > 0 ? pace_next_ns(&c->pace) : 0;
}

static void end_at_once(struct crew *c, struct stream *s)
{
    stream_end(&c->env, s);
}

/* Attempts that were due in the window and never found a free slot. */
static void settle(struct crew *c)
{
    uint64_t due;

    while (c->o->rate > 0 && c->go_ns && pace_take(&c->pace, c->end_ns - 1, &due)) {
        if (due < c->begin_ns)
            continue;
        c->tally->unanswered++;
        crew_record(c, &c->tally->ready, due);
    }
}

static void exchange_task(const struct options *o, struct task *t)
{
    *t = (struct task){.kind = TASK_ANSWER, .request = o->size, .response = o->size};
}

static void ask(struct crew *c, struct stream *s)
{
    s->wanted = c->o->size;
    crew_deadline(c, s);
    stream_put(&c->env, s, NULL, c->o->size);
}

static void answered(struct crew *c, struct stream *s, const uint8_t *data, size_t n)
{
    (void)data;
    if (!s->wanted)
        return;
    s->wanted -= n < s->wanted ? (uint32_t)n : s->wanted;
    if (s->wanted)
        return;
    c->env.counts->exchanges++;
    crew_record(c, &c->tally->trip, s->due_ns);
    stream_end(&c->env, s);
}

const struct mode mode_handshakes = {
    .turn = turn, .next_ns = next_ns, .opened = end_at_once, .settle = settle};

const struct mode mode_churn = {.task = exchange_task,
                                .turn = turn,
                                .next_ns = next_ns,
                                .opened = ask,
                                .content = answered,
                                .settle = settle};
