#include "mgmt/api/api.h"

#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "mgmt/api/once.h"
#include "mgmt/api/routes.h"
#include "mgmt/api/watch.h"
#include "mgmt/manager.h"

#define CONNECTIONS_MAX 64
#define MEMORY_MAX      (32 * 1024) /* of one connection: request line and headers */
#define TIMEOUT_S       10
#define BODY_FIRST      4096
#define BODY_DROP_MAX   (64u * 1024 * 1024)

#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; " \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct api {
    struct manager *m;
    struct MHD_Daemon *http;   /* on the local socket */
    struct MHD_Daemon *remote; /* streams of the management link */
    /* Handed over, by descriptor, until their connections begin: at once or later, as the library
     * likes. */
    struct {
        int fd;
        struct caller *who; /* NULL: free */
    } arriving[CONNECTIONS_MAX];
};

/* ---- answers ---- */

static void add_headers(struct MHD_Response *r, const struct call *c)
{
    char number[32];

    MHD_add_response_header(r, "Cache-Control", "no-store");
    MHD_add_response_header(r, "X-Content-Type-Options", "nosniff");
    if (c->answer || c->text)
        MHD_add_response_header(r, "Content-Type",
                                c->text           ? c->type
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

/* A stream of events: it has no end, and is no JSON. */
static enum MHD_Result respond_stream(struct call *c)
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

static enum MHD_Result respond(struct call *c)
{
    char *text = body_of(c);
    struct MHD_Response *r =
        text ? MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE) : NULL;
    enum MHD_Result rc;

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

/* ---- requests ---- */

/* Known since the stream was handed over; what it may do could have changed since. */
static bool identify_remote(struct call *c)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(c->conn,
                                                                MHD_CONNECTION_INFO_SOCKET_CONTEXT);

    if (!i || !i->socket_context) {
        call_problem(c, 403, "Forbidden", "nobody knows who asks");
        return false;
    }
    c->who = *(const struct caller *)i->socket_context;
    if (c->who.epoch == c->m->callers.epoch)
        return true;
    call_problem(c, 503, "Service Unavailable", "who may do what has changed: connect again");
    c->last = true;
    return false;
}

/* The socket's mode decides who reaches it; the kernel's word on the peer decides again. */
static bool identify_local(struct call *c)
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
    c->who.roles = ROLE_ANYBODY | ROLE_LOCAL;
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

static void drop_body(struct call *c)
{
    if (c->body)
        secret_wipe(c->body, c->n_body);
    free(c->body);
}

/* A request line that has been cut, by a NUL in it or by an old client, has no version. */
static bool is_http(struct call *c, const char *version)
{
    if (!strcmp(version, "HTTP/1.1") || !strcmp(version, "HTTP/1.0"))
        return true;
    c->last = true;
    call_problem(c, 505, "HTTP Version Not Supported", "the request line is not HTTP/1.1");
    return false;
}

static struct call *begin(struct manager *m, struct MHD_Connection *conn, const char *url,
                          const char *method)
{
    struct call *c = calloc(1, sizeof *c);

    if (!c)
        return NULL;
    c->m = m;
    c->conn = conn;
    c->path = url; /* both live as long as the request */
    c->method = method;
    return c;
}

/* Room for n bytes more. A body may be a key on its way to the keyring: no copy of it stays. */
static bool widen(struct call *c, size_t n)
{
    size_t room = c->room ? 2 * c->room : BODY_FIRST;
    char *more;

    while (room < c->n_body + n + 1)
        room *= 2;
    more = malloc(room);
    if (!more)
        return false;
    memcpy(more, c->body ? c->body : "", c->n_body);
    drop_body(c);
    c->body = more;
    c->room = room;
    return true;
}

static void collect(struct call *c, const char *data, size_t n)
{
    if (c->answered)
        return; /* nobody reads it */
    if (c->n_body + n > CALL_BODY_MAX) {
        call_problem(c, 413, "Content Too Large", "a body may have %u bytes", CALL_BODY_MAX);
        return;
    }
    if (c->n_body + n + 1 > c->room && !widen(c, n)) {
        call_problem(c, 503, "Service Unavailable", "out of memory");
        return;
    }
    memcpy(c->body + c->n_body, data, n);
    c->n_body += n;
    c->body[c->n_body] = 0;
}

static enum MHD_Result on_request(struct manager *m, bool (*identify)(struct call *c),
                                  struct MHD_Connection *conn, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *n_upload,
                                  void **state)
{
    struct call *c = *state;

    if (!c) { /* the headers are here */
        *state = c = begin(m, conn, url, method);
        if (!c)
            return MHD_NO;
        return identify(c) && is_http(c, version) && body_may_come(c) ? MHD_YES : respond(c);
    }
    if (*n_upload) {
        collect(c, upload, *n_upload);
        *n_upload = 0;
        return MHD_YES;
    }
    if (!c->answered && call_is_ours(c))
        routes_dispatch(c);
    if (c->waits) {
        MHD_suspend_connection(conn);
        return MHD_YES;
    }
    if (!c->answered)
        call_problem(c, 500, "Internal Server Error", "out of memory");
    if (c->watcher)
        return respond_stream(c);
    once_keep(c);
    return respond(c);
}

static enum MHD_Result on_local(void *arg, struct MHD_Connection *conn, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *n_upload, void **state)
{
    return on_request(arg, identify_local, conn, url, method, version, upload, n_upload, state);
}

static enum MHD_Result on_remote(void *arg, struct MHD_Connection *conn, const char *url,
                                 const char *method, const char *version, const char *upload,
                                 size_t *n_upload, void **state)
{
    return on_request(arg, identify_remote, conn, url, method, version, upload, n_upload, state);
}

static struct caller *take_arriving(struct api *a, int fd)
{
    struct caller *who = NULL;

    for (unsigned i = 0; i < CONNECTIONS_MAX && !who; i++)
        if (a->arriving[i].who && a->arriving[i].fd == fd) {
            who = a->arriving[i].who;
            a->arriving[i].who = NULL;
        }
    return who;
}

/* A stream begins: the caller that was announced for its descriptor is its. */
static void on_connection(void *arg, struct MHD_Connection *conn, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    const union MHD_ConnectionInfo *i = MHD_get_connection_info(conn,
                                                                MHD_CONNECTION_INFO_CONNECTION_FD);

    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = i ? take_arriving(arg, i->connect_fd) : NULL;
    } else {
        free(*context);
        *context = NULL;
    }
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
    once_keep(c); /* of a connection that went in the middle of it */
    watch_drop(c->watcher);
    json_decref(c->json);
    json_decref(c->answer);
    drop_body(c);
    free(c->text);
    free(c);
    *state = NULL;
}

/* ---- the daemons ---- */

/* libmicrohttpd's own words: TCP options that a stream of ours has not. */
static void say_nothing(void *arg, const char *fmt, va_list args)
{
    (void)arg;
    (void)fmt;
    (void)args;
}

static struct MHD_Daemon *start_local(struct manager *m, int fd)
{
    return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL, on_local, m,
                            MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT,
                            (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                            (size_t)MEMORY_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
                            MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED,
                            on_completed, NULL, MHD_OPTION_END);
}

static struct MHD_Daemon *start_remote(struct api *a)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_NO_LISTEN_SOCKET | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, on_remote, a->m, MHD_OPTION_EXTERNAL_LOGGER, say_nothing, NULL,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)MEMORY_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)TIMEOUT_S,
        MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_NOTIFY_COMPLETED, on_completed, NULL,
        MHD_OPTION_NOTIFY_CONNECTION, on_connection, a, MHD_OPTION_END);
}

int api_start(struct manager *m, int fd)
{
    struct api *a = calloc(1, sizeof *a);

    api_stop(m->api);
    m->api = NULL;
    if (a) {
        a->m = m;
        a->http = start_local(m, fd);
        a->remote = start_remote(a);
    }
    if (!a || !a->http || !a->remote) {
        log_event(LOG_ERROR, "local_failed", "error=\"the local socket can not be served\"");
        if (!a || !a->http)
            close(fd);
        api_stop(a);
        return 0;
    }
    m->api = a;
    return 0;
}

void api_stop(struct api *a)
{
    if (!a)
        return;
    watch_end(a->m);
    if (a->remote)
        MHD_stop_daemon(a->remote);
    if (a->http)
        MHD_stop_daemon(a->http); /* closes its listening socket */
    for (unsigned i = 0; i < CONNECTIONS_MAX; i++)
        free(a->arriving[i].who);
    free(a);
}

void api_caller(struct api *a, int fd, const char *name, unsigned roles, uint64_t epoch)
{
    static const struct sockaddr none = {.sa_family = AF_UNIX};
    struct caller *who = a ? calloc(1, sizeof *who) : NULL;
    unsigned slot = 0;

    if (a)
        free(take_arriving(a, fd)); /* of a stream that ended before it began: never this one's */
    while (a && slot < CONNECTIONS_MAX && a->arriving[slot].who)
        slot++;
    if (!who || slot == CONNECTIONS_MAX) {
        free(who);
        close(fd);
        return;
    }
    snprintf(who->name, sizeof who->name, "%s", name);
    who->roles = roles;
    who->epoch = epoch;
    a->arriving[slot].fd = fd;
    a->arriving[slot].who = who;
    if (MHD_add_connection(a->remote, fd, &none, sizeof none) == MHD_YES)
        return; /* the descriptor is the library's, closed by it on failure too */
    log_event(LOG_WARN, "caller_refused", "why=\"too many connections\"");
    free(take_arriving(a, fd));
}

static int epoll_of(struct MHD_Daemon *d)
{
    const union MHD_DaemonInfo *i = MHD_get_daemon_info(d, MHD_DAEMON_INFO_EPOLL_FD);

    return i ? i->epoll_fd : -1;
}

unsigned api_poll(const struct api *a, struct pollfd *p)
{
    if (!a)
        return 0;
    p[0] = (struct pollfd){.fd = epoll_of(a->http), .events = POLLIN};
    p[1] = (struct pollfd){.fd = epoll_of(a->remote), .events = POLLIN};
    return 2;
}

static int wait_of(struct MHD_Daemon *d)
{
    MHD_UNSIGNED_LONG_LONG ms;

    return MHD_get_timeout(d, &ms) == MHD_YES && ms < 1000 ? (int)ms : 1000;
}

int api_wait_ms(const struct api *a)
{
    int local = a ? wait_of(a->http) : 1000, remote = a ? wait_of(a->remote) : 1000;

    return local < remote ? local : remote;
}

void api_run(struct api *a)
{
    if (!a)
        return;
    watch_wake(a->m);
    MHD_run(a->http);
    MHD_run(a->remote);
}
