/*
 * tokenstate: what a token process tells mgmt unasked: how each key of the running revision stands.
 *
 * Why: an operator has to see that a token is away before a partner calls.
 *   token process: RESET, then KEY ... for every key; all of it again when one has changed
 * Owner: plain memory. One way. Never: a PIN, or a word of a URI.
 */
#ifndef PENSTOCK_WIRE_TOKENSTATE_H
#define PENSTOCK_WIRE_TOKENSTATE_H

#include "dataplane/base/buf.h"
#include "dataplane/wire/policy.h"

enum tokenstate_type { TOKENSTATE_RESET = 1, /* without a body */ TOKENSTATE_KEY };

enum tokenstate { TOKENSTATE_AWAY, TOKENSTATE_UP, TOKENSTATE_REFUSED, TOKENSTATES };
/* As the API spells them. */
extern const char *const tokenstate_words[TOKENSTATES];

struct tokenstate_key {
    char identity[POLICY_NAME_MAX];
    uint8_t state;
    char why[512]; /* not UP */
};

void tokenstate_put(struct buf *b, const struct tokenstate_key *m);
/* 0 or -EPROTO. */
int tokenstate_get(struct buf *b, struct tokenstate_key *m);

#endif
