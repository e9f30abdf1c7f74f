/* partner: what the other gateway of a pair reads: the part of the configuration that both have. */
#include <errno.h>
#include <microhttpd.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"
#include "mgmt/store/objects.h"

/* News at once; else the answer waits for some, or for its time. */
void partner_state(struct call *c)
{
    const char *seen = call_query(c, "seen");
    char tag[PAIR_TAG_MAX];
    json_t *state = pair_state(c->m, tag);

    pair_heard(c->m);
    if (state && seen && !strcmp(seen, tag) && !c->m->pair.ending && pair_wait(c->m, c)) {
        json_decref(state);
        return;
    }
    call_answer(c, 200, state);
}

void partner_document(struct call *c)
{
    json_t *part = shared_part(c->m->document);

    call_answer(c, 200,
                json_pack("{s:s, s:o}", "state", trail_last(c->m->pair.trail), "document", part));
}

/* Is it named by what both have? Others are none of the partner's business. */
static bool is_shared(const struct call *c)
{
    json_t *part = shared_part(c->m->document), *refs = part ? shared_objects(part) : NULL, *ref;
    bool found = false;
    size_t i;

    json_array_foreach(refs, i, ref) found = found || !strcmp(json_string_value(ref), c->name);
    json_decref(refs);
    json_decref(part);
    return found;
}

void partner_object(struct call *c)
{
    uint8_t *data;
    size_t n;
    int rc = is_shared(c) ? objects_get(c->name, OBJECTS_MAX, &data, &n) : -ENOENT;

    if (rc) {
        call_problem(c, 404, "Not Found", "the configuration of both names no such object");
        return;
    }
    c->made = MHD_create_response_from_buffer(n, data, MHD_RESPMEM_MUST_FREE);
    if (!c->made) {
        free(data);
        return; /* 500 */
    }
    call_answer(c, 200, NULL);
    c->type = "application/octet-stream";
}
