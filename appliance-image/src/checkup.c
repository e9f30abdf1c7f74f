#include "appliance-image/src/checkup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/clock.h"
#include "dataplane/base/log.h"

#define TEXT_MAX (64 * 1024)
#define WAIT_MS  10000

/* ---- its words ---- */

static void take_word(char *out, const char *value)
{
    size_t n = 0;

    for (; value[n] && n + 1 < SYSTEM_WORD; n++)
        out[n] = value[n] > ' ' && value[n] <= '~' ? value[n] : '?';
    out[n] = '\0';
}

static void take_line(struct system_unit *u, const char *name, const char *value)
{
    if (!strcmp(name, "ActiveState"))
        take_word(u->active, value);
    else if (!strcmp(name, "SubState"))
        take_word(u->sub, value);
    else if (!strcmp(name, "Result"))
        take_word(u->result, value);
    else if (!strcmp(name, "NRestarts"))
        u->restarts = (uint32_t)strtoul(value, NULL, 10);
    else if (!strcmp(name, "MemoryCurrent") && value[0] != '[')
        u->memory = strtoull(value, NULL, 10);
}

/* Its name is the first of its lines. */
static struct system_unit *next_unit(struct system_checkup *out, const char *name)
{
    struct system_unit *u = &out->units[out->n_units];

    if (out->n_units == SYSTEM_UNITS || strlen(name) >= sizeof u->name)
        return NULL;
    memset(u, 0, sizeof *u);
    for (const char *at = name; *at; at++)
        if (*at <= ' ' || *at > '~')
            return NULL;
    memcpy(u->name, name, strlen(name) + 1);
    out->n_units++;
    return u;
}

void checkup_read(char *text, struct system_checkup *out)
{
    struct system_unit *unit = NULL;
    char *rest = NULL;

    out->n_units = 0;
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        char *value = strchr(line, '=');

        if (!value)
            continue;
        *value++ = '\0';
        if (!strcmp(line, "Id"))
            unit = next_unit(out, value);
        else if (unit)
            take_line(unit, line, value);
    }
}

/* ---- asking ---- */

static pid_t start(const char *manager, int to)
{
    static const char *const words[] = {
        "systemctl",  "show",
        "--no-pager", "--property=Id,ActiveState,SubState,Result,NRestarts,MemoryCurrent",
        "*.service",  "*.mount",
        NULL};
    union {
        const char *const *mine;
        char *const *theirs; /* posix_spawn(3) changes none of them */
    } argv = {words};
    char *const environment[] = {NULL};
    posix_spawn_file_actions_t actions;
    pid_t pid = -1;

    if (posix_spawn_file_actions_init(&actions))
        return -1;
    if (posix_spawn_file_actions_adddup2(&actions, to, STDOUT_FILENO) ||
        posix_spawn(&pid, manager, &actions, NULL, argv.theirs, environment))
        pid = -1;
    posix_spawn_file_actions_destroy(&actions);
    return pid;
}

/* All that comes until its end, terminated. False: it takes too long, or is too much. */
static bool read_all(int fd, char text[TEXT_MAX])
{
    uint64_t until_ms = clock_mono_ms() + WAIT_MS;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    size_t n = 0;

    while (n + 1 < TEXT_MAX) {
        uint64_t now_ms = clock_mono_ms();
        ssize_t got;

        if (now_ms >= until_ms || poll(&p, 1, (int)(until_ms - now_ms)) <= 0)
            return false;
        got = read(fd, text + n, TEXT_MAX - 1 - n);
        if (got < 0)
            return false;
        n += (size_t)got;
        text[n] = '\0';
        if (!got)
            return true;
    }
    return false;
}

void checkup_units(const char *manager, struct system_checkup *out)
{
    static char text[TEXT_MAX];
    int ends[2], status = -1;
    bool whole;
    pid_t pid;

    out->n_units = 0;
    if (pipe2(ends, O_CLOEXEC))
        return;
    pid = start(manager, ends[1]);
    close(ends[1]);
    whole = pid > 0 && read_all(ends[0], text);
    close(ends[0]);
    if (pid > 0 && !whole)
        kill(pid, SIGKILL);
    if (pid > 0)
        (void)waitpid(pid, &status, 0);
    if (whole && status == 0)
        checkup_read(text, out);
    else
        log_event(LOG_WARN, "units_not_told", "by=\"%.200s\"", manager);
}
