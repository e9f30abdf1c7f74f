#include "mgmt/local.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "mgmt/ask.h"

#define CONNECTIONS_MAX 32
#define MEMORY_MAX      (32 * 1024) /* of one connection: request line and headers */
#define TIMEOUT_S       10

/* RFC 9457. */
static json_t *problem(unsigned status, const char *title, const char *detail)
{
    return json_pack("{s:s, s:i, s:s, s:s}", "type", "about:blank", "status", (int)status, "title",
                     title, "detail", detail);
}

/* What is near its end, with the days left, beside the warnings of the load. */
static json_t *warnings_now(const struct manager *m, int64_t now)
{
    json_t *list = json_copy(m->warnings);

    for (unsigned i = 0; list && i < m->n_dates; i++) {
        const struct compile_date *d = &m->dates[i];
        char text[400];

        if (now < d->warn_at)
            continue;
        if (now >= d->ends_at)
            snprintf(text, sizeof text, "%s: ended", d->text);
        else
            snprintf(text, sizeof text, "%s: ends in %.1f days", d->text,
                     (double)(d->ends_at - now) / 86400);
        json_array_append_new(list, json_string(text));
    }
    return list;
}

static json_t *get_status(struct manager *m, const char *rest, unsigned *status)
{
    uint64_t now = clock_mono_ms();
    json_t *stats = ask_stats(m), *out;

    (void)rest;
    (void)status;
    out = json_pack("{s:I, s:s, s:f, s:f, s:o, s:O, s:O}", "revision", (json_int_t)m->revision,
                    "configuration", m->name, "uptime_s", (double)(now - m->start_ms) / 1000,
                    "applied_s", (double)(now - m->applied_ms) / 1000, "warnings",
                    warnings_now(m, clock_wall_s()), "links", json_object_get(stats, "links"),
                    "missing_workers", json_object_get(stats, "missing_workers"));
    json_decref(stats);
    return out;
}

static json_t *get_sessions(struct manager *m, const char *rest, unsigned *status)
{
    (void)rest;
    (void)status;
    return ask_sessions(m);
}

static json_t *get_stats(struct manager *m, const char *rest, unsigned *status)
{
    (void)rest;
    (void)status;
    return ask_stats(m);
}

static json_t *end_session(struct manager *m, const char *rest, unsigned *status)
{
    bool good = strlen(rest) == 16 && strspn(rest, "0123456789abcdef") == 16;
    int rc = good ? ask_end(m, strtoull(rest, NULL, 16)) : -ENOENT;

    if (rc == 0)
        return json_pack("{s:s}", "ended", rest);
    *status = rc == -ENOENT ? 404 : 503;
    return rc == -ENOENT ? problem(404, "Not Found", "no live session has this id")
                         : problem(503, "Service Unavailable", "the data plane did not answer");
}

static const struct {
    const char *method, *path;
    bool prefix; /* the rest of the path is an argument */
    json_t *(*answer)(struct manager *m, const char *rest, unsigned *status);
} routes[] = {
    {"GET", "/api/v1/status", false, get_status},
    {"GET", "/api/v1/sessions", false, get_sessions},
    {"GET", "/api/v1/stats", false, get_stats},
    {"DELETE", "/api/v1/sessions/", true, end_session},
};

static json_t *route(struct manager *m, const char *method, const char *url, unsigned *status)
{
    bool path_known = false;

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        size_t n = strlen(routes[i].path);
        if (routes[i].prefix ? strncmp(url, routes[i].path, n) != 0
                             : strcmp(url, routes[i].path) != 0)
            continue;
        path_known = true;
        if (!strcmp(method, routes[i].method))
            return routes[i].answer(m, url + (routes[i].prefix ? n : 0), status);
    }
    *status = path_known ? 405 : 404;
    return path_known ? problem(405, "Method Not Allowed", "this resource does not take the method")
                      : problem(404, "Not Found", "there is no such resource");
}

static enum MHD_Result respond(struct MHD_Connection *conn, unsigned status, json_t *body)
{
    char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    struct MHD_Response *r;
    enum MHD_Result rc;

    json_decref(body);
    r = text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
    if (!r) {
        free(text);
        return MHD_NO;
    }
    MHD_add_response_header(r, "Content-Type",
                            status == 200 ? "application/json" : "application/problem+json");
    rc = MHD_queue_response(conn, status, r);
    MHD_destroy_response(r);
    return rc;
}

/* The socket's mode decides who reaches it; the kernel's word on the peer decides again. */
static bool may_ask(const struct manager *m, struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(conn,
                                                                MHD_CONNECTION_INFO_CONNECTION_FD);
    struct ucred peer;
    socklen_t n = sizeof peer;

    return i && !getsockopt(i->connect_fd, SOL_SOCKET, SO_PEERCRED, &peer, &n) &&
           (peer.uid == 0 || peer.uid == m->owner);
}

static bool has_body(struct MHD_Connection *conn)
{
    const char *length = MHD_lookup_connection_value(conn, MHD_HEADER_KIND,
                                                     MHD_HTTP_HEADER_CONTENT_LENGTH);

    return (length && strcmp(length, "0") != 0) ||
           MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_TRANSFER_ENCODING);
}

static enum MHD_Result answer(void *arg, struct MHD_Connection *conn, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *n_upload, void **state)
{
    struct manager *m = arg;
    static int seen; /* its address alone matters */
    unsigned status = 200;
    json_t *body;

    (void)version;
    (void)upload;
    if (!*state) { /* the headers are here; an answer now spares reading a body */
        *state = &seen;
        if (!may_ask(m, conn))
            return respond(conn, 403, problem(403, "Forbidden", "only root may ask here"));
        if (has_body(conn))
            return respond(conn, 413,
                           problem(413, "Content Too Large", "no resource takes a body"));
        return MHD_YES;
    }
    if (*n_upload)
        return MHD_NO;
    body = route(m, method, url, &status);
    if (!body) {
        status = 500;
        body = problem(500, "Internal Server Error", "out of memory");
    }
    return respond(conn, status, body);
}

int local_start(struct manager *m, int fd)
{
    local_stop(m);
    m->http = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, answer, m, MHD_OPTION_LISTEN_SOCKET,
                               fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX,
                               MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)MEMORY_MAX,
                               MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S, MHD_OPTION_END);
    if (!m->http) {
        close(fd);
        log_event(LOG_ERROR, "local_failed", "error=\"the local socket can not be served\"");
        return 0; /* traffic goes on without it */
    }
    m->local = fd;
    return 0;
}

void local_stop(struct manager *m)
{
    if (m->http)
        MHD_stop_daemon(m->http); /* closes its listening socket */
    m->http = NULL;
    m->local = -1;
}

int local_fd(const struct manager *m)
{
    const union MHD_DaemonInfo *i = m->http ? MHD_get_daemon_info(m->http, MHD_DAEMON_INFO_EPOLL_FD)
                                            : NULL;

    return i ? i->epoll_fd : -1;
}

int local_wait_ms(const struct manager *m)
{
    MHD_UNSIGNED_LONG_LONG ms;

    return m->http && MHD_get_timeout(m->http, &ms) == MHD_YES && ms < 1000 ? (int)ms : 1000;
}

void local_run(struct manager *m)
{
    if (m->http)
        MHD_run(m->http);
}
