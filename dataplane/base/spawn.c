#include "dataplane/base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/base/logtap.h"

#define ERROR_FD (SPAWN_LOG_FD + 1) /* close-on-exec: the child program never sees it */
#define ABOVE    16 /* descriptors from here on are in no one's way while they are sorted */

/* The child as it stands between fork and exec; only async-signal-safe calls from here on. */
static void reset_signals(void)
{
    struct sigaction standard = {.sa_handler = SIG_DFL};
    sigset_t none;

    /* SIGKILL, SIGSTOP and the C library's own two refuse, and are as they should be. */
    for (int sig = 1; sig <= SIGRTMAX; sig++)
        (void)sigaction(sig, &standard, NULL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* 0 from /dev/null; 1 and 2 too where the parent has none, or a channel could land there. */
static int fill_standard(void)
{
    int null = open("/dev/null", O_RDWR); /* stays open over exec if it is one of the three */

    if (null < 0 || dup2(null, STDIN_FILENO) < 0)
        return -errno;
    for (int fd = STDOUT_FILENO; fd <= STDERR_FILENO; fd++) {
        if (fcntl(fd, F_GETFD) < 0 && dup2(null, fd) < 0)
            return -errno;
    }
    return 0;
}

/*
 * Leave 0, 1, 2, control as 3, the log's tap as 4 if there is one, and the close-on-exec error pipe
 * as 5. All are copied far up first, for they may sit on each other's numbers. *error is moved as
 * soon as it can be.
 */
static int sort_descriptors(int control, int log, const int pipe_fds[2], int *error)
{
    int high_log = log > 0 ? fcntl(log, F_DUPFD_CLOEXEC, ABOVE) : -1;
    int high_error = fcntl(pipe_fds[1], F_DUPFD_CLOEXEC, ABOVE);
    int high_control = fcntl(control, F_DUPFD_CLOEXEC, ABOVE);
    int rc;

    if (high_error < 0 || high_control < 0 || (log > 0 && high_log < 0))
        return -errno;
    *error = high_error;
    close(pipe_fds[0]);
    close(pipe_fds[1]);
    close(control);
    rc = fill_standard();
    if (rc < 0)
        return rc;
    if (log > 0 ? dup2(high_log, SPAWN_LOG_FD) < 0 : close(SPAWN_LOG_FD) < 0 && errno != EBADF)
        return -errno;
    if (dup2(high_control, SPAWN_CONTROL_FD) < 0 || dup3(high_error, ERROR_FD, O_CLOEXEC) < 0)
        return -errno;
    *error = ERROR_FD;
    return close_range(ERROR_FD + 1, ~0U, 0) < 0 ? -errno : 0;
}

__attribute__((noreturn)) static void run_child(const char *path, char *const argv[],
                                                const char *const *variables, int control, int log,
                                                const int pipe_fds[2])
{
    static char search[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    static char tap[] = LOGTAP_VARIABLE "=4";
    char *environment[SPAWN_VARIABLES + 3] = {search};
    unsigned n = 1;
    int error = pipe_fds[1];
    int rc = sort_descriptors(control, log, pipe_fds, &error);

    for (unsigned i = 0; i < SPAWN_VARIABLES && variables[i]; i++)
        environment[n++] = (char *)(uintptr_t)variables[i];
    if (log > 0)
        environment[n] = tap;
    if (!rc) {
        reset_signals();
        execve(path, argv, environment);
        rc = -errno;
    }
    if (write(error, &rc, sizeof(rc)) < 0)
        _exit(126);
    _exit(127);
}

/* The child's -errno, or 0 when exec closed the pipe. */
static int read_error(int fd)
{
    int told = 0;
    ssize_t n;

    do {
        n = read(fd, &told, sizeof(told));
    } while (n < 0 && errno == EINTR);
    if (n == (ssize_t)sizeof(told) && told < 0)
        return told;
    return n ? -EIO : 0;
}

pid_t spawn_child(const char *path, char *const argv[], int control_fd)
{
    static const char *const none[] = {NULL};

    return spawn_child_with(path, argv, none, control_fd, 0);
}

pid_t spawn_child_with(const char *path, char *const argv[], const char *const *variables,
                       int control_fd, int log_fd)
{
    sigset_t all, before;
    int pipe_fds[2];
    pid_t pid;
    int rc;

    if (fcntl(control_fd, F_GETFD) < 0)
        return -errno;
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return -errno;
    /* No handler of ours may run in the child, where it would act on the parent's behalf. */
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &before);
    pid = fork();
    if (pid == 0)
        run_child(path, argv, variables, control_fd, log_fd, pipe_fds);
    rc = pid < 0 ? -errno : 0;
    sigprocmask(SIG_SETMASK, &before, NULL);
    close(pipe_fds[1]);
    if (!rc)
        rc = read_error(pipe_fds[0]);
    close(pipe_fds[0]);
    if (!rc)
        return pid;
    while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    return rc;
}
