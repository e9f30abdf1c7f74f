/* resources: the named parts of the running document. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"

#define PAGE_MAX 1000

/* "/api/v1/links/x" -> "links". The routes see to it that it is a table of the document. */
static const char *table_of(const struct call *c, char out[32])
{
    const char *at = c->path + strlen("/api/v1/");

    snprintf(out, 32, "%.*s", (int)strcspn(at, "/"), at);
    return out;
}

static json_t *resource(const struct call *c, const char *table)
{
    return json_object_get(json_object_get(c->m->document, table), c->name);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

void resources_list(struct call *c)
{
    char table[32], tag[DOCUMENT_TAG_MAX];
    json_t *all = json_object_get(c->m->document, table_of(c, table)), *items, *value;
    const char *cursor = call_query(c, "cursor"), *key, *next = NULL;
    const char **names;
    size_t n = 0, used = 0;
    uint64_t limit;

    if (!call_number(c, "limit", PAGE_MAX, PAGE_MAX, &limit))
        return;
    names = calloc(json_object_size(all) + 1, sizeof *names);
    items = json_array();
    if (!names || !items)
        goto out;
    json_object_foreach(all, key, value) if (!cursor || strcmp(key, cursor) > 0) names[n++] = key;
    qsort(names, n, sizeof *names, by_name);
    for (; used < n && used < limit; used++) {
        value = json_object_get(all, names[used]);
        document_tag(value, tag);
        json_array_append_new(
            items, json_pack("{s:s, s:s, s:O}", "name", names[used], "etag", tag, "value", value));
        next = names[used];
    }
    c->revision = c->m->revision;
    call_answer(c, 200,
                used < n ? json_pack("{s:O, s:s}", "items", items, "next", next)
                         : json_pack("{s:O}", "items", items));
out:
    json_decref(items);
    free(names);
}

static void not_there(struct call *c, const char *table)
{
    call_problem(c, 404, "Not Found", "%s has no \"%s\"", table, c->name);
}

void resources_get(struct call *c)
{
    char table[32];
    json_t *value = resource(c, table_of(c, table));

    if (!value) {
        not_there(c, table);
        return;
    }
    document_tag(value, c->tag);
    c->revision = c->m->revision;
    call_answer(c, 200, json_deep_copy(value));
}

/* The running document with another value (taken; NULL: without it) in this place. */
static json_t *with(const struct call *c, const char *table, json_t *value)
{
    json_t *document = json_deep_copy(c->m->document), *all;

    if (document && !json_object_get(document, table))
        json_object_set_new(document, table, json_object());
    all = json_object_get(document, table);
    if (value)
        json_object_set_new(all, c->name, value);
    else
        json_object_del(all, c->name);
    return document;
}

/*
 * Whoever changes whom the management link believes, or what it presents, can make himself what he
 * likes: that takes an admin, whatever else he may do with trusts and identities. False: answered.
 */
static bool may_touch(struct call *c, const char *table)
{
    const json_t *management = json_object_get(c->m->document, MODEL_MANAGEMENT);
    const json_t *tls = json_object_get(json_object_get(management, "listen"), "tls");
    const json_t *used = json_object_get(tls, strcmp(table, "trust") ? "identity" : "trust"), *one;
    bool is = json_is_string(used) && !strcmp(json_string_value(used), c->name);
    size_t i;

    if ((c->who.roles & ROLE_ADMIN) || (strcmp(table, "trust") && strcmp(table, "identities")))
        return true;
    json_array_foreach(used, i, one)
        is = is || (json_is_string(one) && !strcmp(json_string_value(one), c->name));
    if (is)
        call_problem(c, 403, "Forbidden",
                     "the management link uses it: only an admin may change it");
    return !is;
}

void resources_put(struct call *c)
{
    char table[32], action[64];
    json_t *old = resource(c, table_of(c, table));

    if (!may_touch(c, table) || !call_may_change(c, old != NULL, old) || !call_object(c))
        return;
    snprintf(action, sizeof action, "%s.%s", table, old ? "replace" : "create");
    change_begin(c, with(c, table, json_incref(c->json)), action, c->name, table, c->name);
}

void resources_patch(struct call *c)
{
    char table[32], action[64];
    json_t *old = resource(c, table_of(c, table)), *patched;

    if (!old) {
        not_there(c, table);
        return;
    }
    if (!may_touch(c, table) || !call_may_change(c, true, old) || !call_object(c))
        return;
    patched = document_merge(old, c->json);
    if (!patched) {
        call_problem(c, 400, "Bad Request", "the patch is nested too deep");
        return;
    }
    snprintf(action, sizeof action, "%s.change", table);
    change_begin(c, with(c, table, patched), action, c->name, table, c->name);
}

void resources_delete(struct call *c)
{
    char table[32], action[64];
    json_t *old = resource(c, table_of(c, table));

    if (!old) {
        not_there(c, table);
        return;
    }
    if (!may_touch(c, table) || !call_may_change(c, true, old))
        return;
    snprintf(action, sizeof action, "%s.remove", table);
    change_begin(c, with(c, table, NULL), action, c->name, table, c->name);
}
