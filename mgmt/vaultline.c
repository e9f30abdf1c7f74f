#include "mgmt/vaultline.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "dataplane/wire/chan.h"
#include "mgmt/manager.h"

#define SEND_MS 5000

struct vaultline_request {
    struct vaultline_request *next;
    uint32_t number;
    uint8_t type;
    int fd;
    vaultline_done *done;
    void *arg;
    size_t n;
    uint8_t body[];
};

void vaultline_init(struct vaultline *v)
{
    *v = (struct vaultline){.fd = -1};
}

static void forget(struct vaultline_request *r)
{
    if (r->fd >= 0)
        close(r->fd);
    secret_wipe(r->body, r->n);
    free(r);
}

static struct vaultline_request *make(struct vaultline *v, uint8_t type, const struct buf *body,
                                      int fd)
{
    struct vaultline_request *r = buf_ok(body) ? calloc(1, sizeof(*r) + body->len) : NULL;
    struct buf b;

    if (!r)
        return NULL;
    r->number = ++v->last;
    r->type = type;
    r->fd = fd >= 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    r->n = body->len;
    memcpy(r->body, body->data, body->len);
    buf_init(&b, r->body, sizeof(uint32_t));
    buf_put_u32(&b, r->number);
    if (fd < 0 || r->fd >= 0)
        return r;
    forget(r);
    return NULL;
}

/* The first of the queue has its answer, or will have none. */
static void finish(struct vaultline *v, int rc, const struct vault_answer *a, const struct err *e)
{
    struct vaultline_request *r = v->queue;

    v->queue = r->next;
    v->n_queue--;
    v->sent = false;
    r->done(r->arg, rc, a, e);
    forget(r);
}

static int gone(struct err *e)
{
    return err_set(e, -EAGAIN, "/", "try again in a moment; see the log",
                   "the keyring does not answer");
}

/* All that wait: the keyring is no more. */
static void fail_all(struct vaultline *v)
{
    struct err e;
    int rc = gone(&e);

    if (v->fd >= 0)
        close(v->fd);
    v->fd = -1;
    while (v->queue)
        finish(v, rc, NULL, &e);
}

void vaultline_take(struct manager *m, int fd, enum kek_kept kek_kept)
{
    struct vaultline *v = &m->vault;

    fail_all(v);
    if (!v->message)
        v->message = malloc(CHAN_HEADER + CHAN_BODY_MAX);
    if (v->message) {
        v->fd = fd;
        v->kek_kept = kek_kept;
    } else {
        close(fd);
    }
}

/* Let the keyring have the first, if it has none. */
static void send_first(struct vaultline *v)
{
    struct vaultline_request *r = v->queue;
    struct buf b;
    int rc;

    if (!r || v->sent)
        return;
    buf_init_read(&b, r->body, r->n);
    rc = chan_send_wait(v->fd, r->type, &b, &r->fd, r->fd >= 0, SEND_MS);
    if (rc) {
        fail_all(v);
        return;
    }
    v->sent = true;
    v->until_ms = clock_mono_ms() + VAULTLINE_WORK_MS;
}

int vaultline_ask(struct manager *m, uint8_t type, const struct buf *body, int fd,
                  vaultline_done *done, void *arg, struct err *e)
{
    struct vaultline *v = &m->vault;
    struct vaultline_request *r, **end = &v->queue;

    if (v->fd < 0)
        return gone(e);
    if (v->n_queue >= VAULTLINE_QUEUE)
        return err_set(e, -EBUSY, "/", "try again in a moment",
                       "the keyring has %u requests to work on", v->n_queue);
    r = make(v, type, body, fd);
    if (!r)
        return err_set(e, -ENOMEM, "/", "free memory", "out of memory");
    r->done = done;
    r->arg = arg;
    while (*end)
        end = &(*end)->next;
    *end = r;
    v->n_queue++;
    send_first(v);
    return 0;
}

static void take_answer(struct vaultline *v, struct chan_msg *msg)
{
    struct vault_answer a;

    if (!v->sent || msg->type != VAULT_ANSWER || msg->n_fds || vault_get_answer(&msg->body, &a) ||
        a.request != v->queue->number) {
        log_event(LOG_ERROR, "vault_protocol", "error=\"an answer that can not be read\"");
        fail_all(v);
        return;
    }
    if (a.why.where[0] && a.why.where[0] != '/') { /* as a pointer into what was asked */
        memmove(a.why.where + 1, a.why.where, sizeof a.why.where - 2);
        a.why.where[0] = '/';
    }
    finish(v, -a.error, a.error ? NULL : &a, &a.why);
    if (a.stream.n) /* a key, and it lies in our message */
        secret_wipe(v->message, CHAN_HEADER + CHAN_BODY_MAX);
}

void vaultline_poll(const struct manager *m, struct pollfd *p)
{
    *p = (struct pollfd){.fd = m->vault.fd, .events = POLLIN};
}

void vaultline_run(struct manager *m)
{
    struct vaultline *v = &m->vault;
    struct chan_msg msg;
    int rc = v->fd < 0 ? -EAGAIN : chan_recv(v->fd, v->message, CHAN_HEADER + CHAN_BODY_MAX, &msg);

    if (rc == 1) {
        take_answer(v, &msg);
        chan_msg_close_fds(&msg);
    } else if (rc != -EAGAIN || (v->sent && clock_mono_ms() >= v->until_ms)) {
        fail_all(v); /* one that is late has died, or is as good as dead: the launcher sees to it */
    }
    if (v->fd >= 0)
        send_first(v);
}

/* ---- waiting ---- */

struct waited {
    bool done;
    int rc;
    struct vault_answer *a;
    struct err *e;
};

static void on_waited(void *arg, int rc, const struct vault_answer *a, const struct err *e)
{
    struct waited *w = arg;

    w->done = true;
    w->rc = rc;
    if (rc)
        *w->e = *e;
    else
        *w->a = *a;
}

int vaultline_wait(struct manager *m, uint8_t type, const struct buf *body, struct vault_answer *a,
                   struct err *e)
{
    struct vaultline *v = &m->vault;
    struct waited w = {.a = a, .e = e};
    struct vaultline_request *r = v->fd < 0 ? NULL : make(v, type, body, -1);
    struct vaultline_request **at = v->sent ? &v->queue->next : &v->queue;

    if (!r)
        return v->fd < 0 ? gone(e) : err_set(e, -ENOMEM, "/", "free memory", "out of memory");
    r->done = on_waited;
    r->arg = &w;
    r->next = *at;
    *at = r;
    v->n_queue++;
    send_first(v);
    while (!w.done) {
        struct pollfd p;

        vaultline_poll(m, &p);
        poll(&p, 1, 1000);
        if (!w.done)
            vaultline_run(m);
    }
    return w.rc;
}
