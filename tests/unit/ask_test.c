/* ask: do questions to workers find their own answers, in time, whatever a worker does? */
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/query.h"
#include "mgmt/ask.h"
#include "tests/unit/test.h"

static struct manager *m;
static int worker; /* our end of worker 0's channel */

static void begin(void)
{
    int pair[2];

    m = malloc(sizeof *m);
    EXPECT(manager_init(m, -1, NULL, NULL) == 0 && chan_pair(pair) == 0);
    m->workers[0] = pair[0];
    m->n_workers = 1;
    worker = pair[1];
}

static void end(void)
{
    if (m->workers[0] >= 0)
        close(m->workers[0]);
    close(worker);
    json_decref(m->warnings);
    journal_fini(&m->journal);
    free(m);
}

/* The worker's answer: one session of this id and peer. */
static void answer_page(uint64_t id, const char *peer)
{
    static uint8_t mem[CHAN_BODY_MAX];
    struct query_page *page = calloc(1, sizeof *page);
    struct query_session *s = &page->rows[0];
    struct buf b;

    page->n_rows = 1;
    s->id = id;
    snprintf(s->link, sizeof s->link, "in");
    snprintf(s->state, sizeof s->state, "pumping");
    s->outer.version = 0x0304;
    s->outer.suite = 0x1302;
    snprintf(s->outer.peer, sizeof s->outer.peer, "%s", peer);
    addr_parse(&s->outer.addr, "192.0.2.1:4444");
    addr_parse(&s->inner.addr, "127.0.0.1:80");
    buf_init(&b, mem, sizeof mem);
    query_put_page(&b, page);
    EXPECT(buf_ok(&b) && chan_send(worker, QUERY_PAGE, &b, NULL, 0) == 0);
    free(page);
}

static void answer_ended(int32_t error)
{
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    query_put_ended(&b, error);
    EXPECT(chan_send(worker, QUERY_ENDED, &b, NULL, 0) == 0);
}

static const char *id_of(const json_t *answer)
{
    const char *id = json_string_value(
        json_object_get(json_array_get(json_object_get(answer, "sessions"), 0), "id"));

    return id ? id : "none";
}

static int missing(const json_t *answer)
{
    return (int)json_integer_value(json_object_get(answer, "missing_workers"));
}

TEST("a page becomes sessions with both legs")
{
    json_t *got, *outer;

    begin();
    answer_page(0x42, "spiffe://partner.example/client");
    got = ask_sessions(m);
    outer = json_object_get(json_array_get(json_object_get(got, "sessions"), 0), "outer");
    EXPECT(!strcmp(id_of(got), "0000000000000042") && missing(got) == 0);
    EXPECT(!strcmp(json_string_value(json_object_get(outer, "version")), "1.3"));
    EXPECT(!strcmp(json_string_value(json_object_get(outer, "suite")), "TLS_AES_256_GCM_SHA384"));
    EXPECT(!strcmp(json_string_value(json_object_get(outer, "address")), "192.0.2.1:4444"));
    json_decref(got);
    end();
}

TEST("a peer whose name is no UTF-8 hides nothing")
{
    json_t *got;

    begin();
    answer_page(0x42, "evil\xff\xfe");
    got = ask_sessions(m);
    EXPECT(!strcmp(id_of(got), "0000000000000042"));
    json_decref(got);
    end();
}

TEST("a worker that does not answer is missed in time, and its late answer answers nothing else")
{
    uint64_t start;
    json_t *got;

    begin();
    start = clock_mono_ms();
    got = ask_sessions(m);
    EXPECT(missing(got) == 1 && clock_mono_ms() - start >= QUERY_MS);
    EXPECT(m->workers[0] >= 0 && m->owed[0] == 1);
    json_decref(got);

    answer_page(0xa, "late");
    answer_page(0xb, "in time");
    got = ask_sessions(m);
    EXPECT(!strcmp(id_of(got), "000000000000000b") && missing(got) == 0 && m->owed[0] == 0);
    json_decref(got);
    end();
}

TEST("a worker that died is missed at once, and its channel is closed")
{
    json_t *got;

    begin();
    close(worker);
    worker = -1;
    got = ask_sessions(m);
    EXPECT(missing(got) == 1 && m->workers[0] == -1);
    json_decref(got);
    end();
}

TEST("an answer of another kind costs the worker its channel")
{
    json_t *got;

    begin();
    answer_ended(0);
    got = ask_sessions(m);
    EXPECT(missing(got) == 1 && m->workers[0] == -1);
    json_decref(got);
    end();
}

TEST("a session is ended by the worker that has it, or is not found")
{
    begin();
    answer_ended(0);
    EXPECT(ask_end(m, 0x42) == 0);
    answer_ended(ENOENT);
    EXPECT(ask_end(m, 0x42) == -ENOENT);
    end();
}

int main(void)
{
    return test_run();
}
