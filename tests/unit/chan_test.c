#include "dataplane/wire/chan.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "dataplane/base/clock.h"
#include "tests/unit/test.h"

static uint8_t mem[CHAN_HEADER + CHAN_BODY_MAX];
static uint8_t bytes[CHAN_BODY_MAX + 1];

/* n bytes of `bytes` as a body */
static struct buf body_of(size_t n)
{
    struct buf b;

    buf_init(&b, bytes, sizeof bytes);
    b.len = n;
    return b;
}

static void close_pair(int fd[2])
{
    close(fd[0]);
    close(fd[1]);
}

static int open_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Write a packet that chan_send() would not. */
static void send_raw(int fd, const void *data, size_t n, const int *fds, size_t n_fds)
{
    char control[CMSG_SPACE(sizeof(int) * 16)] = {0};
    struct iovec iov = {(void *)(uintptr_t)data, n};
    struct msghdr m = {.msg_iov = &iov, .msg_iovlen = 1};

    if (n_fds) {
        struct cmsghdr *c;
        m.msg_control = control;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fds, sizeof(int) * n_fds);
    }
    EXPECT(sendmsg(fd, &m, MSG_NOSIGNAL) == (ssize_t)n);
}

TEST("a pair is close-on-exec, never blocks, and has room for several large messages")
{
    struct buf b = body_of(CHAN_BODY_MAX);
    struct chan_msg m;
    int fd[2];

    EXPECT(chan_pair(fd) == 0);
    for (int i = 0; i < 2; i++) {
        EXPECT(fcntl(fd[i], F_GETFD) & FD_CLOEXEC);
        EXPECT(fcntl(fd[i], F_GETFL) & O_NONBLOCK);
    }
    for (int i = 0; i < 3; i++)
        EXPECT(chan_send(fd[0], 1, &b, NULL, 0) == 0);
    for (int i = 0; i < 3; i++)
        EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == 1);
    close_pair(fd);
}

TEST("dialling finds who listens, and says who does not and what is no path")
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    char longer[sizeof at.sun_path + 1];
    int listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), fd = -1;

    memset(longer, 'x', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    snprintf(at.sun_path, sizeof at.sun_path, "/tmp/penstock-chan-test-%d", (int)getpid());
    EXPECT(chan_dial(longer) == -ENAMETOOLONG);
    EXPECT(chan_dial(at.sun_path) == -ENOENT);
    EXPECT(!bind(listener, (const struct sockaddr *)&at, sizeof at));
    EXPECT(chan_dial(at.sun_path) == -ECONNREFUSED);
    EXPECT(!listen(listener, 1) && (fd = chan_dial(at.sun_path)) >= 0);
    EXPECT(fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_NONBLOCK);
    close(fd);
    close(listener);
    unlink(at.sun_path);
}

TEST("a message is one packet: version, type, two zeros, body")
{
    static const uint8_t golden[] = {1, 9, 0, 0, 'h', 'i'};
    struct buf b;
    int fd[2];

    buf_init(&b, bytes, sizeof bytes);
    buf_put_bytes(&b, "hi", 2);
    EXPECT(chan_pair(fd) == 0);
    EXPECT(chan_send(fd[0], 9, &b, NULL, 0) == 0);
    EXPECT(recv(fd[1], mem, sizeof mem, 0) == 6 && !memcmp(mem, golden, 6));
    EXPECT(chan_send(fd[0], 8, NULL, NULL, 0) == 0);
    EXPECT(recv(fd[1], mem, sizeof mem, 0) == 4 && mem[1] == 8);
    close_pair(fd);
}

TEST("messages arrive whole and in order, bodies from none to CHAN_BODY_MAX")
{
    static const size_t sizes[] = {0, 1, 5000, CHAN_BODY_MAX};
    struct chan_msg m;
    int fd[2];

    EXPECT(chan_pair(fd) == 0);
    for (size_t i = 0; i < CHAN_BODY_MAX; i++)
        bytes[i] = (uint8_t)(i * 7);
    for (size_t i = 0; i < 4; i++) {
        struct buf b = body_of(sizes[i]);
        EXPECT(chan_send(fd[0], (uint8_t)(10 + i), &b, NULL, 0) == 0);
    }
    for (size_t i = 0; i < 4; i++) {
        EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == 1);
        EXPECT(m.type == 10 + i && m.n_fds == 0 && buf_left(&m.body) == sizes[i]);
        EXPECT(!memcmp(m.body.data, bytes, sizes[i]));
    }
    EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == -EAGAIN);
    close_pair(fd);
}

TEST("a body over the bound, a bad body and a fifth descriptor are not sent")
{
    struct buf large = body_of(CHAN_BODY_MAX + 1), bad = body_of(1);
    int fd[2], five[5] = {0};
    struct chan_msg m;

    bad.bad = true;
    EXPECT(chan_pair(fd) == 0);
    EXPECT(chan_send(fd[0], 1, &large, NULL, 0) == -EMSGSIZE);
    EXPECT(chan_send(fd[0], 1, &bad, NULL, 0) == -EINVAL);
    EXPECT(chan_send(fd[0], 1, NULL, five, 5) == -EINVAL);
    EXPECT(chan_send_wait(fd[0], 1, &large, NULL, 0, 1000) == -EMSGSIZE);
    EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == -EAGAIN);
    close_pair(fd);
}

TEST("a full queue says so, and takes more once it was read")
{
    struct buf b = body_of(CHAN_BODY_MAX);
    struct chan_msg m;
    int fd[2], sent = 0, rc;

    EXPECT(chan_pair(fd) == 0);
    while ((rc = chan_send(fd[0], 1, &b, NULL, 0)) == 0 && sent < 1000)
        sent++;
    EXPECT(rc == -EAGAIN && sent >= 3);
    while (chan_recv(fd[1], mem, sizeof mem, &m) == 1)
        sent--;
    EXPECT(sent == 0);
    EXPECT(chan_send(fd[0], 1, &b, NULL, 0) == 0);
    close_pair(fd);
}

TEST("waiting for room in a queue that nobody reads ends at its time")
{
    struct buf b = body_of(CHAN_BODY_MAX);
    uint64_t start;
    int fd[2];

    EXPECT(chan_pair(fd) == 0);
    while (chan_send(fd[0], 1, &b, NULL, 0) == 0)
        ;
    start = clock_mono_ms();
    EXPECT(chan_send_wait(fd[0], 1, &b, NULL, 0, 30) == -ETIMEDOUT);
    EXPECT(clock_mono_ms() - start >= 30);
    EXPECT(chan_send_wait(fd[0], 1, &b, NULL, 0, 0) == -ETIMEDOUT);
    close_pair(fd);
}

TEST("a peer that is gone is -EPIPE to the sender, at once, and an end to the receiver")
{
    struct chan_msg m;
    int fd[2];

    EXPECT(chan_pair(fd) == 0);
    close(fd[1]);
    EXPECT(chan_send(fd[0], 1, NULL, NULL, 0) == -EPIPE);
    EXPECT(chan_send_wait(fd[0], 1, NULL, NULL, 0, 60000) == -EPIPE);
    EXPECT(chan_recv(fd[0], mem, sizeof mem, &m) == 0);
    EXPECT(chan_recv(fd[0], mem, sizeof mem, &m) == 0);
    close(fd[0]);
}

TEST("waiting for room ends when the peer goes instead of reading")
{
    struct buf b = body_of(CHAN_BODY_MAX);
    int fd[2], rc;

    EXPECT(chan_pair(fd) == 0);
    while (chan_send(fd[0], 1, &b, NULL, 0) == 0)
        ;
    close(fd[1]);
    rc = chan_send_wait(fd[0], 1, &b, NULL, 0, 60000);
    EXPECT(rc == -EPIPE || rc == -ECONNRESET);
    close(fd[0]);
}

TEST("what a peer said before it died is heard, even if it left messages of ours unread")
{
    struct chan_msg m;
    int fd[2];

    EXPECT(chan_pair(fd) == 0);
    EXPECT(chan_send(fd[0], 1, NULL, NULL, 0) == 0); /* never read: the kernel calls it a reset */
    EXPECT(chan_send(fd[1], 34, NULL, NULL, 0) == 0);
    close(fd[1]);
    EXPECT(chan_recv(fd[0], mem, sizeof mem, &m) == 1 && m.type == 34);
    EXPECT(chan_recv(fd[0], mem, sizeof mem, &m) == 0);
    close(fd[0]);
}

TEST("another version, a dirty header, a short one and an oversized body are refused")
{
    static uint8_t over[CHAN_HEADER + CHAN_BODY_MAX + 1] = {CHAN_VERSION, 1};
    static uint8_t larger[sizeof over + 1];
    static const struct {
        uint8_t head[4];
        size_t n;
    } bad[] = {{{2, 1, 0, 0}, 4}, {{0, 1, 0, 0}, 4}, {{1, 1, 1, 0}, 4},
               {{1, 1, 0, 1}, 4}, {{1, 1, 0, 0}, 3}, {{1, 1, 0, 0}, 1}};
    struct chan_msg m;
    int fd[2];

    EXPECT(chan_pair(fd) == 0);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        send_raw(fd[0], bad[i].head, bad[i].n, NULL, 0);
        EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == -EPROTO && m.n_fds == 0);
    }
    send_raw(fd[0], over, sizeof over, NULL, 0);
    EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == -EPROTO); /* cut */
    send_raw(fd[0], over, sizeof over, NULL, 0);
    EXPECT(chan_recv(fd[1], larger, sizeof larger, &m) == -EPROTO); /* whole, but too long */
    close_pair(fd);
}

TEST("a message for which the caller's memory is too small is refused, not cut")
{
    struct buf b = body_of(10);
    struct chan_msg m;
    int fd[2];

    EXPECT(chan_pair(fd) == 0);
    EXPECT(chan_send(fd[0], 1, &b, NULL, 0) == 0);
    EXPECT(chan_recv(fd[1], mem, CHAN_HEADER + 9, &m) == -EPROTO);
    EXPECT(chan_send(fd[0], 1, &b, NULL, 0) == 0);
    EXPECT(chan_recv(fd[1], mem, CHAN_HEADER + 10, &m) == 1);
    close_pair(fd);
}

TEST("four descriptors ride along, close-on-exec, and are the same files")
{
    struct chan_msg m;
    int fd[2], pipes[4][2], four[4];
    char c = 0;

    EXPECT(chan_pair(fd) == 0);
    for (int i = 0; i < 4; i++) {
        EXPECT(pipe(pipes[i]) == 0);
        four[i] = pipes[i][1];
    }
    EXPECT(chan_send(fd[0], 1, NULL, four, 4) == 0);
    EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == 1 && m.n_fds == 4);
    for (int i = 0; i < 4; i++) {
        EXPECT(fcntl(m.fds[i], F_GETFD) & FD_CLOEXEC);
        EXPECT(write(m.fds[i], &"abcd"[i], 1) == 1);
        EXPECT(read(pipes[i][0], &c, 1) == 1 && c == "abcd"[i]);
        EXPECT(close(pipes[i][1]) == 0); /* the sender's own copy is still open */
        close(pipes[i][0]);
    }
    chan_msg_close_fds(&m);
    EXPECT(fcntl(m.fds[0], F_GETFD) < 0 && m.n_fds == 0);
    close_pair(fd);
}

TEST("a descriptor that was taken is the taker's; the rest are closed")
{
    int fd[2], two[2] = {0, 1}, before, mine;
    struct chan_msg m;

    EXPECT(chan_pair(fd) == 0);
    before = open_fds();
    EXPECT(chan_send(fd[0], 1, NULL, two, 2) == 0);
    EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == 1 && m.n_fds == 2);
    mine = chan_msg_take_fd(&m, 1);
    EXPECT(mine >= 0 && chan_msg_take_fd(&m, 1) == -1 && chan_msg_take_fd(&m, 2) == -1);
    chan_msg_close_fds(&m);
    EXPECT(open_fds() == before + 1);
    EXPECT(close(mine) == 0);
    close_pair(fd);
}

TEST("a message with a fifth descriptor is refused and every one of them closed")
{
    static const uint8_t head[CHAN_HEADER] = {CHAN_VERSION, 1};
    int fd[2], before, many[16] = {0};
    struct chan_msg m;

    EXPECT(chan_pair(fd) == 0);
    before = open_fds();
    for (size_t n = 5; n <= 16; n++) {
        send_raw(fd[0], head, sizeof head, many, n);
        EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == -EPROTO && m.n_fds == 0);
        EXPECT(open_fds() == before);
    }
    close_pair(fd);
}

TEST("descriptors of a message that breaks the rules are closed")
{
    static const uint8_t wrong[CHAN_HEADER] = {CHAN_VERSION + 1, 1};
    int fd[2], before, one = 0;
    struct chan_msg m;

    EXPECT(chan_pair(fd) == 0);
    before = open_fds();
    send_raw(fd[0], wrong, sizeof wrong, &one, 1);
    EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == -EPROTO && open_fds() == before);
    close_pair(fd);
}

TEST("control data that is no descriptor is refused, and a descriptor beside it closed")
{
    int fd[2], before, zero = 0, on = 1;
    struct chan_msg m;

    EXPECT(chan_pair(fd) == 0);
    EXPECT(setsockopt(fd[1], SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == 0);
    before = open_fds();
    EXPECT(chan_send(fd[0], 1, NULL, &zero, 1) == 0);
    EXPECT(chan_recv(fd[1], mem, sizeof mem, &m) == -EPROTO && m.n_fds == 0);
    EXPECT(open_fds() == before);
    close_pair(fd);
}

TEST("a pair that can not be made leaves its place as it was")
{
    int fd[2] = {-7, -7}, next = dup(0);
    struct rlimit before, none;

    close(next);
    EXPECT(getrlimit(RLIMIT_NOFILE, &before) == 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)next, .rlim_max = before.rlim_max};
    EXPECT(setrlimit(RLIMIT_NOFILE, &none) == 0);
    EXPECT(chan_pair(fd) == -EMFILE && fd[0] == -7 && fd[1] == -7);
    EXPECT(setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST("what is no socket is an error, not a peer that is gone")
{
    int pipes[2];
    struct chan_msg m;

    EXPECT(pipe(pipes) == 0);
    EXPECT(chan_recv(pipes[0], mem, sizeof mem, &m) == -ENOTSOCK);
    EXPECT(chan_send(pipes[1], 1, NULL, NULL, 0) == -ENOTSOCK);
    EXPECT(chan_recv(-1, mem, sizeof mem, &m) == -EBADF);
    close_pair(pipes);
}

int main(void)
{
    return test_run();
}
