#include "mgmt/launcher/kek.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
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

/* What a TPM has sealed in this file, if it is such a file. */
static bool is_sealed(int fd, struct sealed *s)
{
    uint8_t bytes[SEALED_FILE_MAX + 1];
    ssize_t n = pread(fd, bytes, sizeof(bytes), 0);
    bool sealed = n > 0 && !sealed_get(bytes, (size_t)n, s);

    secret_wipe(bytes, sizeof(bytes)); /* else it is a key in clear */
    return sealed;
}

static int judge(int fd, const struct stat *st, const char *where, struct err *e)
{
    struct sealed sealed;

    if (!S_ISREG(st->st_mode))
        return unusable(e, -EINVAL, where);
    if (st->st_mode & 077)
        return err_set(e, -EPERM, where, "see who has read it, then chmod 0600",
                       "others than its owner may use the key-encryption key (mode %04o)",
                       (unsigned)st->st_mode & 07777);
    if (is_sealed(fd, &sealed))
        return err_set(e, -ENOKEY, where, "see why penstock-seal has not opened it",
                       "the key-encryption key is sealed by a TPM");
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
    rc = fstat(fd, &st) ? unusable(e, -errno, name) : judge(fd, &st, name, e);
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

/* Whose word the credential is: that of a TPM, where the file beside the state is sealed. */
static enum kek_kept kept_by(int dir)
{
    int fd = openat(dir, KEK_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct sealed s;
    bool sealed = fd >= 0 && is_sealed(fd, &s);

    if (fd >= 0)
        close(fd);
    if (!sealed)
        return KEK_CREDENTIAL;
    return s.binding == SEALED_SECURE_BOOT ? KEK_TPM_SECURE_BOOT : KEK_TPM;
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

int kek_open(int dir, enum kek_kept *kept, struct err *e)
{
    uint8_t key[KEK_BYTES];
    int rc = credential(key, e), fd;

    *kept = rc == -ENOENT ? KEK_FILE : kept_by(dir);
    if (rc == -ENOENT)
        rc = read_key(dir, KEK_NAME, key, e);
    if (rc == -ENOENT)
        rc = make(dir, key, e);
    if (rc)
        return rc;
    fd = memfd_seal("penstock-kek", key, sizeof(key));
    secret_wipe(key, sizeof(key));
    return fd < 0 ? err_set(e, fd, KEK_NAME, "free memory", "no memory for the key") : fd;
}
