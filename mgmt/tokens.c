#include "mgmt/tokens.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "dataplane/wire/pkcs11.h"
#include "dataplane/wire/tokenstate.h"
#include "mgmt/manager.h"

static void begin(struct tokens *t)
{
    for (unsigned i = 0; !t->begun && i < CONTROL_TOKENS_MAX; i++)
        t->fds[i] = -1;
    if (!t->begun)
        t->keys = json_object();
    t->begun = true;
}

/* Is the identity's key of the running revision in a token? */
static bool is_used(const struct manager *m, const char *identity)
{
    json_t *id = json_object_get(json_object_get(m->document, "identities"), identity);
    const char *key = json_string_value(json_object_get(id, "key"));

    return key && pkcs11_is(key);
}

static void set(struct manager *m, unsigned slot, const char *identity, const char *state,
                const char *why)
{
    struct tokens *t = &m->tokens;
    json_t *old = json_object_get(t->keys, identity);
    const char *was = json_string_value(json_object_get(old, "state"));
    bool news = !was || strcmp(was, state) != 0;

    if (news && (was || strcmp(state, "up") != 0))
        events_add(m, "token",
                   json_pack("{s:s, s:s, s:s}", "identity", identity, "state", state, "why", why));
    json_object_set_new(
        t->keys, identity,
        json_pack("{s:i, s:s, s:s}", "process", (int)slot, "state", state, "why", why));
}

static bool is_of(const json_t *key, unsigned slot)
{
    return json_integer_value(json_object_get(key, "process")) == (json_int_t)slot;
}

/* It will be started again, or its module is used no more. */
static void lose(struct manager *m, unsigned slot)
{
    struct tokens *t = &m->tokens;
    const char *name;
    json_t *key;
    void *next;

    close(t->fds[slot]);
    t->fds[slot] = -1;
    json_object_foreach_safe(t->keys, next, name, key)
    {
        if (is_of(key, slot) && is_used(m, name))
            set(m, slot, name, tokenstate_words[TOKENSTATE_AWAY], "its token process ended");
        else if (is_of(key, slot))
            json_object_del(t->keys, name);
    }
}

void tokens_take(struct manager *m, unsigned slot, int fd)
{
    struct tokens *t = &m->tokens;

    begin(t);
    if (slot >= CONTROL_TOKENS_MAX) {
        close(fd);
        return;
    }
    if (t->fds[slot] >= 0)
        lose(m, slot);
    t->fds[slot] = fd;
}

unsigned tokens_poll(const struct manager *m, struct pollfd *p)
{
    unsigned n = 0;

    for (unsigned i = 0; m->tokens.begun && i < CONTROL_TOKENS_MAX; i++)
        if (m->tokens.fds[i] >= 0)
            p[n++] = (struct pollfd){.fd = m->tokens.fds[i], .events = POLLIN};
    return n;
}

static int take_row(struct manager *m, unsigned slot, struct chan_msg *msg)
{
    struct tokenstate_key k;

    if (msg->n_fds)
        return -EPROTO;
    if (msg->type == TOKENSTATE_RESET)
        return msg->body.len ? -EPROTO
                             : 0; /* rows follow; what is no more is not in the document */
    if (msg->type != TOKENSTATE_KEY || tokenstate_get(&msg->body, &k))
        return -EPROTO;
    set(m, slot, k.identity, tokenstate_words[k.state], k.why);
    return 0;
}

static void run_one(struct manager *m, unsigned slot)
{
    struct chan_msg msg;
    int rc;

    while ((rc = chan_recv(m->tokens.fds[slot], m->message, sizeof m->message, &msg)) == 1) {
        rc = take_row(m, slot, &msg);
        chan_msg_close_fds(&msg);
        if (rc)
            break;
    }
    if (rc == -EAGAIN)
        return;
    if (rc == -EPROTO)
        log_event(LOG_ERROR, "token_protocol", "process=%u", slot);
    lose(m, slot);
}

void tokens_run(struct manager *m)
{
    for (unsigned i = 0; m->tokens.begun && i < CONTROL_TOKENS_MAX; i++)
        if (m->tokens.fds[i] >= 0)
            run_one(m, i);
}

json_t *tokens_list(const struct manager *m)
{
    json_t *list = json_array(), *key;
    const char *name;

    json_object_foreach(m->tokens.keys, name, key)
    {
        json_t *row, *why = json_object_get(key, "why");

        if (!is_used(m, name))
            continue;
        row = json_pack("{s:s, s:O}", "identity", name, "state", json_object_get(key, "state"));
        if (json_string_length(why))
            json_object_set(row, "why", why);
        json_array_append_new(list, row);
    }
    return list;
}
