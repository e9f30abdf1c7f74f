/* ship: does a collector that hangs, goes or comes back get whole frames, in order, and is what was
 * lost told to the line? */
#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include "mgmt/manager.h"
#include "tests/unit/test.h"

/* A manager, and the other end of its control channel: the launcher, and with it the collector. */
struct place {
    struct manager *m;
    int launcher, collector; /* -1: none */
    char *got;
    size_t n;
};

static void begin(struct place *p)
{
    int pair[2];

    EXPECT(chan_pair(pair) == 0);
    *p = (struct place){.m = calloc(1, sizeof *p->m), .launcher = pair[1], .collector = -1};
    p->m->control = pair[0];
    p->m->revision = 1;
    journal_init(&p->m->journal);
    ship_init(&p->m->ship);
    p->m->document = json_pack("{s:{s:{s:s}}}", "log", "syslog", "to", "logs.test:6514");
    ship_follow(p->m);
}

static void end(struct place *p)
{
    json_decref(p->m->document);
    p->m->document = json_object();
    ship_follow(p->m);
    EXPECT(p->m->ship.fd < 0);
    journal_fini(&p->m->journal);
    close(p->m->control);
    close(p->launcher);
    if (p->collector >= 0)
        close(p->collector);
    json_decref(p->m->document);
    free(p->m);
    free(p->got);
}

/* The launcher takes the call for the link: a collector is there. False: there was none. */
static bool answer(struct place *p)
{
    static uint8_t mem[CHAN_HEADER + CHAN_BODY_MAX];
    struct control_call call;
    struct chan_msg msg;

    if (chan_recv(p->launcher, mem, sizeof mem, &msg) != 1)
        return false;
    EXPECT(msg.type == CONTROL_CALL && control_get_call(&msg.body, &call) == 0 &&
           !strcmp(call.link, SHIP_LINK));
    p->collector = chan_msg_take_fd(&msg, 0);
    chan_msg_close_fds(&msg);
    return p->collector >= 0;
}

static void add_lines(struct place *p, unsigned from, unsigned to)
{
    char line[128];

    for (unsigned i = from; i < to; i++)
        journal_add(&p->m->journal, line,
                    (size_t)snprintf(line, sizeof line,
                                     "2026-11-20T22:16:33.123Z %s dataplane event=test i=%u\n",
                                     i % 2 ? "info" : "warn", i));
}

/* The collector reads all that is there, while the manager's loop turns. */
static void read_all(struct place *p, uint64_t now_ms)
{
    char piece[16384];
    ssize_t n = 1;

    while (n > 0) {
        ship_run(p->m, now_ms);
        n = recv(p->collector, piece, sizeof piece, MSG_DONTWAIT);
        if (n > 0) {
            p->got = realloc(p->got, p->n + (size_t)n + 1);
            memcpy(p->got + p->n, piece, (size_t)n);
            p->n += (size_t)n;
            p->got[p->n] = '\0';
        }
    }
}

/* Go through the frames: every line from..to stands there in order, or was told to be lost. */
static bool told(const struct place *p, unsigned from, unsigned to, unsigned *lost)
{
    char *at = p->got, *stop = p->got + p->n, *body;
    unsigned next = from, i;

    *lost = 0;
    while (at < stop) {
        unsigned long n = strtoul(at, &body, 10);
        char *mark, behind;

        if (*body != ' ' || body + 1 + n > stop)
            return false;
        behind = body[1 + n]; /* the next frame's length begins with a digit */
        body[1 + n] = '\0';
        mark = memmem(body, n, "log_lines_lost - lines=", 23);
        if (mark) {
            i = (unsigned)strtoul(mark + 23, NULL, 10);
            *lost += i;
            next += i;
        } else {
            mark = memmem(body, n + 1, " test - i=", 10);
            if (!mark || strtoul(mark + 10, NULL, 10) != next++)
                return false;
        }
        at = body + 1 + n;
        *at = behind;
    }
    return next == to;
}

TEST("what there is goes out as frames, in order; and what comes later follows")
{
    struct place p;
    unsigned lost;

    begin(&p);
    add_lines(&p, 0, 500);
    ship_run(p.m, 1000);
    EXPECT(answer(&p));
    read_all(&p, 1000);
    add_lines(&p, 500, 510);
    read_all(&p, 1001);
    EXPECT(told(&p, 0, 510, &lost) && !lost && p.m->ship.sent == 510);
    end(&p);
}

TEST("a collector that does not read stops nobody: lines go when there is no room, and it is told "
     "how many")
{
    struct place p;
    unsigned lost, i;
    json_t *said;

    begin(&p);
    ship_run(p.m, 1000);
    EXPECT(answer(&p));
    for (i = 0; i < 60000; i += 100) {
        add_lines(&p, i, i + 100);
        ship_run(p.m, 1000 + i);
    }
    said = ship_json(p.m);
    EXPECT(json_is_true(json_object_get(said, "connected")));
    json_decref(said);
    read_all(&p, 100000);
    EXPECT(told(&p, 0, 60000, &lost) && lost > 10000 && p.m->ship.lost == lost);
    end(&p);
}

TEST("a connection that ends is made anew, later each time; the frame on its way goes again, whole")
{
    struct place p;
    uint64_t now = 1000, wait = 1000;

    begin(&p);
    ship_run(p.m, now);
    EXPECT(answer(&p));
    for (int i = 0; i < 8; i++) {
        close(p.collector);
        p.collector = -1;
        add_lines(&p, 0, 1); /* nobody takes it */
        ship_run(p.m, now);
        ship_run(p.m, now + wait - 1);
        EXPECT(p.m->ship.fd < 0 && !answer(&p));
        now += wait;
        ship_run(p.m, now);
        EXPECT(p.m->ship.fd >= 0 && answer(&p));
        wait = wait * 2 < 60000 ? wait * 2 : 60000;
    }
    EXPECT(wait == 60000 && p.m->ship.connections == 9);
    read_all(&p, now);
    free(p.got);
    p.got = NULL;
    p.n = 0;
    add_lines(&p, 1, 30000); /* more than a stream takes: one frame is cut */
    for (int i = 0; i < 20; i++)
        ship_run(p.m, now);
    EXPECT(p.m->ship.out < p.m->ship.n);
    close(p.collector);
    p.collector = -1;
    now += 20000; /* it lived long: the next try is soon */
    ship_run(p.m, now);
    ship_run(p.m, now + 1000);
    EXPECT(answer(&p));
    read_all(&p, now + 1000);
    EXPECT(strtoul(p.got, NULL, 10) > 40 && strstr(p.got, "<13") == strchr(p.got, '<'));
    EXPECT(p.n && strstr(p.got, "i=29999"));
    end(&p);
}

TEST("less is sent where less is wanted")
{
    struct place p;

    begin(&p);
    json_decref(p.m->document);
    p.m->document = json_pack("{s:{s:{s:s}}}", "log", "syslog", "least", "warn");
    ship_follow(p.m);
    add_lines(&p, 0, 10);
    ship_run(p.m, 1000);
    EXPECT(answer(&p));
    read_all(&p, 1000);
    EXPECT(p.m->ship.sent == 5 && !strstr(p.got, "<134>") && strstr(p.got, "<132>"));
    end(&p);
}

int main(void)
{
    log_init("test", LOG_ERROR + 1);
    return test_run();
}
