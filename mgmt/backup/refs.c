#include "mgmt/backup/refs.h"

#include <stdint.h>
#include <string.h>

/* Call each string, until one says yes. */
static bool any(const json_t *value, bool (*call)(void *arg, const char *text), void *arg)
{
    const json_t *item;
    const char *key;
    size_t i;

    if (json_is_string(value))
        return call(arg, json_string_value(value));
    json_array_foreach(value, i, item) if (any(item, call, arg)) return true;
    json_object_foreach((json_t *)(uintptr_t)value, key,
                        item) if (any(item, call, arg)) return true;
    return false;
}

struct gather {
    bool (*is)(const char *text);
    json_t *into;
};

static bool add(void *arg, const char *text)
{
    const struct gather *g = arg;

    if (g->is(text))
        json_object_set_new(g->into, text, json_true());
    return false;
}

void refs_gather(const json_t *value, bool (*is)(const char *text), json_t *into)
{
    struct gather g = {is, into};

    (void)any(value, add, &g);
}

static bool same(void *arg, const char *text)
{
    return !strcmp(arg, text);
}

bool refs_named(const json_t *value, const char *ref)
{
    return any(value, same, (void *)(uintptr_t)ref);
}
