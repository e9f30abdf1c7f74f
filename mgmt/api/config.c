/* config: the document as a whole, and its revisions. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"

#define PAGE_MAX   200
#define NUMBER_MAX UINT32_MAX

void config_get(struct call *c)
{
    document_tag(c->m->document, c->tag);
    c->revision = c->m->revision;
    call_answer(c, 200, json_deep_copy(c->m->document));
}

void config_put(struct call *c)
{
    if (call_may_change(c, c->m->document != NULL, c->m->document) && call_object(c))
        change_begin(c, json_incref(c->json), "config.replace", "", NULL, NULL);
}

void config_patch(struct call *c)
{
    json_t *patched;

    if (!call_may_change(c, c->m->document != NULL, c->m->document) || !call_object(c))
        return;
    patched = document_merge(c->m->document, c->json);
    if (patched)
        change_begin(c, patched, "config.change", "", NULL, NULL);
    else
        call_problem(c, 400, "Bad Request", "the patch is nested too deep");
}

void config_revisions(struct call *c)
{
    uint64_t limit, cursor;
    json_t *list, *last;

    if (!call_number(c, "limit", PAGE_MAX, PAGE_MAX, &limit) ||
        !call_number(c, "cursor", NUMBER_MAX, 0, &cursor))
        return;
    list = store_list(&c->m->store, cursor, (unsigned)limit);
    if (!list) {
        call_problem(c, 500, "Internal Server Error", "the store can not be read");
        return;
    }
    last = json_object_get(json_array_get(list, json_array_size(list) - 1), "revision");
    call_answer(c, 200, json_pack("{s:o}", "items", list));
    if (json_array_size(list) == limit && json_integer_value(last) > 1)
        json_object_set_new(c->answer, "next",
                            json_sprintf("%lld", (long long)json_integer_value(last)));
}

/* The number of a revision, or 0 with the call answered. */
static uint64_t number_of(struct call *c, const char *text, const char *what)
{
    char *end;
    uint64_t n;

    if (text && !strcmp(text, "running"))
        return c->m->revision;
    errno = 0;
    n = text ? strtoull(text, &end, 10) : 0;
    if (text && !errno && !*end && text[0] >= '0' && text[0] <= '9' && n > 0 && n <= NUMBER_MAX)
        return n;
    call_problem(c, 400, "Bad Request", "%s: give the number of a revision", what);
    return 0;
}

/* 0, or the call is answered. */
static int fetch(struct call *c, uint64_t number, struct store_revision *r)
{
    int rc = store_get(&c->m->store, number, r);

    if (rc == -ENOENT)
        call_problem(c, 404, "Not Found", "there is no revision %" PRIu64, number);
    else if (rc)
        call_problem(c, 500, "Internal Server Error", "the store can not be read");
    return rc;
}

void config_revision(struct call *c)
{
    struct store_revision r;
    uint64_t number = number_of(c, c->name, "revision");

    if (!number || fetch(c, number, &r))
        return;
    call_answer(c, 200,
                json_pack("{s:I, s:I, s:I, s:s, s:s, s:o?}", "revision", (json_int_t)r.number,
                          "parent", (json_int_t)r.parent, "applied_at", (json_int_t)r.at_s, "actor",
                          r.actor, "comment", r.comment, "document",
                          json_loads(r.document, 0, NULL)));
    store_revision_free(&r);
}

/* The document of a revision, or of the candidate. NULL: answered. */
static json_t *document_of(struct call *c, const char *key)
{
    const char *which = call_query(c, key);
    struct store_revision r;
    uint64_t number;
    json_t *document;

    if (which && !strcmp(which, "candidate")) {
        document = candidate_document(c);
        if (!document)
            call_problem(c, 404, "Not Found", "there is no candidate");
        return document;
    }
    number = number_of(c, which, key);
    if (!number)
        return NULL;
    if (number == c->m->revision)
        return json_incref(c->m->document);
    if (fetch(c, number, &r))
        return NULL;
    document = json_loads(r.document, 0, NULL);
    store_revision_free(&r);
    return document;
}

void config_diff(struct call *c)
{
    json_t *from = document_of(c, "from"), *to = from ? document_of(c, "to") : NULL;

    if (to)
        call_answer(c, 200, json_pack("{s:o}", "changes", document_diff(from, to)));
    json_decref(from);
    json_decref(to);
}

void config_rollback(struct call *c)
{
    struct store_revision r;
    json_t *wanted;
    char comment[64];

    if (!call_may_change(c, c->m->document != NULL, c->m->document) || !call_object(c))
        return;
    wanted = json_object_get(c->json, "revision");
    if (!json_is_integer(wanted) || json_integer_value(wanted) < 1 ||
        json_object_size(c->json) != 1) {
        call_problem(c, 400, "Bad Request", "give {\"revision\": NUMBER}");
        return;
    }
    if (fetch(c, (uint64_t)json_integer_value(wanted), &r))
        return;
    snprintf(comment, sizeof comment, "back to revision %" PRIu64, r.number);
    change_begin(c, json_loads(r.document, 0, NULL), "config.rollback", comment, NULL, NULL);
    store_revision_free(&r);
}
