/* candidate: a document in preparation, and commits that must be confirmed. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "mgmt/api/handlers.h"
#include "mgmt/confirm.h"
#include "mgmt/manager.h"
#include "mgmt/store/audit.h"

#define SETTING "candidate"

static json_t *candidate(struct call *c)
{
    char *text = store_setting(&c->m->store, SETTING);
    json_t *document = text ? json_loads(text, 0, NULL) : NULL;

    free(text);
    return document;
}

void candidate_get(struct call *c)
{
    json_t *document = candidate(c);

    if (!document) {
        call_problem(c, 404, "Not Found", "there is no candidate");
        return;
    }
    document_tag(document, c->tag);
    call_answer(c, 200, document);
}

/* Keep a new one (taken) if it could run; the answer has it. */
static void keep(struct call *c, const json_t *document)
{
    struct coming_trial t = {0};
    struct err e;
    int rc = coming_try(c->m, document, false, &t, &e);
    char *text;

    if (rc) {
        call_refuse(c, rc, &e);
        return;
    }
    text = document_text(t.document);
    rc = text ? store_set(&c->m->store, SETTING, text) : -ENOMEM;
    free(text);
    if (rc) {
        call_problem(c, 507, "Insufficient Storage", "the candidate can not be kept");
    } else {
        document_tag(t.document, c->tag);
        call_answer(c, 200, json_incref(t.document));
    }
    coming_trial_free(&t);
}

void candidate_put(struct call *c)
{
    json_t *old = candidate(c);

    if (call_may_change(c, old != NULL, old) && call_object(c))
        keep(c, c->json);
    json_decref(old);
}

/* Of the candidate, or of what runs while there is none. */
void candidate_patch(struct call *c)
{
    json_t *old = candidate(c), *patched;
    bool exists = old != NULL;

    if (!call_may_change(c, exists, old) || !call_object(c)) {
        json_decref(old);
        return;
    }
    patched = document_merge(exists ? old : c->m->document, c->json);
    if (patched)
        keep(c, patched);
    else
        call_problem(c, 400, "Bad Request", "the patch is nested too deep");
    json_decref(patched);
    json_decref(old);
}

void candidate_delete(struct call *c)
{
    json_t *old = candidate(c);

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
    uint64_t before, confirm_s;
};

static void on_committed(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct commit *k = arg;
    struct call *c = k->call;
    struct manager *m = c->m;

    if (rc) {
        call_refuse(c, rc, e);
    } else {
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
        confirm_want(m, m->highest + 1, m->revision, clock_wall_s() + (int64_t)k->confirm_s))
        return err_set(e, -ENOSPC, "store.db", "free disk space",
                       "the time to confirm can not be kept");
    rc = coming_propose(m, document, &w, e);
    if (rc && k->confirm_s)
        confirm_given(m);
    return rc;
}

void candidate_commit(struct call *c)
{
    struct commit *k = calloc(1, sizeof *k);
    json_t *document = candidate(c);
    struct err e;
    int rc;

    if (!k)
        goto out;
    k->call = c;
    k->before = c->m->revision;
    if (!document) {
        call_problem(c, 404, "Not Found", "there is no candidate: PUT or PATCH one first");
        goto out;
    }
    if (!call_may_change(c, true, document) ||
        !call_number(c, "confirm", CONFIRM_MAX_S, 0, &k->confirm_s))
        goto out;
    c->waits = true;
    rc = begin(c, k, document, &e);
    if (!rc) {
        k = NULL; /* on_committed() has it */
        goto out;
    }
    c->waits = false;
    call_refuse(c, rc, &e);
out:
    json_decref(document);
    free(k);
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
