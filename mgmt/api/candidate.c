/* candidate: a document in preparation, and commits that must be confirmed. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "mgmt/api/handlers.h"
#include "mgmt/confirm.h"
#include "mgmt/manager.h"
#include "mgmt/store/audit.h"

#define SETTING "candidate" /* {"base": the revision it was begun from, "document": ...} */

/* NULL: there is none; *base is the revision that it was begun from. */
static json_t *candidate(const struct call *c, uint64_t *base)
{
    char *text = store_setting(&c->m->store, SETTING);
    json_t *kept = text ? json_loads(text, 0, NULL) : NULL;
    json_t *document = json_incref(json_object_get(kept, "document"));

    *base = (uint64_t)json_integer_value(json_object_get(kept, "base"));
    json_decref(kept);
    free(text);
    return document;
}

json_t *candidate_document(const struct call *c)
{
    uint64_t base;

    return candidate(c, &base);
}

void candidate_get(struct call *c)
{
    json_t *document = candidate(c, &c->revision);

    if (!document) {
        c->revision = 0;
        call_problem(c, 404, "Not Found", "there is no candidate");
        return;
    }
    document_tag(document, c->tag);
    call_answer(c, 200, document);
}

static int write_down(struct call *c, json_t *document, uint64_t base)
{
    json_t *kept = json_pack("{s:I, s:O}", "base", (json_int_t)base, "document", document);
    char *text = kept ? document_text(kept) : NULL;
    int rc = text ? store_set(&c->m->store, SETTING, text) : -ENOMEM;

    free(text);
    json_decref(kept);
    return rc;
}

/* Keep a new one if it could run; the answer has it. */
static void keep(struct call *c, const json_t *document, uint64_t base)
{
    struct coming_trial t = {0};
    struct err e;
    int rc = coming_try(c->m, document, false, &t, &e);

    if (rc) {
        call_refuse(c, rc, &e);
        return;
    }
    if (write_down(c, t.document, base)) {
        call_problem(c, 507, "Insufficient Storage", "the candidate can not be kept");
    } else {
        document_tag(t.document, c->tag);
        c->revision = base;
        call_answer(c, 200, json_incref(t.document));
    }
    coming_trial_free(&t);
}

/* A whole new one is begun from what runs now, and says so about everything. */
void candidate_put(struct call *c)
{
    json_t *old = candidate_document(c);

    if (call_may_change(c, old != NULL, old) && call_object(c))
        keep(c, c->json, c->m->revision);
    json_decref(old);
}

/* Of the candidate, or of what runs while there is none. */
void candidate_patch(struct call *c)
{
    uint64_t base;
    json_t *old = candidate(c, &base), *patched;
    bool exists = old != NULL;

    if (!call_may_change(c, exists, old) || !call_object(c)) {
        json_decref(old);
        return;
    }
    patched = document_merge(exists ? old : c->m->document, c->json);
    if (patched)
        keep(c, patched, exists ? base : c->m->revision);
    else
        call_problem(c, 400, "Bad Request", "the patch is nested too deep");
    json_decref(patched);
    json_decref(old);
}

void candidate_delete(struct call *c)
{
    json_t *old = candidate_document(c);

    if (!old) {
        call_problem(c, 404, "Not Found", "there is no candidate");
    } else if (call_may_change(c, true, old)) {
        if (store_set(&c->m->store, SETTING, NULL))
            call_problem(c, 500, "Internal Server Error", "the store can not be written");
        else
            call_answer(c, 204, NULL);
    }
    json_decref(old);
}

/* ---- commit ---- */

struct commit {
    struct call *call;
    uint64_t confirm_s;
    char *before; /* what was waited for until now; NULL: nothing */
};

static void on_committed(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct commit *k = arg;
    struct call *c = k->call;
    struct manager *m = c->m;

    if (rc) {
        call_refuse(c, rc, e);
        if (k->confirm_s)
            confirm_undo(m, k->before);
    } else {
        free(k->before);
        store_set(&m->store, SETTING, NULL);
        if (!k->confirm_s)
            confirm_given(m); /* of an earlier one: this commit is the last word */
        c->revision = revision;
        call_answer(c, 200, json_pack("{s:I}", "revision", (json_int_t)revision));
        if (k->confirm_s)
            json_object_set_new(c->answer, "confirm", confirm_pending(m));
    }
    free(k);
    call_done(c);
}

/* The deadline is written down before the change begins: a crash in between goes back too. */
static int begin(struct call *c, struct commit *k, const json_t *document, struct err *e)
{
    struct coming_wish w = {
        .actor = c->who.name, .action = "config.commit", .done = on_committed, .arg = k};
    struct manager *m = c->m;
    int rc;

    if (m->coming.busy)
        return err_set(e, -EBUSY, "/", "try again in a moment", "another change is under way");
    if (k->confirm_s &&
        confirm_want(m, m->highest + 1, clock_wall_s() + (int64_t)k->confirm_s, &k->before))
        return err_set(e, -ENOSPC, "store.db", "free disk space",
                       "the time to confirm can not be kept");
    rc = coming_propose(m, document, &w, e);
    if (rc && k->confirm_s)
        confirm_undo(m, k->before);
    return rc;
}

/*
 * The candidate (taken) on top of what others, or the gateway itself, have changed since it was
 * begun; nobody's change is undone by a commit that never saw it. NULL: answered.
 */
static json_t *brought_up(struct call *c, json_t *document, uint64_t base)
{
    char where[DOCUMENT_POINTER_MAX] = "/";
    struct store_revision r;
    json_t *before, *merged = NULL;
    struct err e;

    if (base == c->m->revision)
        return document;
    if (!store_get(&c->m->store, base, &r)) {
        before = json_loads(r.document, 0, NULL);
        merged = document_rebase(before, document, c->m->document, where);
        json_decref(before);
        store_revision_free(&r);
    }
    json_decref(document);
    if (merged)
        return merged;
    err_set(&e, -EEXIST, where[0] ? where : "/",
            "compare with config/diff?from=candidate&to=running, and PUT the candidate anew",
            "was changed since revision %" PRIu64 ", where the candidate was begun", base);
    call_refuse(c, -EEXIST, &e);
    return NULL;
}

/* The document to commit, and that the caller may. NULL: answered. */
static json_t *to_commit(struct call *c, uint64_t *confirm_s)
{
    uint64_t base;
    json_t *document = candidate(c, &base);

    if (!document) {
        call_problem(c, 404, "Not Found", "there is no candidate: PUT or PATCH one first");
        return NULL;
    }
    if (call_may_change(c, true, document) &&
        call_number(c, "confirm", CONFIRM_MAX_S, 0, confirm_s))
        return brought_up(c, document, base);
    json_decref(document);
    return NULL;
}

static void commit(struct call *c, const json_t *document, uint64_t confirm_s)
{
    struct commit *k = calloc(1, sizeof *k);
    struct err e;
    int rc;

    if (!k) {
        call_problem(c, 503, "Service Unavailable", "out of memory");
        return;
    }
    *k = (struct commit){.call = c, .confirm_s = confirm_s};
    c->waits = true;
    rc = begin(c, k, document, &e);
    if (rc) {
        c->waits = false;
        call_refuse(c, rc, &e);
        free(k);
    }
}

void candidate_commit(struct call *c)
{
    bool good, trial = change_is_trial(c, &good);
    uint64_t confirm_s;
    json_t *document = good ? to_commit(c, &confirm_s) : NULL;

    if (document && trial)
        change_try(c, document);
    else if (document)
        commit(c, document, confirm_s);
    json_decref(document);
}

void candidate_confirm(struct call *c)
{
    struct audit_row row = {.actor = c->who.name,
                            .action = "config.confirm",
                            .object = "configuration",
                            .result = "confirmed",
                            .revision = c->m->revision};
    struct err e;
    int rc = confirm_given(c->m);

    if (rc == -ENOENT) {
        call_problem(c, 404, "Not Found", "no commit waits to be confirmed");
    } else if (rc) {
        call_problem(c, 500, "Internal Server Error", "the store can not be written");
    } else {
        (void)audit_add(&c->m->store, &row, &e);
        call_answer(c, 200, json_pack("{s:I}", "revision", (json_int_t)c->m->revision));
    }
}
