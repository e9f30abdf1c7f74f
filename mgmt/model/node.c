#include "mgmt/model/node.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/check.h"

/* RFC 6901: "~" and "/" in a key are escaped. */
static void point(char *out, size_t cap, const char *parent, const char *key)
{
    size_t n = (size_t)snprintf(out, cap, "%s/", parent);

    for (; *key && n + 3 < cap; key++) {
        if (*key == '~' || *key == '/')
            n += (size_t)snprintf(out + n, cap - n, "~%c", *key == '~' ? '0' : '1');
        else
            out[n++] = *key;
    }
    if (n < cap)
        out[n] = '\0';
    out[cap - 1] = '\0';
}

struct node node_member(const struct node *n, const char *key)
{
    struct node m = {.v = n->v ? json_object_get(n->v, key) : NULL, .e = n->e};

    point(m.at, sizeof m.at, n->at, key);
    return m;
}

struct node node_element(const struct node *n, size_t i)
{
    struct node m = {.v = json_array_get(n->v, i), .e = n->e};
    char key[24];

    snprintf(key, sizeof key, "%zu", i);
    point(m.at, sizeof m.at, n->at, key);
    return m;
}

static void clean(char *text)
{
    for (; *text; text++)
        if ((unsigned char)*text < 0x20 || *text == 0x7f)
            *text = '?';
}

/* Where a link is judged like any other, the place is told as it stands in the configuration. */
void node_place(struct err *e)
{
    static const struct {
        const char *told, *meant;
    } places[] = {{"/links/" MODEL_MANAGEMENT "/", "/" MODEL_MANAGEMENT "/"},
                  {"/links/penstock.log/forward/tls/", "/log/syslog/"},
                  {"/links/penstock.log/forward/", "/log/syslog/"}};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        size_t told = strlen(places[i].told), meant = strlen(places[i].meant);

        if (strncmp(e->where, places[i].told, told) != 0)
            continue;
        memmove(e->where + meant, e->where + told, strlen(e->where + told) + 1);
        memcpy(e->where, places[i].meant, meant);
    }
}

void node_clean(struct err *e)
{
    node_place(e);
    clean(e->where);
    clean(e->what);
    clean(e->fix);
}

int node_some(const struct node *n, const struct model_strings *list, const char *fix)
{
    return n->v && list->n == 0 ? node_fail(n, fix, "is empty") : 0;
}

int node_fail(const struct node *n, const char *fix, const char *what, ...)
{
    char text[400];
    va_list ap;

    va_start(ap, what);
    vsnprintf(text, sizeof text, what, ap);
    va_end(ap);
    return err_set(n->e, -EINVAL, n->at[0] ? n->at : "/", fix, "%s", text);
}

static const char *type_name(const json_t *v)
{
    static const char *const names[] = {"an object", "an array", "a string", "a number",
                                        "a number",  "true",     "false",    "null"};

    return names[json_typeof(v)];
}

int node_required(const struct node *n, const char *what)
{
    return n->v ? 0 : node_fail(n, what, "is missing");
}

/* Edit distance, small words only. */
static unsigned distance(const char *a, const char *b)
{
    unsigned row[64];
    size_t nb = strlen(b);

    if (nb >= 63)
        return 99;
    for (unsigned j = 0; j <= nb; j++)
        row[j] = j;
    for (unsigned i = 1; *a; a++, i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= nb; j++) {
            unsigned best = diagonal + (*a != b[j - 1]);
            diagonal = row[j];
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            row[j] = best;
        }
    }
    return row[nb];
}

static int unknown_key(const struct node *n, const char *key, const char *const *known)
{
    struct node at = node_member(n, key);
    const char *near = NULL;
    unsigned best = 3;
    char fix[256];
    size_t len;

    for (unsigned i = 0; known[i]; i++)
        if (distance(key, known[i]) < best) {
            best = distance(key, known[i]);
            near = known[i];
        }
    if (near) {
        snprintf(fix, sizeof fix, "did you mean \"%s\"?", near);
        return node_fail(&at, fix, "is no key that is known here");
    }
    len = (size_t)snprintf(fix, sizeof fix, "known here are");
    for (unsigned i = 0; known[i] && len < sizeof fix; i++)
        len += (size_t)snprintf(fix + len, sizeof fix - len, "%s %s", i ? "," : "", known[i]);
    return node_fail(&at, fix, "is no key that is known here");
}

int node_object(const struct node *n, const char *const *known)
{
    const char *key;
    json_t *v;

    if (!n->v)
        return 0;
    if (!json_is_object(n->v))
        return node_fail(n, "give an object: { ... }", "is %s", type_name(n->v));
    json_object_foreach(n->v, key, v)
    {
        bool found = !known;
        for (unsigned i = 0; known && known[i] && !found; i++)
            found = !strcmp(known[i], key);
        if (!found)
            return unknown_key(n, key, known);
    }
    return 0;
}

int node_string(const struct node *n, const char **out)
{
    if (!n->v)
        return 0;
    if (!json_is_string(n->v))
        return node_fail(n, "give a string", "is %s", type_name(n->v));
    if (json_string_length(n->v) == 0)
        return node_fail(n, "leave the key out, or give a value", "is an empty string");
    if (strlen(json_string_value(n->v)) != json_string_length(n->v))
        return node_fail(n, "leave the null byte out", "holds a null byte");
    *out = json_string_value(n->v);
    return 0;
}

int node_bool(const struct node *n, bool *out)
{
    if (!n->v)
        return 0;
    if (!json_is_boolean(n->v))
        return node_fail(n, "give true or false", "is %s", type_name(n->v));
    *out = json_is_true(n->v);
    return 0;
}

int node_number(const struct node *n, uint32_t min, uint32_t max, uint32_t *out)
{
    char fix[96];

    if (!n->v)
        return 0;
    snprintf(fix, sizeof fix, "give a whole number from %u to %u", min, max);
    if (!json_is_integer(n->v))
        return node_fail(n, fix, "is %s", json_is_real(n->v) ? "no whole number" : type_name(n->v));
    if (json_integer_value(n->v) < (json_int_t)min || json_integer_value(n->v) > (json_int_t)max)
        return node_fail(n, fix, "is %lld", (long long)json_integer_value(n->v));
    *out = (uint32_t)json_integer_value(n->v);
    return 0;
}

int node_seconds(const struct node *n, double min, double max, uint32_t *out_ms)
{
    char fix[96];
    double v;

    if (!n->v)
        return 0;
    snprintf(fix, sizeof fix, "give seconds from %g to %g", min, max);
    if (!json_is_number(n->v))
        return node_fail(n, fix, "is %s", type_name(n->v));
    v = json_number_value(n->v);
    if (!(v >= min && v <= max))
        return node_fail(n, fix, "is %g", v);
    *out_ms = (uint32_t)(v * 1000 + 0.5);
    return 0;
}

int node_word(const struct node *n, const char *const *words, uint8_t *out)
{
    const char *s = NULL;
    char fix[256] = "give one of";
    size_t len = strlen(fix);
    int rc = node_string(n, &s);

    if (rc || !n->v)
        return rc;
    for (unsigned i = 0; words[i]; i++) {
        if (!strcmp(words[i], s)) {
            *out = (uint8_t)i;
            return 0;
        }
        len += (size_t)snprintf(fix + len, sizeof fix - len, "%s \"%s\"", i ? "," : "", words[i]);
    }
    return node_fail(n, fix, "\"%s\" is not known here", s);
}

int node_strings(const struct node *n, bool single, unsigned max, struct model_strings *out)
{
    struct model_strings list = {0};
    size_t count;
    int rc = 0;

    if (!n->v)
        return 0;
    if (single && json_is_string(n->v)) {
        list.s = calloc(1, sizeof *list.s);
        rc = list.s ? node_string(n, &list.s[0]) : -ENOMEM;
        list.n = 1;
    } else if (!json_is_array(n->v)) {
        return node_fail(
            n, single ? "give a string or an array of strings" : "give an array of strings",
            "is %s", type_name(n->v));
    } else {
        count = json_array_size(n->v);
        if (count > max)
            return node_fail(n, "give fewer", "has %zu elements; at most %u are allowed", count,
                             max);
        list.s = calloc(count ? count : 1, sizeof *list.s);
        if (!list.s)
            return -ENOMEM;
        for (size_t i = 0; i < count && !rc; i++) {
            struct node m = node_element(n, i);
            rc = node_string(&m, &list.s[i]);
        }
        list.n = (unsigned)count;
    }
    if (rc) {
        free(list.s);
        return rc;
    }
    *out = list;
    return 0;
}
