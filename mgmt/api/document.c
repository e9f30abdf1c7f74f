#include "mgmt/api/document.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/store/objects.h"

#define DEPTH_MAX   64
#define POINTER_MAX DOCUMENT_POINTER_MAX

/* jansson's iteration takes no const, and changes nothing. */
static json_t *loose(const json_t *v)
{
    return (json_t *)(uintptr_t)v;
}

char *document_text(const json_t *doc)
{
    return json_dumps(doc, JSON_SORT_KEYS | JSON_INDENT(2));
}

void document_text_tag(const char *text, char tag[DOCUMENT_TAG_MAX])
{
    char hex[65];

    objects_hash(text, strlen(text), hex);
    snprintf(tag, DOCUMENT_TAG_MAX, "\"%.32s\"", hex);
}

void document_tag(const json_t *value, char tag[DOCUMENT_TAG_MAX])
{
    char *text = json_dumps(value, JSON_SORT_KEYS | JSON_COMPACT | JSON_ENCODE_ANY);

    document_text_tag(text ? text : "", tag);
    free(text);
}

static json_t *merge(const json_t *target, const json_t *patch, int depth)
{
    json_t *out, *member, *value;
    const char *key;

    if (depth > DEPTH_MAX)
        return NULL;
    if (!json_is_object(patch))
        return json_deep_copy(patch);
    out = json_is_object(target) ? json_deep_copy(target) : json_object();
    json_object_foreach(loose(patch), key, value)
    {
        if (json_is_null(value)) {
            json_object_del(out, key);
            continue;
        }
        member = merge(json_object_get(out, key), value, depth + 1);
        if (!member || json_object_set_new(out, key, member)) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

json_t *document_merge(const json_t *target, const json_t *patch)
{
    return merge(target, patch, 0);
}

/* One more token of a JSON pointer (RFC 6901). */
static void extend(char *out, const char *at, const char *key)
{
    size_t n = (size_t)snprintf(out, POINTER_MAX, "%s/", at);

    for (; *key && n + 2 < POINTER_MAX; key++) {
        if (*key == '~' || *key == '/') {
            out[n++] = '~';
            out[n++] = *key == '~' ? '0' : '1';
        } else {
            out[n++] = *key;
        }
    }
    out[n < POINTER_MAX ? n : POINTER_MAX - 1] = 0;
}

static void note(json_t *list, const char *at, const json_t *from, const json_t *to)
{
    json_t *row = json_pack("{s:s}", "path", at);

    if (from)
        json_object_set(row, "from", loose(from));
    if (to)
        json_object_set(row, "to", loose(to));
    json_array_append_new(list, row);
}

static void diff(json_t *list, const char *at, const json_t *from, const json_t *to, int depth)
{
    char place[POINTER_MAX];
    json_t *value;
    const char *key;

    if (json_equal(from, to))
        return;
    if (!json_is_object(from) || !json_is_object(to) || depth > DEPTH_MAX) {
        note(list, at, from, to);
        return;
    }
    json_object_foreach(loose(from), key, value)
    {
        const json_t *other = json_object_get(to, key);

        extend(place, at, key);
        if (other)
            diff(list, place, value, other, depth + 1);
        else
            note(list, place, value, NULL);
    }
    json_object_foreach(loose(to), key, value)
    {
        if (json_object_get(from, key))
            continue;
        extend(place, at, key);
        note(list, place, NULL, value);
    }
}

json_t *document_diff(const json_t *from, const json_t *to)
{
    json_t *list = json_array();

    if (list)
        diff(list, "", from, to, 0);
    return list;
}

static bool same(const json_t *a, const json_t *b)
{
    return (!a && !b) || (a && b && json_equal(a, b));
}

static bool all_objects(const json_t *a, const json_t *b, const json_t *c)
{
    return json_is_object(a) && json_is_object(b) && json_is_object(c);
}

/* Of one member: 0 with *out (NULL: it is gone), or -EEXIST with its place. */
static int rebase(const json_t *base, const json_t *mine, const json_t *theirs, const char *at,
                  int depth, char *where, json_t **out);

/* One member into `into`. */
static int rebase_member(json_t *into, const char *key, const json_t *base, const json_t *mine,
                         const json_t *theirs, const char *at, int depth, char *where)
{
    char place[POINTER_MAX];
    json_t *value = NULL;
    int rc;

    extend(place, at, key);
    rc = rebase(json_object_get(base, key), json_object_get(mine, key),
                json_object_get(theirs, key), place, depth + 1, where, &value);
    if (!rc && value && json_object_set_new(into, key, value))
        rc = -ENOMEM;
    return rc;
}

static int rebase_objects(const json_t *base, const json_t *mine, const json_t *theirs,
                          const char *at, int depth, char *where, json_t **out)
{
    json_t *into = json_object(), *value;
    const char *key;
    int rc = into ? 0 : -ENOMEM;

    json_object_foreach(loose(mine), key, value)
    {
        if (!rc)
            rc = rebase_member(into, key, base, mine, theirs, at, depth, where);
    }
    json_object_foreach(loose(theirs), key, value)
    {
        if (!rc && !json_object_get(mine, key))
            rc = rebase_member(into, key, base, mine, theirs, at, depth, where);
    }
    if (rc)
        json_decref(into);
    else
        *out = into;
    return rc;
}

static int rebase(const json_t *base, const json_t *mine, const json_t *theirs, const char *at,
                  int depth, char *where, json_t **out)
{
    const json_t *taken = same(base, mine) ? theirs : mine;

    if (same(base, mine) || same(base, theirs) || same(mine, theirs)) {
        *out = taken ? json_deep_copy(taken) : NULL;
        return taken && !*out ? -ENOMEM : 0;
    }
    if (depth <= DEPTH_MAX && all_objects(base, mine, theirs))
        return rebase_objects(base, mine, theirs, at, depth, where, out);
    snprintf(where, POINTER_MAX, "%s", *at ? at : "/");
    return -EEXIST;
}

json_t *document_rebase(const json_t *base, const json_t *mine, const json_t *theirs,
                        char where[DOCUMENT_POINTER_MAX])
{
    json_t *out = NULL;

    where[0] = '\0';
    return rebase(base, mine, theirs, "", 0, where, &out) ? NULL : out;
}
