#include "handshake/keyring/vaultlane.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "handshake/keyring/vaultwork.h"

#define STACK_SIZE (512 * 1024) /* locked in memory, so no more than needed */

enum state {
    IDLE,    /* the channel is read from */
    WORKING, /* the job is the worker's */
    DONE,    /* it is the loop's again, with an answer */
    ANSWER,  /* which waits for room in the channel */
};

struct copy {
    int fd; /* -1: none */
    uint32_t token;
    uint64_t age;
};

struct vaultlane {
    int fd;   /* -1: none */
    int wake; /* the worker is done */
    const struct kek *kek;
    struct copy copies[VAULTLANE_COPIES];
    uint64_t kept;

    pthread_t thread;
    bool running;
    pthread_mutex_t mutex; /* of what follows */
    pthread_cond_t asked;
    enum state state;
    bool quit;
    bool stale;       /* the channel that asked is gone */
    int result;       /* of vaultwork() */
    atomic_bool stop; /* ends what is being made; no lock */

    struct vaultjob job;
    size_t n_message;
    uint8_t message[CHAN_HEADER + CHAN_BODY_MAX];
    uint8_t answer[CHAN_BODY_MAX];
};

struct vaultlane *vaultlane_new(void)
{
    struct vaultlane *v = calloc(1, sizeof(*v));

    if (!v)
        return NULL;
    v->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (v->wake < 0) {
        free(v);
        return NULL;
    }
    v->fd = -1;
    v->job.fd = -1;
    for (unsigned i = 0; i < VAULTLANE_COPIES; i++)
        v->copies[i].fd = -1;
    pthread_mutex_init(&v->mutex, NULL);
    pthread_cond_init(&v->asked, NULL);
    return v;
}

static void close_fd(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

static void drop_copies(struct vaultlane *v)
{
    for (unsigned i = 0; i < VAULTLANE_COPIES; i++)
        close_fd(&v->copies[i].fd);
}

/* The request may hold a passphrase. */
static void forget_job(struct vaultlane *v)
{
    secret_wipe(v->message, v->n_message);
    v->n_message = 0;
    close_fd(&v->job.fd);
}

void vaultlane_free(struct vaultlane *v)
{
    if (!v)
        return;
    if (v->running) {
        atomic_store(&v->stop, true);
        pthread_mutex_lock(&v->mutex);
        v->quit = true;
        pthread_cond_signal(&v->asked);
        pthread_mutex_unlock(&v->mutex);
        pthread_join(v->thread, NULL);
    }
    forget_job(v);
    drop_copies(v);
    close_fd(&v->fd);
    close(v->wake);
    pthread_cond_destroy(&v->asked);
    pthread_mutex_destroy(&v->mutex);
    free(v);
}

static void *work(void *arg)
{
    struct vaultlane *v = arg;
    const uint64_t one = 1;

    pthread_mutex_lock(&v->mutex);
    while (!v->quit) {
        int rc;

        if (v->state != WORKING) {
            pthread_cond_wait(&v->asked, &v->mutex);
            continue;
        }
        pthread_mutex_unlock(&v->mutex);
        rc = vaultwork(&v->job);
        pthread_mutex_lock(&v->mutex);
        v->result = rc;
        v->state = DONE;
        if (write(v->wake, &one, sizeof(one)) < 0)
            log_event(LOG_ERROR, "vault_wake", "error=\"%s\"", strerror(errno));
    }
    pthread_mutex_unlock(&v->mutex);
    OPENSSL_thread_stop();
    return NULL;
}

static int start_worker(struct vaultlane *v)
{
    pthread_attr_t attr;
    int rc;

    if (v->running)
        return 0;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK_SIZE);
    rc = -pthread_create(&v->thread, &attr, work, v);
    pthread_attr_destroy(&attr);
    v->running = !rc;
    return rc;
}

void vaultlane_set_kek(struct vaultlane *v, const struct kek *kek)
{
    v->kek = kek;
}

static enum state state_of(struct vaultlane *v)
{
    enum state state;

    pthread_mutex_lock(&v->mutex);
    state = v->state;
    pthread_mutex_unlock(&v->mutex);
    return state;
}

static void set_state(struct vaultlane *v, enum state state)
{
    pthread_mutex_lock(&v->mutex);
    v->state = state;
    if (state == WORKING)
        pthread_cond_signal(&v->asked);
    pthread_mutex_unlock(&v->mutex);
}

/* The channel is gone; its job, when it is done, has nobody to be told to. */
static void drop_channel(struct vaultlane *v)
{
    close_fd(&v->fd);
    drop_copies(v);
    if (state_of(v) == ANSWER)
        set_state(v, IDLE);
    v->stale = state_of(v) != IDLE;
    if (v->stale)
        atomic_store(&v->stop, true);
}

int vaultlane_open(struct vaultlane *v, int fd)
{
    drop_channel(v);
    v->fd = fd;
    return start_worker(v);
}

void vaultlane_keep(struct vaultlane *v, uint32_t token, int fd)
{
    struct copy *at = &v->copies[0];

    for (unsigned i = 0; i < VAULTLANE_COPIES; i++) {
        struct copy *c = &v->copies[i];

        if (c->fd >= 0 && c->token == token) {
            at = c;
            break;
        }
        if (at->fd >= 0 && (c->fd < 0 || c->age < at->age))
            at = c;
    }
    close_fd(&at->fd);
    *at = (struct copy){.fd = fd, .token = token, .age = ++v->kept};
}

static int take_copy(struct vaultlane *v, struct buf body)
{
    struct vault_wrap m;

    if (vault_get_wrap(&body, &m))
        return -1;
    for (unsigned i = 0; i < VAULTLANE_COPIES; i++) {
        struct copy *c = &v->copies[i];

        if (c->fd >= 0 && c->token == m.token) {
            int fd = c->fd;

            c->fd = -1;
            return fd;
        }
    }
    return -1;
}

void vaultlane_poll(struct vaultlane *v, struct pollfd *p)
{
    enum state state = state_of(v);
    bool busy = state == WORKING || state == DONE;

    p[0] = (struct pollfd){.fd = busy ? -1 : v->fd, .events = state == ANSWER ? POLLOUT : POLLIN};
    p[1] = (struct pollfd){.fd = v->wake, .events = POLLIN};
}

bool vaultlane_asked(const struct pollfd *p)
{
    return p[0].revents && p[0].events == POLLIN;
}

static void break_off(struct vaultlane *v, int rc)
{
    if (rc)
        log_event(LOG_ERROR, "vault_protocol", "error=\"%s\"", strerror(-rc));
    drop_channel(v);
}

static void flush(struct vaultlane *v)
{
    int rc = chan_send(v->fd, VAULT_ANSWER, &v->job.out, NULL, 0);

    if (rc == -EAGAIN)
        return;
    set_state(v, IDLE);
    if (rc)
        break_off(v, rc == -EPIPE || rc == -ECONNRESET ? 0 : rc);
}

static void read_request(struct vaultlane *v)
{
    struct chan_msg m;
    int rc = chan_recv(v->fd, v->message, sizeof(v->message), &m);

    if (rc == -EAGAIN)
        return;
    v->n_message = sizeof(v->message); /* even what was refused may hold a passphrase */
    if (rc == 1 && m.n_fds != (size_t)vaultwork_takes_file(m.type))
        rc = -EPROTO;
    if (rc != 1) {
        chan_msg_close_fds(&m);
        forget_job(v);
        break_off(v, rc == -ECONNRESET ? 0 : rc);
        return;
    }
    v->n_message = CHAN_HEADER + m.body.len;
    v->job = (struct vaultjob){.kek = v->kek, .stop = &v->stop, .type = m.type, .body = m.body};
    v->job.fd = m.type == VAULT_WRAP ? take_copy(v, m.body) : chan_msg_take_fd(&m, 0);
    buf_init(&v->job.out, v->answer, sizeof(v->answer));
    atomic_store(&v->stop, false);
    set_state(v, WORKING);
}

static void take_back(struct vaultlane *v)
{
    uint64_t count;

    if (read(v->wake, &count, sizeof(count)) < 0 || state_of(v) != DONE)
        return;
    forget_job(v);
    if (v->stale) {
        v->stale = false;
        set_state(v, IDLE);
    } else if (v->result) {
        set_state(v, IDLE);
        break_off(v, v->result);
    } else {
        set_state(v, ANSWER);
        flush(v);
    }
}

void vaultlane_serve(struct vaultlane *v, const struct pollfd *p)
{
    if (p[1].revents)
        take_back(v);
    if (!p[0].revents || v->fd < 0)
        return;
    if (state_of(v) == ANSWER)
        flush(v);
    else if (vaultlane_asked(p) && state_of(v) == IDLE)
        read_request(v);
}
