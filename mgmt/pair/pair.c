#include "mgmt/pair/pair.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/manager.h"
#include "mgmt/model/node.h"
#include "mgmt/pair/take.h"
#include "mgmt/pair/talk.h"
#include "mgmt/store/audit.h"

#define SETTING  "availability.trail"
#define SESSIONS 8

int pair_init(struct pair *p, const char *helper)
{
    memset(p, 0, sizeof *p);
    return vrrpline_init(&p->vrrp, helper);
}

/* ---- settings ---- */

/* The model has judged it before it ran. */
static void read_settings(const json_t *document, struct model_availability *out)
{
    struct err e;
    struct node root = {.v = (json_t *)(uintptr_t)document, .e = &e},
                n = node_member(&root, MODEL_AVAILABILITY);

    memset(out, 0, sizeof *out);
    if (model_availability(&n, out))
        memset(out, 0, sizeof *out);
}

bool pair_is_asked(const json_t *document)
{
    const json_t *pair = json_object_get(document, MODEL_AVAILABILITY);

    return json_object_get(json_object_get(pair, "partner"), "management") != NULL;
}

int pair_fill(json_t *document, struct err *e)
{
    struct model_availability a;
    json_t *filled, *links;

    read_settings(document, &a);
    if (!a.partner.present)
        return 0;
    if (!json_object_get(document, "links"))
        json_object_set_new(document, "links", json_object());
    links = json_object_get(document, "links");
    filled = json_pack("{s:b, s:{s:[s], s:{s:s, s:s, s:s, s:[{s:s}]}}, s:{s:i}}", "internal", 1,
                       "forward", "to", a.partner.management, "tls", "identity", a.partner.identity,
                       "trust", a.partner.trust, "server_name", a.partner.server_name, "peers",
                       "spki_sha256", a.partner.spki_sha256, "limits", "sessions", SESSIONS);
    if (!filled || json_object_set_new(links, MODEL_PARTNER_LINK, filled))
        return err_set(e, -EINVAL, "/" MODEL_AVAILABILITY, "free memory", "out of memory");
    return 0;
}

/* Other settings, another partner: what was heard of the one before is nobody's. */
static void settle(struct pair *p, json_t *document)
{
    const json_t *before = json_object_get(p->document, MODEL_AVAILABILITY),
                 *now = json_object_get(document, MODEL_AVAILABILITY);

    if (!before || !now || !json_equal(before, now)) {
        p->epoch++;
        json_decref(p->partner);
        p->partner = NULL;
        p->seen[0] = '\0';
        p->reachable = p->asking = false;
        p->reachable_since_s = clock_wall_s();
        p->next_ms = 0;
        snprintf(p->unreachable_why, sizeof p->unreachable_why, "not asked yet");
    }
    json_incref(document);
    json_decref(p->document);
    p->document = document;
    read_settings(document, &p->wanted);
    vrrpline_set(&p->vrrp, &p->wanted.vrrp);
}

/* ---- the trail ---- */

static void load_trail(struct manager *m)
{
    char *text = store_setting(&m->store, SETTING);

    m->pair.trail = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (m->pair.trail && !trail_is(m->pair.trail)) {
        json_decref(m->pair.trail);
        m->pair.trail = NULL;
    }
}

static void save_trail(struct manager *m)
{
    char *text = m->pair.trail ? json_dumps(m->pair.trail, JSON_COMPACT) : NULL;

    if (m->store.db && store_set(&m->store, SETTING, text))
        log_event(LOG_ERROR, "trail_not_kept", "why=\"the store can not be written\"");
    free(text);
}

void pair_agree(struct manager *m, int64_t serial, const char *digest)
{
    json_t *fresh = trail_begin(serial, digest);

    if (!fresh || json_equal(fresh, m->pair.trail)) {
        json_decref(fresh);
        return;
    }
    json_decref(m->pair.trail);
    m->pair.trail = fresh;
    save_trail(m);
    pair_news(m);
}

static void go_on(struct manager *m, const char *digest)
{
    struct pair *p = &m->pair;

    if (!p->trail)
        load_trail(m);
    if (p->trail && !strcmp(trail_digest(trail_last(p->trail)), digest))
        return;
    if (p->taking && !strcmp(trail_digest(p->taking), digest)) {
        pair_agree(m, trail_serial(p->taking), digest);
        return;
    }
    if (!p->trail)
        p->trail = trail_begin(1, digest);
    else if (trail_add(p->trail, digest, trail_serial(pair_theirs(p))))
        log_event(LOG_ERROR, "trail_not_kept", "why=\"out of memory\"");
    save_trail(m);
}

static void alone(struct manager *m)
{
    struct pair *p = &m->pair;

    if (!p->trail)
        return;
    json_decref(p->trail);
    p->trail = NULL;
    save_trail(m);
    pair_say(m, JUDGE_UNKNOWN, "");
}

void pair_follow(struct manager *m)
{
    struct pair *p = &m->pair;
    char digest[SHARED_DIGEST_MAX];
    json_t *part;

    settle(p, m->document);
    if (!p->reachable) /* it may be what was in the way */
        p->next_ms = p->again_ms = 0;
    if (!p->wanted.partner.present) {
        alone(m);
        return;
    }
    part = shared_part(m->document);
    if (part && !shared_digest(part, digest)) {
        p->fresh = shared_is_fresh(part);
        go_on(m, digest);
        talk_judge(m);
    }
    json_decref(part);
    pair_news(m);
}

/* ---- who has the last word ---- */

bool pair_is_passive(const struct manager *m)
{
    const struct pair *p = &m->pair;
    const char *role = json_string_value(json_object_get(p->partner, "role"));

    return p->wanted.partner.present && p->vrrp.status.state == VRRP_PASSIVE && p->reachable &&
           role && !strcmp(role, vrrp_states[VRRP_ACTIVE]);
}

bool pair_leaves(const struct manager *m, const char *table, const char *name)
{
    return m->pair.wanted.partner.present && m->pair.vrrp.status.state == VRRP_PASSIVE &&
           !shared_is_own(m->document, table, name);
}

int pair_may_change(const struct manager *m, const json_t *document, struct err *e)
{
    char digest[SHARED_DIGEST_MAX], fix[256];
    json_t *part;
    bool same;

    if (!pair_is_passive(m))
        return 0;
    part = shared_part(document);
    same = part && !shared_digest(part, digest) &&
           !strcmp(digest, trail_digest(trail_last(m->pair.trail)));
    json_decref(part);
    if (same)
        return 0;
    snprintf(fix, sizeof fix,
             "change it at the active one (%.128s), from where it comes here; \"management\", "
             "\"availability\" and what they name can be changed here",
             m->pair.wanted.partner.management);
    return err_set(e, -EREMOTE, "/", fix, "this gateway is the passive one of a pair");
}

/* ---- what happens ---- */

void pair_tell(struct manager *m, const char *what, const char *from, const char *to,
               const char *why)
{
    char quoted[PAIR_WHY_MAX * 2];

    log_event(LOG_INFO, "availability", "what=%s from=%s to=%s why=%s", what, from, to,
              log_quote(quoted, sizeof quoted, why, strlen(why)));
    events_add(m, "availability",
               json_pack("{s:s, s:s, s:s, s:s}", "what", what, "from", from, "to", to, "why", why));
}

void pair_say(struct manager *m, enum judge_word word, const char *why)
{
    struct pair *p = &m->pair;

    if (p->word == word && !strcmp(p->word_why, why))
        return;
    pair_tell(m, "configuration", judge_words[p->word], judge_words[word], why);
    if (p->word != word)
        p->word_since_s = clock_wall_s();
    p->word = word;
    snprintf(p->word_why, sizeof p->word_why, "%s", why);
    pair_news(m);
}

/* The helper has said something. */
static void on_role(struct manager *m, uint8_t before)
{
    const struct vrrp_status *now = &m->pair.vrrp.status;
    struct audit_row row = {.actor = "penstock",
                            .action = "availability.role",
                            .object = MODEL_AVAILABILITY,
                            .result = vrrp_states[now->state]};
    struct err e;

    pair_tell(m, "role", vrrp_states[before], vrrp_states[now->state], now->why);
    if (before != now->state)
        (void)audit_add(&m->store, &row, &e); /* it has happened: what is left is to say so */
    pair_news(m);
}

void pair_drain(struct manager *m)
{
    m->pair.ending = true;
    m->pair.vrrp.next_ms = 0;
    pair_news(m);
}

void pair_tick(struct manager *m, uint64_t now_ms)
{
    uint8_t before = m->pair.vrrp.status.state;

    vrrpline_tick(m, now_ms);
    if (vrrpline_run(m))
        on_role(m, before);
    if (m->pair.wanted.partner.present)
        talk_tick(m, now_ms);
}

const char *pair_theirs(const struct pair *p)
{
    return trail_last(json_object_get(p->partner, "trail"));
}

int pair_adopt(struct manager *m, const char *actor, struct err *e)
{
    struct pair *p = &m->pair;

    if (!p->wanted.partner.present)
        return err_set(e, -EEXIST, "/" MODEL_AVAILABILITY, "set /availability/partner/management",
                       "this gateway has no partner that it could ask");
    if (!p->reachable)
        return err_set(e, -EAGAIN, "/" MODEL_AVAILABILITY, "see GET availability/status",
                       "the partner does not answer: %s", p->unreachable_why);
    if (p->take)
        return err_set(e, -EBUSY, "/" MODEL_AVAILABILITY, "see GET availability/status",
                       "the partner's configuration is on its way");
    take_begin(m, actor, true);
    return 0;
}
