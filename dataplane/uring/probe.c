#include "dataplane/uring/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/base/log.h"
#include "dataplane/base/secret.h"
#include "dataplane/record/schedule.h"
#include "dataplane/uring/ktls.h"

#define PROBE_MS    1000
#define SPLICE_SIZE 16384

static int loopback_listener(struct sockaddr_in *a)
{
    socklen_t len = sizeof *a;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    memset(a, 0, sizeof *a);
    a->sin_family = AF_INET;
    a->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd >= 0 && !bind(fd, (struct sockaddr *)a, len) && !listen(fd, 1) &&
        !getsockname(fd, (struct sockaddr *)a, &len))
        return fd;
    if (fd >= 0)
        close(fd);
    return -1;
}

/* A connected TCP pair over loopback, or -errno. */
static int tcp_pair(int pair[2])
{
    struct sockaddr_in a;
    int listener = loopback_listener(&a), rc = 0;

    if (listener < 0)
        return -errno;
    pair[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    pair[1] = -1;
    if (pair[0] < 0 || connect(pair[0], (struct sockaddr *)&a, sizeof a) ||
        (pair[1] = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) < 0)
        rc = -errno;
    close(listener);
    if (rc && pair[0] >= 0)
        close(pair[0]);
    return rc;
}

static void pair_close(int pair[2])
{
    close(pair[0]);
    close(pair[1]);
}

/* Keys of this suite that protect nothing. */
static void probe_keys(struct traffic_keys *k, const struct suite *s)
{
    memset(k, 0, sizeof *k);
    k->suite = s;
    memset(k->secret, 0x5a, sizeof k->secret);
    memset(k->key, 0x5a, sizeof k->key);
    memset(k->iv, 0x5a, sizeof k->iv);
    schedule_keys(k);
}

static bool readable(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, PROBE_MS) == 1;
}

/* Does a message sealed on one end come out of the other? */
static bool passes(int from, int to)
{
    static const char text[] = "penstock";
    char got[sizeof text] = {0};

    return send(from, text, sizeof text, MSG_NOSIGNAL) == sizeof text && readable(to) &&
           recv(to, got, sizeof got, MSG_DONTWAIT) == sizeof got && !memcmp(got, text, sizeof got);
}

/* Attach and key a pair, one direction. 0 or -errno. */
static int keyed_pair(int pair[2], const struct traffic_keys *k)
{
    int rc = tcp_pair(pair);

    if (rc)
        return rc;
    rc = ktls_attach(pair[0]);
    if (!rc)
        rc = ktls_attach(pair[1]);
    if (!rc)
        rc = ktls_install(pair[0], KTLS_TX, k);
    if (!rc)
        rc = ktls_install(pair[1], KTLS_RX, k);
    if (rc)
        pair_close(pair);
    return rc;
}

static bool probe_suite(const struct suite *s)
{
    struct traffic_keys k;
    int pair[2];
    bool ok;

    probe_keys(&k, s);
    if (keyed_pair(pair, &k))
        return false;
    ok = passes(pair[0], pair[1]);
    pair_close(pair);
    return ok;
}

/* A KeyUpdate record, then new keys on both ends, then data. */
static bool probe_rekey(const struct suite *s)
{
    static const uint8_t key_update[5] = {24, 0, 0, 1, 0};
    struct traffic_keys k;
    uint8_t type, mem[64];
    struct iovec iov = {.iov_base = mem, .iov_len = sizeof mem};
    int pair[2];
    bool ok;

    probe_keys(&k, s);
    if (keyed_pair(pair, &k))
        return false;
    ok = !ktls_send_control(pair[0], CONTENT_HANDSHAKE, key_update, sizeof key_update) &&
         readable(pair[1]) && ktls_recv(pair[1], &iov, 1, &type) == sizeof key_update &&
         type == CONTENT_HANDSHAKE && !schedule_update(&k) && !ktls_install(pair[0], KTLS_TX, &k) &&
         !ktls_install(pair[1], KTLS_RX, &k) && passes(pair[0], pair[1]);
    pair_close(pair);
    return ok;
}

/* Does splice from a kernel-TLS socket into a short pipe lose bytes (6.12.95 did)? */
static bool splice_keeps_all(int from, int to, int pipe_fds[2])
{
    uint8_t sent[SPLICE_SIZE], got[SPLICE_SIZE];
    size_t n = 0;

    for (size_t i = 0; i < sizeof sent; i++)
        sent[i] = (uint8_t)(i * 31 + 7);
    if (send(from, sent, sizeof sent, MSG_NOSIGNAL) != sizeof sent)
        return false;
    while (n < sizeof got && readable(to)) {
        ssize_t in = splice(to, NULL, pipe_fds[1], NULL, sizeof got, SPLICE_F_NONBLOCK);
        ssize_t out = in > 0 ? read(pipe_fds[0], got + n, sizeof got - n) : -1;
        if (out <= 0)
            break;
        n += (size_t)out;
    }
    return n == sizeof got && !memcmp(sent, got, n);
}

static bool probe_splice(const struct suite *s)
{
    struct traffic_keys k;
    int pair[2], pipe_fds[2];
    bool ok;

    probe_keys(&k, s);
    if (keyed_pair(pair, &k))
        return false;
    if (pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK)) {
        pair_close(pair);
        return false;
    }
    fcntl(pipe_fds[1], F_SETPIPE_SZ, 4096);
    ok = splice_keeps_all(pair[0], pair[1], pipe_fds);
    pair_close(pair);
    pair_close(pipe_fds);
    return ok;
}

static void probe_attach(struct ktls_ability *k)
{
    int pair[2], rc = tcp_pair(pair);

    if (!rc) {
        rc = ktls_attach(pair[0]);
        pair_close(pair);
    }
    k->usable = rc == 0;
    if (rc == -ENOENT)
        snprintf(k->why, sizeof k->why, "this kernel has no TLS module (CONFIG_TLS, modprobe tls)");
    else if (rc)
        snprintf(k->why, sizeof k->why, "kernel TLS does not attach: %s", strerror(-rc));
}

void probe_ktls(struct ktls_ability *k)
{
    char suites[256] = "";
    size_t n = 0;

    memset(k, 0, sizeof *k);
    probe_attach(k);
    for (size_t i = 0; k->usable && suite_at(i); i++) {
        const struct suite *s = suite_at(i);
        bool *able = &k->suite[s->version == TLS13][s->aead];
        if (*able)
            continue; /* the same cipher under another certificate type */
        *able = probe_suite(s);
        if (*able && n < sizeof suites)
            n += (size_t)snprintf(suites + n, sizeof suites - n, "%s%s", n ? "," : "", s->name);
    }
    if (k->usable && !n) {
        k->usable = false;
        snprintf(k->why, sizeof k->why, "kernel TLS attaches, but no suite passes data");
    }
    if (k->usable && k->suite[1][AEAD_AES_128_GCM]) {
        k->rekey = probe_rekey(suite_by_name("TLS_AES_128_GCM_SHA256"));
        k->splice_lossless = probe_splice(suite_by_name("TLS_AES_128_GCM_SHA256"));
    }
    if (k->usable)
        log_event(LOG_INFO, "ktls_probe", "usable=yes suites=%s rekey=%s splice_lossless=%s",
                  suites, k->rekey ? "yes" : "no", k->splice_lossless ? "yes" : "no");
    else
        log_event(LOG_INFO, "ktls_probe", "usable=no why=\"%s\"", k->why);
}
