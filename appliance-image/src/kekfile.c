#include "appliance-image/src/kekfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/secret.h"

#define NAME  "keyring.kek"
#define NEXT  NAME ".new"
#define CLEAR NAME ".clear"
#define MGMT  "mgmt" /* there since the gateway's first start */

#define FIX_LOST "bring back the state partition; or reset to factory settings and restore a backup"

/* ---- reading ---- */

/* At most SEALED_FILE_MAX bytes of a file that is its owner's alone. */
static int read_file(int dir, const char *name, uint8_t bytes[SEALED_FILE_MAX + 1], size_t *n,
                     struct err *e)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = 0;
    struct stat st;
    ssize_t got;

    if (fd < 0 && errno == ENOENT)
        return -ENOENT;
    got = fd < 0 || fstat(fd, &st) ? -1 : pread(fd, bytes, SEALED_FILE_MAX + 1, 0);
    if (got < 0)
        rc = err_set(e, -errno, name, FIX_LOST, "can not be read (%s)", strerror(errno));
    else if (!S_ISREG(st.st_mode) || st.st_mode & 077)
        rc = err_set(e, -EPERM, name, FIX_LOST, "others than its owner may read it");
    if (fd >= 0)
        close(fd);
    if (!rc)
        *n = (size_t)got;
    return rc;
}

static int damaged(const char *name, struct err *e)
{
    return err_set(e, -EPROTO, name, FIX_LOST, "the key-encryption key is damaged");
}

static int read_sealed(int dir, const char *name, struct sealed *s, struct err *e)
{
    uint8_t bytes[SEALED_FILE_MAX + 1];
    size_t n = 0;
    int rc = read_file(dir, name, bytes, &n, e);

    if (rc == -ENOENT)
        return err_set(e, rc, name, FIX_LOST, "is not there");
    return rc ? rc : sealed_get(bytes, n, s) ? damaged(name, e) : 0;
}

static int judge(const uint8_t *bytes, size_t n, struct kekfile *f, struct err *e)
{
    if (n == SEALED_KEY) {
        f->kind = KEKFILE_CLEAR;
        memcpy(f->key, bytes, SEALED_KEY);
        return 0;
    }
    f->kind = KEKFILE_SEALED;
    return sealed_get(bytes, n, &f->sealed) ? damaged(NAME, e) : 0;
}

int kekfile_look(int dir, struct kekfile *f, struct err *e)
{
    uint8_t bytes[SEALED_FILE_MAX + 1];
    struct stat st;
    size_t n = 0;
    int rc = read_file(dir, NAME, bytes, &n, e);

    if (rc == -ENOENT && !fstatat(dir, MGMT, &st, AT_SYMLINK_NOFOLLOW))
        return err_set(e, rc, NAME, FIX_LOST,
                       "the key that stored keys are encrypted under is gone");
    if (rc == -ENOENT) {
        f->kind = KEKFILE_NEW;
        return 0;
    }
    if (!rc)
        rc = judge(bytes, n, f, e);
    secret_wipe(bytes, sizeof bytes);
    return rc;
}

/* ---- writing ---- */

static int failed(struct err *e, int rc, const char *name)
{
    return err_set(e, rc, name, "look at the disk", "can not be written (%s)", strerror(-rc));
}

static int sync_dir(int dir)
{
    return fsync(dir) ? -errno : 0;
}

int kekfile_prepare(int dir, const struct sealed *s, struct err *e)
{
    uint8_t bytes[SEALED_FILE_MAX];
    size_t n = sealed_put(s, bytes);
    int fd, rc = 0;
    ssize_t put;

    kekfile_drop(dir);
    fd = openat(dir, NEXT, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return failed(e, -errno, NEXT);
    put = write(fd, bytes, n);
    if (put < 0 || fsync(fd))
        rc = -errno;
    else if ((size_t)put != n)
        rc = -ENOSPC;
    close(fd);
    if (!rc)
        rc = sync_dir(dir);
    return rc ? failed(e, rc, NEXT) : 0;
}

int kekfile_prepared(int dir, struct sealed *s, struct err *e)
{
    return read_sealed(dir, NEXT, s, e);
}

void kekfile_drop(int dir)
{
    (void)unlinkat(dir, NEXT, 0);
}

/* What is in clear gets a second name, so that the next start finds it, whenever the power goes. */
static int keep_clear(int dir)
{
    struct kekfile f = {.kind = KEKFILE_NEW};
    int rc = kekfile_look(dir, &f, NULL);

    secret_wipe(f.key, sizeof f.key);
    if (rc || f.kind != KEKFILE_CLEAR)
        return rc;
    if (unlinkat(dir, CLEAR, 0) && errno != ENOENT) /* a name of this same file, or none */
        return -errno;
    return linkat(dir, NAME, dir, CLEAR, 0) ? -errno : sync_dir(dir);
}

int kekfile_swap(int dir, struct err *e)
{
    int rc = keep_clear(dir);

    if (!rc && renameat(dir, NEXT, dir, NAME))
        rc = -errno;
    if (!rc)
        rc = sync_dir(dir);
    return rc ? failed(e, rc, NAME) : 0;
}

int kekfile_clean(int dir, struct err *e)
{
    static const uint8_t zero[SEALED_KEY];
    int fd = openat(dir, CLEAR, O_WRONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : failed(e, -errno, CLEAR);
    if (pwrite(fd, zero, sizeof zero, 0) != (ssize_t)sizeof zero || fsync(fd))
        rc = errno ? -errno : -EIO;
    close(fd);
    if (!rc && unlinkat(dir, CLEAR, 0))
        rc = -errno;
    if (!rc)
        rc = sync_dir(dir);
    return rc ? failed(e, rc, CLEAR) : 0;
}
