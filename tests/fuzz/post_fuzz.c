/*
 * post: is the same said of a handshake stream however it is cut into records, and what a plain
 * reading of the whole says?
 *
 * Input: role | size of the pieces | handshake bytes.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/check.h"
#include "dataplane/record/post.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

struct tally {
    unsigned tickets, updates, requests;
    bool refused;
};

/* Feed the stream in pieces of at most `step` bytes until the first KeyUpdate or error. */
static struct tally feed(bool client, const uint8_t *p, size_t n, size_t step)
{
    struct post post = {.we_are_client = client};
    struct tally t = {0};
    size_t at = 0, end = 0;

    while (at < n && !t.refused && !t.updates) {
        size_t used = 0;
        int ev;

        if (at == end)
            end = n - at < step ? n : at + step;
        ev = post_feed(&post, p + at, end - at, &used);
        check(used <= end - at && (used > 0 || ev < 0));
        check(ev != POST_MORE || used == end - at);
        check(ev <= 0 || post_idle(&post));
        at += used;
        t.tickets += ev == POST_TICKET;
        t.updates += ev == POST_KEYUPDATE || ev == POST_KEYUPDATE_REQUESTED;
        t.requests += ev == POST_KEYUPDATE_REQUESTED;
        t.refused = ev < 0;
        if (t.refused)
            check(post_feed(&post, p, n, &used) == -EPROTO && used == 0);
    }
    return t;
}

/* The same by reading the whole stream at once; a KeyUpdate ends it. */
static struct tally read_whole(bool client, const uint8_t *p, size_t n)
{
    struct tally t = {0};

    for (size_t at = 0; at < n && !t.refused && !t.updates;) {
        size_t left = n - at,
               body = left < 4 ? 0 : (size_t)p[at + 1] << 16 | p[at + 2] << 8 | p[at + 3];

        if (p[at] != 24 && !(p[at] == 4 && client)) {
            t.refused = true;
        } else if (left < 4) {
            break;
        } else if (p[at] == 24) {
            t.refused = body != 1 || (left > 4 && p[at + 4] > 1);
            if (!t.refused && left > 4) {
                t.updates = 1;
                t.requests = p[at + 4];
            }
            at = n;
        } else {
            t.refused = body == 0 || body > 64 * 1024;
            t.tickets += !t.refused && left >= 4 + body;
            at += 4 + body;
        }
    }
    return t;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    bool client;
    size_t step;
    struct tally want, got;

    if (n < 2)
        return 0;
    client = data[0] & 1;
    step = data[1] ? data[1] : n;
    want = read_whole(client, data + 2, n - 2);
    got = feed(client, data + 2, n - 2, 1);
    check(got.tickets == want.tickets && got.updates == want.updates);
    check(got.requests == want.requests && got.refused == want.refused);
    /* In larger pieces a KeyUpdate with bytes behind it is refused; all else is the same. */
    got = feed(client, data + 2, n - 2, step);
    check(got.tickets == want.tickets);
    if (!(got.refused && want.updates))
        check(got.updates == want.updates && got.requests == want.requests &&
              got.refused == want.refused);
    return 0;
}
