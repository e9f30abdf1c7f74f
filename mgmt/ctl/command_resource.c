/* command_resource: any resource read, set, changed and removed; changes that are tried only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/ctl/command_parts.h"
#include "mgmt/ctl/table.h"

#define API "/api/v1/"

void command_path(char path[COMMAND_PATH_ROOM], const char *given)
{
    snprintf(path, COMMAND_PATH_ROOM, "%s%.900s", *given == '/' ? "" : API, given);
}

void command_trial(const struct options *o, char path[COMMAND_PATH_ROOM])
{
    size_t n = strlen(path);

    if (o->dry_run)
        snprintf(path + n, COMMAND_PATH_ROOM - n, "%cdry_run=true", strchr(path, '?') ? '&' : '?');
}

int command_get(const struct options *o, const struct command *c)
{
    char path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = "GET", .path = path};

    command_path(path, o->args[0]);
    return command_finish(o, c, &q);
}

/* The names in one table of the configuration. */
int command_names(const struct options *o, const struct command *c)
{
    struct options one = *o;

    one.args[0] = c->name;
    return command_get(&one, c);
}

static int change(const struct options *o, const struct command *c, const char *method,
                  json_t *body)
{
    char read[COMMAND_PATH_ROOM], path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = method, .path = path, .body = body};

    command_path(read, o->args[0]);
    command_path(path, o->args[0]);
    command_trial(o, path);
    return command_change(o, c, read, &q);
}

static int change_by_file(const struct options *o, const struct command *c, const char *method)
{
    json_t *body = command_read_json(o->args[1]);
    int rc = body ? change(o, c, method, body) : 2;

    json_decref(body);
    return rc;
}

int command_put(const struct options *o, const struct command *c)
{
    return change_by_file(o, c, "PUT");
}

int command_patch(const struct options *o, const struct command *c)
{
    return change_by_file(o, c, "PATCH");
}

int command_delete(const struct options *o, const struct command *c)
{
    return change(o, c, "DELETE", NULL);
}

/* Shown without an argument; prepared from a file. */
int command_candidate(const struct options *o, const struct command *c)
{
    static const char path[] = API "config/candidate";
    json_t *body = o->n_args ? command_read_json(o->args[0]) : NULL;
    struct http_ask q = {.method = body ? "PUT" : "GET", .path = path, .body = body};
    int rc = 2;

    if (!o->n_args)
        return command_finish(o, c, &q);
    if (body)
        rc = command_change(o, c, path, &q);
    json_decref(body);
    return rc;
}

int command_discard(const struct options *o, const struct command *c)
{
    struct http_ask q = {.method = "DELETE", .path = API "config/candidate"};

    return command_change(o, c, q.path, &q);
}

int command_commit(const struct options *o, const struct command *c)
{
    char path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = "POST", .path = path};

    snprintf(path, sizeof path, API "config/commit%s%.32s", o->confirm ? "?confirm=" : "",
             o->confirm ? o->confirm : "");
    command_trial(o, path);
    return command_change(o, c, API "config/candidate", &q);
}

int command_confirm(const struct options *o, const struct command *c)
{
    struct http_ask q = {.method = "POST", .path = API "config/confirm"};

    return command_finish(o, c, &q);
}

int command_apply(const struct options *o, const struct command *c)
{
    char path[COMMAND_PATH_ROOM] = API "config";
    json_t *document = command_read_json(o->args[0]);
    struct http_ask q = {.method = "PUT", .path = path, .body = document};
    int rc = 2;

    command_trial(o, path);
    if (document)
        rc = command_change(o, c, API "config", &q);
    json_decref(document);
    return rc;
}

int command_rollback(const struct options *o, const struct command *c)
{
    char path[COMMAND_PATH_ROOM] = API "config/rollback", *end;
    long long n = strtoll(o->args[0], &end, 10);
    json_t *body = json_pack("{s:I}", "revision", (json_int_t)n);
    struct http_ask q = {.method = "POST", .path = path, .body = body};
    int rc = 2;

    command_trial(o, path);
    if (*end || n < 1)
        fprintf(stderr, "penstockctl: rollback takes the number of a revision\n");
    else
        rc = command_change(o, c, API "config", &q);
    json_decref(body);
    return rc;
}

int command_diff(const struct options *o, const struct command *c)
{
    char path[COMMAND_PATH_ROOM];
    struct http_ask q = {.method = "GET", .path = path};

    snprintf(path, sizeof path, API "config/diff?from=%.64s&to=%.64s", o->args[0], o->args[1]);
    return command_finish(o, c, &q);
}
