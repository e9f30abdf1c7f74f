#include "mgmt/launcher/kek.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/secret.h"
#include "dataplane/wire/chan.h"

#define TEMPORARY KEK_NAME ".new"
#define FIX_FILE                                                                                   \
    "bring back the file that the stored keys were encrypted under; to give those keys up, "       \
    "remove it"

static int unusable(struct err *e, int rc, const char *where)
{
    return err_set(e, rc, where, FIX_FILE, "the key-encryption key can not be read (%s)",
                   strerror(-rc));
}

static int judge(const struct stat *st, const char *where, struct err *e)
{
    if (!S_ISREG(st->st_mode))
        return unusable(e, -EINVAL, where);
    if (st->st_mode & 077)
        return err_set(e, -EPERM, where, "see who has read it, then chmod 0600",
                       "others than its owner may use the key-encryption key (mode %04o)",
                       (unsigned)st->st_mode & 07777);
    if (st->st_size != KEK_BYTES)
        return err_set(e, -EINVAL, where, FIX_FILE,
                       "the key-encryption key has %lld bytes instead of %d",
                       (long long)st->st_size, KEK_BYTES);
    return 0;
}

/* -ENOENT leaves *e alone: there may be none. */
static int read_key(int dir, const char *name, uint8_t key[KEK_BYTES], struct err *e)
{
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc;
    struct stat st;

    if (fd < 0)
        return errno == ENOENT ? -ENOENT : unusable(e, -errno, name);
    rc = fstat(fd, &st) ? unusable(e, -errno, name) : judge(&st, name, e);
    if (!rc && pread(fd, key, KEK_BYTES, 0) != KEK_BYTES)
        rc = unusable(e, -EIO, name);
    close(fd);
    return rc;
}

static int credential(uint8_t key[KEK_BYTES], struct err *e)
{
    const char *where = getenv("CREDENTIALS_DIRECTORY");
    int dir = where ? open(where, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1, rc;

    if (dir < 0)
        return -ENOENT;
    rc = read_key(dir, KEK_NAME, key, e);
    close(dir);
    return rc;
}

static int write_key(int fd, const uint8_t key[KEK_BYTES])
{
    ssize_t n = write(fd, key, KEK_BYTES);

    if (n < 0)
        return -errno;
    return n != KEK_BYTES ? -ENOSPC : fsync(fd) ? -errno : 0;
}

/* All of it or nothing: half a key would lock out every key that is stored under it later. */
static int make(int dir, uint8_t key[KEK_BYTES], struct err *e)
{
    int fd, rc = 0;

    if (getrandom(key, KEK_BYTES, 0) != KEK_BYTES)
        return err_set(e, -EIO, KEK_NAME, "see the kernel's log", "there is no randomness");
    (void)unlinkat(dir, TEMPORARY, 0);
    fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        rc = -errno;
    if (!rc)
        rc = write_key(fd, key);
    if (fd >= 0)
        close(fd);
    if (!rc && renameat(dir, TEMPORARY, dir, KEK_NAME))
        rc = -errno;
    if (!rc && fsync(dir))
        rc = -errno;
    if (!rc)
        return 0;
    (void)unlinkat(dir, TEMPORARY, 0);
    return err_set(e, rc, KEK_NAME, "name a state directory that can be written to",
                   "the key-encryption key can not be made (%s)", strerror(-rc));
}

int kek_open(int dir, bool *in_file, struct err *e)
{
    uint8_t key[KEK_BYTES];
    int rc = credential(key, e), fd;

    *in_file = rc == -ENOENT;
    if (*in_file)
        rc = read_key(dir, KEK_NAME, key, e);
    if (rc == -ENOENT)
        rc = make(dir, key, e);
    if (rc)
        return rc;
    fd = memfd_seal("penstock-kek", key, sizeof(key));
    secret_wipe(key, sizeof(key));
    return fd < 0 ? err_set(e, fd, KEK_NAME, "free memory", "no memory for the key") : fd;
}
