#include "mgmt/api/answer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "mgmt/api/routes.h"
#include "mgmt/api/watch.h"

#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void add_headers(struct MHD_Response *r, const struct call *c)
{
    char number[32];

    MHD_add_response_header(r, "Cache-Control", "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (c->answer || c->text || c->made)
        MHD_add_response_header(r, "Content-Type",
                                !c->answer        ? c->type
                                : c->status < 400 ? "application/json"
                                                  : "application/problem+json");
    if (c->page) {
        MHD_add_response_header(r, "Content-Security-Policy", PAGE_POLICY);
        MHD_add_response_header(r, "Referrer-Policy", "no-referrer");
        MHD_add_response_header(r, "X-Frame-Options", "DENY");
    }
    if (c->tag[0])
        MHD_add_response_header(r, "ETag", c->tag);
    if (c->accept && !strcmp(c->method, "PATCH"))
        MHD_add_response_header(r, "Accept-Patch", "application/merge-patch+json");
    if (c->status == 405)
        MHD_add_response_header(r, "Allow", routes_allowed(c->path));
    if (c->again || c->status == 503)
        MHD_add_response_header(r, "Retry-After", "1");
    if (c->last)
        MHD_add_response_header(r, "Connection", "close");
    if (c->revision) {
        snprintf(number, sizeof number, "%" PRIu64, c->revision);
        MHD_add_response_header(r, "Penstock-Revision", number);
    }
}

enum MHD_Result answer_stream(struct call *c)
{
    struct MHD_Response *r = watch_response(c);
    enum MHD_Result rc = MHD_NO;

    if (!r)
        return rc;
    add_headers(r, c);
    rc = MHD_queue_response(c->conn, c->status, r);
    MHD_destroy_response(r);
    return rc;
}

/* The reader has it already (RFC 9110 13.1.2). */
static bool is_known(const struct call *c)
{
    const char *seen = call_header(c, "If-None-Match");

    return c->status == 200 && c->tag[0] && seen && strstr(seen, c->tag) && call_is_read(c);
}

/* The answer's body: JSON as text. What is read has a tag, its handler's or one of the text. */
static char *body_of(struct call *c)
{
    char *text = c->answer ? json_dumps(c->answer, JSON_COMPACT) : c->text ? c->text : strdup("");
    bool json = c->answer != NULL;

    if (text && json && c->status == 200 && !c->tag[0] && call_is_read(c))
        document_text_tag(text, c->tag);
    if (!text || !is_known(c))
        return text;
    c->status = 304;
    json_decref(c->answer);
    c->answer = NULL;
    c->text = NULL;
    text[0] = '\0';
    return text;
}

/* A file, which is made while it goes out. */
static enum MHD_Result send_made(struct call *c)
{
    struct MHD_Response *r = c->made;
    enum MHD_Result rc;

    c->made = NULL;
    add_headers(r, c);
    rc = MHD_queue_response(c->conn, c->status, r);
    MHD_destroy_response(r);
    return rc;
}

enum MHD_Result answer_send(struct call *c)
{
    char *text = c->made ? NULL : body_of(c);
    struct MHD_Response *r =
        text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
    enum MHD_Result rc;

    if (c->made)
        return send_made(c);
    if (!r) {
        if (text != c->text)
            free(text);
        return MHD_NO;
    }
    add_headers(r, c);
    c->text = NULL; /* the response has it */
    rc = MHD_queue_response(c->conn, c->status, r);
    MHD_destroy_response(r);
    return rc;
}
