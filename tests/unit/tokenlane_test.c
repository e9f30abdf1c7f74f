/* tokenlane: do signatures of tokens find the lane that asked, in time or not at all? */
#include "handshake/keyring/tokenlane.h"

#include <errno.h>
#include <unistd.h>

#include "tests/unit/test.h"

static uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];

/* A tokenlane with a process at the other end of slot 2. */
static struct tokenlane *begin(int *process)
{
    struct tokenlane *t = tokenlane_new();
    int pair[2];

    EXPECT(t && chan_pair(pair) == 0);
    tokenlane_open(t, 2, pair[0]);
    *process = pair[1];
    return t;
}

static int ask(struct tokenlane *t, unsigned lane, uint32_t request, uint64_t now_ms)
{
    struct keywire_sign m = {.request = request,
                             .revision = 7,
                             .identity = 1,
                             .scheme = 0x0403,
                             .content = (const uint8_t *)"text",
                             .n_content = 4};

    return tokenlane_ask(t, 2, lane, &m, now_ms);
}

/* What the process was asked; the number in it. */
static uint32_t asked(int process, struct keywire_sign *m)
{
    struct chan_msg msg;

    EXPECT(chan_recv(process, message, sizeof(message), &msg) == 1 && msg.type == KEYWIRE_SIGN);
    EXPECT(keywire_get_sign(&msg.body, m) == 0);
    return m->request;
}

static void answer(int process, uint32_t number, int error)
{
    struct keywire_signed m = {number, error, (const uint8_t *)"sig", error ? 0 : 3};
    uint8_t mem[64];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    keywire_put_signed(&b, &m);
    EXPECT(chan_send(process, KEYWIRE_SIGNED, &b, NULL, 0) == 0);
}

static void serve(struct tokenlane *t, uint64_t now_ms)
{
    struct pollfd p[TOKENLANE_POLLS];

    tokenlane_poll(t, p);
    EXPECT(poll(p, TOKENLANE_POLLS, 0) >= 0);
    tokenlane_serve(t, p, message, now_ms);
}

TEST("answers come in any order, each to the lane that asked and under its number there")
{
    int process;
    struct tokenlane *t = begin(&process);
    struct keywire_sign first, second;
    struct keywire_signed m;

    EXPECT(ask(t, 0, 100, 0) == 0 && ask(t, 5, 100, 0) == 0);
    asked(process, &first);
    EXPECT(first.revision == 7 && first.identity == 1 && first.scheme == 0x0403);
    EXPECT(first.n_content == 4);
    asked(process, &second);
    EXPECT(first.request != second.request);
    answer(process, second.request, 0);
    serve(t, 1);
    EXPECT(!tokenlane_answer(t, 0, &m));
    EXPECT(tokenlane_answer(t, 5, &m) && m.request == 100 && m.n_signature == 3);
    EXPECT(!tokenlane_answer(t, 5, &m));
    answer(process, first.request, EIO);
    serve(t, 1);
    EXPECT(tokenlane_answer(t, 0, &m) && m.error == EIO && m.n_signature == 0);
    EXPECT(!tokenlane_answer(t, 0, &m) && tokenlane_wait_ms(t, 1) == -1);
    tokenlane_free(t);
    close(process);
}

TEST("what is late is given up, and its answer then belongs to nobody")
{
    int process;
    struct tokenlane *t = begin(&process);
    struct keywire_sign was;
    struct keywire_signed m;

    EXPECT(ask(t, 1, 9, 1000) == 0);
    EXPECT(tokenlane_wait_ms(t, 1500) == TOKENLANE_MS - 500);
    serve(t, 1000 + TOKENLANE_MS - 1);
    EXPECT(!tokenlane_answer(t, 1, &m));
    serve(t, 1000 + TOKENLANE_MS);
    EXPECT(tokenlane_answer(t, 1, &m) && m.error == ETIMEDOUT && m.request == 9);
    EXPECT(!tokenlane_answer(t, 1, &m));
    EXPECT(ask(t, 1, 10, 6000) == 0);
    answer(process, asked(process, &was), 0);
    serve(t, 6000);
    EXPECT(!tokenlane_answer(t, 1, &m));
    tokenlane_free(t);
    close(process);
}

TEST("a process that dies answers all that it was asked with EIO, and nothing is asked of it")
{
    int process;
    struct tokenlane *t = begin(&process);
    struct keywire_signed m;
    int pair[2];

    EXPECT(ask(t, 0, 1, 0) == 0 && ask(t, 0, 2, 0) == 0);
    close(process);
    serve(t, 0);
    EXPECT(tokenlane_answer(t, 0, &m) && m.error == EIO);
    EXPECT(tokenlane_answer(t, 0, &m) && m.error == EIO);
    EXPECT(!tokenlane_answer(t, 0, &m));
    EXPECT(ask(t, 0, 3, 0) == -EIO);
    EXPECT(chan_pair(pair) == 0);
    tokenlane_open(t, 2, pair[0]);
    EXPECT(ask(t, 0, 3, 0) == 0);
    tokenlane_free(t);
    close(pair[1]);
}

TEST("one lane has 128 requests at a time, and all together have 512")
{
    int process;
    struct tokenlane *t = begin(&process);
    struct keywire_sign was;
    struct keywire_signed m;
    unsigned n = 0;

    for (; n < TOKENLANE_OF_LANE; n++)
        EXPECT(ask(t, 0, n, 0) == 0);
    EXPECT(!tokenlane_room(t, 0) && tokenlane_room(t, 1));
    EXPECT(ask(t, 0, n, 0) == -EBUSY);
    answer(process, asked(process, &was), 0);
    serve(t, 0);
    EXPECT(tokenlane_answer(t, 0, &m) && !tokenlane_answer(t, 0, &m) && tokenlane_room(t, 0));
    for (n = TOKENLANE_OF_LANE - 1; n < TOKENLANE_ASKED; n++)
        EXPECT(ask(t, 1 + n / TOKENLANE_OF_LANE, n, 0) == 0);
    EXPECT(ask(t, 20, 0, 0) == -EBUSY);
    tokenlane_forget(t, 0);
    EXPECT(ask(t, 20, 0, 0) == 0);
    tokenlane_free(t);
    close(process);
}

TEST("a lane that was given to another process gets no answer of its predecessor's")
{
    int process;
    struct tokenlane *t = begin(&process);
    struct keywire_sign was;
    struct keywire_signed m;

    EXPECT(ask(t, 3, 1, 0) == 0);
    tokenlane_forget(t, 3);
    answer(process, asked(process, &was), 0);
    serve(t, 0);
    EXPECT(!tokenlane_answer(t, 3, &m));
    tokenlane_free(t);
    close(process);
}

TEST("a process that says anything else loses its channel")
{
    int process;
    struct tokenlane *t = begin(&process);
    struct keywire_signed m;

    EXPECT(ask(t, 0, 1, 0) == 0);
    EXPECT(chan_send(process, KEYWIRE_SIGN, NULL, NULL, 0) == 0);
    serve(t, 0);
    EXPECT(tokenlane_answer(t, 0, &m) && m.error == EIO);
    EXPECT(ask(t, 0, 2, 0) == -EIO);
    tokenlane_free(t);
    close(process);
}

int main(void)
{
    return test_run();
}
