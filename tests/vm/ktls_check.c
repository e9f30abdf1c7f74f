/*
 * ktls_check yes|no: what this kernel's TLS can do, one line per fact.
 *
 * Why: the ktls engine is judged in emulated guests; this proves, with nothing of the project
 * linked in, that a guest is a fair judge: the protocol attaches, every cipher carries data intact,
 * a second key is taken (argument yes) or refused (no), and io_uring is open to us.
 *
 * Exit status: 0 if all passed, 1 otherwise. Run as root, loopback up.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/io_uring.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define BULK       (1024 * 1024)
#define CHUNK      16384
#define PATIENCE_S 20

enum { RECORD_HANDSHAKE = 22 };

/* A KeyUpdate message, no answer asked for: RFC 8446, 4.6.3. */
static const unsigned char key_update[] = {24, 0, 0, 1, 0};

struct pair {
    int near; /* sends */
    int far;  /* receives */
};

union keys {
    struct tls_crypto_info info;
    unsigned char bytes[sizeof(struct tls12_crypto_info_aes_gcm_256)];
};

struct cipher {
    const char *name;
    unsigned short type;
    socklen_t size; /* of the kernel's struct for it */
};

static const struct cipher ciphers[] = {
    {"AES-256-GCM", TLS_CIPHER_AES_GCM_256, sizeof(struct tls12_crypto_info_aes_gcm_256)},
    {"AES-128-GCM", TLS_CIPHER_AES_GCM_128, sizeof(struct tls12_crypto_info_aes_gcm_128)},
    {"AES-128-CCM", TLS_CIPHER_AES_CCM_128, sizeof(struct tls12_crypto_info_aes_ccm_128)},
    {"ChaCha20-Poly1305", TLS_CIPHER_CHACHA20_POLY1305,
     sizeof(struct tls12_crypto_info_chacha20_poly1305)},
};

static int passed, failed;

/* Reports one fact; a failed one with errno. */
__attribute__((format(printf, 2, 3))) static bool fact(bool ok, const char *format, ...)
{
    int error = errno;
    va_list args;

    printf("%s ", ok ? "ok  " : "FAIL");
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    if (!ok)
        printf(" (errno %d, %s)", error, strerror(error));
    putchar('\n');
    fflush(stdout); /* a child must not print it again */
    ok ? passed++ : failed++;
    errno = 0;
    return ok;
}

/* Sets what can not fail for a reason of the kernel's TLS; ends the program if it does. */
static void must(bool ok, const char *what)
{
    if (ok)
        return;
    perror(what);
    exit(2);
}

/* An established loopback pair whose receives give up after PATIENCE_S. */
static struct pair pair_open(void)
{
    struct sockaddr_in addr = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    socklen_t size = sizeof(addr);
    struct pair pair;
    int door = socket(AF_INET, SOCK_STREAM, 0);

    must(bind(door, (struct sockaddr *)&addr, size) == 0 && listen(door, 1) == 0, "listen");
    must(getsockname(door, (struct sockaddr *)&addr, &size) == 0, "getsockname");
    pair.near = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(pair.near, (struct sockaddr *)&addr, size) == 0, "connect");
    pair.far = accept(door, NULL, NULL);
    must(pair.far >= 0, "accept");
    must(setsockopt(pair.far, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0,
         "SO_RCVTIMEO");
    close(door);
    return pair;
}

static void pair_close(struct pair pair)
{
    close(pair.near);
    close(pair.far);
}

static bool attach(int fd)
{
    return setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 4) == 0;
}

/* Installs a TLS 1.3 key for one direction (TLS_TX, TLS_RX), made from one byte; sequence 0. */
static bool install(int fd, int direction, const struct cipher *cipher, unsigned char seed)
{
    union keys keys;

    /* Key, IV and salt lie between the head and the 8 bytes of rec_seq in every cipher's struct. */
    memset(&keys, 0, sizeof(keys));
    memset(keys.bytes + sizeof(keys.info), seed, cipher->size - sizeof(keys.info) - 8);
    keys.info.version = TLS_1_3_VERSION;
    keys.info.cipher_type = cipher->type;
    return setsockopt(fd, SOL_TLS, direction, &keys, cipher->size) == 0;
}

static struct pair pair_keyed(const struct cipher *cipher)
{
    struct pair pair = pair_open();
    bool ok = attach(pair.near) && attach(pair.far) && install(pair.near, TLS_TX, cipher, 0x11) &&
              install(pair.far, TLS_RX, cipher, 0x11);

    fact(ok, "%s: TLS 1.3 keys install for TX and RX", cipher->name);
    return pair;
}

static unsigned char pattern(size_t at)
{
    return (unsigned char)(at * 31 + (at >> 13));
}

static void write_pattern(int fd, size_t total)
{
    unsigned char chunk[CHUNK];
    size_t at, i;

    for (at = 0; at < total; at += CHUNK) {
        for (i = 0; i < CHUNK; i++)
            chunk[i] = pattern(at + i);
        must(send(fd, chunk, CHUNK, 0) == CHUNK, "send");
    }
}

/* Returns how many bytes arrived as the pattern says before an error, a lull or the whole. */
static size_t read_pattern(int fd, size_t total)
{
    unsigned char chunk[CHUNK];
    size_t at = 0;
    ssize_t got, i;

    while (at < total && (got = recv(fd, chunk, sizeof(chunk), 0)) > 0) {
        for (i = 0; i < got; i++, at++) {
            if (chunk[i] != pattern(at))
                return at;
        }
    }
    return at;
}

/* Moves `total` bytes through the pair: a child writes, this process reads and compares. */
static bool carry(struct pair pair, size_t total)
{
    pid_t child = fork();
    size_t good;
    int status;

    must(child >= 0, "fork");
    if (child == 0) {
        alarm(PATIENCE_S);
        write_pattern(pair.near, total);
        _exit(0);
    }
    good = read_pattern(pair.far, total);
    if (good != total)
        shutdown(pair.far, SHUT_RDWR); /* a writer still waiting for room is let go */
    must(waitpid(child, &status, 0) == child, "waitpid");
    return good == total && status == 0;
}

static bool send_record(int fd, unsigned char type, const void *data, size_t size)
{
    char control[CMSG_SPACE(1)] = {0};
    struct iovec iov = {.iov_base = (void *)data, .iov_len = size};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_TLS;
    cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
    cmsg->cmsg_len = CMSG_LEN(1);
    *CMSG_DATA(cmsg) = type;
    return sendmsg(fd, &msg, 0) == (ssize_t)size;
}

/* Receives one control record; returns its type, or -1. */
static int recv_record(int fd, void *data, size_t room, ssize_t *size)
{
    char control[CMSG_SPACE(1)];
    struct iovec iov = {.iov_base = data, .iov_len = room};
    struct msghdr msg = {.msg_iov = &iov,
                         .msg_iovlen = 1,
                         .msg_control = control,
                         .msg_controllen = sizeof(control)};
    struct cmsghdr *cmsg;

    *size = recvmsg(fd, &msg, 0);
    if (*size < 0)
        return -1;
    cmsg = CMSG_FIRSTHDR(&msg);
    if (!cmsg || cmsg->cmsg_level != SOL_TLS || cmsg->cmsg_type != TLS_GET_RECORD_TYPE)
        return -1;
    return *CMSG_DATA(cmsg);
}

static void check_attach(void)
{
    struct pair pair = pair_open();
    int idle = socket(AF_INET, SOCK_STREAM, 0);

    fact(attach(pair.near) && attach(pair.far), "TCP_ULP \"tls\" attaches to both ends");
    fact(!attach(pair.near) && errno == EEXIST, "attaching twice is EEXIST");
    fact(!attach(idle) && errno == ENOTCONN, "attaching to an unconnected socket is ENOTCONN");
    close(idle);
    pair_close(pair);
}

/* The far end stays plain, to see what is on the wire: RFC 8446, 5.2. */
static void check_wire(void)
{
    struct pair pair = pair_open();
    unsigned char wire[5 + 5 + 1 + 16 + 1];
    ssize_t got = -1;

    if (attach(pair.near) && install(pair.near, TLS_TX, &ciphers[0], 0x11) &&
        send(pair.near, "hello", 5, 0) == 5)
        got = recv(pair.far, wire, sizeof(wire), 0);
    fact(got == 27 && memcmp(wire, "\x17\x03\x03\x00\x16", 5) == 0 && memcmp(wire + 5, "hello", 5),
         "5 bytes leave as one sealed record of 27");
    pair_close(pair);
}

static void check_ciphers(void)
{
    size_t i;

    for (i = 0; i < sizeof(ciphers) / sizeof(ciphers[0]); i++) {
        struct pair pair = pair_keyed(&ciphers[i]);

        fact(carry(pair, BULK), "%s: 1 MB arrives intact", ciphers[i].name);
        pair_close(pair);
    }
}

/* A record that was changed on its way must not be delivered. */
static void check_tampering(void)
{
    struct pair pair = pair_open(), relay = pair_open();
    unsigned char record[64];
    ssize_t size = -1;
    bool refused = false;

    if (attach(pair.near) && install(pair.near, TLS_TX, &ciphers[0], 0x11) && attach(relay.far) &&
        install(relay.far, TLS_RX, &ciphers[0], 0x11) && send(pair.near, "hello", 5, 0) == 5)
        size = recv(pair.far, record, sizeof(record), 0);
    if (size > 5) {
        record[5] ^= 1;
        must(send(relay.near, record, (size_t)size, 0) == size, "send");
        refused = recv(relay.far, record, sizeof(record), 0) == -1 && errno == EBADMSG;
    }
    fact(refused, "a changed record is EBADMSG");
    pair_close(pair);
    pair_close(relay);
}

static void check_no_rekey(void)
{
    struct pair pair = pair_keyed(&ciphers[0]);

    fact(!install(pair.near, TLS_TX, &ciphers[0], 0x22) && errno == EBUSY,
         "a second TLS_TX is EBUSY");
    fact(carry(pair, BULK), "the first key goes on after that");
    pair_close(pair);
}

static void check_rekey(void)
{
    struct pair pair = pair_keyed(&ciphers[0]);
    unsigned char message[64];
    ssize_t size;
    int type;

    fact(send_record(pair.near, RECORD_HANDSHAKE, key_update, sizeof(key_update)),
         "a KeyUpdate is sent under the old key");
    fact(install(pair.near, TLS_TX, &ciphers[0], 0x22), "a second TLS_TX is taken (rekey)");
    type = recv_record(pair.far, message, sizeof(message), &size);
    fact(type == RECORD_HANDSHAKE && size == sizeof(key_update) &&
             memcmp(message, key_update, sizeof(key_update)) == 0,
         "the KeyUpdate arrives with its record type");
    must(send(pair.near, "new", 3, 0) == 3, "send");
    fact(recv(pair.far, message, sizeof(message), 0) == -1 && errno == EKEYEXPIRED,
         "reading on with the old key is EKEYEXPIRED");
    fact(install(pair.far, TLS_RX, &ciphers[0], 0x22), "a second TLS_RX is taken (rekey)");
    fact(recv(pair.far, message, sizeof(message), 0) == 3 && memcmp(message, "new", 3) == 0,
         "data under the new key is read");
    fact(carry(pair, BULK), "1 MB arrives intact under the new key");
    pair_close(pair);
}

static void check_io_uring(void)
{
    struct io_uring_params params;
    long ring;

    memset(&params, 0, sizeof(params));
    ring = syscall(__NR_io_uring_setup, 64, &params);
    fact(ring >= 0 && params.sq_entries == 64, "io_uring_setup gives a ring");
    if (ring >= 0)
        close((int)ring);
}

int main(int argc, char **argv)
{
    bool rekey = argc == 2 && strcmp(argv[1], "yes") == 0;

    if (argc != 2 || (!rekey && strcmp(argv[1], "no") != 0)) {
        fprintf(stderr, "usage: ktls_check yes|no (can this kernel rekey?)\n");
        return 2;
    }
    errno = 0;
    check_attach();
    check_wire();
    check_ciphers();
    check_tampering();
    rekey ? check_rekey() : check_no_rekey();
    check_io_uring();
    printf("%d passed, %d failed\n", passed, failed);
    return failed ? 1 : 0;
}
