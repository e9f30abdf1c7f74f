#include "mgmt/api/call.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include "dataplane/base/check.h"

const char *call_query(const struct call *c, const char *key)
{
    const char *v = MHD_lookup_connection_value(c->conn, MHD_GET_ARGUMENT_KIND, key);

    if (v)
        return v;
    return MHD_lookup_connection_value_n(c->conn, MHD_GET_ARGUMENT_KIND, key, strlen(key), NULL,
                                         NULL) == MHD_YES
               ? ""
               : NULL;
}

bool call_number(struct call *c, const char *key, uint64_t max, uint64_t absent, uint64_t *out)
{
    const char *text = call_query(c, key);
    char *end;
    uint64_t v;

    *out = absent;
    if (!text)
        return true;
    errno = 0;
    v = strtoull(text, &end, 10);
    if (errno || *end || text[0] < '0' || text[0] > '9' || v == 0 || v > max) {
        call_problem(c, 400, "Bad Request", "%s: give a number from 1 to %" PRIu64, key, max);
        return false;
    }
    *out = v;
    return true;
}

bool call_flag(struct call *c, const char *key, bool *good)
{
    static const char *const yes[] = {"true", "1", ""}, *const no[] = {"false", "0"};
    const char *v = call_query(c, key);

    *good = true;
    for (size_t i = 0; v && i < ARRAY_LEN(yes); i++)
        if (!strcmp(v, yes[i]))
            return true;
    for (size_t i = 0; v && i < ARRAY_LEN(no); i++)
        if (!strcmp(v, no[i]))
            return false;
    *good = !v;
    if (v)
        call_problem(c, 400, "Bad Request", "%s: give true or false", key);
    return false;
}

const char *call_header(const struct call *c, const char *name)
{
    return MHD_lookup_connection_value(c->conn, MHD_HEADER_KIND, name);
}

bool call_is_read(const struct call *c)
{
    return !strcmp(c->method, "GET") || !strcmp(c->method, "HEAD");
}

bool call_is_ours(struct call *c)
{
    const char *origin = call_header(c, "Origin"), *site = call_header(c, "Sec-Fetch-Site");
    const char *host = call_header(c, "Host");
    bool ours = !origin || (host && !strncmp(origin, "https://", 8) && !strcmp(origin + 8, host));

    if (site && strcmp(site, "same-origin") != 0 && strcmp(site, "none") != 0)
        ours = false;
    if (ours || call_is_read(c))
        return true;
    call_problem(c, 403, "Forbidden", "a page of another site asks for it");
    return false;
}

void call_answer(struct call *c, unsigned status, json_t *body)
{
    json_decref(c->answer);
    c->status = status;
    c->answer = body;
    c->answered = true;
}

void call_text(struct call *c, char *text, const char *type)
{
    call_answer(c, 200, NULL);
    free(c->text);
    c->text = text;
    c->type = type;
}

void call_problem(struct call *c, unsigned status, const char *title, const char *fmt, ...)
{
    char detail[1600];
    va_list args;

    va_start(args, fmt);
    vsnprintf(detail, sizeof detail, fmt, args);
    va_end(args);
    call_answer(c, status,
                json_pack("{s:s, s:i, s:s, s:s}", "type", "about:blank", "status", (int)status,
                          "title", title, "detail", detail));
}

static const struct {
    int rc;
    unsigned status;
    const char *title;
} refusals[] = {
    {-EBUSY, 409, "Conflict"},
    {-EEXIST, 409, "Conflict"},
    {-EREMOTE, 409, "Conflict"},
    {-ENOSPC, 507, "Insufficient Storage"},
    {-ENOMEM, 503, "Service Unavailable"},
    {-EAGAIN, 503, "Service Unavailable"},
    {-EPIPE, 503, "Service Unavailable"},
    {-ETIMEDOUT, 503, "Service Unavailable"},
    {-EIO, 500, "Internal Server Error"},
    {-EACCES, 500, "Internal Server Error"},
};

void call_refuse(struct call *c, int rc, const struct err *e)
{
    unsigned status = 422;
    const char *title = "Unprocessable Content";

    for (size_t i = 0; i < ARRAY_LEN(refusals); i++)
        if (refusals[i].rc == rc) {
            status = refusals[i].status;
            title = refusals[i].title;
        }
    c->again = rc == -EBUSY;
    call_problem(c, status, title, "%s", e->what);
    json_object_set_new(c->answer, "pointer", json_string(e->where));
    json_object_set_new(c->answer, "remedy", json_string(e->fix));
}

/* One of a list of tags, or "*". Weak tags never match (RFC 9110 13.1.1). */
static bool tag_listed(const char *list, const char *tag)
{
    size_t n = strlen(tag);

    while (*list) {
        list += strspn(list, " \t,");
        if (*list == '*')
            return true;
        if (!strncmp(list, tag, n) && (list[n] == 0 || strchr(" \t,", list[n])))
            return true;
        list += strcspn(list, ",");
    }
    return false;
}

bool call_may_change(struct call *c, bool exists, const json_t *current)
{
    const char *match = call_header(c, "If-Match"), *none = call_header(c, "If-None-Match");
    char tag[DOCUMENT_TAG_MAX] = "";

    if (exists)
        document_tag(current, tag);
    if (none && !strcmp(none, "*")) {
        if (!exists)
            return true;
        call_problem(c, 412, "Precondition Failed", "it exists already");
        snprintf(c->tag, sizeof c->tag, "%s", tag);
        return false;
    }
    if (!match) {
        call_problem(c, 428, "Precondition Required",
                     exists ? "give If-Match with the ETag that you have read"
                            : "give If-None-Match: * to make something new");
        return false;
    }
    if (exists && tag_listed(match, tag))
        return true;
    call_problem(c, 412, "Precondition Failed",
                 exists ? "it was changed since you have read it" : "it does not exist");
    snprintf(c->tag, sizeof c->tag, "%s", tag);
    return false;
}

/* What the body says it is: nothing, or JSON; as a patch, a merge patch. False: answered. */
static bool is_json(struct call *c)
{
    const char *type = call_header(c, "Content-Type");
    size_t n = type ? strcspn(type, "; \t") : 0;

    if (!type || (n == 16 && !strncasecmp(type, "application/json", n)) ||
        (n == 28 && !strncasecmp(type, "application/merge-patch+json", n)))
        return true;
    c->accept = true;
    call_problem(c, 415, "Unsupported Media Type", "give Content-Type: application/json%s, or none",
                 strcmp(c->method, "PATCH") ? "" : " or application/merge-patch+json");
    return false;
}

bool call_object(struct call *c)
{
    json_error_t why;

    if (!is_json(c))
        return false;
    if (!c->n_body) {
        call_problem(c, 400, "Bad Request", "the request wants a JSON object as its body");
        return false;
    }
    c->json = json_loadb(c->body, c->n_body, JSON_REJECT_DUPLICATES, &why);
    if (!c->json) {
        call_problem(c, 400, "Bad Request", "line %d, column %d: %s", why.line, why.column,
                     why.text);
        for (char *p = (char *)(uintptr_t)json_string_value(json_object_get(c->answer, "detail"));
             p && *p; p++)
            if ((unsigned char)*p < 0x20 || *p == 0x7f)
                *p = '?'; /* jansson quotes what it met */
        return false;
    }
    if (json_is_object(c->json))
        return true;
    call_problem(c, 400, "Bad Request", "the body is no JSON object");
    return false;
}
