#include "mgmt/api/api.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "mgmt/api/routes.h"
#include "mgmt/manager.h"

#define CONNECTIONS_MAX 64
#define MEMORY_MAX      (32 * 1024) /* of one connection: request line and headers */
#define TIMEOUT_S       10
#define BODY_DROP_MAX   (64u * 1024 * 1024)

struct api {
    struct manager *m;
    struct MHD_Daemon *http;
};

/* ---- answers ---- */

static void add_headers(struct MHD_Response *r, const struct call *c)
{
    char number[32];

    MHD_add_response_header(r, "Cache-Control", "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (c->answer)
        MHD_add_response_header(r, "Content-Type",
                                c->status < 400 ? "application/json" : "application/problem+json");
    if (c->tag[0])
        MHD_add_response_header(r, "ETag", c->tag);
    if (c->status == 405)
        MHD_add_response_header(r, "Allow", routes_allowed(c->path));
    if (c->status == 409 || c->status == 503)
        MHD_add_response_header(r, "Retry-After", "1");
    if (c->revision) {
        snprintf(number, sizeof number, "%" PRIu64, c->revision);
        MHD_add_response_header(r, "Penstock-Revision", number);
    }
}

static enum MHD_Result respond(struct call *c)
{
    char *text = c->answer ? json_dumps(c->answer, JSON_COMPACT) : strdup("");
    struct MHD_Response *r =
        text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
    enum MHD_Result rc;

    if (!r) {
        free(text);
        return MHD_NO;
    }
    add_headers(r, c);
    rc = MHD_queue_response(c->conn, c->status, r);
    MHD_destroy_response(r);
    return rc;
}

/* The reader has it already (RFC 9110 13.1.2). */
static void shorten(struct call *c)
{
    const char *seen = call_header(c, "If-None-Match");

    if (c->status == 200 && c->tag[0] && seen && strstr(seen, c->tag) &&
        (!strcmp(c->method, "GET") || !strcmp(c->method, "HEAD"))) {
        json_decref(c->answer);
        c->answer = NULL;
        c->status = 304;
    }
}

/* ---- requests ---- */

/* The socket's mode decides who reaches it; the kernel's word on the peer decides again. */
static bool identify(struct call *c)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c->conn,
                                                                MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t n = sizeof peer;

    if (!i || getsockopt(i->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) ||
        (peer.uid != 0 && peer.uid != c->m->owner)) {
        call_problem(c, 403, "Forbidden", "only root may ask here");
        return false;
    }
    snprintf(c->who.name, sizeof c->who.name, "local uid %u", peer.uid);
    c->who.roles = ROLE_ANYBODY;
    return true;
}

/*
 * Too large a body is read and dropped, so that whoever sends it hears why; one that is absurd gets
 * its answer at once, and then a closed connection.
 */
static bool body_may_come(struct call *c)
{
    const char *length = call_header(c, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t n = length ? strtoull(length, NULL, 10) : 0;

    if (n > CALL_BODY_MAX)
        call_problem(c, 413, "Content Too Large", "a body may have %u bytes", CALL_BODY_MAX);
    return n <= BODY_DROP_MAX;
}

static struct call *begin(struct api *a, struct MHD_Connection *conn, const char *url,
                          const char *method)
{
    struct call *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->m = a->m;
    c->conn = conn;
    c->path = url; /* both live as long as the request */
    c->method = method;
    return c;
}

static void collect(struct call *c, const char *data, size_t n)
{
    char *more;

    if (c->answered)
        return; /* nobody reads it */
    if (c->n_body + n > CALL_BODY_MAX) {
        call_problem(c, 413, "Content Too Large", "a body may have %u bytes", CALL_BODY_MAX);
        return;
    }
    more = realloc(c->body, c->n_body + n + 1);
    if (!more) {
        call_problem(c, 503, "Service Unavailable", "out of memory");
        return;
    }
    memcpy(more + c->n_body, data, n);
    c->body = more;
    c->n_body += n;
    c->body[c->n_body] = 0;
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *upload,
                                  size_t *n_upload, void **state)
{
    struct call *c = *state;

    (void)version;
    if (!c) { /* the headers are here */
        *state = c = begin(arg, conn, url, method);
        if (!c)
            return MHD_NO;
        return identify(c) && body_may_come(c) ? MHD_YES : respond(c);
    }
    if (*n_upload) {
        collect(c, upload, *n_upload);
        *n_upload = 0;
        return MHD_YES;
    }
    if (!c->answered)
        routes_dispatch(c);
    if (c->waits) {
        MHD_suspend_connection(conn);
        return MHD_YES;
    }
    if (!c->answered)
        call_problem(c, 500, "Internal Server Error", "out of memory");
    shorten(c);
    return respond(c);
}

void call_done(struct call *c)
{
    c->waits = false;
    MHD_resume_connection(c->conn);
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **state,
                         enum MHD_RequestTerminationCode why)
{
    struct call *c = *state;

    (void)arg;
    (void)conn;
    (void)why;
    if (!c)
        return;
    json_decref(c->json);
    json_decref(c->answer);
    free(c->body);
    free(c);
    *state = NULL;
}

/* ---- the daemon ---- */

int api_start(struct manager *m, int fd)
{
    struct api *a = calloc(1, sizeof *a);

    api_stop(m->api);
    m->api = NULL;
    if (a) {
        a->m = m;
        a->http = MHD_start_daemon(
            MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_request, a,
            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
            MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
            (unsigned)TIMEOUT_S, MHD_OPTION_NOTIFY_COMPLETED, on_completed, a, MHD_OPTION_END);
    }
    if (!a || !a->http) {
        close(fd);
        free(a);
        log_event(LOG_ERROR, "local_failed", "error=\"the local socket can not be served\"");
        return 0;
    }
    m->api = a;
    return 0;
}

void api_stop(struct api *a)
{
    if (!a)
        return;
    MHD_stop_daemon(a->http); /* closes its listening socket */
    free(a);
}

int api_fd(const struct api *a)
{
    const union MHD_DaemonInfo *i = a ? MHD_get_daemon_info(a->http, MHD_DAEMON_INFO_EPOLL_FD)
                                      : NULL;

    return i ? i->epoll_fd : -1;
}

int api_wait_ms(const struct api *a)
{
    MHD_UNSIGNED_LONG_LONG ms;

    return a && MHD_get_timeout(a->http, &ms) == MHD_YES && ms < 1000 ? (int)ms : 1000;
}

void api_run(struct api *a)
{
    if (a)
        MHD_run(a->http);
}
