#include "perf/load/serving.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"
#include "perf/load/wire.h"

#define DROP_SIZE (1u << 20)
#define IN_SIZE   (256u << 10)
#define PATIENCE  (128 << 10)

static const uint8_t any[IN_SIZE]; /* what a source sends */

struct serving {
    int fd;
    bool tasked, flowing, eof; /* flowing: a source that was told to begin */
    uint32_t interest;
    struct task task;
    uint8_t head[TASK_SIZE];
    size_t n_head;
    uint64_t got;   /* bytes behind the task */
    uint64_t asked; /* of a request that is not whole */
    uint64_t owed;  /* bytes of answers, any bytes */
    uint8_t *kept;  /* bytes to be sent as they are, [from, to) */
    size_t from, to;
};

int serving_env_init(struct serving_env *env, int wire, const char *answer)
{
    static const struct {
        const char *name;
        enum task_kind kind;
    } fixed[] = {{"echo", TASK_ECHO}, {"discard", TASK_DISCARD}, {"source", TASK_SOURCE}};

    *env = (struct serving_env){.wire = wire, .in = calloc(1, IN_SIZE)};
    if (!env->in)
        return -ENOMEM;
    for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
        if (!strcmp(answer, fixed[i].name))
            env->fix.kind = fixed[i].kind;
    return 0;
}

static void end(struct serving *s)
{
    wire_close(s->fd, false);
    free(s->kept);
    free(s);
}

static bool sends(const struct serving *s)
{
    return s->from < s->to || s->owed || (s->flowing && !s->eof);
}

/* Reading waits while an echo is not sent: its bytes have no other place. */
static void want(const struct serving_env *env, struct serving *s)
{
    bool full = s->task.kind == TASK_ECHO && s->from < s->to;
    uint32_t events = (sends(s) ? EPOLLOUT : 0u) | (full || s->eof ? 0u : EPOLLIN);

    if (events == s->interest)
        return;
    wire_want(env->wire, s->fd, events, s);
    s->interest = events;
}

void serving_new(struct serving_env *env, int fd)
{
    struct serving *s = calloc(1, sizeof(*s));

    if (!s || !wire_watch(env->wire, fd, EPOLLIN, s)) {
        wire_close(fd, false);
        free(s);
        return;
    }
    s->fd = fd;
    s->interest = EPOLLIN;
    s->task = env->fix;
    s->tasked = env->fix.kind != 0;
    s->flowing = env->fix.kind == TASK_SOURCE;
    want(env, s);
}

/* Bytes to send as they are; there is room for them behind what waits. False: no memory. */
static bool keep(struct serving *s, const void *data, size_t n)
{
    uint8_t *grown = realloc(s->kept, s->to + n);

    if (!grown)
        return false;
    memcpy(grown + s->to, data, n);
    s->kept = grown;
    s->to += n;
    return true;
}

static bool is_over(ssize_t n)
{
    return n < 0 && n != -EAGAIN && n != -EINTR;
}

/* Send what can be sent; false: the connection is broken. */
static bool send_some(const struct serving_env *env, struct serving *s)
{
    ssize_t n = 0;

    while (s->from < s->to && n >= 0) {
        n = wire_send(s->fd, s->kept + s->from, s->to - s->from);
        s->from += n > 0 ? (size_t)n : 0;
    }
    if (s->from == s->to && s->to) {
        free(s->kept);
        s->kept = NULL;
        s->from = s->to = 0;
    }
    while (s->owed && n >= 0) {
        n = wire_send(s->fd, env->in, s->owed < IN_SIZE ? s->owed : IN_SIZE);
        s->owed -= n > 0 ? (uint64_t)n : 0;
    }
    if (s->flowing && !s->eof && n >= 0)
        n = wire_send_fixed(s->fd, any, sizeof any);
    return !is_over(n);
}

/* In bulk few wake-ups do: the gateway that sends would pay for them. A stream's end wakes too. */
static void be_patient(const struct serving *s)
{
    if (s->task.kind == TASK_DISCARD || s->task.kind == TASK_BOTH)
        wire_patient(s->fd, PATIENCE);
}

/* The first bytes say what to do. False: they do not. */
static bool read_task(struct serving *s)
{
    static const uint8_t greeting[1] = {TASK_GREETING};
    ssize_t n = wire_recv(s->fd, s->head + s->n_head, TASK_SIZE - s->n_head);

    if (n == 0 || is_over(n))
        return false;
    s->n_head += n > 0 ? (size_t)n : 0;
    if (s->n_head < TASK_SIZE)
        return true;
    s->tasked = true;
    if (task_get(&s->task, s->head))
        return false;
    be_patient(s);
    return keep(s, greeting, 1);
}

static bool took(struct serving *s, const uint8_t *data, size_t n)
{
    s->got += n;
    s->flowing |= s->task.kind == TASK_SOURCE || s->task.kind == TASK_BOTH;
    if (s->task.kind == TASK_ECHO)
        return keep(s, data, n);
    if (s->task.kind == TASK_ANSWER) {
        s->asked += n;
        s->owed += s->asked / s->task.request * s->task.response;
        s->asked %= s->task.request;
    }
    return true;
}

/* The stream ended: one that asked to be discarded gets its receipt. */
static bool ended(struct serving *s)
{
    uint8_t receipt[TASK_RECEIPT];
    struct buf b;

    s->eof = true;
    if (s->task.kind != TASK_DISCARD || s->n_head < TASK_SIZE)
        return true;
    buf_init(&b, receipt, sizeof(receipt));
    buf_put_u64(&b, s->got);
    return keep(s, receipt, sizeof(receipt));
}

static bool read_some(const struct serving_env *env, struct serving *s)
{
    bool echo = s->task.kind == TASK_ECHO;
    ssize_t n;

    if (!s->tasked)
        return read_task(s);
    n = echo ? wire_recv(s->fd, env->in, IN_SIZE) : wire_drop(s->fd, DROP_SIZE);
    if (n == 0)
        return ended(s);
    if (n < 0)
        return !is_over(n);
    return took(s, env->in, (size_t)n);
}

void serving_work(struct serving_env *env, struct serving *s, uint32_t events)
{
    bool well = true;

    if (events & (EPOLLIN | EPOLLHUP | EPOLLERR) && !s->eof)
        well = read_some(env, s);
    well = well && !((events & EPOLLERR) && s->eof) && send_some(env, s);
    if (!well || (s->eof && !sends(s)))
        end(s);
    else
        want(env, s);
}
