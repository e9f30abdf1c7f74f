#include "mgmt/pair/judge.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DIGITS 64

const char *const judge_words[JUDGE_WORDS] = {"unknown", "same", "behind", "ahead", "conflict"};

static bool is_entry(const char *entry)
{
    size_t n = strspn(entry, "0123456789");

    return n >= 1 && n <= 18 && entry[0] != '0' && entry[n] == ':' &&
           strlen(entry + n + 1) == DIGITS && strspn(entry + n + 1, "0123456789abcdef") == DIGITS;
}

int64_t trail_serial(const char *entry)
{
    return is_entry(entry) ? strtoll(entry, NULL, 10) : 0;
}

const char *trail_digest(const char *entry)
{
    return is_entry(entry) ? strchr(entry, ':') + 1 : "";
}

const char *trail_last(const json_t *trail)
{
    size_t n = json_array_size(trail);
    const char *last = n ? json_string_value(json_array_get(trail, n - 1)) : NULL;

    return last ? last : "";
}

bool trail_is(const json_t *trail)
{
    const json_t *one;
    size_t i;

    json_array_foreach(trail, i, one)
    {
        if (!json_is_string(one) || !is_entry(json_string_value(one)))
            return false;
    }
    return json_array_size(trail) >= 1 && json_array_size(trail) <= TRAIL_MAX;
}

json_t *trail_begin(int64_t serial, const char *digest)
{
    json_t *trail = json_array(), *first = json_sprintf("%" PRId64 ":%s", serial, digest);

    if (trail && first && !json_array_append(trail, first)) {
        json_decref(first);
        return trail;
    }
    json_decref(trail);
    json_decref(first);
    return NULL;
}

int trail_add(json_t *trail, const char *digest, int64_t seen)
{
    int64_t last = trail_serial(trail_last(trail)), serial = (last > seen ? last : seen) + 1;

    if (json_array_append_new(trail, json_sprintf("%" PRId64 ":%s", serial, digest)))
        return -ENOMEM;
    if (json_array_size(trail) > TRAIL_MAX) /* the first is what both last agreed on */
        json_array_remove(trail, 1);
    return 0;
}

static bool stands_on(const char *entry, const json_t *trail)
{
    const json_t *one;
    size_t i;

    json_array_foreach(trail, i, one)
    {
        if (!strcmp(json_string_value(one), entry))
            return true;
    }
    return false;
}

/* One that was emptied since has a trail. */
static bool is_new(const struct judge_side *s)
{
    return s->fresh && json_array_size(s->trail) == 1;
}

enum judge_word judge_pair(const struct judge_side *us, const struct judge_side *them)
{
    const char *ours = trail_last(us->trail), *theirs = trail_last(them->trail);

    if (!*ours || !*theirs)
        return JUDGE_UNKNOWN;
    if (!strcmp(trail_digest(ours), trail_digest(theirs)))
        return JUDGE_SAME;
    if (stands_on(ours, them->trail))
        return JUDGE_BEHIND;
    if (stands_on(theirs, us->trail))
        return JUDGE_AHEAD;
    if (is_new(us) != is_new(them))
        return is_new(us) ? JUDGE_BEHIND : JUDGE_AHEAD;
    return JUDGE_CONFLICT;
}
