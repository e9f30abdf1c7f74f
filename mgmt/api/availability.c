/* availability: a pair of gateways: its settings, how it is, and whose configuration goes. */
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"
#include "mgmt/store/audit.h"

#define PLACE MODEL_AVAILABILITY

static json_t *settings(const struct call *c)
{
    return json_object_get(c->m->document, PLACE);
}

static void not_there(struct call *c)
{
    call_problem(c, 404, "Not Found", "this gateway is not one of a pair");
}

void availability_get(struct call *c)
{
    json_t *value = settings(c);

    if (!value) {
        not_there(c);
        return;
    }
    document_tag(value, c->tag);
    c->revision = c->m->revision;
    call_answer(c, 200, json_deep_copy(value));
}

/* The running document with these settings (taken; NULL: without). */
static json_t *with(const struct call *c, json_t *value)
{
    json_t *document = json_deep_copy(c->m->document);

    if (value)
        json_object_set_new(document, PLACE, value);
    else
        json_object_del(document, PLACE);
    return document;
}

void availability_put(struct call *c)
{
    json_t *old = settings(c);

    if (call_may_change(c, old != NULL, old) && call_object(c))
        change_begin(c, with(c, json_incref(c->json)), "availability.replace", PLACE, PLACE, NULL);
}

void availability_patch(struct call *c)
{
    json_t *old = settings(c), *patched;

    if (!old) {
        not_there(c);
        return;
    }
    if (!call_may_change(c, true, old) || !call_object(c))
        return;
    patched = document_merge(old, c->json);
    if (patched)
        change_begin(c, with(c, patched), "availability.change", PLACE, PLACE, NULL);
    else
        call_problem(c, 400, "Bad Request", "the patch is nested too deep");
}

void availability_delete(struct call *c)
{
    json_t *old = settings(c);

    if (!old)
        not_there(c);
    else if (call_may_change(c, true, old))
        change_begin(c, with(c, NULL), "availability.remove", PLACE, PLACE, NULL);
}

void availability_status(struct call *c)
{
    call_answer(c, 200, pair_status(c->m));
}

void availability_adopt(struct call *c)
{
    struct audit_row row = {
        .actor = c->who.name, .action = "availability.adopt", .object = PLACE, .result = "asked"};
    struct err e;
    int rc = audit_add(&c->m->store, &row, &e);

    if (!rc)
        rc = pair_adopt(c->m, c->who.name, &e);
    if (rc)
        call_refuse(c, rc, &e);
    else
        call_answer(c, 202, pair_status(c->m));
}
