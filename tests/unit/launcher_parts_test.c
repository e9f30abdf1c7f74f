/* launcher: do its small parts (arguments, files, state directory, outbox, notices) keep their
 * word? */
#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/log.h"
#include "dataplane/wire/chan.h"
#include "mgmt/launcher/args.h"
#include "mgmt/launcher/files.h"
#include "mgmt/launcher/listeners.h"
#include "mgmt/launcher/notify.h"
#include "mgmt/launcher/outbox.h"
#include "mgmt/launcher/statedir.h"

/* A fresh directory below /tmp; the test removes it. */
static const char *scratch(void)
{
    static char path[64];

    snprintf(path, sizeof(path), "/tmp/penstock-test-XXXXXX");
    EXPECT(mkdtemp(path) != NULL);
    return path;
}

static void remove_all(const char *path)
{
    char command[128];

    snprintf(command, sizeof(command), "rm -rf %s", path);
    EXPECT(system(command) == 0);
}

static const char *in(const char *dir, const char *name)
{
    static char path[4][256];
    static unsigned turn;
    char *p = path[turn++ % 4];

    snprintf(p, 256, "%s/%s", dir, name);
    return p;
}

static void write_file(const char *path, const char *text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    EXPECT(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    EXPECT(fchmod(fd, mode) == 0);
    close(fd);
}

static int parse(struct args *a, char *error, const char *const *words)
{
    char *argv[12] = {NULL};
    int argc = 0, rc;

    argv[argc++] = strdup("penstockd");
    for (; *words; words++)
        argv[argc++] = strdup(*words);
    rc = args_parse(a, argc, argv, error, 256);
    for (int i = 0; i < argc; i++)
        free(argv[i]);
    return rc;
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__, NULL})

TEST("the command line is read in both spellings, and the programs are looked for beside our own")
{
    static struct args a;
    char error[256];

    EXPECT(parse(&a, error, WORDS("--config", "a.json", "--state=/s", "--workers", "3")) == 0);
    EXPECT(a.action == ARGS_RUN && a.workers == 3);
    EXPECT(!strcmp(a.config, "a.json") && !strcmp(a.state, "/s") && !a.appliance[0]);
    EXPECT(parse(&a, error, WORDS("--config=a", "--state=b", "--appliance=/run/s")) == 0);
    EXPECT(!strcmp(a.appliance, "/run/s"));
    EXPECT(access(in(a.programs, "launcher_parts"), X_OK) == 0);
    EXPECT(parse(&a, error, WORDS("--help")) == 0 && a.action == ARGS_HELP);
    EXPECT(parse(&a, error, WORDS("--version")) == 0 && a.action == ARGS_VERSION);
}

TEST("without --workers there is one for each processor of the affinity mask")
{
    static struct args a;
    char error[256];
    cpu_set_t set;

    CPU_ZERO(&set);
    EXPECT(sched_getaffinity(0, sizeof(set), &set) == 0);
    EXPECT(parse(&a, error, WORDS("--config=a", "--state=b")) == 0);
    EXPECT(a.workers == (unsigned)(CPU_COUNT(&set) > WORKERS_MAX ? WORKERS_MAX : CPU_COUNT(&set)));
}

TEST("a bad command line is refused in one line that names what is wrong")
{
    static const struct {
        const char *words[6], *says;
    } rows[] = {
        {{"--conf=a"}, "--conf=a"},
        {{"--config"}, "--config wants a value"},
        {{"--help=yes"}, "--help=yes"},
        {{"stray"}, "stray"},
        {{"--config=a"}, "--state DIR is missing"},
        {{"--state=a"}, "--config FILE is missing"},
        {{"--config=", "--state=a"}, "--config wants a path"},
        {{"--config=a", "--state=b", "--appliance="}, "--appliance wants a path of 1 to 99"},
        {{"--config=a", "--state=b", "--workers=0"}, "1 to 64"},
        {{"--config=a", "--state=b", "--workers=65"}, "1 to 64"},
        {{"--config=a", "--state=b", "--workers=-1"}, "1 to 64"},
        {{"--config=a", "--state=b", "--workers=2x"}, "1 to 64"},
        {{"--config=a", "--state=b", "--rekey-records=0"}, "1 to 16777216"},
        {{"--config=a", "--state=b", "--rekey-records=16777217"}, "1 to 16777216"},
        {{"--config=a", "--state=b", "--workers="}, "1 to 64"},
        {{"--config=a", "--state=b", "--workers=18446744073709551617"}, "1 to 64"},
    };
    static struct args a;

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char error[256] = "";

        EXPECT(parse(&a, error, rows[i].words) == -EINVAL);
        EXPECT(strstr(error, rows[i].says) != NULL);
        EXPECT(!strchr(error, '\n'));
    }
}

/* Serve an OPEN; the descriptor or -errno. */
static int open_for(struct files *f, uint8_t kind, uint32_t token, const char *path)
{
    struct control_open m = {.token = token, .kind = kind};
    int fd = -1, rc;

    snprintf(m.path, sizeof(m.path), "%s", path);
    rc = files_open(f, &m, &fd);
    return rc ? rc : fd;
}

static bool holds(int fd, const char *text)
{
    char mem[256] = "";

    return pread(fd, mem, sizeof(mem) - 1, 0) == (ssize_t)strlen(text) && !strcmp(mem, text);
}

TEST("files are opened relative to the configuration's directory, or where an absolute path leads")
{
    const char *dir = scratch();
    struct files f;
    int text, fd;

    files_init(&f);
    EXPECT(open_for(&f, OPEN_CERTIFICATE, 1, "a.pem") == -EINVAL);
    write_file(in(dir, "c.json"), "{}", 0600);
    write_file(in(dir, "a.pem"), "certificate", 0644);
    text = files_read_config(&f, in(dir, "c.json"));
    EXPECT(text >= 0 && holds(text, "{}"));
    close(text);
    fd = open_for(&f, OPEN_CERTIFICATE, 1, "a.pem");
    EXPECT(fd >= 0 && holds(fd, "certificate"));
    EXPECT(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    EXPECT((fcntl(fd, F_GETFL) & O_ACCMODE) == O_RDONLY);
    close(fd);
    fd = open_for(&f, OPEN_CRL, 1, in(dir, "a.pem"));
    EXPECT(fd >= 0 && holds(fd, "certificate"));
    close(fd);
    EXPECT(open_for(&f, OPEN_CERTIFICATE, 1, "none.pem") == -ENOENT);
    EXPECT(open_for(&f, OPEN_CERTIFICATE, 1, "") == -EINVAL);
    EXPECT(open_for(&f, 9, 1, "a.pem") == -EINVAL);
    files_fini(&f);
    remove_all(dir);
}

TEST("directories, pipes, devices and files above their kind's bound are not opened")
{
    static const struct {
        uint8_t kind;
        off_t max;
    } rows[] = {{OPEN_CERTIFICATE, FILES_CERTIFICATE_MAX}, {OPEN_CRL, FILES_CRL_MAX}};
    const char *dir = scratch();
    struct files f;

    files_init(&f);
    write_file(in(dir, "c.json"), "{}", 0600);
    close(files_read_config(&f, in(dir, "c.json")));
    EXPECT(mkdir(in(dir, "d"), 0700) == 0);
    EXPECT(mkfifo(in(dir, "p"), 0600) == 0);
    EXPECT(open_for(&f, OPEN_CERTIFICATE, 1, "d") == -EISDIR);
    EXPECT(open_for(&f, OPEN_CERTIFICATE, 1, "p") == -EINVAL);
    EXPECT(open_for(&f, OPEN_KEY, 1, "p") == -EINVAL);
    EXPECT(open_for(&f, OPEN_CRL, 1, "/dev/zero") == -EINVAL);
    write_file(in(dir, "big"), "", 0600);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        int fd;

        EXPECT(truncate(in(dir, "big"), rows[i].max) == 0);
        fd = open_for(&f, rows[i].kind, 1, "big");
        EXPECT(fd >= 0);
        close(fd);
        EXPECT(truncate(in(dir, "big"), rows[i].max + 1) == 0);
        EXPECT(open_for(&f, rows[i].kind, 1, "big") == -EFBIG);
    }
    EXPECT(truncate(in(dir, "big"), FILES_KEY_MAX) == 0);
    EXPECT(open_for(&f, OPEN_KEY, 1, "big") == -1);
    EXPECT(truncate(in(dir, "big"), FILES_KEY_MAX + 1) == 0);
    EXPECT(open_for(&f, OPEN_KEY, 1, "big") == -EFBIG);
    EXPECT(truncate(in(dir, "big"), FILES_CONFIG_MAX + 1) == 0);
    EXPECT(files_read_config(&f, in(dir, "big")) == -EFBIG);
    EXPECT(files_read_config(&f, in(dir, "d")) == -EISDIR);
    EXPECT(files_read_config(&f, in(dir, "none")) == -ENOENT);
    files_fini(&f);
    remove_all(dir);
}

TEST("a key is kept as a sealed copy under its token, and no descriptor of it goes to mgmt")
{
    const char *dir = scratch();
    struct files f;
    int fd;

    files_init(&f);
    write_file(in(dir, "c.json"), "{}", 0600);
    close(files_read_config(&f, in(dir, "c.json")));
    write_file(in(dir, "gw.key"), "first", 0600);
    EXPECT(open_for(&f, OPEN_KEY, 7, "gw.key") == -1);
    write_file(in(dir, "gw.key"), "second", 0600);
    fd = files_key(&f, 7, 1);
    EXPECT(holds(fd, "first"));
    EXPECT(fcntl(fd, F_GET_SEALS) == (F_SEAL_SEAL | F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK));
    EXPECT(open_for(&f, OPEN_KEY, 7, "gw.key") == -1);
    EXPECT(holds(files_key(&f, 7, 1), "second"));
    EXPECT(files_key(&f, 8, 1) == -ENOENT);
    files_fini(&f);
    remove_all(dir);
}

TEST("a token stays good while its revision runs, and goes with a refused or replaced one")
{
    const char *dir = scratch();
    struct files f;

    files_init(&f);
    write_file(in(dir, "k"), "key", 0600);
    close(files_read_config(&f, in(dir, "k")));
    EXPECT(open_for(&f, OPEN_KEY, 1, "k") == -1);
    EXPECT(open_for(&f, OPEN_KEY, 2, "k") == -1);
    EXPECT(files_key(&f, 1, 10) >= 0);
    files_applied(&f, 10);
    EXPECT(files_key(&f, 2, 11) == -ENOENT);
    EXPECT(open_for(&f, OPEN_KEY, 3, "k") == -1);
    EXPECT(files_key(&f, 1, 11) >= 0 && files_key(&f, 3, 11) >= 0);
    files_refused(&f);
    EXPECT(files_key(&f, 1, 12) >= 0);
    EXPECT(files_key(&f, 3, 12) == -ENOENT);
    EXPECT(open_for(&f, OPEN_KEY, 4, "k") == -1);
    EXPECT(files_key(&f, 4, 13) >= 0);
    files_applied(&f, 13);
    EXPECT(files_key(&f, 1, 14) == -ENOENT);
    files_forget(&f);
    EXPECT(files_key(&f, 4, 14) == -ENOENT);
    files_fini(&f);
    remove_all(dir);
}

TEST("the state directory is made with its parents, for its owner only")
{
    const char *dir = scratch();
    struct statedir s;
    struct stat st;
    struct err e;

    EXPECT(statedir_open(&s, in(dir, "a/b/c"), &e) == 0);
    EXPECT(stat(in(dir, "a/b/c"), &st) == 0 && (st.st_mode & 07777) == 0700);
    EXPECT(stat(in(dir, "a/b/c/penstock.sock"), &st) == 0);
    EXPECT(S_ISSOCK(st.st_mode) && (st.st_mode & 07777) == 0600);
    statedir_close(&s);
    EXPECT(stat(in(dir, "a/b/c/penstock.sock"), &st) != 0);
    remove_all(dir);
}

TEST("a second daemon on the same directory is told so, and the first keeps its socket")
{
    const char *dir = scratch();
    struct statedir first, second;
    struct stat st;
    struct err e;

    EXPECT(statedir_open(&first, dir, &e) == 0);
    EXPECT(statedir_open(&second, dir, &e) == -EBUSY);
    EXPECT(strstr(e.what, "another penstockd") != NULL && !strcmp(e.where, dir));
    EXPECT(stat(in(dir, "penstock.sock"), &st) == 0);
    statedir_close(&first);
    EXPECT(statedir_open(&second, dir, &e) == 0);
    statedir_close(&second);
    remove_all(dir);
}

TEST("a stale socket is replaced, and a path too long for a socket address works too")
{
    const char *dir = scratch();
    char deep[200], path[256];
    struct statedir s;
    struct stat st;
    struct err e;

    snprintf(deep, sizeof(deep), "%s/%0100d", dir, 1);
    EXPECT(mkdir(deep, 0700) == 0);
    snprintf(path, sizeof(path), "%s/penstock.sock", deep);
    write_file(path, "stale", 0644);
    EXPECT(statedir_open(&s, deep, &e) == 0);
    EXPECT(stat(path, &st) == 0 && S_ISSOCK(st.st_mode));
    statedir_close(&s);
    remove_all(dir);
}

TEST("a state directory that everybody may write to, or that is a file, is refused")
{
    const char *dir = scratch();
    struct statedir s;
    struct err e;

    EXPECT(chmod(dir, 0777) == 0);
    EXPECT(statedir_open(&s, dir, &e) == -EPERM);
    EXPECT(chmod(dir, 0700) == 0);
    write_file(in(dir, "f"), "", 0600);
    EXPECT(statedir_open(&s, in(dir, "f"), &e) < 0);
    remove_all(dir);
}

TEST("what does not fit is queued in order with its descriptor, and sent when there is room")
{
    uint8_t mem[4], in_mem[64];
    struct outbox o;
    struct chan_msg m;
    unsigned sent = 0, got = 0, with_fd = 0;
    int pair[2];
    struct buf b;

    outbox_init(&o);
    EXPECT(chan_pair(pair) == 0);
    while (outbox_empty(&o) || o.n < 50) {
        buf_init(&b, mem, sizeof(mem));
        buf_put_u32(&b, sent++);
        if (outbox_send(&o, pair[0], 1, &b, STDIN_FILENO)) {
            EXPECT(!"sent or queued");
            break;
        }
    }
    while (chan_recv(pair[1], in_mem, sizeof(in_mem), &m) == 1) {
        int rc = outbox_flush(&o, pair[0]);

        EXPECT(rc == 0 || rc == -EAGAIN);
        EXPECT(buf_get_u32(&m.body) == got++);
        with_fd += m.n_fds == 1;
        chan_msg_close_fds(&m);
    }
    EXPECT(got == sent && with_fd == sent);
    EXPECT(outbox_empty(&o) && o.n == 0);
    close(pair[0]);
    close(pair[1]);
}

TEST("an outbox is bounded, and is emptied when its child is gone")
{
    struct outbox o;
    int pair[2], rc = 0;

    outbox_init(&o);
    EXPECT(chan_pair(pair) == 0);
    for (unsigned i = 0; i < 2 * OUTBOX_MAX && !rc; i++)
        rc = outbox_send(&o, pair[0], 1, NULL, -1);
    EXPECT(rc == -ENOBUFS && o.n == OUTBOX_MAX);
    outbox_fini(&o);
    EXPECT(outbox_empty(&o) && o.n == 0);
    close(pair[0]);
    close(pair[1]);
}

static int open_one(struct listeners *out, const char *text, const struct listeners *old,
                    unsigned workers, struct err *e)
{
    uint16_t link_index = 0;
    struct policy_link link = {.name = "in"};
    struct policy_listener l = {.n_links = 1, .links = &link_index};
    struct policy p = {.n_listeners = 1, .listeners = &l, .n_links = 1, .links = &link};

    EXPECT(addr_parse(&l.addr, text) == 0);
    return listeners_open(out, &p, old, workers, e);
}

TEST("each worker has its own listening socket on one port, non-blocking, IPv6 for IPv6 only")
{
    struct listeners l;
    struct err e;

    for (int v6 = 0; v6 < 2; v6++) {
        in_port_t port = 0;

        if (open_one(&l, v6 ? "[::1]:0" : "127.0.0.1:0", NULL, 3, &e)) {
            EXPECT(v6); /* a machine without IPv6 */
            continue;
        }
        for (unsigned w = 0; w < 3; w++) {
            struct addr a = {.len = sizeof(a.in6)};
            int listens = 0, v6only = 0;
            socklen_t n = sizeof(int);

            EXPECT(getsockname(l.fds[w], &a.sa, &a.len) == 0);
            EXPECT(!port || port == addr_port(&a));
            port = addr_port(&a);
            EXPECT(!getsockopt(l.fds[w], SOL_SOCKET, SO_ACCEPTCONN, &listens, &n) && listens);
            EXPECT(fcntl(l.fds[w], F_GETFL) & O_NONBLOCK);
            if (v6)
                EXPECT(!getsockopt(l.fds[w], IPPROTO_IPV6, IPV6_V6ONLY, &v6only, &n) && v6only);
        }
        listeners_close(&l);
    }
}

TEST("an address that is not ours to have is refused with a way out, and leaves nothing open")
{
    struct listeners l = {0};
    struct err e;
    int before = dup(0), after;

    close(before);
    EXPECT(open_one(&l, "192.0.2.1:0", NULL, 2, &e) == -EADDRNOTAVAIL);
    EXPECT(!strcmp(e.where, "/links/in/listen/address") && strstr(e.fix, "address of this host"));
    EXPECT(open_one(&l, "unix:/run/x", NULL, 2, &e) == -EAFNOSUPPORT);
    EXPECT(strstr(e.fix, "TCP") != NULL);
    EXPECT(l.n == 0 && !l.fds);
    after = dup(0);
    close(after);
    EXPECT(before == after);
}

TEST("a port moves from one address to all addresses while the old socket still listens")
{
    struct listeners narrow, wide;
    struct addr a = {.len = sizeof(a.in4)};
    char text[32];
    struct err e;

    EXPECT(open_one(&narrow, "127.0.0.1:0", NULL, 2, &e) == 0);
    EXPECT(getsockname(narrow.fds[0], &a.sa, &a.len) == 0);
    narrow.addrs[0] = a;
    snprintf(text, sizeof(text), "0.0.0.0:%u", addr_port(&a));
    EXPECT(open_one(&wide, text, NULL, 2, &e) == -EADDRINUSE);
    EXPECT(open_one(&wide, text, &narrow, 2, &e) == 0);
    listeners_close(&wide);
    listeners_close(&narrow);
}

TEST("the service manager is told by pathname and by abstract name, and by no other")
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    const char *dir = scratch();
    char text[128] = "", name[64];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    snprintf(un.sun_path, sizeof(un.sun_path), "%s/notify", dir);
    EXPECT(bind(fd, (struct sockaddr *)&un, sizeof(un)) == 0);
    notify_send(un.sun_path, NOTIFY_READY);
    EXPECT(recv(fd, text, sizeof(text) - 1, 0) > 0 && !strncmp(text, "READY=1\n", 8));
    notify_send(un.sun_path, NOTIFY_STOPPING);
    EXPECT(recv(fd, text, sizeof(text) - 1, 0) > 0 && !strncmp(text, "STOPPING=1\n", 11));
    notify_send("relative", NOTIFY_READY);
    notify_send(NULL, NOTIFY_READY);
    EXPECT(recv(fd, text, sizeof(text), 0) < 0);
    close(fd);
    snprintf(name, sizeof(name), "@penstock-test-%d", (int)getpid());
    memset(un.sun_path, 0, sizeof(un.sun_path));
    memcpy(un.sun_path + 1, name + 1, strlen(name) - 1);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    EXPECT(bind(fd, (struct sockaddr *)&un,
                (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))) == 0);
    notify_send(name, NOTIFY_RELOADING);
    EXPECT(recv(fd, text, sizeof(text) - 1, 0) > 0 && strstr(text, "MONOTONIC_USEC=") != NULL);
    close(fd);
    remove_all(dir);
}

int main(void)
{
    log_init("test", LOG_ERROR);
    return test_run();
}
