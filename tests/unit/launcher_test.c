/* launcher: does the whole loop start, apply, heal and end a gateway of (stand-in) processes? */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "mgmt/launcher/launcher.h"
#include "tests/unit/launcher_fakes.h"

#define WAIT_MS 20000
#define WORKERS 2

static const char *const programs[] = {"penstock-dataplane", "penstock-handshake",
                                       "penstock-keyring", "penstock-mgmt"};
static const char *const children[] = {"keyring",     "judge",     "handshake.0",
                                       "handshake.1", "dataplane", "mgmt"};

struct daemon {
    struct args args;
    char dir[64];
    pid_t pid;
    int log; /* what it and its children print */
    char text[65536];
    size_t n, seen; /* bytes read; bytes up to here were looked at */
    uint16_t port;
};

/* A port that was free a moment ago. */
static uint16_t free_port(void)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    socklen_t len = sizeof(in4);

    EXPECT(bind(fd, (struct sockaddr *)&in4, len) == 0);
    EXPECT(getsockname(fd, (struct sockaddr *)&in4, &len) == 0);
    close(fd);
    return ntohs(in4.sin_port);
}

static void configure(struct daemon *d, const char *more)
{
    FILE *f = fopen(d->args.config, "w");

    EXPECT(f != NULL);
    fprintf(f, "listen=127.0.0.1:%u\n%s", d->port, more);
    fclose(f);
}

static void set_up(struct daemon *d)
{
    char self[256], path[128];
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    memset(d, 0, sizeof(*d));
    self[n > 0 ? n : 0] = '\0';
    snprintf(d->dir, sizeof(d->dir), "/tmp/penstock-test-XXXXXX");
    EXPECT(mkdtemp(d->dir) != NULL);
    for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
        snprintf(path, sizeof(path), "%s/%s", d->dir, programs[i]);
        EXPECT(symlink(self, path) == 0);
    }
    d->args.workers = WORKERS;
    snprintf(d->args.programs, sizeof(d->args.programs), "%s", d->dir);
    snprintf(d->args.config, sizeof(d->args.config), "%s/c.json", d->dir);
    snprintf(d->args.state, sizeof(d->args.state), "%s/state", d->dir);
    d->port = free_port();
}

static void launch(struct daemon *d)
{
    int pair[2];

    fflush(stdout); /* what is buffered would be printed twice */
    EXPECT(pipe2(pair, O_CLOEXEC) == 0);
    d->pid = fork();
    if (!d->pid) {
        dup2(pair[1], STDERR_FILENO);
        close(pair[0]);
        close(pair[1]);
        log_init("launcher", LOG_INFO);
        _exit(launcher_run(&d->args));
    }
    close(pair[1]);
    d->log = pair[0];
}

static bool read_more(struct daemon *d, uint64_t until_ms)
{
    struct pollfd p = {.fd = d->log, .events = POLLIN};
    uint64_t now = clock_mono_ms();
    ssize_t n;

    if (now >= until_ms || poll(&p, 1, (int)(until_ms - now)) != 1)
        return false;
    n = read(d->log, d->text + d->n, sizeof(d->text) - 1 - d->n);
    if (n <= 0)
        return false;
    d->n += (size_t)n;
    d->text[d->n] = '\0';
    return true;
}

/* Wait for a whole line with `part` in it, after those that were waited for. The line, or NULL. */
static const char *wait_line(struct daemon *d, const char *part)
{
    uint64_t until_ms = clock_mono_ms() + WAIT_MS;
    static char line[4200];

    for (;;) {
        char *start = d->text + d->seen, *end;

        while ((end = strchr(start, '\n'))) {
            snprintf(line, sizeof(line), "%.*s", (int)(end - start), start);
            start = end + 1;
            d->seen = (size_t)(start - d->text);
            if (strstr(line, part))
                return line;
        }
        if (!read_more(d, until_ms)) {
            printf("    waited for \"%s\" in:\n%s\n", part, d->text);
            return NULL;
        }
    }
}

/* The pid of the newest process with this name. */
static pid_t pid_of(struct daemon *d, const char *name)
{
    char part[96];
    const char *at = d->text;
    pid_t pid = 0;

    snprintf(part, sizeof(part), "event=child_started process=%s pid=", name);
    while ((at = strstr(at, part))) {
        at += strlen(part);
        pid = atoi(at);
    }
    return pid;
}

/* What answers at our port: the revision, -1 if nothing does. */
static int ask(struct daemon *d, pid_t *pid)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET,
                              .sin_port = htons(d->port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), revision = -1, who = 0;
    struct timeval limit = {.tv_sec = WAIT_MS / 1000};
    char line[64] = "";

    EXPECT(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) == 0);
    if (connect(fd, (struct sockaddr *)&in4, sizeof(in4)) == 0 &&
        recv(fd, line, sizeof(line) - 1, MSG_WAITALL) > 0)
        sscanf(line, "revision %d pid %d", &revision, &who);
    close(fd);
    if (pid)
        *pid = who;
    return revision;
}

/* End it, and return its exit status; -1 if it had to be killed. */
static int reap(struct daemon *d)
{
    uint64_t until_ms = clock_mono_ms() + WAIT_MS;
    int status = -1;

    while (read_more(d, until_ms))
        ;
    if (clock_mono_ms() >= until_ms)
        kill(d->pid, SIGKILL);
    EXPECT(waitpid(d->pid, &status, 0) == d->pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void tear_down(struct daemon *d)
{
    char command[128];

    close(d->log);
    snprintf(command, sizeof(command), "rm -rf %s", d->dir);
    EXPECT(system(command) == 0);
}

static void start(struct daemon *d, const char *more)
{
    const char *line;

    set_up(d);
    configure(d, more);
    launch(d);
    line = wait_line(d, "penstock ready");
    EXPECT(line && !strcmp(line, "penstock ready revision=1"));
}

static void stop(struct daemon *d)
{
    kill(d->pid, SIGTERM);
    EXPECT(reap(d) == 0);
    tear_down(d);
}

TEST("a gateway says that it is ready when it answers, and ends with 0 on SIGTERM and on SIGINT")
{
    static const int signals[] = {SIGTERM, SIGINT};
    static struct daemon d;

    for (size_t i = 0; i < 2; i++) {
        start(&d, "drain=700\n");
        EXPECT(ask(&d, NULL) == 1);
        kill(d.pid, signals[i]);
        EXPECT(wait_line(&d, "event=draining ms=700") != NULL);
        EXPECT(reap(&d) == 0);
        EXPECT(ask(&d, NULL) == -1);
        tear_down(&d);
    }
}

TEST("each killed process is replaced alone, with the revision that runs")
{
    static struct daemon d;

    start(&d, "");
    for (size_t i = 0; i < ARRAY_LEN(children); i++) {
        pid_t before[ARRAY_LEN(children)];
        char part[64];

        for (size_t j = 0; j < ARRAY_LEN(children); j++)
            before[j] = pid_of(&d, children[j]);
        EXPECT(before[i] > 0 && kill(before[i], SIGKILL) == 0);
        snprintf(part, sizeof(part), "event=child_died process=%s", children[i]);
        EXPECT(wait_line(&d, part) != NULL);
        snprintf(part, sizeof(part), "event=child_serves process=%s", children[i]);
        EXPECT(wait_line(&d, !strcmp(children[i], "mgmt") ? "resume=yes" : part) != NULL);
        for (size_t j = 0; j < ARRAY_LEN(children); j++)
            EXPECT((pid_of(&d, children[j]) == before[j]) == (i != j));
        EXPECT(ask(&d, NULL) == 1);
    }
    stop(&d);
}

TEST("connections that come while the data plane is away wait, and the next one serves them")
{
    pid_t first, second, who;
    static struct daemon d;

    start(&d, "");
    first = pid_of(&d, "dataplane");
    EXPECT(ask(&d, &who) == 1 && who == first);
    EXPECT(kill(first, SIGKILL) == 0);
    for (int i = 0; i < 20; i++)
        EXPECT(ask(&d, &who) == 1);
    EXPECT(wait_line(&d, "event=child_serves process=dataplane") != NULL);
    second = pid_of(&d, "dataplane");
    EXPECT(ask(&d, &who) == 1 && who == second && second != first);
    stop(&d);
}

TEST("SIGHUP applies the file as the next revision in the same processes")
{
    static struct daemon d;
    pid_t before;

    start(&d, "");
    before = pid_of(&d, "dataplane");
    configure(&d, "drain=50\n");
    kill(d.pid, SIGHUP);
    EXPECT(wait_line(&d, "event=revision_applied revision=2") != NULL);
    EXPECT(ask(&d, NULL) == 2);
    EXPECT(pid_of(&d, "dataplane") == before);
    stop(&d);
}

TEST("SIGHUP moves the gateway to another port")
{
    static struct daemon d;
    uint16_t old;

    start(&d, "");
    old = d.port;
    d.port = free_port();
    configure(&d, "");
    kill(d.pid, SIGHUP);
    EXPECT(wait_line(&d, "event=revision_applied revision=2") != NULL);
    EXPECT(ask(&d, NULL) == 2);
    d.port = old;
    EXPECT(ask(&d, NULL) == -1);
    stop(&d);
}

TEST("a bad file changes nothing and the log says why, whoever finds out, and a good one still can")
{
    static const char *const bad[][2] = {
        {"reject=/links/x\n", "/links/x: is not good; write it better"},
        {"refuse=judge\n", "/identities/gw/key: is not good; write it better"},
        {"refuse=keyring\n", "/identities/gw/key: is not good; write it better"},
        {"die=handshake.1\n", "penstock-handshake: the process ended while it prepared"},
    };
    static struct daemon d;

    start(&d, "");
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        const char *line;

        configure(&d, bad[i][0]);
        kill(d.pid, SIGHUP);
        line = wait_line(&d, "event=revision_refused");
        EXPECT(line && strstr(line, bad[i][1]) != NULL);
        EXPECT(ask(&d, NULL) == 1);
    }
    EXPECT(unlink(d.args.config) == 0);
    kill(d.pid, SIGHUP);
    EXPECT(wait_line(&d, "event=revision_refused") != NULL);
    EXPECT(ask(&d, NULL) == 1);
    configure(&d, "");
    kill(d.pid, SIGHUP);
    EXPECT(wait_line(&d, "event=revision_applied") != NULL);
    EXPECT(ask(&d, NULL) > 1);
    stop(&d);
}

/* Start with a bad file: exit status, and the one line that the operator gets. */
static void expect_line(const char *more, int status, const char *part)
{
    static struct daemon d;
    char want[512];

    set_up(&d);
    configure(&d, more);
    launch(&d);
    EXPECT(reap(&d) == status);
    if (status == 2)
        snprintf(want, sizeof(want), "penstockd: %s: %s\n", d.args.config, part);
    else
        snprintf(want, sizeof(want), "penstockd: %s", part);
    EXPECT(strstr(d.text, want) != NULL);
    if (!strstr(d.text, want))
        printf("%s\n", d.text);
    tear_down(&d);
}

TEST("a first file that mgmt rejects ends the start with status 2 and one clear line")
{
    expect_line("reject=/links/x\n", 2, "/links/x: is not good; write it better");
}

TEST("a first file that another process refuses ends the start with status 2 and one clear line")
{
    expect_line("refuse=handshake.1\n", 2, "/identities/gw/key: is not good; write it better");
}

TEST("a process that never comes up ends the start with status 1")
{
    expect_line("die=judge\n", 1, "penstock-handshake: the process does not stay up");
}

TEST("a file that is not there ends the start with status 2, a missing program with 1")
{
    static struct daemon d;
    char path[128];

    set_up(&d);
    launch(&d);
    EXPECT(reap(&d) == 2);
    EXPECT(strstr(d.text, "the configuration can not be read (No such file") != NULL);
    tear_down(&d);
    set_up(&d);
    configure(&d, "");
    snprintf(path, sizeof(path), "%s/penstock-mgmt", d.dir);
    EXPECT(unlink(path) == 0);
    launch(&d);
    EXPECT(reap(&d) == 1);
    EXPECT(strstr(d.text, "penstockd: penstock-mgmt: can not be started") != NULL);
    tear_down(&d);
}

TEST("a second daemon on the same state directory ends with status 1, the first is not disturbed")
{
    static struct daemon first, second;

    start(&first, "");
    second = first;
    second.n = second.seen = 0;
    launch(&second);
    EXPECT(reap(&second) == 1);
    EXPECT(strstr(second.text, "another penstockd uses this state directory") != NULL);
    close(second.log);
    EXPECT(ask(&first, NULL) == 1);
    stop(&first);
}

TEST("a process that breaks the protocol is killed and replaced")
{
    static struct daemon d;

    start(&d, "");
    configure(&d, "rude=handshake.0\n");
    kill(d.pid, SIGHUP);
    EXPECT(wait_line(&d, "event=child_killed process=handshake.0") != NULL);
    EXPECT(wait_line(&d, "event=child_died process=handshake.0") != NULL);
    EXPECT(wait_line(&d, "event=revision_applied revision=2") != NULL);
    EXPECT(ask(&d, NULL) == 2);
    stop(&d);
}

TEST("a data plane that ignores its drain is cut after its time, and at once on a second SIGTERM")
{
    static struct daemon d;
    uint64_t began;

    start(&d, "link=deaf\ndrain=300\n");
    began = clock_mono_ms();
    kill(d.pid, SIGTERM);
    EXPECT(wait_line(&d, "event=drain_overrun") != NULL);
    EXPECT(clock_mono_ms() - began >= 300 + LAUNCHER_CUT_MS);
    EXPECT(reap(&d) == 0);
    tear_down(&d);
    start(&d, "link=deaf\ndrain=60000\n");
    kill(d.pid, SIGTERM);
    EXPECT(wait_line(&d, "event=draining ms=60000") != NULL);
    kill(d.pid, SIGTERM);
    EXPECT(reap(&d) == 0);
    tear_down(&d);
}

int main(int argc, char **argv)
{
    if (!strncmp(argv[0], "penstock-", 9))
        return actor_main(argc, argv);
    log_init("test", LOG_ERROR);
    return test_run();
}
