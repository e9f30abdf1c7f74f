#include "handshake/keyring/keyring.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/control_send.h"

struct keyring *keyring_new(int control)
{
    struct keyring *k = calloc(1, sizeof(*k));

    if (!k)
        return NULL;
    k->vault = vaultlane_new();
    k->tokens = tokenlane_new();
    if (!k->vault || !k->tokens) {
        vaultlane_free(k->vault);
        tokenlane_free(k->tokens);
        free(k);
        return NULL;
    }
    k->kek_due = true;
    k->control = control;
    k->image = -1;
    for (unsigned i = 0; i < KEYRING_LANES; i++)
        k->lanes[i].fd = -1;
    keystore_init(&k->keys);
    return k;
}

static void drop_lane(struct keyring *k, struct lane *lane)
{
    tokenlane_forget(k->tokens, (unsigned)(lane - k->lanes));
    if (lane->fd >= 0)
        close(lane->fd);
    lane->fd = -1;
    lane->n_answer = 0;
}

void keyring_free(struct keyring *k)
{
    if (!k)
        return;
    for (unsigned i = 0; i < KEYRING_LANES; i++)
        drop_lane(k, &k->lanes[i]);
    vaultlane_free(k->vault);
    tokenlane_free(k->tokens);
    keyring_drop_attached(k);
    keystore_fini(&k->keys);
    kek_free(k->kek);
    close(k->control);
    free(k);
}

/* A refusal means a handshake process that asks for what it should not; tell, but not without end.
 */
static void warn_refused(struct keyring *k, unsigned lane, const struct keywire_sign *m, int rc)
{
    uint64_t now = clock_mono_ms();

    k->unlogged++;
    if (k->warned_ms && now - k->warned_ms < 1000)
        return;
    log_event(LOG_WARN, "sign_refused",
              "count=%" PRIu32 " handshake=%u revision=%" PRIu64
              " identity=%u scheme=0x%04x bytes=%zu error=\"%s\"",
              k->unlogged, lane, m->revision, m->identity, m->scheme, m->n_content, strerror(-rc));
    k->unlogged = 0;
    k->warned_ms = now;
}

/* Send the answer, or leave it for when there is room. */
static void flush(struct keyring *k, struct lane *lane)
{
    struct buf b;
    int rc;

    buf_init(&b, lane->answer, sizeof(lane->answer));
    b.len = lane->n_answer;
    rc = chan_send(lane->fd, KEYWIRE_SIGNED, &b, NULL, 0);
    if (rc == -EAGAIN)
        return;
    lane->n_answer = 0;
    if (rc)
        drop_lane(k, lane);
}

static void answer(struct keyring *k, struct lane *lane, const struct keywire_signed *m)
{
    struct buf b;

    buf_init(&b, lane->answer, sizeof(lane->answer));
    keywire_put_signed(&b, m);
    lane->n_answer = b.len;
    flush(k, lane);
}

static void sign(struct keyring *k, unsigned i, const struct keywire_sign *m)
{
    uint8_t signature[KEYWIRE_SIGNATURE_MAX];
    struct keywire_signed out = {.request = m->request};
    size_t n = sizeof(signature);
    unsigned slot;
    int rc = keystore_token(&k->keys, m, &slot);

    if (!rc) {
        rc = tokenlane_ask(k->tokens, slot, i, m, clock_mono_ms());
        if (!rc) { /* the signature comes when the token has made it; that is said at once */
            out.error = EINPROGRESS;
            answer(k, &k->lanes[i], &out);
            return;
        }
    } else if (rc == 1) {
        rc = keystore_sign(&k->keys, m, signature, &n);
    }
    out.error = -rc;
    if (rc) {
        warn_refused(k, i, m, rc);
    } else {
        out.signature = signature;
        out.n_signature = n;
    }
    answer(k, &k->lanes[i], &out);
}

/* What tokens have signed goes to the lanes that have room. */
static void pass_on(struct keyring *k)
{
    struct keywire_signed m;

    for (unsigned i = 0; i < KEYRING_LANES; i++) {
        struct lane *lane = &k->lanes[i];

        while (lane->fd >= 0 && !lane->n_answer && tokenlane_answer(k->tokens, i, &m))
            answer(k, lane, &m);
    }
}

static void serve_lane(struct keyring *k, unsigned i)
{
    struct lane *lane = &k->lanes[i];
    struct keywire_sign request;
    struct chan_msg m;
    int rc = chan_recv(lane->fd, k->message, sizeof(k->message), &m);

    if (rc == -EAGAIN)
        return;
    if (rc == 1) {
        bool good = m.type == KEYWIRE_SIGN && !m.n_fds && !keywire_get_sign(&m.body, &request);

        chan_msg_close_fds(&m);
        if (good) {
            sign(k, i, &request);
            return;
        }
        rc = -EPROTO;
    }
    if (rc < 0)
        log_event(LOG_ERROR, "lane_protocol", "handshake=%u error=\"%s\"", i, strerror(-rc));
    drop_lane(k, lane);
}

static void serve_control(struct keyring *k)
{
    struct chan_msg m;
    int rc;

    while ((rc = chan_recv(k->control, k->message, sizeof(k->message), &m)) == 1) {
        rc = keyring_order(k, &m);
        chan_msg_close_fds(&m);
        if (rc)
            break;
    }
    if (rc == -EAGAIN)
        return;
    k->done = true;
    if (rc < 0 && rc != -ECONNRESET && rc != -EPIPE) {
        k->exit_code = 1;
        log_event(LOG_ERROR, "control_protocol", "error=\"%s\"", strerror(-rc));
    }
}

/* One request a lane, so that one busy handshake process does not starve the others. */
static void serve_lanes(struct keyring *k, const struct pollfd *p)
{
    for (unsigned i = 0; i < KEYRING_LANES; i++) {
        struct lane *lane = &k->lanes[i];

        if (p[i].revents && lane->n_answer)
            flush(k, lane);
        else if (p[i].revents)
            serve_lane(k, i);
    }
}

static short wanted_of(const struct keyring *k, unsigned i)
{
    if (k->lanes[i].n_answer)
        return POLLOUT;
    return tokenlane_room(k->tokens, i) ? POLLIN : 0;
}

int keyring_run(struct keyring *k)
{
    struct pollfd p[1 + VAULTLANE_POLLS + TOKENLANE_POLLS + KEYRING_LANES];
    struct pollfd *vault = &p[1], *tokens = vault + VAULTLANE_POLLS,
                  *lanes = tokens + TOKENLANE_POLLS;

    if (control_send_number(k->control, CONTROL_READY, 0))
        return 1;
    while (!k->done) {
        p[0] = (struct pollfd){.fd = k->control, .events = POLLIN};
        vaultlane_poll(k->vault, vault);
        tokenlane_poll(k->tokens, tokens);
        for (unsigned i = 0; i < KEYRING_LANES; i++)
            lanes[i] = (struct pollfd){.fd = k->lanes[i].fd, .events = wanted_of(k, i)};
        if (poll(p, sizeof(p) / sizeof(p[0]), tokenlane_wait_ms(k->tokens, clock_mono_ms())) < 0)
            continue;
        serve_lanes(k, lanes);
        tokenlane_serve(k->tokens, tokens, k->message, clock_mono_ms());
        pass_on(k);
        /* After the lanes: it may put another descriptor on one. Before the vault: the copy that a
           WRAP is about was sent before it, perhaps after poll() had looked at this channel. */
        if (p[0].revents || vaultlane_asked(vault))
            serve_control(k);
        vaultlane_serve(k->vault, vault);
    }
    return k->exit_code;
}
