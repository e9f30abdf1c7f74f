#include "mgmt/store/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATH_ROOM 256

static int write_all(int fd, const uint8_t *data, size_t n)
{
    while (n > 0) {
        ssize_t w = write(fd, data, n);

        if (w < 0 && errno == EINTR)
            continue;
        if (w < 0)
            return -errno;
        data += w;
        n -= (size_t)w;
    }
    return 0;
}

static int sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char name[PATH_ROOM] = ".";
    int fd, rc;

    if (slash)
        snprintf(name, sizeof name, "%.*s", (int)(slash - path), path);
    fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = fsync(fd) ? -errno : 0;
    close(fd);
    return rc;
}

int file_write(const char *path, const void *data, size_t n)
{
    char temporary[PATH_ROOM];
    int fd, rc;

    if (snprintf(temporary, sizeof temporary, "%s.new", path) >= (int)sizeof temporary)
        return -ENAMETOOLONG;
    fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -errno;
    rc = write_all(fd, data, n);
    if (!rc && fsync(fd))
        rc = -errno;
    close(fd);
    if (!rc && rename(temporary, path))
        rc = -errno;
    if (rc) {
        unlink(temporary);
        return rc;
    }
    return sync_directory(path);
}

static int read_all(int fd, uint8_t *mem, size_t n)
{
    size_t got = 0;

    while (got < n) {
        ssize_t r = read(fd, mem + got, n - got);

        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r ? -errno : -EIO;
        got += (size_t)r;
    }
    return 0;
}

int file_read(const char *path, size_t max, uint8_t **data, size_t *n)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), rc = 0;
    uint8_t *mem = NULL;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st))
        rc = -errno;
    else if (!S_ISREG(st.st_mode))
        rc = -EINVAL;
    else if ((uint64_t)st.st_size > max)
        rc = -EFBIG;
    else if (!(mem = malloc((size_t)st.st_size + 1)))
        rc = -ENOMEM;
    if (!rc)
        rc = read_all(fd, mem, (size_t)st.st_size);
    close(fd);
    if (rc) {
        free(mem);
        return rc;
    }
    mem[st.st_size] = 0;
    *data = mem;
    *n = (size_t)st.st_size;
    return 0;
}
