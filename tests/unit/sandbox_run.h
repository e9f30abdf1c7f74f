/*
 * sandbox_run: run a probe inside a sandbox and bring its finding back.
 *
 * Why: a sandbox is for life, so each probe gets a process of its own. A probe returns 0, or the
 * line on which it found something wrong (WANT does that).
 */
#ifndef PENSTOCK_TEST_SANDBOX_RUN_H
#define PENSTOCK_TEST_SANDBOX_RUN_H

#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "dataplane/base/check.h"
#include "dataplane/base/sandbox.h"
#include "tests/unit/test.h"

#define WANT(cond)                                                                                 \
    do {                                                                                           \
        if (!(cond))                                                                               \
            return __LINE__;                                                                       \
    } while (0)

typedef int (*sandbox_probe)(void);

/* Enter the profile in a child and run the probe there. Returns the child's wait status. */
static inline int sandbox_status(enum sandbox_profile profile, sandbox_probe probe)
{
    int status = -1, line;
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid == 0) {
        struct err e;
        char text[1200];

        alarm(20); /* a probe that hangs is a failure, not a hang of the test */
        if (sandbox_enter(profile, &e) < 0) {
            printf("    %s\n", err_text(&e, text, sizeof(text)));
            fflush(NULL);
            _exit(99);
        }
        line = probe();
        if (line)
            printf("    the probe stopped at line %d, errno %d\n", line, errno);
        fflush(NULL);
        _exit(line ? 1 : 0);
    }
    waitpid(pid, &status, 0);
    return status;
}

static inline bool sandbox_passes(enum sandbox_profile profile, sandbox_probe probe)
{
    return sandbox_status(profile, probe) == 0;
}

/* True if a call came back with -1 and EPERM. */
static inline bool refused(long result)
{
    return result == -1 && errno == EPERM;
}

/* The version of Landlock's interface, 0 where the kernel has none. Ask outside the sandbox. */
static inline int landlock_abi(void)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, 1);

    return abi > 0 ? (int)abi : 0;
}

#endif
