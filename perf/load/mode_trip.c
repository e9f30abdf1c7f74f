/*
 * roundtrip and fanin: requests and answers over held sessions, each session in turn. At a rate,
 * latency counts from when a request was due, also if no session was free to take it then.
 */
#include "perf/load/crew.h"

static void task(const struct options *o, struct task *t)
{
    *t = (struct task){.kind = TASK_ANSWER, .request = o->size, .response = o->size};
}

static void opened(struct crew *c, struct stream *s)
{
    list_push(&c->rest, &s->node);
}

static void ask(struct crew *c, uint64_t due_ns)
{
    struct stream *s = list_entry(c->rest.next, struct stream, node);

    list_remove(&s->node);
    s->due_ns = due_ns;
    s->wanted = c->o->size;
    c->requests++;
    crew_deadline(c, s);
    stream_put(&c->env, s, NULL, c->o->size);
}

/* At a rate, what was due before the window's end is still sent after it. */
static void turn(struct crew *c)
{
    uint64_t due;

    while (!list_empty(&c->rest)) {
        uint64_t now = crew_now_ns();

        if (c->o->rate > 0) {
            if (!pace_take(&c->pace, now < c->end_ns ? now : c->end_ns - 1, &due))
                return;
            ask(c, due);
        } else {
            if (c->step != STEP_RUN || c->requests >= c->concurrency)
                return;
            ask(c, now);
        }
    }
}

static uint64_t next_ns(const struct crew *c)
{
    uint64_t next;

    if (!(c->o->rate > 0) || list_empty(&c->rest))
        return UINT64_MAX;
    next = pace_next_ns(&c->pace);
    return next < c->end_ns ? next : UINT64_MAX;
}

static void content(struct crew *c, struct stream *s, const uint8_t *data, size_t n)
{
    (void)data;
    if (!s->wanted)
        return;
    s->wanted -= n < s->wanted ? (uint32_t)n : s->wanted;
    if (s->wanted)
        return;
    timers_cancel(&c->timers, &s->timer);
    c->env.counts->exchanges++;
    c->requests--;
    crew_record(c, &c->tally->trip, s->due_ns);
    list_push(&c->rest, &s->node);
}

/* A request that gets no answer took at least as long as until now. */
static void unanswered(struct crew *c, uint64_t due_ns)
{
    if (due_ns >= c->begin_ns && due_ns < c->end_ns)
        c->tally->unanswered++;
    crew_record(c, &c->tally->trip, due_ns);
}

static void gone(struct crew *c, struct stream *s, bool failed)
{
    (void)failed;
    if (!s->wanted)
        return;
    c->requests--;
    unanswered(c, s->due_ns);
}

static bool quiet(const struct crew *c)
{
    return !c->requests && (!(c->o->rate > 0) || !c->open || pace_next_ns(&c->pace) >= c->end_ns);
}

static void settle(struct crew *c)
{
    uint64_t due;

    for (uint32_t i = 0; i < c->count; i++)
        if (c->streams[i].wanted)
            unanswered(c, c->streams[i].due_ns);
    while (c->o->rate > 0 && c->go_ns && pace_take(&c->pace, c->end_ns - 1, &due))
        unanswered(c, due);
}

const struct mode mode_trip = {.held = true,
                               .task = task,
                               .turn = turn,
                               .next_ns = next_ns,
                               .opened = opened,
                               .content = content,
                               .gone = gone,
                               .quiet = quiet,
                               .settle = settle};

/* idle: the sessions are all there is. */
const struct mode mode_idle = {.held = true};
