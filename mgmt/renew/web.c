#include "mgmt/renew/web.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include "mgmt/renew/stream.h"

#define CONNECT_S   10L
#define LOW_SPEED_B 100L /* bytes a second, for so long: */
#define LOW_SPEED_S 20L
#define FIRST_ROOM  16384

/* Shared by the thread and the loop; the last of the two ends it. */
struct web_job {
    atomic_int refs;
    atomic_bool finished, unwanted;
    int wake; /* a copy of the loop's descriptor */
    int fd;
    char url[WEB_URL_MAX], *type, *etag;
    uint8_t *body;
    size_t n_body, max, room;
    unsigned timeout_s;
    struct web_answer answer;
    web_done *done;
    void *arg;
};

static void put(struct web_job *j)
{
    if (atomic_fetch_sub(&j->refs, 1) != 1)
        return;
    if (j->fd >= 0)
        close(j->fd);
    if (j->wake >= 0)
        close(j->wake);
    free(j->type);
    free(j->etag);
    free(j->body);
    free(j->answer.body);
    free(j);
}

/* ---- in the thread ---- */

static size_t take_body(char *data, size_t size, size_t n, void *arg)
{
    struct web_job *j = arg;
    struct web_answer *a = &j->answer;
    size_t add = size * n, room = j->room ? j->room : FIRST_ROOM;
    uint8_t *more;

    if (atomic_load(&j->unwanted) || a->n + add > j->max)
        return 0; /* curl ends the transfer */
    while (room < a->n + add + 1)
        room *= 2;
    more = room == j->room ? a->body : realloc(a->body, room);
    if (!more)
        return 0;
    a->body = more;
    j->room = room;
    memcpy(a->body + a->n, data, add);
    a->n += add;
    a->body[a->n] = 0;
    return add;
}

static size_t take_header(char *line, size_t size, size_t n, void *arg)
{
    struct web_answer *a = arg;
    char copy[512], text[160];
    size_t all = size * n;

    snprintf(copy, sizeof copy, "%.*s", (int)(all < 511 ? all : 511), line);
    n = strlen(copy);
    if (!strncmp(copy, "HTTP/", 5)) { /* of a redirect's next answer */
        a->type[0] = a->etag[0] = '\0';
        a->retry_after_s = -1;
    }
    if (stream_header(copy, n, "Content-Type", a->type, sizeof a->type))
        a->type[strcspn(a->type, "; \t")] = '\0';
    stream_header(copy, n, "ETag", a->etag, sizeof a->etag);
    if (stream_header(copy, n, "Retry-After", text, sizeof text))
        a->retry_after_s = stream_delay(text);
    return all;
}

static int go_on(void *arg, curl_off_t a, curl_off_t b, curl_off_t c, curl_off_t d)
{
    (void)a;
    (void)b;
    (void)c;
    (void)d;
    return atomic_load(&((struct web_job *)arg)->unwanted);
}

static void bound(CURL *c, struct web_job *j)
{
    bool secure = !strncasecmp(j->url, "https:", 6);

    curl_easy_setopt(c, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(c, CURLOPT_PROXY, "");
    curl_easy_setopt(c, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(c, CURLOPT_REDIR_PROTOCOLS_STR, secure ? "https" : "http,https");
    curl_easy_setopt(c, CURLOPT_FOLLOWLOCATION, j->body ? 0L : 1L);
    curl_easy_setopt(c, CURLOPT_MAXREDIRS, (long)WEB_REDIRECTS);
    curl_easy_setopt(c, CURLOPT_CONNECTTIMEOUT, CONNECT_S);
    curl_easy_setopt(c, CURLOPT_TIMEOUT, (long)j->timeout_s);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED_B);
    curl_easy_setopt(c, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_S);
    curl_easy_setopt(c, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)j->max);
    curl_easy_setopt(c, CURLOPT_NOPROGRESS, 0L);
    curl_easy_setopt(c, CURLOPT_XFERINFOFUNCTION, go_on);
    curl_easy_setopt(c, CURLOPT_XFERINFODATA, j);
    curl_easy_setopt(c, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(c, CURLOPT_USERAGENT, "penstock");
}

static struct curl_slist *headers_of(const struct web_job *j)
{
    struct curl_slist *list = NULL;
    char line[512];

    if (j->body) {
        snprintf(line, sizeof line, "Content-Type: %s", j->type);
        list = curl_slist_append(list, line);
        list = curl_slist_append(list, "Content-Transfer-Encoding: base64");
        list = curl_slist_append(list, "Expect:");
    }
    if (j->etag) {
        snprintf(line, sizeof line, "If-None-Match: %s", j->etag);
        list = curl_slist_append(list, line);
    }
    return list;
}

static void explain(struct web_job *j, CURLcode rc, const char *text)
{
    struct web_answer *a = &j->answer;

    a->status = 0;
    if (rc == CURLE_FILESIZE_EXCEEDED || (rc == CURLE_WRITE_ERROR && a->n))
        snprintf(a->why, sizeof a->why, "the answer has more than %zu bytes", j->max);
    else
        snprintf(a->why, sizeof a->why, "%s", text[0] ? text : curl_easy_strerror(rc));
    for (char *p = a->why; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            *p = '?'; /* curl quotes what a server said */
}

static bool is_unwanted(void *arg)
{
    return atomic_load(&((struct web_job *)arg)->unwanted);
}

static void perform_stream(struct web_job *j)
{
    const struct web_ask ask = {.url = j->url,
                                .fd = j->fd,
                                .body = j->body,
                                .n_body = j->n_body,
                                .type = j->type,
                                .max = j->max,
                                .timeout_s = j->timeout_s};

    stream_ask(j->fd, &ask, is_unwanted, j, &j->answer);
}

static void perform(struct web_job *j)
{
    char text[CURL_ERROR_SIZE] = "";
    struct curl_slist *headers = headers_of(j);
    CURL *c = curl_easy_init();
    CURLcode rc = CURLE_OUT_OF_MEMORY;

    if (c) {
        bound(c, j);
        curl_easy_setopt(c, CURLOPT_URL, j->url);
        curl_easy_setopt(c, CURLOPT_ERRORBUFFER, text);
        curl_easy_setopt(c, CURLOPT_HTTPHEADER, headers);
        curl_easy_setopt(c, CURLOPT_WRITEFUNCTION, take_body);
        curl_easy_setopt(c, CURLOPT_WRITEDATA, j);
        curl_easy_setopt(c, CURLOPT_HEADERFUNCTION, take_header);
        curl_easy_setopt(c, CURLOPT_HEADERDATA, &j->answer);
        if (j->body) {
            curl_easy_setopt(c, CURLOPT_POSTFIELDSIZE, (long)j->n_body);
            curl_easy_setopt(c, CURLOPT_POSTFIELDS, (char *)j->body);
        }
        rc = curl_easy_perform(c);
        curl_easy_getinfo(c, CURLINFO_RESPONSE_CODE, &j->answer.status);
        curl_easy_cleanup(c);
    }
    curl_slist_free_all(headers);
    if (rc != CURLE_OK)
        explain(j, rc, text);
}

static void *work(void *arg)
{
    const uint64_t one = 1;
    struct web_job *j = arg;

    if (j->fd >= 0)
        perform_stream(j);
    else
        perform(j);
    atomic_store(&j->finished, true);
    if (write(j->wake, &one, sizeof one) < 0) {
        /* full: the loop looks anyway */
    }
    put(j);
    return NULL;
}

/* ---- in the loop ---- */

int web_init(struct web *w)
{
    memset(w, 0, sizeof *w);
    w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    return w->fd < 0 ? -errno : 0;
}

void web_fini(struct web *w)
{
    for (unsigned i = 0; i < WEB_MAX; i++) {
        if (!w->jobs[i])
            continue;
        atomic_store(&w->jobs[i]->unwanted, true);
        put(w->jobs[i]);
        w->jobs[i] = NULL;
    }
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
}

/* A copy of all that is asked; takes the stream. */
static struct web_job *job_new(struct web *w, const struct web_ask *ask)
{
    struct web_job *j = calloc(1, sizeof *j);

    if (!j) {
        if (ask->fd >= 0)
            close(ask->fd);
        return NULL;
    }
    atomic_init(&j->refs, 2);
    j->fd = ask->fd;
    j->wake = fcntl(w->fd, F_DUPFD_CLOEXEC, 0);
    snprintf(j->url, sizeof j->url, "%s", ask->url);
    j->type = ask->type ? strdup(ask->type) : NULL;
    j->etag = ask->etag && *ask->etag ? strdup(ask->etag) : NULL;
    j->body = ask->body ? malloc(ask->n_body + 1) : NULL;
    if (j->body)
        memcpy(j->body, ask->body, ask->n_body);
    j->n_body = ask->n_body;
    j->max = ask->max;
    j->timeout_s = ask->timeout_s;
    j->answer.retry_after_s = -1;
    if (j->wake >= 0 && !ask->body == !j->body)
        return j;
    put(j);
    put(j);
    return NULL;
}

/* Signals stay with the loop's thread. */
static int begin(struct web_job *j)
{
    pthread_attr_t attr;
    sigset_t all, before;
    pthread_t thread;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    rc = -pthread_create(&thread, &attr, work, j);
    pthread_attr_destroy(&attr);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

static bool good_url(const char *url)
{
    return strlen(url) < WEB_URL_MAX &&
           (!strncasecmp(url, "http://", 7) || !strncasecmp(url, "https://", 8));
}

int web_start(struct web *w, const struct web_ask *ask, web_done *done, void *arg)
{
    unsigned slot = 0;
    struct web_job *j;
    int rc;

    while (slot < WEB_MAX && w->jobs[slot])
        slot++;
    if (slot == WEB_MAX || !good_url(ask->url)) {
        if (ask->fd >= 0)
            close(ask->fd);
        return slot == WEB_MAX ? -EBUSY : -EINVAL;
    }
    j = job_new(w, ask);
    if (!j)
        return -ENOMEM;
    j->done = done;
    j->arg = arg;
    rc = begin(j);
    if (rc) {
        put(j);
        put(j);
        return rc;
    }
    w->jobs[slot] = j;
    return 0;
}

void web_run(struct web *w)
{
    uint64_t count;

    if (w->fd < 0 || read(w->fd, &count, sizeof count) < 0)
        return;
    for (unsigned i = 0; i < WEB_MAX; i++) {
        struct web_job *j = w->jobs[i];

        if (!j || !atomic_load(&j->finished))
            continue;
        w->jobs[i] = NULL;
        j->done(j->arg, &j->answer);
        put(j);
    }
}
