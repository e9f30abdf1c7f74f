/* The states of a session: what may follow what, and what must hold in each. */
#include "dataplane/base/check.h"
#include "dataplane/core/session.h"
#include "dataplane/core/worker.h"

#define TO(st) (1u << (st))
#define ENDING (TO(SESSION_CLOSING) | TO(SESSION_DRAINING))

static bool always(const struct session *s)
{
    return s->worker != NULL;
}

static bool has_link(const struct session *s)
{
    return s->link != NULL && s->shake != NULL;
}

static bool outer_ready(const struct session *s)
{
    return has_link(s) && (!s->leg[LEG_OUTER].tls || s->leg[LEG_OUTER].keyed);
}

/* No session is pumped before every TLS leg is keyed, which the handshake process does only after
 * allow. */
static bool both_ready(const struct session *s)
{
    const struct leg *o = &s->leg[LEG_OUTER], *i = &s->leg[LEG_INNER];

    return s->link && o->ops && i->ops && (!o->tls || (o->keyed && o->peer)) &&
           (!i->tls || (i->keyed && i->peer)) && o->tls == (s->link->policy->outer != NULL) &&
           i->tls == (s->link->policy->inner != NULL);
}

static bool has_reason(const struct session *s)
{
    return s->reason != REASON_NONE;
}

static const struct {
    const char *name;
    unsigned next;
    bool (*invariant)(const struct session *s);
} states[SESSION_STATES] = {
    [SESSION_FREE] = {"free", TO(SESSION_ADMITTED), NULL},
    [SESSION_ADMITTED] = {"admitted", TO(SESSION_SHAKING) | TO(SESSION_DIALLING) | ENDING, always},
    [SESSION_SHAKING] = {"shaking", TO(SESSION_DIALLING) | ENDING, always},
    [SESSION_DIALLING] = {"dialling", TO(SESSION_SHAKING_INNER) | TO(SESSION_PUMPING) | ENDING,
                          outer_ready},
    [SESSION_SHAKING_INNER] = {"shaking-inner", TO(SESSION_PUMPING) | ENDING, outer_ready},
    [SESSION_PUMPING] = {"pumping", ENDING, both_ready},
    [SESSION_CLOSING] = {"closing", TO(SESSION_DRAINING), has_reason},
    [SESSION_DRAINING] = {"draining", TO(SESSION_FREE), has_reason},
};

const char *session_state_name(enum session_state st)
{
    return st < SESSION_STATES ? states[st].name : "unknown";
}

bool session_move(struct session *s, enum session_state to)
{
    bool ok = (states[s->state].next & TO(to)) &&
              (!states[to].invariant || states[to].invariant(s));

    if (!ok) {
        check(to < SESSION_CLOSING && to != SESSION_FREE); /* an end must always be possible */
        session_close(s, REASON_INTERNAL, "a state that may not follow");
        return false;
    }
    s->state = to;
    return true;
}
