/*
 * spawn: start a child program with exactly the descriptors it should have.
 *
 * Why: children re-exec, so that they share no memory layout or secrets with their parent, and they
 * find their channels at known numbers.
 * Owner: the launcher. Never: leaks another descriptor into a child.
 */
#ifndef PENSTOCK_BASE_SPAWN_H
#define PENSTOCK_BASE_SPAWN_H

#include <sys/types.h>

#define SPAWN_CONTROL_FD 3 /* every child's control channel to the launcher */

/*
 * fork and exec `path` with argv (argv[0] is a name for ps, the list ends with NULL); the child has
 * stdin from /dev/null, stdout and stderr inherited, control_fd as descriptor 3 and nothing else,
 * an empty environment but PATH, default signals. Returns the pid, or -errno (exec failures
 * included, told over a close-on-exec pipe). control_fd stays the caller's.
 */
pid_t spawn_child(const char *path, char *const argv[], int control_fd);

#define SPAWN_VARIABLES 16
#define SPAWN_LOG_FD    4 /* a child's tap (logtap.h), where it has one */
/*
 * The same with up to SPAWN_VARIABLES "NAME=VALUE" in the environment, ended by NULL; and log_fd as
 * descriptor 4, which the environment says (0: none).
 */
pid_t spawn_child_with(const char *path, char *const argv[], const char *const *variables,
                       int control_fd, int log_fd);

#endif
