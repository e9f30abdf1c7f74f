/*
 * call: one request and the answer that is being made of it.
 *
 * Why: a handler sees a method, a path, a body and a caller, and fills in an answer; it knows
 * neither sockets nor libmicrohttpd. Owner: the API; a handler that has to wait sets `waits` and
 * calls call_done() later, when the call is its own again.
 * Never: outlives its connection (call.conn).
 */
#ifndef PENSTOCK_MGMT_API_CALL_H
#define PENSTOCK_MGMT_API_CALL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "dataplane/base/err.h"
#include "dataplane/base/list.h"
#include "mgmt/api/document.h"
#include "mgmt/model/roles.h"

#define CALL_BODY_MAX (8u * 1024 * 1024)
#define CALL_NAME_MAX 128

struct manager;
struct watcher;
struct restore;
struct upload;
struct MHD_Connection;
struct MHD_Response;

struct caller {
    char name[300]; /* for the audit: "local uid 0", or the certificate's name and hash */
    unsigned roles; /* set of enum role */
    uint64_t epoch; /* of who may do what (callers.h); 0: of the local socket */
};

/* A POST that must not be done twice (once.h). */
struct once {
    char name[65]; /* under which its answer is kept; "": not wanted */
    char print[65];
};

struct call {
    struct manager *m;
    struct MHD_Connection *conn;
    struct caller who;
    const char *method, *path;
    char name[CALL_NAME_MAX]; /* what stood for {name} in the route's pattern */
    char *body;
    size_t n_body, room;
    json_t *json; /* the body, parsed; NULL: there was none */

    unsigned status;
    json_t *answer; /* NULL: no body, or text */
    char *text;     /* of a body that is no JSON */
    const char *type;
    char tag[DOCUMENT_TAG_MAX];
    uint64_t revision; /* of the answer, 0: none */
    struct once once;
    struct watcher *watcher;      /* the answer is a stream (watch.h) */
    struct MHD_Response *made;    /* the answer's body is neither JSON nor text but a file */
    const struct upload *uploads; /* takes its body as it comes (upload.h), or NULL */
    int upload_line;              /* of an update to the appliance, -1: none */
    struct restore *restore;      /* a backup that comes */
    bool ended;                   /* all of such a body has gone on */
    struct list asleep;           /* among the suspended; of one: it is not */
    bool waits, answered;
    bool last;   /* the connection ends with this answer */
    bool page;   /* it is for a browser: say what it may do */
    bool again;  /* the same request may do better in a moment */
    bool accept; /* say what a body may be */
};

/* A value of the query ("" if it has none), or NULL. */
const char *call_query(const struct call *c, const char *key);
/* An unsigned number of the query between 1 and max, or `absent`. False: answered with a problem.
 */
bool call_number(struct call *c, const char *key, uint64_t max, uint64_t absent, uint64_t *out);
/* Does the query say yes to it? *good is false where it says neither yes nor no: answered. */
bool call_flag(struct call *c, const char *key, bool *good);
const char *call_header(const struct call *c, const char *name);

bool call_is_read(const struct call *c); /* GET or HEAD */
/*
 * A browser that holds an administrator's certificate presents it for whatever page asks: what
 * changes something must come from our own page, or from no page at all. False: answered.
 */
bool call_is_ours(struct call *c);

/* Answers. Each takes `body`. */
void call_answer(struct call *c, unsigned status, json_t *body);
/* Text that is no JSON (taken; free()d later), with its media type. */
void call_text(struct call *c, char *text, const char *type);
/* RFC 9457. */
void call_problem(struct call *c, unsigned status, const char *title, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* What a change was refused for: 422 with pointer and way out, or what the code says. */
void call_refuse(struct call *c, int rc, const struct err *e);
/* Had to wait: the answer is complete now. */
void call_done(struct call *c);

/*
 * If-Match against the tag of what is there (`exists`), If-None-Match: * for what is new. True: go
 * on; else answered (428, 412).
 */
bool call_may_change(struct call *c, bool exists, const json_t *current);
/* The body as JSON object. False: answered (400, 415). */
bool call_object(struct call *c);

#endif
