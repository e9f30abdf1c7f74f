#include "dataplane/uring/ktls.h"

#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/socket.h>
#include "dataplane/base/check.h"
#include "dataplane/base/secret.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

union crypto_info {
    struct tls_crypto_info head;
    struct tls12_crypto_info_aes_gcm_128 gcm128;
    struct tls12_crypto_info_aes_gcm_256 gcm256;
    struct tls12_crypto_info_chacha20_poly1305 chacha;
};

int ktls_attach(int fd)
{
    return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", sizeof "tls") ? -errno : 0;
}

static void put_seq(uint8_t out[8], uint64_t seq)
{
    for (int i = 0; i < 8; i++)
        out[i] = (uint8_t)(seq >> (56 - 8 * i));
}

/*
 * The GCM structures differ only in the key's size: iv[8], key, salt[4], rec_seq[8]. TLS 1.3 splits
 * its 12-byte IV into salt and iv; TLS 1.2 has a 4-byte salt, and the explicit nonce starts at the
 * sequence number.
 */
static void fill_gcm(const struct traffic_keys *k, uint8_t *iv, uint8_t *key, uint8_t *salt,
                     uint8_t *seq)
{
    memcpy(salt, k->iv, 4);
    memcpy(key, k->key, k->suite->key_len);
    put_seq(seq, k->seq);
    if (k->suite->version == TLS13)
        memcpy(iv, k->iv + 4, 8);
    else
        put_seq(iv, k->seq);
}

static socklen_t fill(union crypto_info *info, const struct traffic_keys *k)
{
    memset(info, 0, sizeof *info);
    info->head.version = k->suite->version;
    info->head.cipher_type = k->suite->ktls_cipher;
    switch (k->suite->aead) {
    case AEAD_AES_128_GCM:
        fill_gcm(k, info->gcm128.iv, info->gcm128.key, info->gcm128.salt, info->gcm128.rec_seq);
        return sizeof info->gcm128;
    case AEAD_AES_256_GCM:
        fill_gcm(k, info->gcm256.iv, info->gcm256.key, info->gcm256.salt, info->gcm256.rec_seq);
        return sizeof info->gcm256;
    default:
        memcpy(info->chacha.iv, k->iv, 12);
        memcpy(info->chacha.key, k->key, 32);
        put_seq(info->chacha.rec_seq, k->seq);
        return sizeof info->chacha;
    }
}

int ktls_install(int fd, enum ktls_direction dir, const struct traffic_keys *k)
{
    union crypto_info info;
    socklen_t len = fill(&info, k);
    int rc = setsockopt(fd, SOL_TLS, dir, &info, len) ? -errno : 0;

    secret_wipe(&info, sizeof info);
    return rc;
}

int ktls_send_control(int fd, uint8_t type, const uint8_t *data, size_t n)
{
    char control[CMSG_SPACE(1)] = {0};
    uint8_t copy[64];
    struct iovec iov = {.iov_base = copy, .iov_len = n};
    struct msghdr m = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);
    ssize_t sent;

    check(n <= sizeof copy);
    memcpy(copy, data, n);
    c->cmsg_level = SOL_TLS;
    c->cmsg_type = TLS_SET_RECORD_TYPE;
    c->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(c) = type;
    do
        sent = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return -errno;
    return (size_t)sent == n ? 0 : -EIO;
}

ssize_t ktls_recv(int fd, struct iovec *iov, size_t n_iov, uint8_t *type)
{
    char control[CMSG_SPACE(1)];
    struct msghdr m = {.msg_iov = iov,
                       .msg_iovlen = n_iov,
                       .msg_control = control,
                       .msg_controllen = sizeof control};
    ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT);

    *type = 23;
    if (n >= 0)
        for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
            if (c->cmsg_level == SOL_TLS && c->cmsg_type == TLS_GET_RECORD_TYPE)
                *type = *CMSG_DATA(c);
    return n;
}
