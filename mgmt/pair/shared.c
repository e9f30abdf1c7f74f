#include "mgmt/pair/shared.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"
#include "mgmt/api/document.h"
#include "mgmt/model/model.h"
#include "mgmt/store/objects.h"

#define DEPTH_MAX 32

static const char *const own_members[] = {MODEL_MANAGEMENT, MODEL_AVAILABILITY, "dpdk"};
static const char *const tables[] = {"identities", "trust"};

/* Is the name, or one of the list, this one? */
static bool names(const json_t *value, const char *name)
{
    const json_t *one;
    size_t i;

    if (json_is_string(value))
        return !strcmp(json_string_value(value), name);
    json_array_foreach(value, i, one)
    {
        if (json_is_string(one) && !strcmp(json_string_value(one), name))
            return true;
    }
    return false;
}

bool shared_is_own(const json_t *document, const char *table, const char *name)
{
    const json_t *management = json_object_get(document, MODEL_MANAGEMENT),
                 *tls = json_object_get(json_object_get(management, "listen"), "tls"),
                 *pair = json_object_get(document, MODEL_AVAILABILITY),
                 *partner = json_object_get(pair, "partner");
    bool trust = !strcmp(table, "trust");
    const char *key = trust ? "trust" : "identity";

    return names(json_object_get(tls, key), name) || names(json_object_get(partner, key), name) ||
           (!trust && names(json_object_get(pair, "own"), name));
}

/* The table without what is the box's own, or with nothing else. */
static void keep(json_t *document, const json_t *rules, const char *table, bool own)
{
    json_t *all = json_object_get(document, table), *value;
    const char *name;
    void *next;

    json_object_foreach_safe(all, next, name, value)
    {
        if (shared_is_own(rules, table, name) != own)
            json_object_del(all, name);
    }
    if (all && !json_object_size(all))
        json_object_del(document, table);
}

json_t *shared_part(const json_t *document)
{
    json_t *part = json_deep_copy(document);

    for (size_t i = 0; part && i < ARRAY_LEN(tables); i++)
        keep(part, document, tables[i], false);
    for (size_t i = 0; part && i < ARRAY_LEN(own_members); i++)
        json_object_del(part, own_members[i]);
    return part;
}

int shared_digest(const json_t *part, char digest[SHARED_DIGEST_MAX])
{
    char *text = document_text(part);

    if (!text)
        return -ENOMEM;
    objects_hash(text, strlen(text), digest);
    free(text);
    return 0;
}

bool shared_is_fresh(const json_t *part)
{
    return json_object_size(json_object_get(part, "links")) == 0;
}

/* What is the box's own of a table, beside what comes. */
static int add_own(json_t *out, const json_t *document, const char *table, struct err *e)
{
    json_t *all = json_object_get(document, table), *there, *value;
    const char *name;
    char where[256];

    json_object_foreach(all, name, value)
    {
        if (!shared_is_own(document, table, name))
            continue;
        there = json_object_get(out, table);
        if (!there && !json_object_set_new(out, table, json_object()))
            there = json_object_get(out, table);
        snprintf(where, sizeof where, "/%s/%.64s", table, name);
        if (json_object_get(there, name))
            return err_set(e, -EEXIST, where,
                           "give it another name on one of the two, or name it in "
                           "/availability/own on both",
                           "is this gateway's own, and the partner's configuration has it too");
        if (!there || json_object_set(there, name, value))
            return err_set(e, -ENOMEM, where, "free memory", "out of memory");
    }
    return 0;
}

json_t *shared_merge(const json_t *document, const json_t *part, struct err *e)
{
    json_t *out = json_deep_copy(part), *own;
    int rc = out ? 0 : err_set(e, -ENOMEM, "/", "free memory", "out of memory");

    for (size_t i = 0; !rc && i < ARRAY_LEN(own_members); i++) {
        own = json_object_get(document, own_members[i]);
        json_object_del(out, own_members[i]);
        if (own && json_object_set(out, own_members[i], own))
            rc = err_set(e, -ENOMEM, "/", "free memory", "out of memory");
    }
    for (size_t i = 0; !rc && i < ARRAY_LEN(tables); i++)
        rc = add_own(out, document, tables[i], e);
    if (!rc)
        return out;
    json_decref(out);
    return NULL;
}

/* As keys of an object, so that each stands once. */
static void collect(const json_t *value, json_t *found, unsigned depth)
{
    json_t *one;
    const char *key;
    size_t i;

    if (depth > DEPTH_MAX)
        return;
    if (json_is_string(value) && objects_is_ref(json_string_value(value)))
        json_object_set_new(found, json_string_value(value), json_true());
    json_array_foreach(value, i, one) collect(one, found, depth + 1);
    json_object_foreach((json_t *)(uintptr_t)value, key, one) collect(one, found, depth + 1);
}

json_t *shared_objects(const json_t *part)
{
    json_t *found = json_object(), *list = json_array(), *value;
    const char *key;

    if (found && list) {
        collect(part, found, 0);
        json_object_foreach(found, key, value) json_array_append_new(list, json_string(key));
    }
    json_decref(found);
    return list;
}
