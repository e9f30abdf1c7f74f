#include "tests/unit/keyring_thread.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/provider.h>
#include <poll.h>
#include <pthread.h>
#include <unistd.h>
#include "dataplane/base/check.h"
#include "handshake/keyring/keystore.h"
#include "tests/unit/keyring_keys.h"

struct lane_thread {
    struct keystore keys;
    int fd;
    uint8_t in[CHAN_HEADER + CHAN_BODY_MAX];
};

static void answer(struct lane_thread *t, struct buf *body)
{
    uint8_t signature[KEYWIRE_SIGNATURE_MAX], mem[KEYWIRE_SIGNATURE_MAX + 64];
    struct keywire_signed reply = {.signature = signature};
    struct keywire_sign m;
    struct buf b;

    check(keywire_get_sign(body, &m) == 0);
    reply.request = m.request;
    reply.n_signature = sizeof signature;
    reply.error = -keystore_sign(&t->keys, &m, signature, &reply.n_signature);
    if (reply.error)
        reply.n_signature = 0;
    buf_init(&b, mem, sizeof mem);
    keywire_put_signed(&b, &reply);
    chan_send_wait(t->fd, KEYWIRE_SIGNED, &b, NULL, 0, 5000);
}

static void *serve(void *arg)
{
    struct lane_thread *t = arg;
    struct chan_msg m;
    int rc;

    do {
        struct pollfd p = {.fd = t->fd, .events = POLLIN};

        poll(&p, 1, -1);
        rc = chan_recv(t->fd, t->in, sizeof t->in, &m);
        if (rc == 1)
            answer(t, &m.body);
    } while (rc == 1 || rc == -EAGAIN);
    close(t->fd);
    keystore_fini(&t->keys);
    free(t);
    return NULL;
}

int keyring_thread(const struct policy *p, EVP_PKEY *const *keys)
{
    struct lane_thread *t = calloc(1, sizeof *t);
    pthread_attr_t attr;
    pthread_t thread;
    /* A keyring is another process: this one's OpenSSL does not even list what reads its files. */
    static OSSL_LIB_CTX *apart;
    OSSL_LIB_CTX *ours;
    struct keystore_file files[16];
    int pair[2];
    struct err e;

    check(t && p->n_identities <= 16 && chan_pair(pair) == 0);
    for (unsigned i = 0; i < p->n_identities; i++)
        files[i] = (struct keystore_file){key_file(keys[i]), -1};
    if (!apart)
        apart = OSSL_LIB_CTX_new();
    check(apart && OSSL_PROVIDER_load(apart, "default"));
    ours = OSSL_LIB_CTX_set0_default(apart);
    keystore_init(&t->keys);
    check(keystore_prepare(&t->keys, p, files, p->n_identities, &e) == 0);
    check(keystore_commit(&t->keys, p->revision) == 0);
    OSSL_LIB_CTX_set0_default(ours);
    for (unsigned i = 0; i < p->n_identities; i++)
        close(files[i].fd);
    t->fd = pair[1];
    pthread_attr_init(&attr);
    pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
    check(pthread_create(&thread, &attr, serve, t) == 0);
    pthread_attr_destroy(&attr);
    return pair[0];
}
