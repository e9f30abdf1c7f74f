#include "mgmt/api/api.h"

#include <errno.h>
#include <microhttpd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "mgmt/api/answer.h"
#include "mgmt/api/once.h"
#include "mgmt/api/routes.h"
#include "mgmt/api/upload.h"
#include "mgmt/api/watch.h"
#include "mgmt/manager.h"

#define CONNECTIONS_MAX 64
#define MEMORY_MAX      (32 * 1024) /* of one connection: request line and headers */
#define TIMEOUT_S       10
#define BODY_FIRST      4096
#define BODY_DROP_MAX   (64u * 1024 * 1024)

struct api {
    struct manager *m;
    struct MHD_Daemon *http;   /* on the local socket */
    struct MHD_Daemon *remote; /* streams of the management link */
    struct list asleep;        /* calls that are suspended */
    /* Handed over, by descriptor, until their connections begin: at once or later, as the library
     * likes. */
    struct {
        int fd;
        struct caller *who; /* NULL: free */
    } arriving[CONNECTIONS_MAX];
};

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

    unsigned most = c->uploads ? UPLOAD_MAX : CALL_BODY_MAX;

    if (n > most)
        call_problem(c, 413, "Content Too Large", "a body may have %u bytes", most);
    return n <= most || n <= BODY_DROP_MAX;
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
    c->upload_line = -1;
    list_init(&c->asleep);
    c->uploads = routes_uploads(c);
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

/* The call goes on when somebody calls call_done() or upload_wake(). */
static enum MHD_Result suspend(struct call *c)
{
    list_push(&c->m->api->asleep, &c->asleep);
    MHD_suspend_connection(c->conn);
    return MHD_YES;
}

void upload_wake(struct call *c)
{
    if (!list_empty(&c->asleep))
        call_done(c);
}

/*
 * The headers are here. A body that goes on as it comes has to know now whether it may.
 */
static enum MHD_Result on_headers(struct call *c, bool (*identify)(struct call *c),
                                  const char *version)
{
    if (!identify(c) || !is_http(c, version) || !body_may_come(c))
        return answer_send(c);
    if (!c->uploads || c->answered)
        return MHD_YES;
    if (call_is_ours(c))
        routes_dispatch(c);
    /* Who waits to be let in hears it before he sends; from others it is read and dropped. */
    return c->answered && call_header(c, MHD_HTTP_HEADER_EXPECT) ? answer_send(c) : MHD_YES;
}

/* The next bytes of a body. */
static enum MHD_Result on_bytes(struct call *c, const char *upload, size_t *n_upload)
{
    size_t taken = *n_upload;

    if (!c->uploads)
        collect(c, upload, *n_upload);
    else if (!c->answered)
        taken = c->uploads->take(c, upload, *n_upload);
    *n_upload -= taken;
    if (!*n_upload || c->answered) {
        *n_upload = 0;
        return MHD_YES;
    }
    return suspend(c);
}

static enum MHD_Result on_request(struct manager *m, bool (*identify)(struct call *c),
                                  struct MHD_Connection *conn, const char *url, const char *method,
                                  const char *version, const char *upload, size_t *n_upload,
                                  void **state)
{
    struct call *c = *state;

    if (!c) {
        *state = c = begin(m, conn, url, method);
        return c ? on_headers(c, identify, version) : MHD_NO;
    }
    if (*n_upload)
        return on_bytes(c, upload, n_upload);
    if (c->uploads && !c->answered) {
        c->ended = c->ended || c->uploads->end(c);
        if (!c->answered)
            return suspend(c);
    }
    if (!c->answered && call_is_ours(c))
        routes_dispatch(c);
    if (c->waits)
        return suspend(c);
    if (!c->answered)
        call_problem(c, 500, "Internal Server Error", "out of memory");
    if (c->watcher)
        return answer_stream(c);
    once_keep(c);
    return answer_send(c);
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
    if (list_empty(&c->asleep))
        return; /* its answer came before it had to wait */
    list_remove(&c->asleep);
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
    pair_unwait(c->m, c);
    if (c->uploads)
        c->uploads->drop(c);
    if (c->made)
        MHD_destroy_response(c->made);
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
        list_init(&a->asleep);
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

/* The library ends the process rather than a suspended connection; and who waits is owed a word. */
static void wake_all(struct api *a)
{
    struct list *pos, *next;

    list_for_each_safe(pos, next, &a->asleep)
    {
        struct call *c = list_entry(pos, struct call, asleep);

        c->last = true;
        call_problem(c, 503, "Service Unavailable",
                     "the gateway stops; when it runs again, look whether this was done");
        call_done(c);
    }
    api_run(a);
    watch_end(a->m);
}

void api_stop(struct api *a)
{
    if (!a)
        return;
    if (a->m->api == a)
        wake_all(a);
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
