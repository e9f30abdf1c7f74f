/* sandbox: do the profiles that need sockets or files get those, and nothing beside them? */
#include <arpa/inet.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <liburing.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timerfd.h>

#include "tests/unit/sandbox_run.h"

/* A listening TCP socket on 127.0.0.1; *at gets its address. */
static int listen_on_loopback(struct sockaddr_in *at)
{
    socklen_t len = sizeof(*at);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    *at = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (fd < 0 || bind(fd, (struct sockaddr *)at, sizeof(*at)) < 0 || listen(fd, 8) < 0 ||
        getsockname(fd, (struct sockaddr *)at, &len) < 0)
        return -1;
    return fd;
}

static int tcp_serves(void)
{
    struct sockaddr_in at;
    int lfd = listen_on_loopback(&at), near, far, tube[2], one = 1;
    char text[8] = "";

    WANT(lfd >= 0);
    near = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);
    WANT(near >= 0 && connect(near, (struct sockaddr *)&at, sizeof(at)) == 0);
    far = accept4(lfd, NULL, NULL, SOCK_CLOEXEC);
    WANT(far >= 0 && setsockopt(far, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0);
    WANT(pipe2(tube, O_CLOEXEC) == 0 && fcntl(tube[0], F_SETPIPE_SZ, 65536) >= 65536);
    WANT(send(near, "hello", 5, MSG_NOSIGNAL) == 5);
    WANT(splice(far, NULL, tube[1], NULL, 5, 0) == 5 && read(tube[0], text, 8) == 5);
    WANT(!strcmp(text, "hello"));
    WANT(shutdown(near, SHUT_WR) == 0 && recv(far, text, 8, 0) == 0);
    WANT(socket(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, 0) >= 0 || errno == EAFNOSUPPORT);
    return 0;
}

TEST("the data plane listens, connects and splices over TCP")
{
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, tcp_serves));
}

static int other_sockets_refused(void)
{
    WANT(refused(socket(AF_UNIX, SOCK_STREAM, 0)));
    WANT(refused(socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0)));
    WANT(refused(socket(AF_PACKET, SOCK_RAW, 0)));
    WANT(refused(socket(AF_PACKET, SOCK_STREAM, 0)));
    WANT(refused(socket(AF_NETLINK, SOCK_RAW, 0)));
    WANT(refused(socket(AF_ALG, SOCK_SEQPACKET, 0)));
    WANT(refused(socket(AF_VSOCK, SOCK_STREAM, 0)));
    WANT(refused(socket(AF_INET, SOCK_DGRAM, 0)));
    WANT(refused(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP)));
    WANT(refused(socket(AF_INET, SOCK_STREAM, IPPROTO_SCTP)));
    WANT(refused(socket(AF_INET6, SOCK_DGRAM | SOCK_NONBLOCK, 0)));
    return 0;
}

TEST("the data plane makes no socket but TCP's")
{
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, other_sockets_refused));
}

static int files_and_programs_refused(void)
{
    char *argv[] = {(char[]){"true"}, NULL};

    WANT(refused(open("/etc/passwd", O_RDONLY)));
    WANT(refused(openat(AT_FDCWD, "/dev/null", O_WRONLY)));
    WANT(refused(execve("/bin/true", argv, argv + 1)));
    WANT(refused(fork()));
    WANT(refused(syscall(SYS_clone, CLONE_VM | CLONE_VFORK | SIGCHLD, 0, 0, 0, 0)));
    WANT(refused(memfd_create("x", 0)));
    WANT(refused(prctl(PR_SET_DUMPABLE, 1, 0, 0, 0)));
    WANT(refused(kill(getppid(), 0)));
    WANT(mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED);
    return 0;
}

TEST("the data plane opens no file, runs no program and makes no process")
{
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, files_and_programs_refused));
}

static void *double_it(void *number)
{
    char *memory = malloc(1 << 20); /* an arena of the thread's own */

    if (!memory || prctl(PR_SET_NAME, "worker") < 0)
        return NULL;
    memset(memory, 1, 1 << 20);
    free(memory);
    *(int *)number *= 2;
    return number;
}

static int threads_start(void)
{
    pthread_t thread[4];
    int number[4] = {1, 2, 3, 4};
    pthread_attr_t attr;
    cpu_set_t cpus;

    WANT(sched_getaffinity(0, sizeof(cpus), &cpus) == 0);
    WANT(pthread_attr_init(&attr) == 0);
    WANT(pthread_attr_setaffinity_np(&attr, sizeof(cpus), &cpus) == 0);
    WANT(pthread_attr_setstacksize(&attr, 1 << 20) == 0);
    for (int i = 0; i < 4; i++)
        WANT(pthread_create(&thread[i], i % 2 ? &attr : NULL, double_it, &number[i]) == 0);
    for (int i = 0; i < 4; i++) {
        void *result = NULL;

        WANT(pthread_join(thread[i], &result) == 0 && result == &number[i]);
        WANT(number[i] == 2 * (i + 1));
    }
    return 0;
}

TEST("threads start after the sandbox, where the profile has them")
{
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, threads_start));
    EXPECT(sandbox_passes(SANDBOX_MGMT, threads_start));
}

static void *open_a_file(void *result)
{
    int fd = open("/etc/passwd", O_RDONLY);

    *(int *)result = fd < 0 ? errno : 0;
    return NULL;
}

static int threads_inherit(void)
{
    pthread_t thread;
    int result = 0;

    WANT(pthread_create(&thread, NULL, open_a_file, &result) == 0);
    WANT(pthread_join(thread, NULL) == 0 && result == EPERM);
    return 0;
}

TEST("a thread started inside a sandbox is inside it too")
{
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, threads_inherit));
}

/* The result of one operation on a small ring, or -1000 if the ring itself fails. */
static int ring_result(void (*prepare)(struct io_uring_sqe *sqe))
{
    struct io_uring_cqe *cqe;
    struct io_uring ring;
    int result = -1000;

    if (io_uring_queue_init(8, &ring, 0) < 0)
        return -1000;
    prepare(io_uring_get_sqe(&ring));
    if (io_uring_submit(&ring) == 1 && io_uring_wait_cqe(&ring, &cqe) == 0)
        result = cqe->res;
    io_uring_queue_exit(&ring);
    return result;
}

static void prepare_nop(struct io_uring_sqe *sqe)
{
    io_uring_prep_nop(sqe);
}

static void prepare_open(struct io_uring_sqe *sqe)
{
    io_uring_prep_openat(sqe, AT_FDCWD, "/etc/passwd", O_RDONLY, 0);
}

static void prepare_unlink(struct io_uring_sqe *sqe)
{
    io_uring_prep_unlinkat(sqe, AT_FDCWD, "/tmp", AT_REMOVEDIR);
}

static int ring_works(void)
{
    WANT(ring_result(prepare_nop) == 0);
    return 0;
}

static int ring_opens_nothing(void)
{
    WANT(ring_result(prepare_open) == -EACCES);
    WANT(ring_result(prepare_unlink) == -EACCES);
    return 0;
}

/* Rings may be switched off by sysctl or by a container's own filter. */
static bool rings_are_off(void)
{
    if (ring_result(prepare_nop) == 0)
        return false;
    printf("    skipped: the kernel has io_uring switched off\n");
    return true;
}

TEST("the data plane has its io_uring")
{
    if (rings_are_off())
        return;
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, ring_works));
}

TEST("a ring, which passes by the filter, still opens no path where the kernel has Landlock")
{
    if (rings_are_off())
        return;
    if (!landlock_abi()) {
        printf("    skipped: this kernel has no Landlock\n");
        return;
    }
    EXPECT(ring_result(prepare_open) >= 0);
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, ring_opens_nothing));
}

static int loop_tools_work(void)
{
    struct itimerspec soon = {.it_value.tv_nsec = 1000};
    int timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    int event = eventfd(0, EFD_CLOEXEC), poll_set = epoll_create1(EPOLL_CLOEXEC);
    struct epoll_event watch = {.events = EPOLLIN}, got;
    uint64_t n;

    WANT(timer >= 0 && event >= 0 && poll_set >= 0);
    WANT(timerfd_settime(timer, 0, &soon, NULL) == 0);
    WANT(read(timer, &n, sizeof(n)) == sizeof(n) && n >= 1);
    WANT(epoll_ctl(poll_set, EPOLL_CTL_ADD, event, &watch) == 0);
    WANT(eventfd_write(event, 1) == 0 && epoll_wait(poll_set, &got, 1, 0) == 1);
    return 0;
}

TEST("timers, events and poll sets work where there are threads to wake")
{
    EXPECT(sandbox_passes(SANDBOX_DATAPLANE, loop_tools_work));
    EXPECT(sandbox_passes(SANDBOX_MGMT, loop_tools_work));
}

static int reads_and_seals(void)
{
    char text[16];
    struct stat st;
    int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC), image;

    WANT(fd >= 0 && read(fd, text, sizeof(text)) > 0);
    WANT(stat("/etc/passwd", &st) == 0 && access("/etc", R_OK) == 0);
    image = memfd_create("image", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    WANT(image >= 0 && ftruncate(image, 4096) == 0 && pwrite(image, "x", 1, 0) == 1);
    WANT(fcntl(image, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK | F_SEAL_GROW) == 0);
    return 0;
}

TEST("management reads files and seals images")
{
    EXPECT(sandbox_passes(SANDBOX_MGMT, reads_and_seals));
}

static char own[] = "/tmp/penstock-sandbox-own-XXXXXX", others[] = "/tmp/penstock-sandbox-oth-XXXXXX";

static int writes_below_only(void)
{
    int dir = open(own, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd;
    char there[64];
    struct err e;

    snprintf(there, sizeof there, "%s/x", others);
    WANT(dir >= 0 && fchdir(dir) == 0 && sandbox_write_below(dir, &e) == 0);
    fd = open("x.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    WANT(fd >= 0 && write(fd, "x", 1) == 1 && fsync(fd) == 0 && rename("x.new", "x") == 0);
    WANT(mkdir("d", 0700) == 0 && rename("x", "d/x") == 0 && unlink("d/x") == 0);
    WANT(open("/etc/passwd", O_RDONLY | O_CLOEXEC) >= 0);
    WANT(open(there, O_WRONLY | O_CREAT, 0600) < 0 && errno == EACCES);
    WANT(open("/dev/null", O_WRONLY) < 0 && errno == EACCES);
    WANT(mkdir(there, 0700) < 0 && errno == EACCES);
    WANT(rename("d", there) < 0 && errno != ENOENT);
    return 0;
}

/* Two directories that both are open to whoever the process becomes. */
TEST("management writes in its own directory and nowhere else")
{
    check(mkdtemp(own) && mkdtemp(others) && chmod(own, 0777) == 0 && chmod(others, 0777) == 0);
    EXPECT(sandbox_passes(SANDBOX_MGMT, writes_below_only));
    check(chdir(own) == 0 && rmdir("d") == 0 && chdir("/") == 0);
    check(rmdir(own) == 0 && rmdir(others) == 0);
}

static int runs_nothing(void)
{
    char *argv[] = {(char[]){"true"}, NULL};

    WANT(refused(execve("/bin/true", argv, argv + 1)));
    WANT(refused(fork()));
    WANT(refused(socket(AF_PACKET, SOCK_RAW, 0)));
    WANT(refused(socket(AF_INET, SOCK_RAW, IPPROTO_TCP)));
    WANT(refused(socket(AF_NETLINK, SOCK_RAW, 9)));
    WANT(refused(syscall(SYS_io_uring_setup, 1, NULL)));
    return 0;
}

TEST("management runs no program and makes no raw socket")
{
    EXPECT(sandbox_passes(SANDBOX_MGMT, runs_nothing));
}

static bool resolves(const char *name)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG}, *found = NULL;
    int rc = getaddrinfo(name, "443", &hints, &found);

    if (!rc)
        freeaddrinfo(found);
    return !rc;
}

static int resolver_works(void)
{
    struct ifaddrs *list = NULL;

    WANT(getifaddrs(&list) == 0 && list != NULL); /* over netlink, as the resolver does */
    freeifaddrs(list);
    WANT(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_UDP) >= 0);
    WANT(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    WANT(resolves("localhost"));
    return 0;
}

TEST("management resolves names")
{
    if (!resolves("localhost")) {
        printf("    skipped: this machine does not know localhost\n");
        return;
    }
    EXPECT(sandbox_passes(SANDBOX_MGMT, resolver_works));
}

int main(void)
{
    return test_run();
}
