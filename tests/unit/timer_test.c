/* timer: does the heap give deadlines back in order, whatever was set, moved and cancelled? */
#include "dataplane/base/timer.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

TEST("timers come out by deadline, whatever the order they were set in")
{
    static const uint64_t due[] = {50, 10, 40, 20, 30};
    struct timer tm[5] = {0};
    struct timers t;

    EXPECT(timers_init(&t, 5) == 0);
    for (size_t i = 0; i < 5; i++)
        timers_set(&t, &tm[i], due[i]);
    for (uint64_t now = 10; now <= 50; now += 10) {
        struct timer *first = timers_pop(&t, now);

        EXPECT(first && first->due_ms == now && first->slot == 0);
        EXPECT(timers_pop(&t, now) == NULL);
    }
    EXPECT(t.count == 0);
    timers_fini(&t);
}

TEST("a timer is due at its deadline and not a millisecond earlier")
{
    struct timer tm = {0};
    struct timers t;

    EXPECT(timers_init(&t, 1) == 0);
    timers_set(&t, &tm, 1000);
    EXPECT(timers_pop(&t, 999) == NULL);
    EXPECT(timers_pop(&t, 1000) == &tm);
    timers_fini(&t);
}

TEST("setting a pending timer again moves it, both ways, and takes no more room")
{
    struct timer a = {0}, b = {0};
    struct timers t;

    EXPECT(timers_init(&t, 2) == 0);
    timers_set(&t, &a, 10);
    timers_set(&t, &b, 20);
    timers_set(&t, &a, 30);
    EXPECT(t.count == 2 && timers_pop(&t, 100) == &b);
    timers_set(&t, &b, 40);
    timers_set(&t, &b, 5);
    EXPECT(timers_pop(&t, 100) == &b && timers_pop(&t, 100) == &a);
    timers_fini(&t);
}

TEST("a cancelled timer never comes out, and cancelling it twice is harmless")
{
    struct timer a = {0}, b = {0};
    struct timers t;

    EXPECT(timers_init(&t, 2) == 0);
    timers_set(&t, &a, 1);
    timers_set(&t, &b, 2);
    timers_cancel(&t, &a);
    timers_cancel(&t, &a);
    EXPECT(timers_pop(&t, 100) == &b && timers_pop(&t, 100) == NULL);
    timers_fini(&t);
}

TEST("the wait is the time to the next deadline, within the limit asked for")
{
    struct timer tm = {0};
    struct timers t;

    EXPECT(timers_init(&t, 1) == 0);
    EXPECT(timers_wait_ms(&t, 5, 700) == 700);
    timers_set(&t, &tm, 1000);
    EXPECT(timers_wait_ms(&t, 400, 700) == 600);
    EXPECT(timers_wait_ms(&t, 100, 700) == 700);
    EXPECT(timers_wait_ms(&t, 1000, 700) == 0);
    EXPECT(timers_wait_ms(&t, 2000, 700) == 0);
    timers_fini(&t);
}

enum { MODEL = 200 };

/* The earliest pending timer of the model, or NULL. */
static struct timer *model_first(struct timer *tm, const uint64_t *due)
{
    struct timer *first = NULL;

    for (size_t i = 0; i < MODEL; i++) {
        if (due[i] && (!first || due[i] < first->due_ms))
            first = &tm[i];
    }
    return first;
}

TEST("20,000 random changes leave the heap in step with a plain list")
{
    struct timer tm[MODEL] = {0};
    uint64_t due[MODEL] = {0}; /* 0: not pending */
    unsigned seed = 1;
    struct timers t;

    EXPECT(timers_init(&t, MODEL) == 0);
    for (int step = 0; step < 20000; step++) {
        size_t i = (size_t)rand_r(&seed) % MODEL;
        struct timer *want, *got;

        if (rand_r(&seed) % 3) {
            due[i] = 1 + (uint64_t)rand_r(&seed) % 1000;
            timers_set(&t, &tm[i], due[i]);
        } else {
            due[i] = 0;
            timers_cancel(&t, &tm[i]);
        }
        if (step % 4)
            continue;
        want = model_first(tm, due);
        got = timers_pop(&t, UINT64_MAX);
        EXPECT(!want == !got && (!got || got->due_ms == want->due_ms));
        if (got)
            due[got - tm] = 0;
    }
    timers_fini(&t);
}

TEST("one timer more than there is room for ends the process")
{
    int status = 0;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct timer tm[2] = {0};
        struct rlimit no_core = {0, 0};
        struct timers t;

        setrlimit(RLIMIT_CORE, &no_core);
        close(STDERR_FILENO);
        if (timers_init(&t, 1) == 0) {
            timers_set(&t, &tm[0], 1);
            timers_set(&t, &tm[1], 1);
        }
        _exit(0);
    }
    EXPECT(waitpid(pid, &status, 0) == pid);
    EXPECT(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

int main(void)
{
    return test_run();
}
