/* change: a request that changes the configuration, from the new document to the answer. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"

/* Where the answer's resource stands. */
struct pending {
    struct call *call;
    char table[32], name[CALL_NAME_MAX];
};

static const json_t *resource(const struct pending *p, const json_t *document)
{
    if (!p->table[0])
        return document;
    if (!p->name[0])
        return json_object_get(document, p->table);
    return json_object_get(json_object_get(document, p->table), p->name);
}

static void answer_with(struct call *c, const struct pending *p, const json_t *document)
{
    const json_t *there = resource(p, document);

    if (there) {
        document_tag(there, c->tag);
        call_answer(c, 200, json_deep_copy(there));
    } else {
        call_answer(c, 204, NULL);
    }
}

static void on_done(void *arg, int rc, uint64_t revision, const struct err *e)
{
    struct pending *p = arg;
    struct call *c = p->call;

    if (rc) {
        call_refuse(c, rc, e);
    } else {
        c->revision = revision;
        answer_with(c, p, c->m->document);
    }
    free(p);
    call_done(c);
}

void change_try(struct call *c, const json_t *document)
{
    struct coming_trial t = {0};
    struct err e;
    int rc = coming_try(c->m, document, true, &t, &e);

    if (rc) {
        call_refuse(c, rc, &e);
        return;
    }
    call_answer(c, 200,
                json_pack("{s:b, s:o, s:O, s:O}", "dry_run", 1, "changes",
                          document_diff(c->m->document, t.document), "warnings", t.warnings, "cuts",
                          t.cuts));
    coming_trial_free(&t);
}

bool change_is_trial(struct call *c, bool *good)
{
    return call_flag(c, "dry_run", good);
}

void change_begin(struct call *c, json_t *document, const char *action, const char *comment,
                  const char *table, const char *name)
{
    struct pending *p = calloc(1, sizeof *p);
    struct coming_wish w = {
        .actor = c->who.name, .action = action, .comment = comment, .done = on_done, .arg = p};
    bool good, trial = change_is_trial(c, &good);
    struct err e;
    int rc;

    if (!p || !document) {
        call_problem(c, 503, "Service Unavailable", "out of memory");
        free(p);
    } else if (trial || !good) {
        if (trial)
            change_try(c, document);
        free(p);
    } else {
        p->call = c;
        snprintf(p->table, sizeof p->table, "%s", table ? table : "");
        snprintf(p->name, sizeof p->name, "%s", name ? name : "");
        c->waits = true;
        rc = coming_propose(c->m, document, &w, &e);
        if (rc) {
            c->waits = false;
            call_refuse(c, rc, &e);
            free(p);
        }
    }
    json_decref(document);
}
