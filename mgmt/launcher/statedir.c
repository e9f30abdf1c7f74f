#include "mgmt/launcher/statedir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/base/sandbox.h"

#define SOCKET_NAME    "penstock.sock"
#define LOCK_NAME      "lock"
#define MGMT_NAME      "mgmt"
#define SOCKET_BACKLOG 64

static int make_directories(const char *path)
{
    char part[PATH_MAX];

    if (snprintf(part, sizeof(part), "%s", path) >= (int)sizeof(part))
        return -ENAMETOOLONG;
    for (char *p = part + 1; *p; p++) {
        if (*p != '/')
            continue;
        *p = '\0';
        if (mkdir(part, 0700) && errno != EEXIST)
            return -errno;
        *p = '/';
    }
    return mkdir(part, 0700) && errno != EEXIST ? -errno : 0;
}

static int failed(struct err *e, int rc, const char *path, const char *fix)
{
    return err_set(e, rc, path, fix, "the state directory can not be used (%s)", strerror(-rc));
}

static int open_directory(struct statedir *s, const char *path, struct err *e)
{
    struct stat st;
    int rc = make_directories(path);

    if (rc)
        return failed(e, rc, path, "name a directory that can be made or written to");
    s->dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (s->dir < 0)
        return failed(e, -errno, path, "name a directory that can be made or written to");
    if (fstat(s->dir, &st))
        return failed(e, -errno, path, "name another directory");
    if (st.st_mode & 02)
        return err_set(e, -EPERM, path, "chmod 0700 it", "everybody may write to the directory");
    return 0;
}

static int take_lock(struct statedir *s, const char *path, struct err *e)
{
    s->lock = openat(s->dir, LOCK_NAME, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (s->lock < 0)
        return failed(e, -errno, path, "name a directory that can be written to");
    if (!flock(s->lock, LOCK_EX | LOCK_NB))
        return 0;
    if (errno != EWOULDBLOCK)
        return failed(e, -errno, path, "name a directory on a local file system");
    return err_set(e, -EBUSY, path, "stop that one, or name another directory",
                   "another penstockd uses this state directory");
}

/* The name to bind: through /proc where the path is too long for a socket address. */
static void name_socket(const struct statedir *s, const char *path, struct sockaddr_un *un)
{
    char name[PATH_MAX + 32];

    un->sun_family = AF_UNIX;
    if (snprintf(name, sizeof(name), "%s/" SOCKET_NAME, path) >= (int)sizeof(un->sun_path))
        snprintf(name, sizeof(name), "/proc/self/fd/%d/" SOCKET_NAME, s->dir);
    memcpy(un->sun_path, name, strlen(name) + 1);
}

static int listen_local(struct statedir *s, const char *path)
{
    struct sockaddr_un un = {0};
    mode_t before;
    int rc;

    s->socket = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s->socket < 0)
        return -errno;
    if (unlinkat(s->dir, SOCKET_NAME, 0) && errno != ENOENT)
        return -errno;
    name_socket(s, path, &un);
    before = umask(0177);
    rc = bind(s->socket, (struct sockaddr *)&un, sizeof(un)) ? -errno : 0;
    umask(before);
    if (rc)
        return rc;
    return listen(s->socket, SOCKET_BACKLOG) ? -errno : 0;
}

/* What lies in the directory goes over to another user with it; it is one level deep. */
static int give_tree(int dir, uid_t uid, gid_t gid, bool deeper)
{
    DIR *list = fdopendir(dup(dir));
    struct dirent *entry;
    int rc = 0;

    if (!list)
        return -errno;
    rewinddir(list);
    while (!rc && (entry = readdir(list))) {
        int sub;

        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
            continue;
        if (fchownat(dir, entry->d_name, uid, gid, AT_SYMLINK_NOFOLLOW))
            rc = -errno;
        sub = deeper && entry->d_type == DT_DIR
                  ? openat(dir, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW)
                  : -1;
        if (sub >= 0) {
            rc = give_tree(sub, uid, gid, false);
            close(sub);
        }
    }
    closedir(list);
    return rc;
}

static int open_mgmt(struct statedir *s, const char *path, struct err *e)
{
    struct stat st;
    uid_t uid;
    gid_t gid;
    int rc = sandbox_user(&uid, &gid, e);

    if (rc)
        return rc;
    if (mkdirat(s->dir, MGMT_NAME, 0700) && errno != EEXIST)
        return failed(e, -errno, path, "name a directory that can be written to");
    s->mgmt = openat(s->dir, MGMT_NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (s->mgmt < 0 || fstat(s->mgmt, &st))
        return failed(e, -errno, path, "remove \"" MGMT_NAME "\" from it: it is no directory");
    if (st.st_uid == uid)
        return 0;
    rc = give_tree(s->mgmt, uid, gid, true);
    if (!rc && fchown(s->mgmt, uid, gid))
        rc = -errno;
    return rc ? failed(e, rc, path, "start as root, or as the owner of \"" MGMT_NAME "\" in it")
              : 0;
}

int statedir_open(struct statedir *s, const char *path, struct err *e)
{
    int rc;

    *s = (struct statedir){.dir = -1, .lock = -1, .socket = -1, .mgmt = -1};
    rc = open_directory(s, path, e);
    if (!rc)
        rc = take_lock(s, path, e);
    if (!rc)
        rc = open_mgmt(s, path, e);
    if (!rc) {
        rc = listen_local(s, path);
        if (rc)
            failed(e, rc, path, "name a directory on a local file system");
    }
    if (rc)
        statedir_close(s);
    return rc;
}

void statedir_close(struct statedir *s)
{
    if (s->socket >= 0) {
        unlinkat(s->dir, SOCKET_NAME, 0);
        close(s->socket);
    }
    if (s->lock >= 0)
        close(s->lock);
    if (s->mgmt >= 0)
        close(s->mgmt);
    if (s->dir >= 0)
        close(s->dir);
    *s = (struct statedir){.dir = -1, .lock = -1, .socket = -1, .mgmt = -1};
}
