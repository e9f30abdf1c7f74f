/*
 * bulk: as many bytes as go, through held sessions, up, down or both ways at once. Records are
 * full ones, several of them a write while sessions are few, one while they are many, for each
 * session that waits for room keeps its buffer. A session's turn is as long with many as with few:
 * a client on a machine of its own sends what the gateway's window lets it.
 */
#include <string.h>
#include "dataplane/base/buf.h"
#include "perf/load/crew.h"

#define FEW        64
#define MANY       1000
#define BATCH_FEW  (16 * RECORD_PLAIN_MAX)
#define BATCH_SOME (4 * RECORD_PLAIN_MAX)
#define BATCH_MANY RECORD_PLAIN_MAX
#define TURN       BATCH_FEW
#define PATIENCE   (128 << 10)

static void task(const struct options *o, struct task *t)
{
    static const enum task_kind kinds[] = {[DIRECTION_UP] = TASK_DISCARD,
                                           [DIRECTION_DOWN] = TASK_SOURCE,
                                           [DIRECTION_BOTH] = TASK_BOTH};

    *t = (struct task){.kind = kinds[o->direction]};
}

static void begin(struct crew *c)
{
    for (uint32_t i = 0; i < c->count; i++) {
        struct stream *s = &c->streams[i];

        if (s->state != STREAM_OPEN)
            continue;
        if (c->o->direction != DIRECTION_UP)
            stream_patient(s, PATIENCE);
        if (c->o->direction == DIRECTION_DOWN)
            stream_put(&c->env, s, "s", 1);
        else
            stream_eager(&c->env, s, true);
    }
}

static void writable(struct crew *c, struct stream *s)
{
    size_t n = c->sessions <= FEW ? BATCH_FEW : c->sessions < MANY ? BATCH_SOME : BATCH_MANY;

    if (c->step != STEP_RUN)
        return;
    for (size_t put = 0; put < TURN && s->eager && stream_drained(s); put += n)
        stream_put(&c->env, s, NULL, n);
}

static void content(struct crew *c, struct stream *s, const uint8_t *data, size_t n)
{
    size_t room = sizeof(s->receipt) - s->n_receipt;

    if (c->o->direction != DIRECTION_UP)
        return;
    n = n < room ? n : room;
    memcpy(s->receipt + s->n_receipt, data, n);
    s->n_receipt += (uint8_t)n;
}

/* Whoever gave a receipt must have got all. */
static void gone(struct crew *c, struct stream *s, bool failed)
{
    struct buf b;

    if (failed || s->n_receipt != sizeof(s->receipt))
        return;
    buf_init_read(&b, s->receipt, sizeof(s->receipt));
    if (buf_get_u64(&b) == s->sent)
        c->env.counts->receipts++;
    else
        c->env.counts->faults[FAULT_LOST_BYTES]++;
}

const struct mode mode_bulk = {.held = true,
                               .task = task,
                               .begin = begin,
                               .writable = writable,
                               .content = content,
                               .gone = gone};
