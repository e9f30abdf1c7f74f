#include "handshake/sign_request.h"

#include <errno.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/wire/keywire.h"
#include "handshake/sign_wait.h"

int sign_set_params(struct sign_operation *op, const OSSL_PARAM params[])
{
    const OSSL_PARAM *p = params ? OSSL_PARAM_locate_const(params, OSSL_SIGNATURE_PARAM_PAD_MODE)
                                 : NULL;
    int mode = 0;

    if (!p)
        return 1;
    if (p->data_type == OSSL_PARAM_UTF8_STRING)
        op->pss = !strcmp(p->data, OSSL_PKEY_RSA_PAD_MODE_PSS);
    else if (OSSL_PARAM_get_int(p, &mode))
        op->pss = mode == RSA_PKCS1_PSS_PADDING;
    return 1; /* the salt is always as long as the digest: TLS allows nothing else */
}

/* TLS SignatureScheme by key type and digest (RFC 8446 4.2.3); 0 where the digest does not matter.
 */
static const struct {
    const char *type, *digest;
    bool pss;
    uint16_t scheme;
} schemes[] = {
    {"EC", "256", false, 0x0403},     {"EC", "384", false, 0x0503},
    {"EC", "512", false, 0x0603},     {"RSA", "256", true, 0x0804},
    {"RSA", "384", true, 0x0805},     {"RSA", "512", true, 0x0806},
    {"RSA", "256", false, 0x0401},    {"RSA", "384", false, 0x0501},
    {"RSA", "512", false, 0x0601},    {"RSA-PSS", "256", true, 0x0809},
    {"RSA-PSS", "384", true, 0x080a}, {"RSA-PSS", "512", true, 0x080b},
    {"ED25519", "", false, 0x0807},   {"ML-DSA-44", "", false, 0x0904},
    {"ML-DSA-65", "", false, 0x0905}, {"ML-DSA-87", "", false, 0x0906},
};

static uint16_t scheme_of(const struct sign_operation *op)
{
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++)
        if (!strcmp(schemes[i].type, op->key->type) && strstr(op->digest, schemes[i].digest) &&
            (schemes[i].pss == op->pss || !strcmp(op->key->type, "RSA-PSS")))
            return schemes[i].scheme;
    return 0;
}

static int ask(struct signer *s, const struct keywire_sign *m)
{
    struct buf b;

    buf_init(&b, s->mem, SIGN_MESSAGE_MAX);
    keywire_put_sign(&b, m);
    return chan_send_wait(s->fd, KEYWIRE_SIGN, &b, NULL, 0, SIGN_MS);
}

/* The answer to this request; those to others on their way find their legs. A key in a token is
 * told of at once: then the leg waits, if it can, and the process does not. */
static int answer(struct signer *s, const struct keywire_sign *asked, struct keywire_signed *m)
{
    uint64_t end = clock_mono_ms() + SIGN_MS;

    for (;;) {
        struct chan_msg msg;
        int rc = chan_recv(s->fd, s->mem, SIGN_MESSAGE_MAX, &msg);

        if (rc == -EAGAIN) {
            struct pollfd p = {.fd = s->fd, .events = POLLIN};
            uint64_t now = clock_mono_ms();
            if (now >= end)
                return -ETIMEDOUT;
            poll(&p, 1, (int)(end - now));
            continue;
        }
        if (rc != 1)
            return rc ? rc : -EPIPE;
        chan_msg_close_fds(&msg);
        if (msg.type != KEYWIRE_SIGNED || keywire_get_signed(&msg.body, m))
            return -EPROTO;
        if (m->request != asked->request) {
            sign_route(s, m);
            continue;
        }
        if (m->error != EINPROGRESS)
            return 0;
        sign_note_remote(s, asked->revision << 16 | asked->identity);
        if (s->fibre)
            return sign_wait(s, asked->request, m);
    }
}

static void drop_channel(struct signer *s)
{
    close(s->fd);
    s->fd = -1;
    sign_fail_all(s);
}

/* Not so when the answer alone fails to come. */
static bool channel_failed(int rc)
{
    return rc && rc != -ETIMEDOUT && rc != -EBUSY && rc != -ECANCELED;
}

/* One try on the present channel. */
static int try_once(struct signer *s, struct keywire_sign *m, struct keywire_signed *out)
{
    uint32_t age = s->age;
    int rc;

    if (s->fd < 0)
        return -EPIPE;
    m->request = s->next++;
    rc = ask(s, m);
    if (!rc)
        rc = answer(s, m, out);
    if (channel_failed(rc) && s->fd >= 0 && s->age == age) /* not replaced while a leg waited */
        drop_channel(s);
    return rc;
}

int sign_request(struct sign_operation *op, uint8_t *sig, size_t *n_sig, size_t cap,
                 const uint8_t *content, size_t n_content)
{
    struct signer *s = op->signer;
    struct keywire_sign m = {
        .revision = op->key->identity >> 16,
        .identity = (uint16_t)op->key->identity,
        .scheme = scheme_of(op),
        .content = content,
        .n_content = n_content,
    };
    struct keywire_signed out;
    int rc;

    if (m.scheme == 0 || n_content > KEYWIRE_CONTENT_MAX)
        return 0;
    rc = try_once(s, &m, &out);
    if (rc && rc != -ETIMEDOUT && rc != -EBUSY && rc != -ECANCELED &&
        s->renew(s->arg)) /* it was being restarted: once more */
        rc = try_once(s, &m, &out);
    s->lost = rc != 0 || out.error != 0;
    if (s->lost || out.n_signature > cap)
        return 0;
    memcpy(sig, out.signature, out.n_signature);
    *n_sig = out.n_signature;
    return 1;
}

void sign_attach(struct signer *s, int fd)
{
    sign_fail_all(s);
    s->age++;
    if (s->fd >= 0)
        close(s->fd);
    s->fd = fd;
}
