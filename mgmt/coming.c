#include "mgmt/coming.h"

#include <errno.h>
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/api/document.h"
#include "mgmt/authority.h"
#include "mgmt/callers.h"
#include "mgmt/coming_parts.h"
#include "mgmt/offered.h"
#include "mgmt/model/node.h"
#include "mgmt/renew/lists.h"
#include "mgmt/renew/renew.h"
#include "mgmt/ship/ship.h"
#include "mgmt/store/audit.h"
#include "mgmt/trial.h"

#define REVISIONS_KEPT 1000
#define PRUNE_EVERY    16 /* revisions */

/* ---- judging ---- */

/* A configuration on its way from text to policy. */
struct judged {
    struct opener_run run;
    struct model model;
    struct compiled compiled;
    json_t *document;  /* as it was given */
    json_t *authority; /* that it was filled in from, or NULL */
};

static void judged_fini(struct judged *j)
{
    model_fini(&j->model);
    compiled_fini(&j->compiled);
    opener_fini(&j->run);
    json_decref(j->document);
    json_decref(j->authority);
}

/* The model gets what the gateway adds: the management link's trust, links of its own. */
static int fill(struct judged *j, const json_t *authority, struct err *e)
{
    json_t *filled;

    if (j->model.automatic) {
        j->authority = authority_state(j->run.m, authority, j->document, e);
        filled = j->authority ? authority_fill(j->authority, j->document, e) : NULL;
    } else {
        filled = json_deep_copy(j->document);
    }
    if (!filled)
        return -EINVAL;
    if (renew_fill(filled, e) || pair_fill(filled, e) || ship_fill(filled, e)) {
        json_decref(filled);
        return -EINVAL;
    }
    model_fini(&j->model);
    return model_filled(&j->model, filled, e);
}

/* Parse, validate, compile. */
static int judge(struct judged *j, const char *text, size_t n, uint64_t number,
                 const json_t *authority, struct err *e)
{
    struct opener opener = opener_of(&j->run);
    int rc = model_parse(&j->model, text, n, e);

    if (rc)
        return rc;
    j->document = json_incref(j->model.root);
    if (j->model.automatic || renew_is_asked(j->document) || pair_is_asked(j->document) ||
        ship_is_asked(j->document))
        rc = fill(j, authority, e);
    if (!rc)
        rc = model_validate(&j->model, e);
    if (!rc)
        rc = compile(&j->model, &opener, number, clock_wall_s(), &j->compiled, e);
    if (!rc)
        authority_dates(j->authority, &j->compiled);
    return rc;
}

static json_t *warnings_json(const struct compiled *c)
{
    json_t *list = json_array();

    for (unsigned i = 0; list && i < c->n_warnings; i++)
        json_array_append_new(list, json_string(c->warnings[i]));
    return list;
}

static void log_warnings(uint64_t number, const struct compiled *c)
{
    char quoted[1200];

    for (unsigned i = 0; i < c->n_warnings; i++)
        log_event(LOG_WARN, "config_warning", "revision=%" PRIu64 " text=%s", number,
                  log_quote(quoted, sizeof quoted, c->warnings[i], strlen(c->warnings[i])));
}

/* ---- one that is under way ---- */

static void forget(struct coming *c)
{
    free(c->actor);
    free(c->action);
    free(c->comment);
    free(c->document);
    free(c->imported);
    json_decref(c->warnings);
    json_decref(c->offered);
    json_decref(c->authority);
    json_decref(c->access);
    free(c->dates);
    free(c->roles);
    memset(c, 0, sizeof *c);
}

/* Keep it where a crash finds it, before anybody is asked to run it. */
static int stage(struct manager *m, struct coming *c, bool needed, struct err *e)
{
    struct store_revision r = {.number = c->number,
                               .parent = c->parent,
                               .at_s = clock_wall_s(),
                               .actor = c->actor,
                               .comment = c->comment,
                               .document = c->document};
    int rc = store_stage(&m->store, &r, e);
    char text[1100], quoted[1400];

    if (!rc || needed)
        return rc;
    err_text(e, text, sizeof text); /* a file's word counts even when it can not be written down */
    log_event(LOG_ERROR, "revision_not_kept", "revision=%" PRIu64 " error=%s", c->number,
              log_quote(quoted, sizeof quoted, text, strlen(text)));
    return 0;
}

static int take_result(struct coming *c, struct judged *j)
{
    json_t *canonical = opener_canonical(&j->run, j->document);
    struct compiled *compiled = &j->compiled;

    c->document = canonical ? document_text(canonical) : NULL;
    json_decref(canonical);
    c->warnings = warnings_json(compiled);
    c->offered = offered_json(&compiled->policy);
    c->authority = json_incref(j->authority);
    c->access = json_incref(
        json_object_get(json_object_get(j->model.root, MODEL_MANAGEMENT), "access"));
    c->dates = compiled->dates;
    c->n_dates = compiled->n_dates;
    c->roles = compiled->roles;
    c->n_roles = compiled->n_roles;
    compiled->dates = NULL;
    compiled->n_dates = 0;
    compiled->roles = NULL;
    compiled->n_roles = 0;
    return c->document && c->warnings ? 0 : -ENOMEM;
}

static int begin(struct coming *c, const struct coming_wish *w, uint64_t number, uint64_t parent)
{
    *c = (struct coming){.busy = true,
                         .number = number,
                         .parent = parent,
                         .actor = strdup(w->actor),
                         .action = strdup(w->action),
                         .comment = strdup(w->comment ? w->comment : ""),
                         .done = w->done,
                         .arg = w->arg};
    return c->actor && c->action && c->comment ? 0 : -ENOMEM;
}

/* It was judged well: keep it, then give it to the launcher. */
static int hand_over(struct manager *m, struct judged *j, const struct coming_how *how,
                     struct err *e)
{
    struct coming *c = &m->coming;
    int rc = 0;

    if (j->run.put_rc && how->needs_store)
        return err_set(e, j->run.put_rc, "/", "free disk space in the state directory",
                       "what the configuration names can not be kept (%s)",
                       strerror(-j->run.put_rc));
    if (take_result(c, j))
        return err_set(e, -ENOMEM, "/", "free memory", "out of memory");
    if (how->settle)
        rc = how->settle(m, how->arg, &j->compiled, e);
    if (!rc)
        rc = stage(m, c, how->needs_store, e);
    if (rc)
        return rc;
    log_warnings(c->number, &j->compiled);
    if (c->number > m->highest)
        m->highest = c->number;
    rc = images_send(m, &j->compiled, c->document, c->authority, e);
    if (rc)
        store_refused(&m->store, c->number);
    return rc;
}

int coming_start(struct manager *m, const char *text, size_t n, uint64_t number,
                 const struct coming_wish *w, const struct coming_how *how, struct err *e)
{
    struct judged j = {.run.m = m};
    struct coming *c = &m->coming;
    int rc;

    if (c->busy)
        return err_set(e, -EBUSY, "/", "try again in a moment", "another change is under way");
    rc = begin(c, w, number, m->revision);
    if (!rc)
        rc = judge(&j, text, n, number, w->authority, e);
    else
        err_set(e, rc, "/", "free memory", "out of memory");
    if (!rc)
        rc = hand_over(m, &j, how, e);
    judged_fini(&j);
    malloc_trim(0); /* lists and certificates were large for a moment */
    if (rc)
        forget(c);
    return rc;
}

int coming_propose(struct manager *m, const json_t *document, const struct coming_wish *w,
                   struct err *e)
{
    static const struct coming_how how = {.needs_store = true};
    char *text = document_text(document);
    int rc = w->of_partner ? 0 : pair_may_change(m, document, e);

    if (!rc && !text)
        rc = err_set(e, -ENOMEM, "/", "free memory", "out of memory");
    if (!rc)
        rc = coming_start(m, text, strlen(text), m->highest + 1, w, &how, e);
    free(text);
    return rc;
}

int coming_try(struct manager *m, const json_t *document, bool cuts, struct coming_trial *t,
               struct err *e)
{
    struct judged j = {.run.m = m};
    char *text = document_text(document);
    int rc = text ? judge(&j, text, strlen(text), m->highest + 1, t->authority, e)
                  : err_set(e, -ENOMEM, "/", "free memory", "out of memory");

    if (!rc) {
        t->document = opener_canonical(&j.run, j.document);
        t->warnings = warnings_json(&j.compiled);
        if (cuts)
            t->cuts = trial_cuts(m, &j.compiled);
        if (!t->document || !t->warnings || (cuts && !t->cuts)) {
            coming_trial_free(t);
            rc = err_set(e, -ENOMEM, "/", "free memory", "out of memory");
        }
    }
    judged_fini(&j);
    free(text);
    return rc;
}

void coming_trial_free(struct coming_trial *t)
{
    json_decref(t->document);
    json_decref(t->warnings);
    json_decref(t->cuts);
    memset(t, 0, sizeof *t);
}

/* ---- what came of it ---- */

static void note(struct manager *m, const struct coming *c, const char *result,
                 const json_t *detail)
{
    struct audit_row row = {.actor = c->actor,
                            .action = c->action,
                            .object = "configuration",
                            .result = result,
                            .revision = c->number,
                            .detail = detail};
    struct err e;
    char text[1100];

    if (audit_add(&m->store, &row, &e))
        log_event(LOG_ERROR, "audit_failed", "error=\"%s\"", err_text(&e, text, sizeof text));
}

static void tell(struct manager *m, const struct coming *c, const char *result, json_t *why)
{
    events_add(m, "revision",
               json_pack("{s:I, s:s, s:s, s:s, s:s, s:O?}", "revision", (json_int_t)c->number,
                         "result", result, "actor", c->actor, "action", c->action, "comment",
                         c->comment, "why", why));
}

/* It runs: what is told of the running revision changes with it. */
static void adopt(struct manager *m, struct coming *c)
{
    json_t *document = json_loads(c->document, 0, NULL);

    callers_access(m, c->number, c->access, c->roles, c->n_roles);
    c->roles = NULL;
    if (c->authority)
        authority_adopt(m, c->authority);
    json_decref(m->document);
    m->document = document;
    json_decref(m->warnings);
    m->warnings = c->warnings;
    json_decref(m->offered);
    m->offered = c->offered;
    c->offered = NULL;
    free(m->dates);
    m->dates = c->dates;
    m->n_dates = c->n_dates;
    c->warnings = NULL;
    c->dates = NULL;
    m->revision = c->number;
    lists_follow(m);
    renew_follow(m);
    pair_follow(m);
    ship_follow(m);
    m->applied_ms = clock_mono_ms();
    m->alarmed_s = INT64_MIN; /* what is near its end is said anew for each revision */
    if (c->name[0])
        memcpy(m->name, c->name, sizeof m->name);
}

static void applied(struct manager *m, struct coming *c)
{
    json_t *before = m->document ? json_incref(m->document) : json_object();
    json_t *changes;
    char text[1100];
    struct err e;

    adopt(m, c);
    if (c->imported)
        (void)store_set_imported(&m->store, c->imported, c->number);
    if (store_applied(&m->store, c->number, &e))
        log_event(LOG_ERROR, "revision_not_kept", "revision=%" PRIu64 " error=\"%s\"", c->number,
                  err_text(&e, text, sizeof text));
    if (c->number % PRUNE_EVERY == 0 && store_prune(&m->store, REVISIONS_KEPT))
        log_event(LOG_WARN, "store_not_pruned", "revision=%" PRIu64, c->number);
    changes = document_diff(before, m->document);
    note(m, c, "applied", changes);
    tell(m, c, "applied", NULL);
    json_decref(changes);
    json_decref(before);
}

void coming_ended(struct manager *m, uint64_t number, const struct err *refused)
{
    struct coming c = m->coming;
    struct err none = {0}, placed;

    if (!c.busy || number != c.number)
        return;
    memset(&m->coming, 0, sizeof m->coming); /* whoever is told may ask for the next */
    if (refused) {
        char text[1100];
        json_t *why;

        placed = *refused;
        node_place(&placed);
        refused = &placed;
        why = json_string(err_text(refused, text, sizeof text));
        store_refused(&m->store, number);
        note(m, &c, "refused", why);
        tell(m, &c, "refused", why);
        json_decref(why);
    } else {
        applied(m, &c);
    }
    if (c.done)
        c.done(c.arg, refused ? -EINVAL : 0, number, refused ? refused : &none);
    forget(&c);
}
