/* journal: are log lines kept in order and in bounds, and is what a slow reader missed counted? */
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "dataplane/base/logtap.h"
#include "mgmt/journal.h"
#include "tests/unit/test.h"

static void add_lines(struct journal *j, unsigned from, unsigned to)
{
    char line[64];

    for (unsigned i = from; i < to; i++)
        journal_add(j, line, (size_t)snprintf(line, sizeof line, "line %u of many\n", i));
}

/* The number in the next line, whose length goes to *n. */
static unsigned number(const struct journal *j, struct journal_at *at, size_t *n)
{
    const char *line = journal_next(j, at, n);
    unsigned i = 0;

    EXPECT(line && *n > 5 && sscanf(line, "line %u of many\n", &i) == 1);
    return i;
}

TEST("lines come out in their order, whole, once; one without its end waits")
{
    struct journal j;
    struct journal_at at = {0};
    size_t n;

    journal_init(&j);
    EXPECT(!journal_next(&j, &at, &n));
    add_lines(&j, 0, 3);
    journal_add(&j, "line 3 o", 8);
    for (unsigned i = 0; i < 3; i++)
        EXPECT(number(&j, &at, &n) == i);
    EXPECT(!journal_next(&j, &at, &n));
    journal_add(&j, "f many\n", 7);
    EXPECT(number(&j, &at, &n) == 3 && n == 14);
    EXPECT(!journal_next(&j, &at, &n) && !at.lost);
    journal_fini(&j);
}

TEST("it does not grow: the oldest go, and a reader hears exactly how many he missed")
{
    struct journal j;
    struct journal_at at = {0}, last;
    size_t n;
    unsigned i, all = 100000;

    journal_init(&j);
    add_lines(&j, 0, 10);
    for (i = 0; i < 10; i++)
        journal_next(&j, &at, &n);
    add_lines(&j, 10, all);
    EXPECT(j.n <= JOURNAL_ROOM);
    i = number(&j, &at, &n);
    EXPECT(at.lost == i - 10 && i > 10 && i < all);
    for (i++; i < all; i++)
        EXPECT(number(&j, &at, &n) == i);
    EXPECT(!journal_next(&j, &at, &n));
    last = journal_last(&j, 1000);
    i = number(&j, &last, &n);
    EXPECT(i > all - 60 && i < all - 30);
    journal_fini(&j);
}

TEST(
    "a process never waits for its tap: what finds no room is counted, and said when there is some")
{
    struct journal j;
    struct journal_at at = {0};
    int pipe_fds[2], quiet = open("/dev/null", O_WRONLY), said = dup(STDERR_FILENO);
    unsigned lines = 0, lost = 0;
    const char *line;
    size_t n;

    EXPECT(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC) == 0);
    journal_init(&j);
    j.fd = pipe_fds[0];
    dup2(quiet, STDERR_FILENO);
    log_init("test", LOG_INFO);
    logtap_set(pipe_fds[1]);
    for (unsigned i = 0; i < 3000; i++)
        log_event(LOG_INFO, "storm", "i=%u", i);
    journal_run(&j);
    log_event(LOG_INFO, "after", "x=1");
    journal_run(&j);
    logtap_set(-1);
    log_init("test", LOG_ERROR + 1);
    dup2(said, STDERR_FILENO);
    close(said);
    close(quiet);
    while ((line = journal_next(&j, &at, &n))) {
        const char *told = memmem(line, n, "event=log_lines_lost lines=", 27);

        lines += memmem(line, n, "event=storm", 11) != NULL;
        if (told)
            lost += (unsigned)strtoul(told + 27, NULL, 10);
    }
    EXPECT(lines > 0 && lost > 0 && lines + lost == 3000);
    journal_fini(&j);
    close(pipe_fds[1]);
}

int main(void)
{
    log_init("test", LOG_ERROR + 1);
    return test_run();
}
