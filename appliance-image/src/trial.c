#include "appliance-image/src/trial.h"

#include <stddef.h>

/* A version on its last start bears the name of a failed one. */
static bool on_trial(enum entry_state s)
{
    return s == ENTRY_TRIAL || s == ENTRY_FAILED || s == ENTRY_ASIDE;
}

void trial_begin(struct trial *t, enum entry_state running, enum entry_state other, uint64_t now_s,
                 unsigned limit_s)
{
    *t = (struct trial){
        .on = on_trial(running),
        .way_back = running != ENTRY_ASIDE && (other == ENTRY_GOOD || other == ENTRY_ASIDE),
        .next_s = now_s,
        .until_s = now_s > limit_s ? now_s : limit_s,
    };
}

bool trial_due(const struct trial *t, uint64_t now_s)
{
    return t->on && now_s >= t->next_s;
}

enum trial_verdict trial_look(struct trial *t, bool healthy, uint64_t now_s)
{
    t->good = healthy ? t->good + 1 : 0;
    t->next_s = now_s + TRIAL_EACH_S;
    if (t->good >= TRIAL_LOOKS) {
        t->on = false;
        return TRIAL_PASSED;
    }
    if (t->good || !t->way_back || now_s < t->until_s)
        return TRIAL_WAIT;
    t->on = false;
    return TRIAL_LOST;
}
