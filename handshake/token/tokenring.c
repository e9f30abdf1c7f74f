#include "handshake/token/tokenring.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/control.h"
#include "dataplane/wire/control_send.h"
#include "dataplane/wire/keywire.h"
#include "dataplane/wire/tokenstate.h"

#define TICK_MS     250
#define VAIN_ENOUGH 4 /* searches in vain, after which a fresh start may see more */

struct tokenring *tokenring_new(int control, struct module *m)
{
    struct tokenring *t = calloc(1, sizeof(*t));

    if (!t)
        return NULL;
    t->control = control;
    t->keys = t->mgmt = t->image = -1;
    t->crew = crew_new(m);
    if (t->crew)
        return t;
    free(t);
    return NULL;
}

void tokenring_free(struct tokenring *t)
{
    if (!t)
        return;
    crew_free(t->crew);
    tokenring_free_set(&t->running);
    for (size_t i = 0; i < TOKENRING_BEFORE; i++)
        tokenring_free_set(&t->before[i]);
    tokenring_free_set(&t->prepared);
    tokenring_drop_attached(t);
    if (t->keys >= 0)
        close(t->keys);
    if (t->mgmt >= 0)
        close(t->mgmt);
    close(t->control);
    free(t);
}

/* ---- the keyring's questions ---- */

static void drop_keyring(struct tokenring *t)
{
    close(t->keys);
    t->keys = -1;
    t->unsent = NULL;
}

static int send_signed(struct tokenring *t, const struct keywire_signed *m)
{
    uint8_t mem[MECHANISM_SIGNATURE_MAX + 64];
    struct buf b;

    buf_init(&b, mem, sizeof(mem));
    keywire_put_signed(&b, m);
    return chan_send(t->keys, KEYWIRE_SIGNED, &b, NULL, 0);
}

/* A refusal that finds no room is not missed: the keyring gives the request up by itself. */
static void refuse(struct tokenring *t, uint32_t request, int rc)
{
    struct keywire_signed m = {.request = request, .error = -rc};

    (void)send_signed(t, &m);
}

static struct tokenkey *find(struct tokenring *t, const struct keywire_sign *m)
{
    for (size_t i = 0; i <= TOKENRING_BEFORE; i++) {
        const struct tokenring_set *set = i ? t->before[i - 1] : t->running;

        if (set && set->revision == m->revision && m->identity < set->n)
            return set->keys[m->identity].key;
    }
    return NULL;
}

static void sign(struct tokenring *t, const struct keywire_sign *m)
{
    struct tokenkey *k = find(t, m);
    int rc = k ? crew_sign(t->crew, m->request, k, m->scheme, m->content, m->n_content) : -ENOENT;

    if (rc)
        refuse(t, m->request, rc);
}

static void serve_keyring(struct tokenring *t)
{
    struct keywire_sign request;
    struct chan_msg m;
    int rc;

    while ((rc = chan_recv(t->keys, t->message, sizeof(t->message), &m)) == 1) {
        bool good = m.type == KEYWIRE_SIGN && !m.n_fds && !keywire_get_sign(&m.body, &request);

        chan_msg_close_fds(&m);
        if (!good)
            break;
        sign(t, &request);
    }
    if (rc == -EAGAIN)
        return;
    if (rc == 1)
        log_event(LOG_ERROR, "keyring_protocol", "error=\"no request\"");
    drop_keyring(t);
}

static void send_done(struct tokenring *t)
{
    while (t->unsent || (t->unsent = crew_next_job(t->crew))) {
        const struct crew_job *j = t->unsent;
        struct keywire_signed m = {j->request, j->error, j->signature, j->n_signature};
        int rc = t->keys < 0 ? -EPIPE : send_signed(t, &m);

        if (rc == -EAGAIN)
            return;
        t->unsent = NULL;
        if (rc && t->keys >= 0)
            drop_keyring(t);
    }
}

/* ---- how the tokens stand ---- */

/* The log hears of each change once. */
static void tell(struct tokenring *t, struct tokenkey *k)
{
    struct err why = {.what = ""};
    enum tokenkey_state state = crew_state(t->crew, k, &why);
    char text[1100], quoted[1400];

    if (k->told == (int)state)
        return;
    t->untold = true;
    /* A process that took the place of another says that all is well, too. */
    if (state == TOKENKEY_UP && (k->told >= 0 || t->running->lenient))
        log_event(LOG_INFO, "token_back", "identity=%s", k->name);
    err_text(&why, text, sizeof(text));
    if (state != TOKENKEY_UP)
        log_event(LOG_ERROR, state == TOKENKEY_AWAY ? "token_away" : "token_pin_refused",
                  "identity=%s reason=%s", k->name,
                  log_quote(quoted, sizeof(quoted), text, strlen(text)));
    k->told = (int)state;
}

static int send_state(struct tokenring *t, const struct tokenkey *k)
{
    struct tokenstate_key m = {.state = (uint8_t)crew_state(t->crew, k, NULL)};
    struct err why = {.what = ""};
    uint8_t mem[1024];
    struct buf b;

    (void)crew_state(t->crew, k, &why);
    snprintf(m.identity, sizeof(m.identity), "%s", k->name);
    snprintf(m.why, sizeof(m.why), "%s", why.what);
    buf_init(&b, mem, sizeof(mem));
    tokenstate_put(&b, &m);
    return chan_send(t->mgmt, TOKENSTATE_KEY, &b, NULL, 0);
}

/* All of it each time; what finds no room is told at the next tick. */
static void tell_mgmt(struct tokenring *t)
{
    int rc = t->mgmt >= 0 ? chan_send(t->mgmt, TOKENSTATE_RESET, NULL, NULL, 0) : -EPIPE;

    for (unsigned i = 0; t->running && i < t->running->n && !rc; i++) {
        if (t->running->keys[i].key)
            rc = send_state(t, t->running->keys[i].key);
    }
    t->untold = rc == -EAGAIN;
    if (!rc || rc == -EAGAIN || t->mgmt < 0)
        return;
    close(t->mgmt);
    t->mgmt = -1;
}

static bool runs(const struct tokenring *t, const struct tokenkey *k)
{
    for (unsigned i = 0; t->running && i < t->running->n; i++) {
        if (t->running->keys[i].key == k)
            return true;
    }
    return false;
}

static int take_keys(struct tokenring *t)
{
    struct tokenkey *k;
    int rc = 0;

    while (!rc && (k = crew_next_key(t->crew))) {
        if (runs(t, k)) {
            tell(t, k);
            if (crew_state(t->crew, k, NULL) == TOKENKEY_REFUSED)
                rc = tokenring_tell_refused(t);
        }
        if (!rc)
            rc = tokenring_looked(t, k);
        tokenkey_drop(k);
    }
    return rc;
}

/* Look again for what is away. True: all were looked for in vain too often. */
static bool look_again(struct tokenring *t, uint64_t now_ms)
{
    bool vain = t->running != NULL, any = false;

    for (unsigned i = 0; t->running && i < t->running->n; i++) {
        struct tokenkey *k = t->running->keys[i].key;
        unsigned failures = 0;

        if (!k)
            continue;
        tell(t, k);
        any = true;
        if (crew_is_due(t->crew, k, now_ms, &failures))
            crew_raise(t->crew, k);
        vain = vain && crew_state(t->crew, k, NULL) == TOKENKEY_AWAY && failures >= VAIN_ENOUGH;
    }
    return vain && any && !t->preparing;
}

static void watch(struct tokenring *t)
{
    uint64_t now_ms = clock_mono_ms();

    crew_give_up(t->crew, now_ms);
    if (crew_stuck(t->crew, now_ms)) {
        log_event(LOG_ERROR, "token_hangs", "after_ms=%d fix=\"see the token and its module\"",
                  CREW_STUCK_MS);
        _exit(1); /* a thread is in the module, so nothing can be tidied up */
    }
    if (look_again(t, now_ms)) {
        /* Some modules look for tokens only when they are started. */
        log_event(LOG_WARN, "token_starts_afresh", "why=\"no token of this module is to be had\"");
        t->done = true;
        t->exit_code = 1;
    }
}

/* ---- the loop ---- */

static void serve_control(struct tokenring *t)
{
    struct chan_msg m;
    int rc;

    while ((rc = chan_recv(t->control, t->message, sizeof(t->message), &m)) == 1) {
        rc = tokenring_order(t, &m);
        chan_msg_close_fds(&m);
        if (rc)
            break;
    }
    if (rc == -EAGAIN)
        return;
    t->done = true;
    if (rc < 0 && rc != -ECONNRESET && rc != -EPIPE) {
        t->exit_code = 1;
        log_event(LOG_ERROR, "control_protocol", "error=\"%s\"", strerror(-rc));
    }
}

static void step(struct tokenring *t)
{
    struct pollfd p[] = {{.fd = t->control, .events = POLLIN},
                         {.fd = crew_wake_fd(t->crew), .events = POLLIN},
                         {.fd = t->keys, .events = t->unsent ? POLLIN | POLLOUT : POLLIN}};
    bool idle = !t->running && !t->preparing && !crew_busy(t->crew);

    if (poll(p, ARRAY_LEN(p), idle ? -1 : TICK_MS) < 0)
        return;
    if (p[1].revents)
        crew_woken(t->crew);
    if (take_keys(t))
        t->done = true;
    if (p[2].revents && t->keys >= 0)
        serve_keyring(t);
    send_done(t);
    if (p[0].revents)
        serve_control(t);
    watch(t);
    if (t->untold)
        tell_mgmt(t);
}

int tokenring_run(struct tokenring *t)
{
    if (crew_start(t->crew) || control_send_number(t->control, CONTROL_READY, 0))
        return 1;
    while (!t->done)
        step(t);
    if (crew_busy(t->crew)) /* nobody waits for what is still under way, perhaps for ever */
        _exit(t->exit_code);
    return t->exit_code;
}
