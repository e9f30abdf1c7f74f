#include "mgmt/offered.h"

#include <stdio.h>
#include <string.h>

/* The words between colons, as OpenSSL's lists have them. */
static void add_words(json_t *list, const char *words)
{
    for (const char *at = words; *at; at += strspn(at, ":")) {
        size_t n = strcspn(at, ":");

        json_array_append_new(list, json_stringn(at, n));
        at += n;
    }
}

static json_t *words_of(const char *words, const char *more)
{
    json_t *list = json_array();

    add_words(list, words);
    add_words(list, more);
    return list;
}

static json_t *versions_of(const struct policy_profile *p)
{
    return words_of(p->tls13 ? "1.3" : "", p->tls12 ? "1.2" : "");
}

static void add_side(json_t *list, const struct policy_link *l, const char *side,
                     const struct policy_tls *tls, unsigned profile)
{
    char where[POLICY_NAME_MAX + 32];

    if (!tls || tls->profile != profile)
        return;
    snprintf(where, sizeof where, "/links/%s/%s", l->name, side);
    json_array_append_new(list, json_string(where));
}

static json_t *users_of(const struct policy *p, unsigned profile)
{
    json_t *list = json_array();

    for (unsigned i = 0; i < p->n_links; i++) {
        add_side(list, &p->links[i], "listen", p->links[i].outer, profile);
        add_side(list, &p->links[i], "forward", p->links[i].inner, profile);
    }
    return list;
}

json_t *offered_json(const struct policy *p)
{
    json_t *out = json_object();

    for (unsigned i = 0; out && i < p->n_profiles; i++) {
        const struct policy_profile *one = &p->profiles[i];

        json_object_set_new(out, one->name,
                            json_pack("{s:o, s:o, s:o, s:o, s:o}", "versions", versions_of(one),
                                      "suites", words_of(one->suites13, one->suites12), "groups",
                                      words_of(one->groups, ""), "signature_algorithms",
                                      words_of(one->sigalgs, ""), "used_by", users_of(p, i)));
    }
    return out;
}
