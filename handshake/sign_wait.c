#include "handshake/sign_wait.h"

#include <errno.h>
#include <openssl/err.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "handshake/fibre.h"
#include "handshake/sign_store.h"

bool sign_is_remote(const struct signer *s, uint64_t identity)
{
    for (unsigned i = 0; i < SIGN_REMOTES && i < s->n_remotes; i++)
        if (s->remotes[i] == identity + 1)
            return true;
    return false;
}

/* The newest take the places of the oldest, which are of revisions that are gone. */
void sign_note_remote(struct signer *s, uint64_t identity)
{
    if (!sign_is_remote(s, identity))
        s->remotes[s->n_remotes++ % SIGN_REMOTES] = identity + 1;
}

static void settle(struct sign_wait *w, int error)
{
    if (!w->used || w->answered)
        return;
    w->answered = true;
    w->error = error;
}

int sign_wait(struct signer *s, uint32_t request, struct keywire_signed *m)
{
    struct fibre *f = s->fibre;
    struct sign_wait *w = NULL;

    for (unsigned i = 0; i < SIGN_WAITS && !w; i++)
        if (!s->waits[i].used)
            w = &s->waits[i];
    if (!w)
        return -EBUSY;
    *w = (struct sign_wait){
        .used = true, .request = request, .leg = s->leg, .until_ms = clock_mono_ms() + SIGN_MS};
    s->n_waits++;
    s->fibre = NULL;
    while (!w->answered)
        fibre_pause(f);
    ERR_clear_error(); /* of others, who ran meanwhile */
    w->used = false;
    s->n_waits--;
    *m = (struct keywire_signed){request, w->error, w->signature, w->n_signature};
    return w->error == ETIMEDOUT || w->error == ECANCELED || w->error == EPIPE ? -w->error : 0;
}

void sign_route(struct signer *s, const struct keywire_signed *m)
{
    for (unsigned i = 0; i < SIGN_WAITS; i++) {
        struct sign_wait *w = &s->waits[i];

        if (!w->used || w->answered || w->request != m->request || m->error == EINPROGRESS)
            continue;
        if (m->n_signature <= sizeof w->signature) {
            memcpy(w->signature, m->signature, m->n_signature);
            w->n_signature = m->n_signature;
        }
        settle(w, m->n_signature > sizeof w->signature ? EIO : m->error);
    }
}

void sign_fail_all(struct signer *s)
{
    for (unsigned i = 0; i < SIGN_WAITS; i++)
        settle(&s->waits[i], EPIPE);
}

bool sign_waits(const struct signer *s)
{
    return s->n_waits != 0;
}

int sign_wait_ms(const struct signer *s, uint64_t now_ms)
{
    int wait = -1;

    for (unsigned i = 0; i < SIGN_WAITS; i++) {
        const struct sign_wait *w = &s->waits[i];
        int left = w->answered || w->until_ms <= now_ms ? 0 : (int)(w->until_ms - now_ms);

        if (w->used && (wait < 0 || left < wait))
            wait = left;
    }
    return wait;
}

void sign_collect(struct signer *s)
{
    struct keywire_signed m;
    struct chan_msg msg;
    int rc = s->fd < 0 ? -EPIPE : 1;

    while (rc == 1 && (rc = chan_recv(s->fd, s->mem, SIGN_MESSAGE_MAX, &msg)) == 1) {
        chan_msg_close_fds(&msg);
        if (msg.type != KEYWIRE_SIGNED || keywire_get_signed(&msg.body, &m))
            rc = -EPROTO;
        else
            sign_route(s, &m);
    }
    if (rc == -EAGAIN)
        return;
    sign_fail_all(s);
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void *sign_next(struct signer *s, uint64_t now_ms)
{
    for (unsigned i = 0; i < SIGN_WAITS; i++) {
        struct sign_wait *w = &s->waits[i];

        if (w->used && now_ms >= w->until_ms)
            settle(w, ETIMEDOUT);
        if (w->used && w->answered)
            return w->leg;
    }
    return NULL;
}

void sign_cancel(struct signer *s, const void *leg)
{
    for (unsigned i = 0; i < SIGN_WAITS; i++)
        if (s->waits[i].leg == leg)
            settle(&s->waits[i], ECANCELED);
}
