#include "perf/load/task.h"

#include <errno.h>
#include <string.h>
#include "dataplane/base/buf.h"
#include "dataplane/base/check.h"

static const char magic[4] = {'P', 'S', 'L', '1'};

void task_put(const struct task *t, uint8_t out[TASK_SIZE])
{
    struct buf b;

    buf_init(&b, out, TASK_SIZE);
    buf_put_bytes(&b, magic, sizeof(magic));
    buf_put_u32(&b, t->kind);
    buf_put_u32(&b, t->request);
    buf_put_u32(&b, t->response);
    check(buf_ok(&b) && b.len == TASK_SIZE);
}

int task_get(struct task *t, const uint8_t in[TASK_SIZE])
{
    const uint8_t *start;
    struct task made;
    struct buf b;
    uint32_t kind;

    buf_init_read(&b, in, TASK_SIZE);
    start = buf_get_bytes(&b, sizeof(magic));
    kind = buf_get_u32(&b);
    made.request = buf_get_u32(&b);
    made.response = buf_get_u32(&b);
    if (!buf_done(&b) || memcmp(start, magic, sizeof(magic)) || kind < TASK_ANSWER ||
        kind > TASK_ECHO || (kind == TASK_ANSWER && !made.request))
        return -EPROTO;
    made.kind = (enum task_kind)kind;
    *t = made;
    return 0;
}
