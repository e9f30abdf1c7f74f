#include "perf/load/crew.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "perf/load/wire.h"

#define IN_SIZE     (256u << 10)
#define PAUSE_MS    10   /* a failed slot rests as long: a refusing gateway is not hammered */
#define CLOSING_MS  50   /* from the gateway's close_notify to its FIN */
#define ENDING_MS   2000 /* for the answer to ours */
#define EVENTS      256
#define WAIT_MAX_NS 200000000ull
#define READY_NS    2000000ull

static const struct mode *const table[LOAD_MODES] = {
    [LOAD_HANDSHAKES] = &mode_handshakes, [LOAD_CHURN] = &mode_churn, [LOAD_BULK] = &mode_bulk,
    [LOAD_ROUNDTRIP] = &mode_trip,        [LOAD_FANIN] = &mode_trip,  [LOAD_IDLE] = &mode_idle,
};

uint64_t crew_now_ns(void)
{
    struct timespec t;

    check(clock_gettime(CLOCK_MONOTONIC, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t cpu_ns(void)
{
    struct timespec t;

    check(clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t) == 0);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint32_t crew_share(uint32_t total, uint32_t which, uint32_t of)
{
    return total / of + (which < total % of);
}

void crew_record(struct crew *c, struct hist *h, uint64_t due_ns)
{
    uint64_t now = crew_now_ns();

    if (c->go_ns && due_ns >= c->begin_ns && due_ns < c->end_ns)
        hist_add(h, now > due_ns ? now - due_ns : 0);
}

void crew_deadline(struct crew *c, struct stream *s)
{
    timers_set(&c->timers, &s->timer, clock_mono_ms() + c->o->timeout_ms);
}

static void set_open(struct crew *c, uint32_t open)
{
    c->open = open;
    atomic_store(&c->tally->open, open);
    c->tally->most_open = open > c->tally->most_open ? open : c->tally->most_open;
}

/* The slot is empty, or pauses first. */
static void release(struct crew *c, struct stream *s, bool failed)
{
    bool established = s->state == STREAM_OPEN || s->state == STREAM_ENDING;

    timers_cancel(&c->timers, &s->timer);
    list_remove(&s->node);
    if (established) {
        set_open(c, c->open - 1);
        if (c->mode->gone)
            c->mode->gone(c, s, failed);
    } else {
        c->under_way--;
    }
    stream_fini(s, failed || !s->eof);
    if (failed) {
        s->state = STREAM_PAUSED;
        timers_set(&c->timers, &s->timer, clock_mono_ms() + PAUSE_MS);
    } else {
        list_push(&c->free, &s->node);
    }
}

static void fail(struct crew *c, struct stream *s, enum fault f)
{
    c->env.counts->faults[f]++;
    release(c, s, true);
}

static void close_well(struct crew *c, struct stream *s)
{
    c->env.counts->closed++;
    release(c, s, false);
}

bool crew_attempt(struct crew *c, uint64_t due_ns)
{
    const struct options *o = c->o;
    uint64_t number = c->started * o->processes + c->which;
    const struct addr *source = o->n_sources ? &o->sources[number % o->n_sources] : NULL;
    struct stream *s;
    enum fault f;

    if (list_empty(&c->free))
        return false;
    s = list_entry(c->free.next, struct stream, node);
    list_remove(&s->node);
    s->due_ns = due_ns;
    c->started++;
    c->under_way++;
    c->env.counts->attempts++;
    f = stream_start(&c->env, s, o->plain ? NULL : creds_session(c->creds, number), &o->address,
                     source);
    if (f)
        fail(c, s, f);
    else
        crew_deadline(c, s);
    return true;
}

/* The handshake is done: ask the backend for what the mode needs. */
static void send_task(struct crew *c, struct stream *s)
{
    struct task t = {.kind = TASK_ANSWER, .request = 1, .response = 1};
    uint8_t bytes[TASK_SIZE];

    c->env.counts->handshakes++;
    crew_record(c, &c->tally->shake, s->due_ns);
    if (c->mode->task)
        c->mode->task(c->o, &t);
    task_put(&t, bytes);
    stream_put(&c->env, s, bytes, sizeof(bytes));
}

static void greeted(struct crew *c, struct stream *s)
{
    s->state = STREAM_OPEN;
    timers_cancel(&c->timers, &s->timer);
    c->under_way--;
    c->env.counts->established++;
    set_open(c, c->open + 1);
    crew_record(c, &c->tally->ready, s->due_ns);
    if (c->mode->opened)
        c->mode->opened(c, s);
}

static void on_content(void *arg, struct stream *s, const uint8_t *data, size_t n)
{
    struct crew *c = arg;

    if (s->state == STREAM_GREETING && n) {
        greeted(c, s);
        data++;
        n--;
    }
    s->received += n;
    if (n && c->mode->content)
        c->mode->content(c, s, data, n);
}

static void end(struct crew *c, struct stream *s)
{
    if (s->state == STREAM_ENDING)
        return;
    stream_end(&c->env, s);
}

static void on_event(struct crew *c, struct stream *s, uint32_t events)
{
    enum stream_state before = s->state;
    enum fault f = stream_work(&c->env, s, events);

    if (f) {
        fail(c, s, f);
        return;
    }
    if (before < STREAM_GREETING && s->state == STREAM_GREETING)
        send_task(c, s);
    if (s->state == STREAM_OPEN && s->eager && (events & EPOLLOUT) && stream_drained(s) &&
        c->mode->writable)
        c->mode->writable(c, s);
    if (s->state == STREAM_ENDING && s->eof) {
        close_well(c, s);
    } else if (s->state == STREAM_ENDING && before != STREAM_ENDING) {
        timers_set(&c->timers, &s->timer, clock_mono_ms() + ENDING_MS);
    } else if (s->state == STREAM_ENDING && s->peer_closed) {
        timers_set(&c->timers, &s->timer, clock_mono_ms() + CLOSING_MS);
    }
}

static void on_timers(struct crew *c)
{
    uint64_t now = clock_mono_ms();
    struct timer *t;

    while ((t = timers_pop(&c->timers, now))) {
        struct stream *s = list_entry(t, struct stream, timer);

        if (s->state == STREAM_PAUSED) {
            s->state = STREAM_FREE;
            list_push(&c->free, &s->node);
        } else if (s->state == STREAM_ENDING && s->peer_closed) {
            close_well(c, s);
        } else {
            fail(c, s, stream_late(s));
        }
    }
}

/* Each held session has one attempt; many failures end the setup, for they will not get fewer. */
static void set_up(struct crew *c)
{
    uint64_t failed = counts_faults(c->env.counts);
    bool hopeless = failed > 16 + c->sessions / 4;

    while (c->mode->held && !hopeless && c->started < c->sessions && c->under_way < c->concurrency)
        if (!crew_attempt(c, crew_now_ns()))
            break;
    if (c->under_way || (c->mode->held && !hopeless && c->started < c->sessions))
        return;
    c->tally->setup_ns = crew_now_ns() - c->tally->setup_ns;
    c->step = STEP_READY;
}

static void set_out(struct crew *c)
{
    c->go_ns = atomic_load(&c->tally->go_ns);
    if (!c->go_ns || crew_now_ns() < c->go_ns) {
        c->go_ns = 0;
        return;
    }
    c->begin_ns = c->go_ns + c->o->warmup_ms * 1000000;
    c->end_ns = c->begin_ns + c->o->duration_ms * 1000000;
    if (c->o->rate > 0)
        pace_start(&c->pace, c->go_ns, c->o->rate, c->which, c->o->processes);
    c->step = STEP_RUN;
    if (c->mode->begin)
        c->mode->begin(c);
}

static void run(struct crew *c)
{
    uint64_t now = crew_now_ns();

    if (!c->measuring && now >= c->begin_ns) {
        c->measuring = true;
        c->tally->begin = c->tally->all;
        c->cpu_begin_ns = cpu_ns();
        c->tally->window_ns = now;
    }
    if (now >= c->end_ns) {
        c->tally->end = c->tally->all;
        c->tally->cpu_ns = cpu_ns() - c->cpu_begin_ns;
        c->tally->window_ns = now - c->tally->window_ns;
        c->drain_ns = now + CREW_DRAIN_MS * 1000000ull;
        c->step = STEP_DRAIN;
    }
    if (c->mode->turn)
        c->mode->turn(c);
}

/* What is owed comes first, then every session ends, then the run does. */
static void drain(struct crew *c)
{
    bool late = crew_now_ns() >= c->drain_ns;

    if (!late && c->mode->turn)
        c->mode->turn(c);
    if (!late && c->mode->quiet && !c->mode->quiet(c))
        return;
    for (uint32_t i = 0; !late && i < c->count; i++) {
        struct stream *s = &c->streams[i];

        if (s->state != STREAM_OPEN || (!c->mode->held && s->wanted))
            continue;
        end(c, s);
        timers_set(&c->timers, &s->timer, clock_mono_ms() + ENDING_MS);
    }
    if (late || (!c->open && !c->under_way))
        c->step = STEP_DONE;
}

static void step(struct crew *c)
{
    static void (*const steps[])(struct crew *) = {
        [STEP_SETUP] = set_up,
        [STEP_READY] = set_out,
        [STEP_RUN] = run,
        [STEP_DRAIN] = drain,
    };

    if (c->step < STEP_DONE)
        steps[c->step](c);
    atomic_store(&c->tally->step, c->step);
}

/* How long the loop may sleep. */
static uint64_t wait_ns(const struct crew *c)
{
    uint64_t now = crew_now_ns(), next = now + WAIT_MAX_NS, mode_next;
    uint64_t timer = timers_wait_ms(&c->timers, clock_mono_ms(), WAIT_MAX_NS / 1000000);

    if (c->step == STEP_READY)
        return READY_NS;
    if (timer < WAIT_MAX_NS / 1000000)
        next = now + timer * 1000000;
    if (c->step == STEP_RUN) {
        uint64_t edge = c->measuring ? c->end_ns : c->begin_ns;

        next = edge < next ? edge : next;
    }
    if (c->step == STEP_DRAIN && c->drain_ns < next)
        next = c->drain_ns;
    if ((c->step == STEP_RUN || c->step == STEP_DRAIN) && c->mode->next_ns) {
        mode_next = c->mode->next_ns(c);
        next = mode_next < next ? mode_next : next;
    }
    return next > now ? next - now : 0;
}

static void loop(struct crew *c)
{
    struct epoll_event ev[EVENTS];

    while (c->step != STEP_DONE) {
        uint64_t ns = wait_ns(c);
        int n = wire_wait(c->env.wire, ev, EVENTS, ns);

        for (int i = 0; i < n; i++)
            on_event(c, ev[i].data.ptr, ev[i].events);
        on_timers(c);
        step(c);
    }
}

static int init(struct crew *c)
{
    c->mode = table[c->o->mode];
    c->sessions = crew_share(c->o->sessions, c->which, c->o->processes);
    c->concurrency = crew_share(c->o->concurrency, c->which, c->o->processes);
    c->concurrency = c->concurrency ? c->concurrency : 1;
    c->count = c->mode->held ? c->sessions : c->concurrency;
    list_init(&c->free);
    list_init(&c->rest);
    c->env = (struct stream_env){.wire = wire_begin(),
                                 .plain = c->o->plain,
                                 .counts = &c->tally->all,
                                 .in = malloc(IN_SIZE),
                                 .n_in = IN_SIZE,
                                 .content = on_content,
                                 .arg = c};
    c->streams = calloc(c->count + 1, sizeof(*c->streams));
    for (uint32_t i = 0; c->streams && i < c->count; i++)
        c->streams[i].fd = -1;
    if (c->env.wire < 0 || !c->env.in || !c->streams || timers_init(&c->timers, c->count + 1))
        return -ENOMEM;
    for (uint32_t i = 0; i < c->count; i++)
        list_push(&c->free, &c->streams[i].node);
    c->tally->setup_ns = crew_now_ns();
    return 0;
}

static void fini(struct crew *c)
{
    for (uint32_t i = 0; c->streams && i < c->count; i++)
        stream_fini(&c->streams[i], true);
    timers_fini(&c->timers);
    free(c->streams);
    free(c->env.in);
    wire_end(c->env.wire);
}

int crew_run(const struct options *o, struct creds *creds, struct tally *tally, uint32_t which)
{
    struct crew *c = calloc(1, sizeof(*c));
    int rc;

    if (!c)
        return -ENOMEM;
    prctl(PR_SET_TIMERSLACK, 1000); /* requests leave when they are due, not 50 us later */
    *c = (struct crew){.o = o, .creds = creds, .tally = tally, .which = which};
    rc = init(c);
    if (!rc) {
        loop(c);
        c->tally->unfinished = c->open + c->under_way;
        if (c->mode->settle)
            c->mode->settle(c);
    } else {
        fprintf(stderr, "penstock-load: no memory or descriptors for %u sessions\n", c->count);
    }
    fini(c);
    free(c);
    return rc;
}
