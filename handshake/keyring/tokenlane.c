#include "handshake/keyring/tokenlane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/log.h"

enum asked_state { FREE, ASKED, ANSWERED, TAKEN };

struct asked {
    enum asked_state state;
    unsigned slot, lane;
    uint32_t number, request; /* ours, and the lane's */
    uint64_t until_ms;
    int error;
    uint8_t signature[TOKENLANE_SIGNATURE];
    size_t n_signature;
};

struct tokenlane {
    int fds[CONTROL_TOKENS_MAX];
    uint32_t last;                        /* number given */
    unsigned n, of_lane[TOKENLANE_LANES]; /* in use, so that nobody looks when there is nothing */
    struct asked asked[TOKENLANE_ASKED];
    uint8_t out[CHAN_BODY_MAX];
};

struct tokenlane *tokenlane_new(void)
{
    struct tokenlane *t = calloc(1, sizeof(*t));

    for (unsigned i = 0; t && i < CONTROL_TOKENS_MAX; i++)
        t->fds[i] = -1;
    return t;
}

void tokenlane_free(struct tokenlane *t)
{
    for (unsigned i = 0; t && i < CONTROL_TOKENS_MAX; i++) {
        if (t->fds[i] >= 0)
            close(t->fds[i]);
    }
    free(t);
}

static void release(struct tokenlane *t, struct asked *a)
{
    a->state = FREE;
    t->n--;
    t->of_lane[a->lane]--;
}

static void answer(struct asked *a, int error, const uint8_t *signature, size_t n)
{
    a->state = ANSWERED;
    a->error = error;
    a->n_signature = error ? 0 : n;
    if (!error)
        memcpy(a->signature, signature, n);
}

/* The process is gone, and with it what it was asked. */
static void drop_slot(struct tokenlane *t, unsigned slot)
{
    if (t->fds[slot] >= 0)
        close(t->fds[slot]);
    t->fds[slot] = -1;
    for (unsigned i = 0; i < TOKENLANE_ASKED; i++) {
        if (t->asked[i].state == ASKED && t->asked[i].slot == slot)
            answer(&t->asked[i], EIO, NULL, 0);
    }
}

void tokenlane_open(struct tokenlane *t, unsigned slot, int fd)
{
    drop_slot(t, slot);
    t->fds[slot] = fd;
}

static int send_on(struct tokenlane *t, unsigned slot, uint32_t number,
                   const struct keywire_sign *m)
{
    struct keywire_sign on = *m;
    struct buf b;
    int rc;

    on.request = number;
    buf_init(&b, t->out, sizeof(t->out));
    keywire_put_sign(&b, &on);
    rc = chan_send(t->fds[slot], KEYWIRE_SIGN, &b, NULL, 0);
    if (rc == -EAGAIN)
        return -EBUSY;
    if (rc)
        drop_slot(t, slot);
    return rc ? -EIO : 0;
}

int tokenlane_ask(struct tokenlane *t, unsigned slot, unsigned lane, const struct keywire_sign *m,
                  uint64_t now_ms)
{
    struct asked *a = NULL;
    int rc;

    if (slot >= CONTROL_TOKENS_MAX || lane >= TOKENLANE_LANES || t->fds[slot] < 0)
        return -EIO;
    for (unsigned i = 0; i < TOKENLANE_ASKED && !a; i++) {
        if (t->asked[i].state == FREE)
            a = &t->asked[i];
    }
    if (!a || !tokenlane_room(t, lane))
        return -EBUSY;
    rc = send_on(t, slot, ++t->last, m);
    if (rc)
        return rc;
    *a = (struct asked){.state = ASKED,
                        .slot = slot,
                        .lane = lane,
                        .number = t->last,
                        .request = m->request,
                        .until_ms = now_ms + TOKENLANE_MS};
    t->n++;
    t->of_lane[lane]++;
    return 0;
}

void tokenlane_forget(struct tokenlane *t, unsigned lane)
{
    for (unsigned i = 0; t->of_lane[lane] && i < TOKENLANE_ASKED; i++) {
        if (t->asked[i].state != FREE && t->asked[i].lane == lane)
            release(t, &t->asked[i]);
    }
}

bool tokenlane_room(const struct tokenlane *t, unsigned lane)
{
    return t->of_lane[lane] < TOKENLANE_OF_LANE;
}

void tokenlane_poll(const struct tokenlane *t, struct pollfd *p)
{
    for (unsigned i = 0; i < CONTROL_TOKENS_MAX; i++)
        p[i] = (struct pollfd){.fd = t->fds[i], .events = POLLIN};
}

static void take(struct tokenlane *t, unsigned slot, const struct keywire_signed *m)
{
    for (unsigned i = 0; i < TOKENLANE_ASKED; i++) {
        struct asked *a = &t->asked[i];

        if (a->state == ASKED && a->slot == slot && a->number == m->request)
            answer(a, m->error, m->signature, m->n_signature);
    }
}

static void serve_slot(struct tokenlane *t, unsigned slot, uint8_t *mem)
{
    struct keywire_signed m;
    struct chan_msg msg;
    int rc;

    while ((rc = chan_recv(t->fds[slot], mem, CHAN_HEADER + CHAN_BODY_MAX, &msg)) == 1) {
        bool good = msg.type == KEYWIRE_SIGNED && !msg.n_fds &&
                    !keywire_get_signed(&msg.body, &m) && m.n_signature <= TOKENLANE_SIGNATURE;

        chan_msg_close_fds(&msg);
        if (!good)
            break;
        take(t, slot, &m);
    }
    if (rc == -EAGAIN)
        return;
    if (rc == 1 || rc == -EPROTO)
        log_event(LOG_ERROR, "token_protocol", "slot=%u error=\"no answer\"", slot);
    drop_slot(t, slot);
}

void tokenlane_serve(struct tokenlane *t, const struct pollfd *p, uint8_t *mem, uint64_t now_ms)
{
    for (unsigned i = 0; i < CONTROL_TOKENS_MAX; i++) {
        if (p[i].revents && p[i].fd == t->fds[i] && t->fds[i] >= 0)
            serve_slot(t, i, mem);
    }
    for (unsigned i = 0; t->n && i < TOKENLANE_ASKED; i++) {
        if (t->asked[i].state == ASKED && now_ms >= t->asked[i].until_ms)
            answer(&t->asked[i], ETIMEDOUT, NULL, 0);
    }
}

int tokenlane_wait_ms(const struct tokenlane *t, uint64_t now_ms)
{
    int wait = -1;

    for (unsigned i = 0; t->n && i < TOKENLANE_ASKED; i++) {
        const struct asked *a = &t->asked[i];
        int left = a->until_ms > now_ms ? (int)(a->until_ms - now_ms) : 0;

        if (a->state == ASKED && (wait < 0 || left < wait))
            wait = left;
    }
    return wait;
}

bool tokenlane_answer(struct tokenlane *t, unsigned lane, struct keywire_signed *m)
{
    bool found = false;

    for (unsigned i = 0; t->of_lane[lane] && i < TOKENLANE_ASKED; i++) {
        struct asked *a = &t->asked[i];

        if (a->state == FREE || a->lane != lane)
            continue;
        if (a->state == TAKEN)
            release(t, a);
        if (a->state != ANSWERED || found)
            continue;
        *m = (struct keywire_signed){a->request, a->error, a->signature, a->n_signature};
        a->state = TAKEN;
        found = true;
    }
    return found;
}
