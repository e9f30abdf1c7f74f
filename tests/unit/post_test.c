/* Are only the legal handshake messages taken after the handshake, however they are cut? */
#include <errno.h>
#include <stdlib.h>
#include "dataplane/base/check.h"
#include "dataplane/record/post.h"
#include "tests/unit/test.h"

static const uint8_t keyupdate[] = {24, 0, 0, 1, 0};
static const uint8_t keyupdate_requested[] = {24, 0, 0, 1, 1};

static struct post client(void)
{
    return (struct post){.we_are_client = true};
}

/* Feed one record's content; the last event, or the first error. Counts tickets if asked. */
static int feed(struct post *p, const uint8_t *data, size_t n, int *tickets)
{
    int ev = POST_MORE;

    for (size_t at = 0, used; at < n; at += used) {
        ev = post_feed(p, data + at, n - at, &used);
        if (ev < 0)
            return ev;
        check(used > 0 && used <= n - at);
        if (ev == POST_TICKET && tickets)
            (*tickets)++;
    }
    return ev;
}

TEST("a KeyUpdate says whether one is wanted back")
{
    struct post p = {0};
    size_t used;

    EXPECT(post_feed(&p, keyupdate, sizeof keyupdate, &used) == POST_KEYUPDATE && used == 5);
    EXPECT(post_idle(&p));
    EXPECT(post_feed(&p, keyupdate_requested, 5, &used) == POST_KEYUPDATE_REQUESTED && used == 5);
    EXPECT(post_idle(&p));
}

TEST("any other value in a KeyUpdate is refused")
{
    for (int v = 2; v < 256; v++) {
        struct post p = {0};
        const uint8_t m[] = {24, 0, 0, 1, (uint8_t)v};

        EXPECT(feed(&p, m, sizeof m, NULL) == -EPROTO);
    }
}

TEST("a KeyUpdate of another length is refused before its body")
{
    static const uint8_t length[][4] = {{24, 0, 0, 0}, {24, 0, 0, 2}, {24, 0, 1, 1}, {24, 1, 0, 1}};

    for (size_t i = 0; i < ARRAY_LEN(length); i++) {
        struct post p = client();

        EXPECT(feed(&p, length[i], 4, NULL) == -EPROTO);
    }
}

TEST("a KeyUpdate may be split over records at every byte")
{
    for (size_t cut = 1; cut < 5; cut++) {
        struct post p = {0};

        EXPECT(feed(&p, keyupdate_requested, cut, NULL) == POST_MORE && !post_idle(&p));
        EXPECT(feed(&p, keyupdate_requested + cut, 5 - cut, NULL) == POST_KEYUPDATE_REQUESTED);
        EXPECT(post_idle(&p));
    }
}

TEST("bytes after a KeyUpdate in its record are refused")
{
    static const uint8_t two[] = {24, 0, 0, 1, 0, 24, 0, 0, 1, 0};

    for (size_t n = 6; n <= sizeof two; n++) {
        struct post p = {0};

        EXPECT(feed(&p, two, n, NULL) == -EPROTO);
    }
}

TEST("bytes after a split KeyUpdate are refused too")
{
    struct post p = {0};

    EXPECT(feed(&p, keyupdate, 4, NULL) == POST_MORE);
    EXPECT(feed(&p, (const uint8_t[]){0, 24}, 2, NULL) == -EPROTO);
}

static const uint8_t mixed[] = {4, 0, 0, 3, 9, 9, 9, 4, 0, 0, 1, 9, 24, 0, 0, 1, 1};

TEST("a client takes tickets and a KeyUpdate out of one record, one after the other")
{
    struct post p = client();
    int tickets = 0;

    EXPECT(feed(&p, mixed, sizeof mixed, &tickets) == POST_KEYUPDATE_REQUESTED);
    EXPECT(tickets == 2 && post_idle(&p));
}

TEST("the same messages cut in two anywhere mean the same")
{
    for (size_t cut = 1; cut < sizeof mixed; cut++) {
        struct post p = client();
        int tickets = 0;

        EXPECT(feed(&p, mixed, cut, &tickets) >= 0);
        EXPECT(feed(&p, mixed + cut, sizeof mixed - cut, &tickets) == POST_KEYUPDATE_REQUESTED);
        EXPECT(tickets == 2 && post_idle(&p));
    }
}

TEST("the same messages in records of one byte mean the same")
{
    struct post p = client();
    int tickets = 0, ev = POST_MORE;

    for (size_t i = 0; i < sizeof mixed; i++) {
        ev = feed(&p, mixed + i, 1, &tickets);
        EXPECT(post_idle(&p) == (i == 6 || i == 11 || i == 16));
    }
    EXPECT(ev == POST_KEYUPDATE_REQUESTED && tickets == 2);
}

TEST("a ticket sent to a server is refused at its first byte")
{
    struct post p = {0};

    EXPECT(feed(&p, (const uint8_t[]){4}, 1, NULL) == -EPROTO);
}

TEST("every other message is refused at its first byte, by both sides")
{
    for (int type = 0; type < 256; type++) {
        const uint8_t m = (uint8_t)type;
        struct post server = {0}, c = client();

        EXPECT(feed(&server, &m, 1, NULL) == (type == 24 ? POST_MORE : -EPROTO));
        EXPECT(feed(&c, &m, 1, NULL) == (type == 24 || type == 4 ? POST_MORE : -EPROTO));
    }
}

TEST("a ticket may have 64 KiB and no byte more")
{
    static const uint8_t edge[] = {4, 1, 0, 0}, over[] = {4, 1, 0, 1}, most[] = {4, 255, 255, 255};
    static uint8_t body[64 * 1024];
    struct post p = client();

    EXPECT(feed(&p, edge, 4, NULL) == POST_MORE);
    EXPECT(feed(&p, body, sizeof body - 1, NULL) == POST_MORE && !post_idle(&p));
    EXPECT(feed(&p, body, 1, NULL) == POST_TICKET && post_idle(&p));
    EXPECT(feed(&p, over, 4, NULL) == -EMSGSIZE);
    p = client();
    EXPECT(feed(&p, most, 4, NULL) == -EMSGSIZE);
}

TEST("a ticket without a body is refused")
{
    struct post p = client();

    EXPECT(feed(&p, (const uint8_t[]){4, 0, 0, 0}, 4, NULL) == -EPROTO);
}

TEST("after an error nothing is taken any more")
{
    struct post p = {0};

    EXPECT(feed(&p, (const uint8_t[]){24, 0, 0, 2}, 4, NULL) == -EPROTO);
    EXPECT(feed(&p, (const uint8_t[]){0}, 1, NULL) == -EPROTO);
    EXPECT(feed(&p, keyupdate, 5, NULL) == -EPROTO);
    EXPECT(!post_idle(&p));
}

TEST("a record without content changes nothing")
{
    struct post p = {0};
    size_t used = 7;

    EXPECT(post_feed(&p, keyupdate, 0, &used) == POST_MORE && used == 0 && post_idle(&p));
}

int main(void)
{
    return test_run();
}
