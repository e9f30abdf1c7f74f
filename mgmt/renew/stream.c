#include "mgmt/renew/stream.h"

#include <curl/curl.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/clock.h"

#define STOP_MS    500
#define FIRST_ROOM 16384

bool stream_header(const char *line, size_t n, const char *name, char *out, size_t room)
{
    size_t at = strlen(name);

    if (n <= at || strncasecmp(line, name, at) != 0 || line[at] != ':')
        return false;
    at++;
    while (at < n && (line[at] == ' ' || line[at] == '\t'))
        at++;
    while (n > at && strchr(" \t\r\n", line[n - 1]))
        n--;
    snprintf(out, room, "%.*s", (int)(n - at), line + at);
    return true;
}

int64_t stream_delay(const char *text)
{
    char *end;
    long long seconds = strtoll(text, &end, 10);
    time_t date;

    if (end != text && !*end)
        return seconds >= 0 ? seconds : -1;
    date = curl_getdate(text, NULL);
    if (date < 0)
        return -1;
    return date > time(NULL) ? date - time(NULL) : 0;
}

/* ---- the answer ---- */

struct head {
    bool chunked, has_length;
    uint64_t length;
};

/* Digits, and nothing else. */
static bool number(const char *text, int base, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = strtoull(text, &end, base);
    return !errno && *text && !*end && text[0] != '-' && text[0] != '+' && text[0] != ' ';
}

static int take_line(struct head *h, const char *line, size_t n, struct web_answer *a)
{
    char text[160];
    uint64_t length;

    if (stream_header(line, n, "Content-Type", a->type, sizeof a->type))
        a->type[strcspn(a->type, "; \t")] = '\0';
    if (stream_header(line, n, "Retry-After", text, sizeof text))
        a->retry_after_s = stream_delay(text);
    if (stream_header(line, n, "Transfer-Encoding", text, sizeof text)) {
        if (h->chunked || strcasecmp(text, "chunked") != 0)
            return -EPROTO;
        h->chunked = true;
    }
    if (stream_header(line, n, "Content-Length", text, sizeof text)) {
        if (!number(text, 10, &length) || (h->has_length && h->length != length))
            return -EPROTO;
        h->has_length = true;
        h->length = length;
    }
    return 0;
}

/* The end of the line that begins at `at`, its length without CRLF in *n. 0: it is not whole. */
static size_t line_end(const uint8_t *data, size_t n_data, size_t at, size_t *n)
{
    const uint8_t *nl = at < n_data ? memchr(data + at, '\n', n_data - at) : NULL;

    if (!nl)
        return 0;
    *n = (size_t)(nl - data) - at;
    if (*n && nl[-1] == '\r')
        (*n)--;
    return (size_t)(nl - data) + 1;
}

/* Bytes of the head, 0: it is not whole, or -EPROTO. */
static long take_head(const uint8_t *data, size_t n_data, struct head *h, struct web_answer *a)
{
    size_t at, n;
    int rc;

    *h = (struct head){0};
    a->retry_after_s = -1;
    at = line_end(data, n_data, 0, &n);
    if (!at)
        return n_data > STREAM_HEAD_MAX ? -EPROTO : 0;
    if (n < 12 || strncmp((const char *)data, "HTTP/1.", 7) != 0 || data[8] != ' ')
        return -EPROTO;
    a->status = (data[9] - '0') * 100 + (data[10] - '0') * 10 + (data[11] - '0');
    if (a->status < 100 || a->status > 599)
        return -EPROTO;
    for (;;) {
        size_t next = line_end(data, n_data, at, &n);

        if (!next || next > STREAM_HEAD_MAX)
            return next || n_data - at > STREAM_HEAD_MAX ? -EPROTO : 0;
        if (n == 0)
            return (long)next;
        rc = take_line(h, (const char *)data + at, n, a);
        if (rc)
            return rc;
        at = next;
    }
}

/* The size of a chunk, of its line without extensions. False: it is none. */
static bool chunk_size(const uint8_t *line, size_t n, uint64_t *size)
{
    char text[20];

    if (n >= sizeof text)
        return false;
    memcpy(text, line, n);
    text[n] = '\0';
    text[strcspn(text, "; \t")] = '\0';
    return number(text, 16, size);
}

/* Are all chunks there, and well-formed? Nothing is moved before that. 1, 0, -EPROTO as above. */
static int look_chunks(const uint8_t *data, size_t n_data, size_t at)
{
    size_t n, next;
    uint64_t size;

    for (;;) {
        next = line_end(data, n_data, at, &n);
        if (!next)
            return n_data > at + 64 ? -EPROTO : 0;
        if (!chunk_size(data + at, n, &size))
            return -EPROTO;
        if (size == 0)
            return 1;
        if (size > n_data || next + size + 2 > n_data)
            return 0;
        at = next + size;
        at += data[at] == '\r';
        if (data[at++] != '\n')
            return -EPROTO;
    }
}

/* Put them together, in place. */
static void take_chunks(uint8_t *data, size_t n_data, size_t at, struct web_answer *a)
{
    size_t put = at, n, next;
    uint64_t size = 0;

    a->n = 0;
    for (;;) {
        next = line_end(data, n_data, at, &n);
        if (!next || !chunk_size(data + at, n, &size) || size == 0)
            return;
        memmove(data + put, data + next, size);
        put += size;
        a->n += size;
        at = next + size;
        at += 1 + (data[at] == '\r');
    }
}

int stream_parse(uint8_t *data, size_t n, bool ended, struct web_answer *a, size_t *body)
{
    struct head h;
    long head = take_head(data, n, &h, a);
    int rc;

    if (head <= 0)
        return head < 0 || ended ? -EPROTO : 0;
    if (a->status < 200 || (h.chunked && h.has_length))
        return -EPROTO; /* we ask for no interim answer */
    *body = (size_t)head;
    if (h.chunked) {
        rc = look_chunks(data, n, *body);
        if (rc == 1)
            take_chunks(data, n, *body, a);
        return rc == 0 && ended ? -EPROTO : rc;
    }
    a->n = n - *body;
    if (!h.has_length)
        return ended;
    if (a->n < h.length)
        return ended ? -EPROTO : 0;
    a->n = h.length;
    return 1;
}

/* ---- the exchange ---- */

/* Ready, or why not: 0, -ETIMEDOUT, -ECANCELED. */
static int wait_for(int fd, short events, uint64_t end_ms, bool (*stop)(void *arg), void *arg)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        uint64_t now_ms = clock_mono_ms();

        if (stop(arg))
            return -ECANCELED;
        if (now_ms >= end_ms)
            return -ETIMEDOUT;
        if (poll(&p, 1, end_ms - now_ms < STOP_MS ? (int)(end_ms - now_ms) : STOP_MS) > 0)
            return 0;
    }
}

static int send_all(int fd, const uint8_t *data, size_t n, uint64_t end_ms, bool (*stop)(void *arg),
                    void *arg)
{
    while (n) {
        ssize_t sent = send(fd, data, n, MSG_NOSIGNAL);
        int rc = 0;

        if (sent < 0 && errno == EAGAIN)
            rc = wait_for(fd, POLLOUT, end_ms, stop, arg);
        else if (sent < 0 && errno != EINTR)
            rc = -errno;
        if (rc)
            return rc;
        if (sent > 0) {
            data += sent;
            n -= (size_t)sent;
        }
    }
    return 0;
}

/* "http://host:port/path" -> the head of a request. Bytes, or -EINVAL. */
static int request_head(const struct web_ask *ask, char *out, size_t room)
{
    const char *host = ask->url + strlen("http://"), *path = strchr(host, '/');
    int n;

    if (!path)
        return -EINVAL;
    n = snprintf(out, room,
                 "%s %s HTTP/1.1\r\nHost: %.*s\r\nUser-Agent: penstock\r\nAccept: */*\r\n"
                 "Connection: close\r\n",
                 ask->body ? "POST" : "GET", path, (int)(path - host), host);
    if (ask->body && n > 0 && (size_t)n < room)
        n += snprintf(out + n, room - (size_t)n,
                      "Content-Type: %s\r\nContent-Transfer-Encoding: base64\r\n"
                      "Content-Length: %zu\r\n",
                      ask->type, ask->n_body);
    if (n > 0 && (size_t)n < room)
        n += snprintf(out + n, room - (size_t)n, "\r\n");
    return n > 0 && (size_t)n < room ? n : -EINVAL;
}

struct reading {
    uint8_t *data;
    size_t n, room;
    bool ended;
};

/* Some more bytes. 0 or -errno. */
static int read_more(int fd, struct reading *r, size_t max)
{
    size_t room = r->room ? 2 * r->room : FIRST_ROOM;
    uint8_t *more;
    ssize_t got;

    if (r->n == r->room) {
        if (r->n > max + STREAM_HEAD_MAX)
            return -EFBIG;
        more = realloc(r->data, room);
        if (!more)
            return -ENOMEM;
        r->data = more;
        r->room = room;
    }
    got = recv(fd, r->data + r->n, r->room - r->n, 0);
    if (got < 0)
        return errno == EINTR ? 0 : -errno;
    r->n += (size_t)got;
    r->ended = got == 0;
    return 0;
}

static int read_answer(int fd, const struct web_ask *ask, uint64_t end_ms, bool (*stop)(void *arg),
                       void *arg, struct web_answer *a)
{
    struct reading r = {0};
    size_t body = 0;
    int rc = 0, whole = 0;

    while (!rc && !whole) {
        rc = read_more(fd, &r, ask->max);
        if (rc == -EAGAIN)
            rc = wait_for(fd, POLLIN, end_ms, stop, arg);
        else if (!rc)
            whole = stream_parse(r.data, r.n, r.ended, a, &body);
        if (whole < 0)
            rc = whole;
    }
    if (!rc && a->n > ask->max)
        rc = -EFBIG;
    if (!rc) {
        memmove(r.data, r.data + body, a->n);
        a->body = r.data;
        r.data = NULL;
    }
    free(r.data);
    return rc;
}

void stream_ask(int fd, const struct web_ask *ask, bool (*stop)(void *arg), void *arg,
                struct web_answer *a)
{
    uint64_t end_ms = clock_mono_ms() + (uint64_t)ask->timeout_s * 1000;
    char head[WEB_URL_MAX + 512];
    int n = request_head(ask, head, sizeof head), rc = n < 0 ? n : 0;

    if (!rc)
        rc = send_all(fd, (const uint8_t *)head, (size_t)n, end_ms, stop, arg);
    if (!rc && ask->body)
        rc = send_all(fd, ask->body, ask->n_body, end_ms, stop, arg);
    if (!rc)
        rc = read_answer(fd, ask, end_ms, stop, arg, a);
    if (!rc)
        return;
    a->status = 0;
    a->n = 0;
    if (rc == -EFBIG)
        snprintf(a->why, sizeof a->why, "the answer has more than %zu bytes", ask->max);
    else if (rc == -EPROTO)
        snprintf(a->why, sizeof a->why, "the connection ended, or what came is no HTTP answer");
    else
        snprintf(a->why, sizeof a->why, "%s", strerror(-rc));
}
