/*
 * judge: whose configuration is the newer one?
 *
 * Each gateway keeps a trail: the states that its shared part has had since both last agreed, the
 * one that runs at the end. A state is "SERIAL:DIGEST", the serial one more than that of any state
 * that was seen before. So:
 *   both digests are equal                          SAME       the trails begin anew
 *   ours is on the partner's trail                  BEHIND     the partner has gone on: take its
 *   the partner's is on ours                        AHEAD      it will take ours
 *   we are new and have no links, and it has some   BEHIND
 *   else: both have changed something               CONFLICT   an operator decides
 *
 * Why: neither a clock nor a role says what was changed since. Both gateways judge by the same
 * facts, and nobody's change is lost without a word. Owner: pure.
 */
#ifndef PENSTOCK_MGMT_PAIR_JUDGE_H
#define PENSTOCK_MGMT_PAIR_JUDGE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#define TRAIL_MAX  64 /* the first one, and the newest */
#define ENTRY_MAX  96
#define SERIAL_MAX (INT64_MAX / 2)

enum judge_word {
    JUDGE_UNKNOWN,
    JUDGE_SAME,
    JUDGE_BEHIND,
    JUDGE_AHEAD,
    JUDGE_CONFLICT,
    JUDGE_WORDS
};
extern const char *const judge_words[JUDGE_WORDS];

struct judge_side {
    const json_t *trail; /* of strings, at least one */
    bool fresh;
};

enum judge_word judge_pair(const struct judge_side *us, const struct judge_side *them);

/* "SERIAL:DIGEST": its parts; serial 0 and "" for what is none. */
int64_t trail_serial(const char *entry);
const char *trail_digest(const char *entry);
/* The state that runs, or "" of an empty trail. */
const char *trail_last(const json_t *trail);
/* Is it a trail? It came from the partner. */
bool trail_is(const json_t *trail);
/* A state after all that is on it, and after `seen`. 0 or -ENOMEM. */
int trail_add(json_t *trail, const char *digest, int64_t seen);
/* Agreed: a trail of one state. NULL: out of memory. */
json_t *trail_begin(int64_t serial, const char *digest);

#endif
