#include "mgmt/pair/talk.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/wire/control.h"
#include "mgmt/api/call.h"
#include "mgmt/confirm.h"
#include "mgmt/manager.h"
#include "mgmt/outcall.h"
#include "mgmt/pair/take.h"
#include "mgmt/store/objects.h"

#define STATE_BYTES (64 * 1024)
#define AGAIN_MS    1000 /* doubles up to AGAIN_MAX */
#define AGAIN_MAX   16000
#define SLACK_S     10 /* for the network, beyond the time that an answer may wait */

/* ---- what is told ---- */

const char *pair_version(void)
{
    return "0.1.0";
}

/* A change that goes back unless it is confirmed is not yet the partner's. */
static bool is_held(struct manager *m)
{
    json_t *pending = confirm_pending(m);
    bool held = pending != NULL;

    json_decref(pending);
    return held;
}

json_t *pair_state(struct manager *m, char tag[PAIR_TAG_MAX])
{
    const struct pair *p = &m->pair;
    char *text, hash[65];
    json_t *state = json_pack(
        "{s:i, s:s, s:s, s:I, s:O?, s:b, s:b, s:s, s:s}", "format", PAIR_FORMAT, "version",
        pair_version(), "role", vrrp_states[p->vrrp.status.state], "revision",
        (json_int_t)m->revision, "trail", p->trail, "fresh", p->fresh, "held", is_held(m),
        "configuration", judge_words[p->word], "why", p->word_why);

    text = state ? json_dumps(state, JSON_COMPACT | JSON_SORT_KEYS) : NULL;
    if (!text) {
        json_decref(state);
        return NULL;
    }
    objects_hash(text, strlen(text), hash);
    free(text);
    snprintf(tag, PAIR_TAG_MAX, "%.32s", hash);
    json_object_set_new(state, "tag", json_string(tag));
    return state;
}

static void answer_one(struct manager *m, unsigned i)
{
    struct call *c = m->pair.waiting[i];
    char tag[PAIR_TAG_MAX];

    m->pair.waiting[i] = NULL;
    call_answer(c, 200, pair_state(m, tag));
    call_done(c);
}

/* Whoever asks is there: it is asked as well. */
void pair_heard(struct manager *m)
{
    if (!m->pair.reachable)
        m->pair.next_ms = 0;
}

void pair_unwait(struct manager *m, const struct call *c)
{
    for (unsigned i = 0; i < PAIR_WAITING; i++)
        if (m->pair.waiting[i] == c)
            m->pair.waiting[i] = NULL;
}

bool pair_wait(struct manager *m, struct call *c)
{
    struct pair *p = &m->pair;

    for (unsigned i = 0; i < PAIR_WAITING; i++) {
        if (p->waiting[i])
            continue;
        p->waiting[i] = c;
        p->waiting_until_ms[i] = clock_mono_ms() + PAIR_POLL_S * 1000;
        c->waits = true;
        return true;
    }
    return false;
}

void pair_news(struct manager *m)
{
    for (unsigned i = 0; i < PAIR_WAITING; i++)
        if (m->pair.waiting[i])
            m->pair.waiting_until_ms[i] = 0; /* in the next round: more may be new by then */
}

/* ---- what is asked ---- */

int pair_ask(struct manager *m, const char *path, size_t max, unsigned timeout_s,
             void (*done)(void *arg, const struct web_answer *a), void *arg)
{
    char url[WEB_URL_MAX];
    struct web_ask q = {
        .url = url, .fd = outcall_open(m, MODEL_PARTNER_LINK), .max = max, .timeout_s = timeout_s};

    /* TLS is the link's: from here to there it is plain. */
    snprintf(url, sizeof url, "http://partner/api/v1/partner/%s", path);
    return q.fd < 0 ? q.fd : web_start(&m->web, &q, done, arg);
}

/* An answer belongs to the settings under which it was asked for. */
struct asked {
    struct manager *m;
    uint64_t epoch;
};

static void explain(char why[PAIR_WHY_MAX], const struct web_answer *a)
{
    if (!a->status)
        snprintf(why, PAIR_WHY_MAX,
                 "no answer came (%.200s): see the log lines of the link " MODEL_PARTNER_LINK,
                 a->why);
    else if (a->status == 403)
        snprintf(why, PAIR_WHY_MAX,
                 "it answered 403: give this gateway's certificate the role \"partner\" there");
    else
        snprintf(why, PAIR_WHY_MAX, "it answered %ld", a->status);
}

/* The partner answers, or why not. */
static void reached(struct manager *m, bool reachable, const char *why)
{
    struct pair *p = &m->pair;

    snprintf(p->unreachable_why, sizeof p->unreachable_why, "%s", why);
    if (p->reachable == reachable)
        return;
    pair_tell(m, "partner", p->reachable ? "reachable" : "away", reachable ? "reachable" : "away",
              why);
    p->reachable = reachable;
    p->reachable_since_s = clock_wall_s();
}

/* The state that it says, judged; NULL and why. */
static json_t *read_state(const struct web_answer *a, char why[PAIR_WHY_MAX])
{
    json_t *state = json_loadb((const char *)a->body, a->n, JSON_REJECT_DUPLICATES, NULL);
    const char *tag = json_string_value(json_object_get(state, "tag"));
    json_int_t format = json_integer_value(json_object_get(state, "format"));

    if (state && format != PAIR_FORMAT)
        snprintf(why, PAIR_WHY_MAX,
                 "it speaks format %lld, this gateway %d: bring both to one version",
                 (long long)format, PAIR_FORMAT);
    else if (!state || !tag || strlen(tag) >= PAIR_TAG_MAX ||
             strspn(tag, "0123456789abcdef") != strlen(tag) ||
             !json_is_string(json_object_get(state, "role")) ||
             (!json_is_null(json_object_get(state, "trail")) &&
              !trail_is(json_object_get(state, "trail"))))
        snprintf(why, PAIR_WHY_MAX, "its answer is none of a partner");
    else
        return state;
    json_decref(state);
    return NULL;
}

static void on_state(void *arg, const struct web_answer *a)
{
    struct asked *asked = arg;
    struct manager *m = asked->m;
    struct pair *p = &m->pair;
    bool ours = asked->epoch == p->epoch;
    char why[PAIR_WHY_MAX];
    json_t *state;

    free(asked);
    if (!ours)
        return;
    p->asking = false;
    if (a->status != 200)
        explain(why, a);
    state = a->status == 200 ? read_state(a, why) : NULL;
    if (!state) {
        p->again_ms = p->again_ms < AGAIN_MS ? AGAIN_MS : p->again_ms * 2;
        if (p->again_ms > AGAIN_MAX)
            p->again_ms = AGAIN_MAX;
        p->next_ms = clock_mono_ms() + p->again_ms;
        p->seen[0] = '\0';
        reached(m, false, why);
        return;
    }
    json_decref(p->partner);
    p->partner = state;
    p->heard_s = clock_wall_s();
    p->again_ms = 0;
    snprintf(p->seen, sizeof p->seen, "%s", json_string_value(json_object_get(state, "tag")));
    reached(m, true, "");
    talk_judge(m);
}

static void ask(struct manager *m)
{
    struct pair *p = &m->pair;
    struct asked *asked = malloc(sizeof *asked);
    char path[128];
    int rc = -ENOMEM;

    snprintf(path, sizeof path, "state%s%s", p->seen[0] ? "?seen=" : "", p->seen);
    if (asked) {
        *asked = (struct asked){m, p->epoch};
        rc = pair_ask(m, path, STATE_BYTES, PAIR_POLL_S + SLACK_S, on_state, asked);
    }
    p->asking = !rc;
    p->next_ms = clock_mono_ms() + AGAIN_MS;
    if (rc)
        free(asked);
    if (rc && rc != -EBUSY)
        reached(m, false, strerror(-rc));
}

void talk_tick(struct manager *m, uint64_t now_ms)
{
    struct pair *p = &m->pair;

    for (unsigned i = 0; i < PAIR_WAITING; i++)
        if (p->waiting[i] && now_ms >= p->waiting_until_ms[i])
            answer_one(m, i);
    if (!m->revision || m->coming.busy || p->ending)
        return;
    if (!p->asking && (p->reachable || now_ms >= p->next_ms))
        ask(m);
    if (p->word == JUDGE_BEHIND && !p->take && p->reachable && now_ms >= p->take_ms)
        talk_judge(m);
}

/* ---- what is made of it ---- */

static void agree(struct manager *m)
{
    const char *ours = trail_last(m->pair.trail), *theirs = pair_theirs(&m->pair);
    int64_t a = trail_serial(ours), b = trail_serial(theirs);
    char digest[SHARED_DIGEST_MAX];

    snprintf(digest, sizeof digest, "%s", trail_digest(ours));
    pair_agree(m, a > b ? a : b, digest);
    pair_say(m, JUDGE_SAME, "");
}

static void fall_behind(struct manager *m)
{
    struct pair *p = &m->pair;

    if (json_is_true(json_object_get(p->partner, "held"))) {
        pair_say(m, JUDGE_BEHIND, "the partner's change waits to be confirmed");
        p->take_ms = clock_mono_ms() + AGAIN_MS;
        return;
    }
    if (p->word != JUDGE_BEHIND) {
        p->take_ms = 0;
        pair_say(m, JUDGE_BEHIND, "the partner's configuration is newer: it is on its way");
    }
    if (!p->take && clock_mono_ms() >= p->take_ms)
        take_begin(m, PAIR_ACTOR, false);
}

void talk_judge(struct manager *m)
{
    struct pair *p = &m->pair;
    const struct judge_side us = {p->trail, p->fresh},
                            them = {json_object_get(p->partner, "trail"),
                                    json_is_true(json_object_get(p->partner, "fresh"))};
    const char *why = json_string_value(json_object_get(p->partner, "why"));

    if (!p->partner || !p->trail)
        return;
    switch (judge_pair(&us, &them)) {
    case JUDGE_SAME:
        agree(m);
        return;
    case JUDGE_BEHIND:
        fall_behind(m);
        return;
    case JUDGE_AHEAD:
        pair_say(m, JUDGE_AHEAD, why ? why : "");
        return;
    case JUDGE_CONFLICT:
        pair_say(m, JUDGE_CONFLICT,
                 "both were changed since they had the same: POST availability/adopt to the one "
                 "whose changes are to go");
        return;
    default:
        pair_say(m, JUDGE_UNKNOWN, "the partner has no partner: configure it there too");
    }
}
