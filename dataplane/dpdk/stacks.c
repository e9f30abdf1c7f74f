#include "dataplane/dpdk/stacks.h"

#include <errno.h>
#include <stdlib.h>
#include "dataplane/base/check.h"
#include "dataplane/dpdk/port.h"

/* dpdk.mk makes loop_engine() of each copy known under these names. */
#define COPY(i)   const struct engine *loop_engine_##i(struct ports *ports);
#define COPIES(X) X(0) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
#define NAME(i)   loop_engine_##i,

COPIES(COPY)

static const struct engine *(*const copies[])(struct ports *ports) = {COPIES(NAME)};

_Static_assert(sizeof copies / sizeof copies[0] == POLICY_LCORES_MAX, "a copy for each worker");

struct stack {
    const struct engine *engine;
    void *self;
};

/* Set by main before any thread. */
static struct ports *all_ports;

static int stack_init(void *self, struct worker *w, struct err *e)
{
    unsigned i = w->index - w->shared->first_worker;
    struct stack *s = self;

    check(i < POLICY_LCORES_MAX);
    s->engine = copies[i](&all_ports[i]);
    s->self = calloc(1, s->engine->size);
    if (!s->self)
        return err_set(e, -ENOMEM, "/dpdk", "free memory", "out of memory");
    return s->engine->init(s->self, w, e);
}

static void stack_run(void *self)
{
    struct stack *s = self;

    s->engine->run(s->self);
}

static void stack_fini(void *self)
{
    struct stack *s = self;

    s->engine->fini(s->self);
    free(s->self);
}

const struct engine *stacks_engine(struct ports *ports)
{
    static const struct engine engine = {
        .size = sizeof(struct stack), .init = stack_init, .run = stack_run, .fini = stack_fini};

    all_ports = ports;
    return &engine;
}
