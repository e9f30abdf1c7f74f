#include "appliance-image/src/drive.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "dataplane/base/check.h"

static int unreadable(struct err *e, int rc, const char *where)
{
    return err_set(e, rc, where, "look at the disk and its file",
                   "the first configuration can not be read (%s)", strerror(-rc));
}

static int read_all(int fd, const char *where, char *text, size_t max, size_t *n, struct err *e)
{
    struct stat st;
    size_t have = 0;
    ssize_t now = 1;

    if (fstat(fd, &st))
        return unreadable(e, -errno, where);
    if (!S_ISREG(st.st_mode) || st.st_size < 0 || (size_t)st.st_size > max)
        return err_set(e, -EINVAL, where, "give one small file", "is no file of at most %zu bytes",
                       max);
    while (have < max && now > 0) {
        now = read(fd, text + have, max - have);
        have += now > 0 ? (size_t)now : 0;
    }
    if (now < 0)
        return unreadable(e, -errno, where);
    *n = have;
    return 0;
}

int drive_file(const char *folder, const char *name, char *text, size_t max, size_t *n,
               struct err *e)
{
    int at = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC), fd, rc;

    if (at < 0)
        return errno == ENOENT ? -ENOENT : unreadable(e, -errno, folder);
    fd = openat(at, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    rc = fd >= 0 ? read_all(fd, name, text, max, n, e) : errno == ENOENT ? -ENOENT : -errno;
    if (fd < 0 && rc != -ENOENT)
        rc = unreadable(e, rc, name);
    if (fd >= 0)
        close(fd);
    close(at);
    return rc;
}

static int mount_disk(const char *disk, const char *mount_at)
{
    static const char *const kinds[] = {"vfat", "iso9660"};
    int rc = -EINVAL;

    for (size_t i = 0; i < ARRAY_LEN(kinds) && rc; i++)
        rc = mount(disk, mount_at, kinds[i],
                   MS_RDONLY | MS_NODEV | MS_NOSUID | MS_NOEXEC | MS_NOSYMFOLLOW, NULL)
                 ? -errno
                 : 0;
    return rc;
}

int drive_read(const char *disk, const char *mount_at, char *text, size_t max, size_t *n,
               struct err *e)
{
    struct stat st;
    int rc;

    if (stat(disk, &st))
        return errno == ENOENT ? -ENOENT : unreadable(e, -errno, disk);
    if (S_ISDIR(st.st_mode)) {
        rc = drive_file(disk, DRIVE_FILE, text, max, n, e);
    } else {
        rc = mount_disk(disk, mount_at);
        if (rc)
            return unreadable(e, rc, disk);
        rc = drive_file(mount_at, DRIVE_FILE, text, max, n, e);
        (void)umount2(mount_at, MNT_DETACH);
    }
    return rc == -ENOENT ? err_set(e, -EINVAL, disk, "put it there, or take the disk out",
                                   "there is no file " DRIVE_FILE " on the disk")
                         : rc;
}
