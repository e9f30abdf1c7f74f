#include "mgmt/pair/take.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "mgmt/coming.h"
#include "mgmt/manager.h"
#include "mgmt/pair/talk.h"
#include "mgmt/store/objects.h"

#define DOCUMENT_S 60
#define OBJECT_S   300
#define BUSY_MS    1000
#define REFUSED_MS 30000
#define SLACK      (64 * 1024) /* what an answer has besides the document */

struct take {
    uint64_t epoch;
    char actor[300];
    char entry[ENTRY_MAX]; /* the state that it is */
    char ours[ENTRY_MAX];  /* that it is to follow; "": whatever there is */
    json_t *part;
    json_t *objects; /* that it names */
    size_t at;       /* the next one to look at */
};

static void end(struct manager *m)
{
    struct take *t = m->pair.take;

    m->pair.take = NULL;
    if (!t)
        return;
    json_decref(t->part);
    json_decref(t->objects);
    free(t);
}

/* Nothing has changed here: say why, and try again later. */
static void fail(struct manager *m, uint64_t again_ms, const char *why)
{
    m->pair.take_ms = clock_mono_ms() + again_ms;
    end(m);
    pair_say(m, JUDGE_BEHIND, why);
}

static void fail_with(struct manager *m, int rc, const struct err *e)
{
    char text[1100];

    if (rc == -EBUSY) {
        m->pair.take_ms = clock_mono_ms() + BUSY_MS;
        end(m);
        return;
    }
    fail(m, REFUSED_MS, err_text(e, text, sizeof text));
}

/* ---- to a revision ---- */

static void on_applied(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct manager *m = arg;

    (void)revision;
    free(m->pair.taking);
    m->pair.taking = NULL;
    if (rc) {
        fail_with(m, rc, e);
        return;
    }
    end(m);
    talk_judge(m);
}

/* Something was changed here while it was fetched: who is the newer one has to be judged again. */
static bool is_late(const struct manager *m)
{
    const struct take *t = m->pair.take;

    return t->ours[0] && strcmp(t->ours, trail_last(m->pair.trail)) != 0;
}

static void apply(struct manager *m)
{
    struct take *t = m->pair.take;
    struct err e;
    json_t *document = shared_merge(m->document, t->part, &e);
    char comment[ENTRY_MAX + 32];
    struct coming_wish w = {.actor = t->actor,
                            .action = "availability.take",
                            .comment = comment,
                            .of_partner = true,
                            .done = on_applied,
                            .arg = m};
    int rc = document ? 0 : -EINVAL;

    snprintf(comment, sizeof comment, "the partner's %.24s", t->entry);
    m->pair.taking = strdup(t->entry);
    if (!rc)
        rc = coming_propose(m, document, &w, &e);
    json_decref(document);
    if (!rc)
        return;
    free(m->pair.taking);
    m->pair.taking = NULL;
    fail_with(m, rc, &e);
}

/* ---- objects ---- */

static bool is_here(const char *ref)
{
    uint8_t *data;
    size_t n;

    if (objects_get(ref, OBJECTS_MAX, &data, &n))
        return false;
    free(data);
    return true;
}

static const char *wanted_object(const struct take *t)
{
    return json_string_value(json_array_get(t->objects, t->at));
}

static void next_object(struct manager *m);

/* False: it was asked for under other settings, and all is over. */
static bool goes_on(struct manager *m)
{
    if (m->pair.take && m->pair.take->epoch == m->pair.epoch)
        return true;
    end(m);
    return false;
}

static void on_object(void *arg, const struct web_answer *a)
{
    struct manager *m = arg;
    char ref[OBJECTS_REF_MAX], hex[65], why[PAIR_WHY_MAX];
    const char *wanted;

    if (!goes_on(m))
        return;
    wanted = wanted_object(m->pair.take);
    if (a->status == 200)
        objects_hash(a->body ? (const char *)a->body : "", a->n, hex);
    if (a->status != 200 || strcmp(hex, strchr(wanted, ':') + 1) != 0) {
        snprintf(why, sizeof why, "the partner does not give %s (%ld %.100s)", wanted, a->status,
                 a->status == 200 ? "but other bytes" : a->why);
        fail(m, REFUSED_MS, why);
        return;
    }
    if (objects_put(a->body, a->n, ref)) {
        fail(m, REFUSED_MS, "what the configuration names can not be kept: free disk space");
        return;
    }
    m->pair.take->at++;
    next_object(m);
}

/* Ask for the next that is not here; without one, apply. */
static void next_object(struct manager *m)
{
    struct take *t = m->pair.take;
    char path[128];
    const char *ref;

    while ((ref = wanted_object(t)) && is_here(ref))
        t->at++;
    if (!ref && is_late(m)) {
        end(m);
        talk_judge(m);
        return;
    }
    if (!ref) {
        apply(m);
        return;
    }
    snprintf(path, sizeof path, "objects/%s", ref);
    if (pair_ask(m, path, OBJECTS_MAX, OBJECT_S, on_object, m))
        fail(m, BUSY_MS, "the partner can not be asked: too much is under way");
}

/* ---- the document ---- */

/* The partner's shared part, if it is what it says. 0, or -EPROTO. */
static int read_document(struct take *t, const struct web_answer *a)
{
    json_t *body = json_loadb((const char *)a->body, a->n, JSON_REJECT_DUPLICATES, NULL);
    json_t *document = json_object_get(body, "document");
    const char *entry = json_string_value(json_object_get(body, "state"));
    char digest[SHARED_DIGEST_MAX];
    int rc = -EPROTO;

    if (entry && json_is_object(document) && !shared_digest(document, digest) &&
        trail_serial(entry) && !strcmp(trail_digest(entry), digest)) {
        snprintf(t->entry, sizeof t->entry, "%s", entry);
        t->part = json_incref(document);
        t->objects = shared_objects(document);
        rc = t->objects ? 0 : -ENOMEM;
    }
    json_decref(body);
    return rc;
}

static void on_document(void *arg, const struct web_answer *a)
{
    struct manager *m = arg;
    char why[PAIR_WHY_MAX];

    if (!goes_on(m))
        return;
    if (a->status != 200) {
        snprintf(why, sizeof why, "the partner does not give its configuration (%ld %.200s)",
                 a->status, a->why);
        fail(m, BUSY_MS, why);
    } else if (read_document(m->pair.take, a)) {
        fail(m, REFUSED_MS, "the partner's configuration is not what its hash says");
    } else {
        next_object(m);
    }
}

void take_begin(struct manager *m, const char *actor, bool forced)
{
    struct take *t = m->pair.take ? NULL : calloc(1, sizeof *t);

    if (!t)
        return;
    t->epoch = m->pair.epoch;
    snprintf(t->actor, sizeof t->actor, "%s", actor);
    if (!forced)
        snprintf(t->ours, sizeof t->ours, "%s", trail_last(m->pair.trail));
    m->pair.take = t;
    if (pair_ask(m, "document", MODEL_TEXT_MAX + SLACK, DOCUMENT_S, on_document, m))
        fail(m, BUSY_MS, "the partner can not be asked: too much is under way");
}
