#include "mgmt/api/once.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/manager.h"
#include "mgmt/store/objects.h"
#include "mgmt/store/replies.h"

#define KEY_MAX 128

/* Whose answers hold a token, or are a file. */
static bool is_secret(const struct call *c)
{
    return !strcmp(c->path, "/api/v1/bootstrap") || !strcmp(c->path, "/api/v1/backup");
}

static bool good_key(const char *key)
{
    size_t n = strlen(key);

    for (size_t i = 0; i < n; i++)
        if (key[i] <= ' ' || key[i] > '~')
            return false;
    return n > 0 && n <= KEY_MAX;
}

static enum MHD_Result add_argument(void *arg, enum MHD_ValueKind kind, const char *key,
                                    const char *value)
{
    char *text = arg;
    size_t used = strlen(text);

    (void)kind;
    snprintf(text + used, 1024 - used, "&%s=%s", key, value ? value : "");
    return MHD_YES;
}

/* Under which name it is kept, and what the request was. */
static void names(struct call *c, const char *key)
{
    struct once *o = &c->once;
    char text[1024], query[1024] = "", body[65];

    snprintf(text, sizeof text, "%s\n%s\n%s", c->who.name, c->path, key);
    objects_hash(text, strlen(text), o->name);
    MHD_get_connection_values(c->conn, MHD_GET_ARGUMENT_KIND, add_argument, query);
    objects_hash(c->body ? c->body : "", c->n_body, body);
    snprintf(text, sizeof text, "%s%.900s", body, query);
    objects_hash(text, strlen(text), o->print);
}

static void answer_again(struct call *c, struct reply *r)
{
    json_t *body = r->body[0] ? json_loads(r->body, JSON_DECODE_ANY, NULL) : NULL;

    c->once.name[0] = '\0'; /* it is kept already */
    c->revision = r->revision;
    snprintf(c->tag, sizeof c->tag, "%s", r->tag);
    call_answer(c, r->status, body);
}

static bool is_under_way(const struct call *c)
{
    for (unsigned i = 0; i < ONCE_MAX; i++)
        if (!strcmp(c->m->under_way[i], c->once.name))
            return true;
    return false;
}

/* Others with this key have to wait. False: too many are under way. */
static bool begin(struct call *c)
{
    for (unsigned i = 0; i < ONCE_MAX; i++) {
        if (c->m->under_way[i][0])
            continue;
        memcpy(c->m->under_way[i], c->once.name, sizeof c->once.name);
        return true;
    }
    return false;
}

bool once_answered(struct call *c)
{
    const char *key = call_header(c, "Idempotency-Key");
    struct reply r;

    if (!key || strcmp(c->method, "POST") != 0 || is_secret(c))
        return false;
    if (!good_key(key)) {
        call_problem(c, 400, "Bad Request",
                     "Idempotency-Key: give 1 to %d visible ASCII characters", KEY_MAX);
        return true;
    }
    names(c, key);
    if (is_under_way(c)) {
        c->once.name[0] = '\0';
        c->again = true;
        call_problem(c, 409, "Conflict",
                     "the first request with this Idempotency-Key is under way");
        return true;
    }
    if (!replies_get(&c->m->store, c->once.name, clock_wall_s(), &r)) {
        if (strcmp(r.print, c->once.print) != 0) {
            c->once.name[0] = '\0';
            call_problem(c, 422, "Unprocessable Content",
                         "this Idempotency-Key was used for another request");
        } else {
            answer_again(c, &r);
        }
        reply_free(&r);
        return true;
    }
    if (!begin(c)) {
        c->once.name[0] = '\0';
        call_problem(c, 503, "Service Unavailable", "too many requests are under way");
        return true;
    }
    return false;
}

void once_keep(struct call *c)
{
    struct reply r = {.status = c->status, .revision = c->revision, .tag = c->tag};

    if (!c->once.name[0])
        return;
    for (unsigned i = 0; i < ONCE_MAX; i++)
        if (!strcmp(c->m->under_way[i], c->once.name))
            c->m->under_way[i][0] = '\0';
    if (c->answered && c->status < 500 && !c->again && c->status != 401 && c->status != 403) {
        memcpy(r.print, c->once.print, sizeof r.print);
        r.body = c->answer ? json_dumps(c->answer, JSON_COMPACT) : NULL;
        if (replies_put(&c->m->store, c->once.name, clock_wall_s(), &r))
            log_event(LOG_WARN, "answer_not_kept", "path=%s", c->path);
        free(r.body);
    }
    c->once.name[0] = '\0';
}
