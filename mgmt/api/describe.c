/* describe: the interface as an OpenAPI 3.1 document, made from the route table. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "mgmt/api/handlers.h"
#include "mgmt/api/routes.h"

static json_t *names_of(unsigned set)
{
    json_t *list = json_array();

    for (size_t i = 0; i < ROLES; i++)
        if (set & role_names[i].role)
            json_array_append_new(list, json_string(role_names[i].name));
    return list;
}

static const char *type_of(const char *name)
{
    return !strcmp(name, "limit") || !strcmp(name, "confirm") ? "integer"
           : !strcmp(name, "dry_run")                         ? "boolean"
                                                              : "string";
}

/* Each word of the row's list. */
static void add_query(json_t *list, const char *names)
{
    char name[64];

    for (const char *at = names; *at; at += strspn(at, " ")) {
        size_t n = strcspn(at, " ");

        snprintf(name, sizeof name, "%.*s", (int)n, at);
        json_array_append_new(list, json_pack("{s:s, s:s, s:{s:s}}", "name", name, "in", "query",
                                              "schema", "type", type_of(name)));
        at += n;
    }
}

static json_t *parameters(const struct route *r)
{
    json_t *list = json_array();

    if (strcmp(r->query, ROUTES_ANY_QUERY) != 0)
        add_query(list, r->query);

    if (strchr(r->path, '{'))
        json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:{s:s}}", "name", "name", "in",
                                              "path", "required", 1, "schema", "type", "string"));
    return list;
}

/* "get" of "/api/v1/links/{name}" -> "getLinksName": unique, and a name in any language. */
static void operation_id(const struct route *r, char *out, size_t cap)
{
    const char *path = strncmp(r->path, "/api/v1", 7) ? r->path : r->path + 7;
    bool up = true;
    size_t n = 0;

    for (const char *p = r->method; *p && n + 1 < cap; p++)
        out[n++] = (char)tolower((unsigned char)*p);
    for (const char *p = path; *p && n + 1 < cap; p++) {
        if (!isalnum((unsigned char)*p)) {
            up = true;
            continue;
        }
        out[n++] = up ? (char)toupper((unsigned char)*p) : *p;
        up = false;
    }
    out[n] = 0;
}

static json_t *operation(const struct route *r)
{
    char id[128];

    operation_id(r, id, sizeof id);
    return json_pack("{s:s, s:s, s:o, s:o, s:{s:{s:s}, s:{s:s, s:{s:{s:{s:s}}}}}}", "operationId",
                     id, "summary", r->what, "x-roles", names_of(r->roles), "parameters",
                     parameters(r), "responses", "2XX", "description", "done", "default",
                     "description", "what was refused and why (RFC 9457)", "content",
                     "application/problem+json", "schema", "$ref", "#/components/schemas/problem");
}

static json_t *problem_schema(void)
{
    return json_pack("{s:s, s:{s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}, s:{s:s}}}", "type",
                     "object", "properties", "type", "type", "string", "status", "type", "integer",
                     "title", "type", "string", "detail", "type", "string", "pointer", "type",
                     "string", "remedy", "type", "string");
}

void describe_openapi(struct call *c)
{
    json_t *paths = json_object();
    size_t n;
    const struct route *rows = routes_all(&n);

    for (size_t i = 0; i < n; i++) {
        json_t *path = json_object_get(paths, rows[i].path);
        char method[16];
        size_t k = 0;

        for (; rows[i].method[k] && k + 1 < sizeof method; k++)
            method[k] = (char)tolower((unsigned char)rows[i].method[k]);
        method[k] = 0;
        if (!path) {
            path = json_object();
            json_object_set_new(paths, rows[i].path, path);
        }
        json_object_set_new(path, method, operation(&rows[i]));
    }
    call_answer(c, 200,
                json_pack("{s:s, s:{s:s, s:s}, s:o, s:{s:{s:o}}}", "openapi", "3.1.0", "info",
                          "title", "Penstock", "version", "1", "paths", paths, "components",
                          "schemas", "problem", problem_schema()));
}
