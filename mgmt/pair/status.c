/* status: how the pair is, for operators. */
#include <string.h>
#include "mgmt/manager.h"
#include "mgmt/pair/pair.h"

static json_t *partner_json(const struct pair *p)
{
    static const char *const told[] = {"role", "revision", "version", "configuration"};
    json_t *out;

    if (!p->wanted.partner.present)
        return json_null();
    out = json_pack("{s:s, s:b, s:I}", "management", p->wanted.partner.management, "reachable",
                    p->reachable, "since", (json_int_t)p->reachable_since_s);
    if (!p->reachable)
        json_object_set_new(out, "why", json_string(p->unreachable_why));
    if (p->heard_s)
        json_object_set_new(out, "heard_at", json_integer(p->heard_s));
    for (size_t i = 0; p->partner && i < sizeof told / sizeof told[0]; i++)
        json_object_set(out, told[i], json_object_get(p->partner, told[i]));
    if (p->partner)
        json_object_set_new(out, "state", json_string(pair_theirs(p)));
    return out;
}

static json_t *with_why(json_t *out, const char *why)
{
    if (*why)
        json_object_set_new(out, "why", json_string(why));
    return out;
}

json_t *pair_status(const struct manager *m)
{
    const struct pair *p = &m->pair;
    const struct vrrp_status *s = &p->vrrp.status;
    json_t *out = json_pack("{s:s, s:I, s:I, s:I, s:s}", "role", vrrp_states[s->state], "since",
                            (json_int_t)s->since_s, "changes", (json_int_t)s->changes, "revision",
                            (json_int_t)m->revision, "state", trail_last(p->trail));

    if (p->wanted.vrrp.on && !p->vrrp.path[0])
        with_why(out, "no helper speaks VRRP here: start penstockd with --vrrp SOCKET");
    else
        with_why(out, s->why);
    json_object_set_new(out, "configuration",
                        with_why(json_pack("{s:s, s:I}", "word", judge_words[p->word], "since",
                                           (json_int_t)p->word_since_s),
                                 p->word_why));
    json_object_set_new(out, "partner", partner_json(p));
    return out;
}
