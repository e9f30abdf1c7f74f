/* schedule: what the gateway does by itself, when it did so last, and when it will. */
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"
#include "mgmt/renew/lists.h"

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
    call_answer(c, 200, json_pack("{s:o}", "crls", lists_json(c->m)));
}
