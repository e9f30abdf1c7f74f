/*
 * pair: two gateways that answer for addresses, one at a time, and have one configuration.
 *
 * Why: the passive one must be able to go on at any moment with what the active one has. Each asks
 * the other what it has (long polls over the link penstock.partner, answered in api/partner.c),
 * judges whose is newer (judge.h), and takes the partner's (take.h) where that is.
 * Owner: the manager. Never: writes to the partner; takes half of a configuration; has or sends a
 * private key; loses a change of both without a word.
 */
#ifndef PENSTOCK_MGMT_PAIR_PAIR_H
#define PENSTOCK_MGMT_PAIR_PAIR_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "mgmt/model/model_availability.h"
#include "mgmt/pair/judge.h"
#include "mgmt/pair/shared.h"
#include "mgmt/pair/vrrpline.h"

#define PAIR_FORMAT  1  /* of what partners tell each other */
#define PAIR_POLL_S  25 /* an answer may wait so long for news */
#define PAIR_WAITING 4  /* requests of the partner that wait for news */
#define PAIR_TAG_MAX 40
#define PAIR_WHY_MAX 700
#define PAIR_ACTOR   "partner"

struct manager;
struct call;
struct web_answer;
struct take;

struct pair {
    struct vrrpline vrrp;
    struct model_availability wanted; /* its strings are the document's */
    json_t *document;                 /* that it was read from */
    json_t *trail;                    /* of the shared part (judge.h); NULL: there is no partner */
    bool fresh;
    uint64_t epoch; /* of the settings: an answer to earlier ones is passed over */
    /* the partner, as it was heard last */
    json_t *partner; /* what it said; NULL: nothing yet */
    char seen[PAIR_TAG_MAX];
    bool reachable, asking;
    int64_t reachable_since_s, heard_s;
    char unreachable_why[PAIR_WHY_MAX];
    uint64_t next_ms, again_ms;
    bool ending; /* the gateway drains */
    /* the configuration */
    enum judge_word word;
    int64_t word_since_s;
    char word_why[PAIR_WHY_MAX];
    struct take *take; /* under way */
    uint64_t take_ms;  /* not tried again before */
    char *taking;      /* the state that is about to run here was the partner's */
    struct call *waiting[PAIR_WAITING];
    uint64_t waiting_until_ms[PAIR_WAITING];
};

/* helper: the socket of penstock-vrrp; NULL: there is none. 0 or -errno. */
int pair_init(struct pair *p, const char *helper);
/* Is a partner asked for its configuration? Then a link has to be filled in. */
bool pair_is_asked(const json_t *document);
int pair_fill(json_t *document, struct err *e);
/* The running document is another; call after each revision. */
void pair_follow(struct manager *m);
void pair_tick(struct manager *m, uint64_t now_ms);

/* Another gateway is active, and has the last word on what both have. */
bool pair_is_passive(const struct manager *m);
/* Then this entry of "identities" or "trust" is the partner's to renew. */
bool pair_leaves(const struct manager *m, const char *table, const char *name);
/* May this document become the next revision here? 0, or -EREMOTE with *e: at the partner. */
int pair_may_change(const struct manager *m, const json_t *document, struct err *e);

/* What is told to the partner; its tag. A new reference. NULL: out of memory. */
json_t *pair_state(struct manager *m, char tag[PAIR_TAG_MAX]);
/* A request of the partner waits for news. False: too many do. */
bool pair_wait(struct manager *m, struct call *c);
/* It has asked; a call of it has gone. */
void pair_heard(struct manager *m);
void pair_unwait(struct manager *m, const struct call *c);
/* The gateway ends: the addresses go now, not when the last session has ended. */
void pair_drain(struct manager *m);
/* Take the partner's configuration whatever there is. 0, or -errno with *e. */
int pair_adopt(struct manager *m, const char *actor, struct err *e);
/* For operators. */
json_t *pair_status(const struct manager *m);
const char *pair_version(void);

/* ---- between the files of this folder ---- */

/* GET a path of the partner. done gets m. 0 or -errno. */
int pair_ask(struct manager *m, const char *path, size_t max, unsigned timeout_s,
             void (*done)(void *arg, const struct web_answer *a), void *arg);
/* Log line and event: something is not what it was. */
void pair_tell(struct manager *m, const char *what, const char *from, const char *to,
               const char *why);
/* How the configuration stands; said when it is news. */
void pair_say(struct manager *m, enum judge_word word, const char *why);
/* Something that the partner wants to know is another. */
void pair_news(struct manager *m);
/* The state that the partner has said it is in, or "". */
const char *pair_theirs(const struct pair *p);
/* Both have the same: the trail begins anew. */
void pair_agree(struct manager *m, int64_t serial, const char *digest);

#endif
