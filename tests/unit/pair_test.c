/* judge, shared: whose configuration is the newer one, and which part of it do both have? */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mgmt/pair/judge.h"
#include "mgmt/pair/shared.h"
#include "tests/unit/test.h"

/* A digest of 64 times this letter. */
static const char *digest(char c)
{
    static char text[8][65];
    static unsigned next;
    char *out = text[next++ % 8];

    memset(out, c, 64);
    out[64] = '\0';
    return out;
}

static json_t *trail(int64_t serial, const char *letters)
{
    json_t *t = trail_begin(serial, digest(letters[0]));

    for (size_t i = 1; letters[i]; i++)
        EXPECT(!trail_add(t, digest(letters[i]), 0));
    EXPECT(trail_is(t));
    return t;
}

static enum judge_word judged(json_t *us, json_t *them, bool us_fresh, bool them_fresh)
{
    const struct judge_side a = {us, us_fresh}, b = {them, them_fresh};
    enum judge_word word = judge_pair(&a, &b), back = judge_pair(&b, &a);

    /* Both judge alike. */
    EXPECT(back == (word == JUDGE_BEHIND  ? JUDGE_AHEAD
                    : word == JUDGE_AHEAD ? JUDGE_BEHIND
                                          : word));
    json_decref(us);
    json_decref(them);
    return word;
}

TEST("the one that has gone on is the newer one, whatever it has gone through")
{
    EXPECT(judged(trail(1, "a"), trail(1, "a"), false, false) == JUDGE_SAME);
    EXPECT(judged(trail(1, "a"), trail(1, "ab"), false, false) == JUDGE_BEHIND);
    EXPECT(judged(trail(1, "abcd"), trail(1, "ab"), false, false) == JUDGE_AHEAD);
    EXPECT(judged(trail(1, "aba"), trail(2, "b"), false, false) == JUDGE_AHEAD);
    EXPECT(judged(trail(7, "a"), trail(1, "ba"), false, false) == JUDGE_SAME);
    /* Back to what it was before, after the partner had taken it: newer all the same. */
    EXPECT(judged(trail(1, "ab"), trail(2, "ba"), false, false) == JUDGE_BEHIND);
}

TEST("a change of both is a conflict, and one that is new takes what there is")
{
    EXPECT(judged(trail(1, "ab"), trail(1, "ac"), false, false) == JUDGE_CONFLICT);
    EXPECT(judged(trail(1, "a"), trail(1, "b"), false, false) == JUDGE_CONFLICT);
    EXPECT(judged(trail(1, "e"), trail(5, "ab"), true, false) == JUDGE_BEHIND);
    EXPECT(judged(trail(1, "e"), trail(1, "f"), true, true) == JUDGE_CONFLICT);
    /* Emptied by somebody: that is a change, not the beginning. */
    EXPECT(judged(trail(1, "ae"), trail(1, "ab"), true, false) == JUDGE_CONFLICT);
    EXPECT(judged(trail(1, "ae"), trail(1, "a"), true, false) == JUDGE_AHEAD);
}

TEST("a trail is bounded, and keeps what both agreed on last")
{
    json_t *t = trail_begin(3, digest('a'));

    for (int i = 0; i < 3 * TRAIL_MAX; i++)
        EXPECT(!trail_add(t, digest((char)('b' + i % 2)), 0));
    EXPECT(trail_is(t) && json_array_size(t) == TRAIL_MAX);
    EXPECT(judged(trail(3, "a"), json_incref(t), false, false) == JUDGE_BEHIND);
    EXPECT(!trail_add(t, digest('f'), 5000) && trail_serial(trail_last(t)) == 5001);
    json_decref(t);
}

TEST("what a partner says is a trail or nothing")
{
    static const char *const bad[] = {"[]",    "[1]",      "[\"x\"]",    "[\"0:\"]",
                                      "\"x\"", "[\"1:\"]", "{\"a\": 1}", "null"};
    char text[200];

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        json_t *t = json_loads(bad[i], JSON_DECODE_ANY, NULL);

        EXPECT(t && !trail_is(t));
        json_decref(t);
    }
    snprintf(text, sizeof text, "01:%s", digest('a'));
    EXPECT(!trail_serial(text) && !*trail_digest(text));
    snprintf(text, sizeof text, "1234567890123456789:%s", digest('a'));
    EXPECT(!trail_serial(text));
}

#define OWN                                                                                        \
    "\"management\": {\"listen\": {\"tls\": {\"identity\": \"box\", \"trust\": \"boxes\"}}},"      \
    "\"availability\": {\"own\": [\"gw\"], \"partner\": {\"identity\": \"pair\","                  \
    " \"trust\": \"partner\"}}, \"dpdk\": {\"ports\": {}}"

static json_t *json(const char *text)
{
    json_t *v = json_loads(text, 0, NULL);

    EXPECT(v);
    return v;
}

TEST("links and what they name are both's; the management, the pair and what those name are not")
{
    json_t *doc = json("{" OWN ", \"links\": {\"a\": {}}, \"drain_s\": 3,"
                       " \"identities\": {\"box\": {}, \"gw\": {}, \"pair\": {}, \"web\": {}},"
                       " \"trust\": {\"boxes\": {}, \"partner\": {}, \"web\": {}}}"),
           *want = json("{\"links\": {\"a\": {}}, \"drain_s\": 3, \"identities\": {\"web\": {}},"
                        " \"trust\": {\"web\": {}}}"),
           *part = shared_part(doc);

    EXPECT(json_equal(part, want) && !shared_is_fresh(part));
    EXPECT(shared_is_own(doc, "identities", "gw") && !shared_is_own(doc, "trust", "gw"));
    json_decref(part);
    json_decref(want);
    json_decref(doc);
}

TEST("the partner's part takes the place of ours, beside what is our own")
{
    json_t *doc = json("{" OWN ", \"links\": {\"a\": {}}, \"identities\": {\"box\": {\"x\": 1},"
                       " \"old\": {}}, \"trust\": {\"boxes\": {}}}"),
           *part = json("{\"links\": {\"b\": {}}, \"identities\": {\"web\": {}},"
                        " \"management\": {\"evil\": 1}}"),
           *want = json("{" OWN ", \"links\": {\"b\": {}}, \"identities\": {\"box\": {\"x\": 1},"
                        " \"web\": {}}, \"trust\": {\"boxes\": {}}}"),
           *clash = json("{\"links\": {}, \"identities\": {\"box\": {\"x\": 2}}}"), *out;
    struct err e;

    out = shared_merge(doc, part, &e);
    EXPECT(json_equal(out, want));
    json_decref(out);
    EXPECT(!shared_merge(doc, clash, &e) && !strcmp(e.where, "/identities/box") &&
           strstr(e.fix, "/availability/own"));
    json_decref(clash);
    json_decref(want);
    json_decref(part);
    json_decref(doc);
}

TEST("every object that is named is fetched once")
{
    char text[400];
    json_t *part, *refs;

    snprintf(text, sizeof text,
             "{\"a\": [\"sha256:%s\", \"sha256:%s\", \"x\"], \"b\": {\"c\": \"sha256:%s\"}}",
             digest('a'), digest('b'), digest('a'));
    part = json(text);
    refs = shared_objects(part);
    EXPECT(json_array_size(refs) == 2);
    json_decref(refs);
    json_decref(part);
}

int main(void)
{
    return test_run();
}
