/* trail: the audit, read and verified. */
#include <errno.h>
#include "mgmt/api/handlers.h"
#include "mgmt/manager.h"
#include "mgmt/store/audit.h"

#define PAGE_MAX 1000
#define PAGE     100

void trail_list(struct call *c)
{
    uint64_t limit, cursor;
    json_t *list, *last;

    if (!call_number(c, "limit", PAGE_MAX, PAGE, &limit) ||
        !call_number(c, "cursor", INT64_MAX, 0, &cursor))
        return;
    list = audit_list(&c->m->store, cursor, (unsigned)limit);
    if (!list) {
        call_problem(c, 500, "Internal Server Error", "the store can not be read");
        return;
    }
    last = json_object_get(json_array_get(list, json_array_size(list) - 1), "seq");
    call_answer(c, 200, json_pack("{s:o}", "items", list));
    if (json_array_size(list) == limit && json_integer_value(last) > 1)
        json_object_set_new(c->answer, "next",
                            json_sprintf("%lld", (long long)json_integer_value(last)));
}

void trail_verify(struct call *c)
{
    char hash[65];
    uint64_t n;
    int rc = audit_verify(&c->m->store, &n, hash);

    if (rc && rc != -EBADMSG) {
        call_problem(c, 500, "Internal Server Error", "the store can not be read");
        return;
    }
    call_answer(
        c, 200,
        json_pack("{s:b, s:I, s:s}", "whole", rc == 0, "rows", (json_int_t)n, "last_hash", hash));
    if (rc)
        json_object_set_new(c->answer, "broken_at", json_integer((json_int_t)n + 1));
}
