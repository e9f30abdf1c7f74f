#include "appliance-image/src/words.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/base/clock.h"

static pid_t start(const char *const argv[], int to)
{
    union {
        const char *const *mine;
        char *const *theirs; /* posix_spawn(3) changes none of them */
    } words = {argv};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;

    if (posix_spawn_file_actions_init(&actions))
        return -1;
    if (posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO) ||
        posix_spawn(&pid, argv[0], &actions, NULL, words.theirs, environment))
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* Room for more: the first half goes. */
static size_t keep_last(char *text, size_t n)
{
    size_t kept = n / 2;

    memmove(text, text + n - kept, kept);
    return kept;
}

/* All that comes until its end. */
static int read_all(int fd, char *text, size_t cap, bool last)
{
    uint64_t until_ms = clock_mono_ms() + WORDS_WAIT_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    size_t n = 0;

    for (;;) {
        uint64_t now_ms = clock_mono_ms();
        ssize_t got;

        if (n + 1 >= cap && !last)
            return -E2BIG;
        if (n + 1 >= cap)
            n = keep_last(text, n);
        if (now_ms >= until_ms || poll(&p, 1, (int)(until_ms - now_ms)) <= 0)
            return -ETIMEDOUT;
        got = read(fd, text + n, cap - 1 - n);
        if (got < 0)
            return -errno;
        n += (size_t)got;
        text[n] = '\0';
        if (!got)
            return (int)n;
    }
}

int words_of(const char *const argv[], char *text, size_t cap, bool last)
{
    int ends[2], status = 0, rc;
    pid_t pid;

    if (pipe2(ends, O_CLOEXEC))
        return -errno;
    pid = start(argv, ends[1]);
    close(ends[1]);
    rc = pid > 0 ? read_all(ends[0], text, cap, last) : -ECHILD;
    close(ends[0]);
    if (pid > 0 && rc < 0)
        kill(pid, SIGKILL);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    return rc >= 0 && status ? -ECHILD : rc;
}
