/* schedule: what the gateway does by itself, when it did so last, and when it will. */
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"
#include "mgmt/renew/lists.h"
#include "mgmt/renew/renew.h"

void schedule_fetch(struct call *c)
{
    unsigned n = lists_hurry(c->m, c->name);

    if (n)
        call_answer(c, 202, json_pack("{s:i}", "fetching", (int)n));
    else
        call_problem(c, 404, "Not Found", "trust \"%s\" has no crl_urls", c->name);
}

void schedule_get(struct call *c)
{
    call_answer(c, 200,
                json_pack("{s:o, s:o}", "crls", lists_json(c->m), "renewals", renew_json(c->m)));
}

void schedule_renew(struct call *c)
{
    if (renew_hurry(c->m, c->name))
        call_answer(c, 202, json_pack("{s:s}", "renewing", c->name));
    else
        call_problem(c, 404, "Not Found", "identity \"%s\" does not renew itself", c->name);
}
