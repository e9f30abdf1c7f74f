/* spawn: does a child find exactly what it should, and nothing of its parent? */
#include "dataplane/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/unit/test.h"

#define SELF      "/proc/self/exe" /* the child program is this one again, told so by argv[0] */
#define CHILD     "spawned child"
#define FD_WALK   256
#define ANSWER_MS 10000

/* What a child found, sent over descriptor 3. */
struct found {
    int fds[8]; /* open descriptors, ascending */
    int n_fds;
    int stdin_is_null;
    int variables;
    char path[256], argument[32];
    int odd_signals; /* not at their default */
    int blocked;     /* signals in the mask */
};

static int is_null(int fd)
{
    struct stat st;

    return fstat(fd, &st) == 0 && S_ISCHR(st.st_mode) && st.st_rdev == makedev(1, 3);
}

static void look_at_signals(struct found *f)
{
    sigset_t mask;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    for (int sig = 1; sig < SIGRTMAX; sig++) {
        struct sigaction now;

        f->blocked += sigismember(&mask, sig) == 1;
        /* a sanitizer takes SIGSEGV, SIGBUS and SIGFPE for itself */
        if (sigaction(sig, NULL, &now) == 0 && now.sa_handler == SIG_IGN)
            f->odd_signals++;
    }
}

static int child_main(char **argv)
{
    struct found f = {0};

    for (int fd = 0; fd < FD_WALK; fd++) {
        if (fcntl(fd, F_GETFD) >= 0 && f.n_fds < 8)
            f.fds[f.n_fds++] = fd;
    }
    f.stdin_is_null = is_null(STDIN_FILENO);
    for (char **v = environ; *v; v++)
        f.variables++;
    snprintf(f.path, sizeof(f.path), "%s", getenv("PATH") ? getenv("PATH") : "");
    snprintf(f.argument, sizeof(f.argument), "%s", argv[1] ? argv[1] : "");
    look_at_signals(&f);
    return write(SPAWN_CONTROL_FD, &f, sizeof(f)) == (ssize_t)sizeof(f) ? 7 : 8;
}

/* A pair whose near end is *mine; returns the end for the child. */
static int pair_with(int *mine)
{
    int fds[2] = {-1, -1};

    EXPECT(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
    *mine = fds[0];
    return fds[1];
}

/* Start the child with control and take in its answer; true if it came and the child ended well. */
static bool ask(int control, int mine, struct found *f)
{
    char *argv[] = {(char[]){CHILD}, (char[]){"an argument"}, NULL};
    struct pollfd p = {.fd = mine, .events = POLLIN};
    pid_t pid = spawn_child(SELF, argv, control);
    int status = 0;
    bool told;

    memset(f, 0, sizeof(*f));
    if (pid <= 0)
        return false;
    told = poll(&p, 1, ANSWER_MS) == 1 && read(mine, f, sizeof(*f)) == (ssize_t)sizeof(*f);
    if (!told)
        kill(pid, SIGKILL);
    return waitpid(pid, &status, 0) == pid && told && WIFEXITED(status) && WEXITSTATUS(status) == 7;
}

static bool has_only_its_four(const struct found *f)
{
    return f->n_fds == 4 && f->fds[0] == 0 && f->fds[1] == 1 && f->fds[2] == 2 && f->fds[3] == 3;
}

TEST("a child has its control channel as 3, the three standard ones, and nothing else")
{
    int mine, control = pair_with(&mine), leak = open("/dev/zero", O_RDONLY), far = dup2(leak, 200);
    struct found f;

    EXPECT(leak >= 0 && far == 200);
    EXPECT(ask(control, mine, &f));
    EXPECT(has_only_its_four(&f));
    EXPECT(f.stdin_is_null);
    EXPECT(fcntl(control, F_GETFD) == FD_CLOEXEC); /* still the caller's, as it was */
    close(leak);
    close(far);
    close(control);
    close(mine);
}

TEST("a child has its arguments, a PATH and no other variable")
{
    int mine, control = pair_with(&mine);
    struct found f;

    setenv("PENSTOCK_SECRET", "x", 1);
    EXPECT(ask(control, mine, &f));
    EXPECT(f.variables == 1 && strstr(f.path, "/usr/bin") && !strcmp(f.argument, "an argument"));
    close(control);
    close(mine);
}

TEST("signals that the parent ignores or blocks are default and open in the child")
{
    int mine, control = pair_with(&mine);
    sigset_t some, before, after;
    struct found f;

    signal(SIGPIPE, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    sigemptyset(&some);
    sigaddset(&some, SIGTERM);
    sigprocmask(SIG_BLOCK, &some, &before);
    EXPECT(ask(control, mine, &f));
    EXPECT(f.odd_signals == 0 && f.blocked == 0);
    sigprocmask(SIG_SETMASK, NULL, &after);
    EXPECT(sigismember(&after, SIGTERM) == 1 && sigismember(&after, SIGUSR1) == 0);
    sigprocmask(SIG_SETMASK, &before, NULL);
    signal(SIGPIPE, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    close(control);
    close(mine);
}

TEST("the channel arrives whatever number it has in the parent")
{
    static const int numbers[] = {3, 4, 5, 15, 16, 17, 100};
    int mine, control = pair_with(&mine), high = fcntl(mine, F_DUPFD_CLOEXEC, 120);
    int keep = fcntl(control, F_DUPFD_CLOEXEC, 130);
    struct found f;

    close(control);
    close(mine);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        EXPECT(fcntl(numbers[i], F_GETFD) < 0); /* nothing of the test's own is overwritten */
        EXPECT(dup3(keep, numbers[i], O_CLOEXEC) == numbers[i]);
        EXPECT(ask(numbers[i], high, &f));
        EXPECT(has_only_its_four(&f));
        close(numbers[i]);
    }
    close(keep);
    close(high);
}

/* In a process of its own: how a child fares when the parent has none of the standard three. */
static int spawn_without_standard(void)
{
    int mine, control;
    struct found f;

    close(STDIN_FILENO);
    close(STDOUT_FILENO);
    close(STDERR_FILENO);
    control = pair_with(&mine); /* takes 0 and 1 */
    if (!ask(control, mine, &f))
        return 1;
    return has_only_its_four(&f) && f.stdin_is_null ? 0 : 2;
}

TEST("a parent without standard descriptors gives its child /dev/null, not a channel, for them")
{
    int status = -1;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0)
        _exit(spawn_without_standard());
    EXPECT(waitpid(pid, &status, 0) == pid);
    EXPECT(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

TEST("a program that can not be run is an error here, and leaves neither child nor descriptor")
{
    char *argv[] = {(char[]){"x"}, NULL};
    int mine, control = pair_with(&mine), next = dup(control);

    close(next);
    EXPECT(spawn_child("/nonexistent/program", argv, control) == -ENOENT);
    EXPECT(spawn_child("/", argv, control) == -EACCES);
    EXPECT(spawn_child("/proc/self/status", argv, control) == -EACCES);
    EXPECT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
    EXPECT(dup(control) == next);
    close(next);
    close(control);
    close(mine);
}

TEST("a control descriptor that is not open starts nothing")
{
    char *argv[] = {(char[]){CHILD}, NULL};

    EXPECT(spawn_child(SELF, argv, 250) == -EBADF);
    EXPECT(spawn_child(SELF, argv, -1) == -EBADF);
    EXPECT(waitpid(-1, NULL, WNOHANG) == -1 && errno == ECHILD);
}

int main(int argc, char **argv)
{
    if (argc > 0 && !strcmp(argv[0], CHILD))
        return child_main(argv);
    /* What the caller of this test left open would blur the count of descriptors. */
    close_range(3, ~0U, 0);
    return test_run();
}
