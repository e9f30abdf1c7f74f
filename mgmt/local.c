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
#define MEMORY_MAX      (64 * 1024) /* of one connection: request line and headers */
#define TIMEOUT_S       10

/* RFC 9457. */
static json_t *problem(unsigned status, const char *title, const char *detail)
{
    return json_pack("{s:s, s:i, s:s, s:s}", "type", "about:blank", "status", (int)status, "title",
                     title, "detail", detail);
}

static json_t *get_status(struct manager *m, const char *rest, unsigned *status)
{
    uint64_t now = clock_mono_ms();
    json_t *stats = ask_stats(m), *out;

    (void)rest;
    (void)status;
    out = json_pack("{s:I, s:s, s:f, s:f, s:O, s:O}", "revision", (json_int_t)m->revision,
                    "configuration", m->name, "uptime_s", (double)(now - m->start_ms) / 1000,
                    "applied_s", (double)(now - m->applied_ms) / 1000, "warnings", m->warnings,
                    "links", json_object_get(stats, "links"));
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
    char *end;
    uint64_t id = strtoull(rest, &end, 16);
    int rc = strlen(rest) == 16 && !*end ? ask_end(m, id) : -ENOENT;

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

static enum MHD_Result answer(void *arg, struct MHD_Connection *conn, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *n_upload, void **state)
{
    static int seen;
    unsigned status = 200;
    struct MHD_Response *r;
    enum MHD_Result rc;
    json_t *body;
    char *text;

    (void)version;
    (void)upload;
    if (!*state) { /* headers only: wait for the end of the request */
        *state = &seen;
        return MHD_YES;
    }
    if (*n_upload) { /* no resource takes a body yet: read and forget */
        *n_upload = 0;
        return MHD_YES;
    }
    body = route(arg, method, url, &status);
    text = body ? json_dumps(body, JSON_COMPACT) : NULL;
    json_decref(body);
    if (!text)
        return MHD_NO;
    r = MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    MHD_add_response_header(r, "Content-Type",
                            status == 200 ? "application/json" : "application/problem+json");
    rc = MHD_queue_response(conn, status, r);
    MHD_destroy_response(r);
    return rc;
}

/* The socket's mode (0600, root's) decides who may ask. */
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
