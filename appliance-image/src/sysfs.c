#include "appliance-image/src/sysfs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void path_of(char out[SYSFS_PATH], const char *format, va_list args)
    __attribute__((format(printf, 2, 0)));
static void path_of(char out[SYSFS_PATH], const char *format, va_list args)
{
    int n = vsnprintf(out, SYSFS_PATH, format, args);

    if (n < 0 || n >= SYSFS_PATH)
        out[0] = '\0';
}

int sysfs_read(char text[SYSFS_TEXT], const char *path, ...)
{
    char at[SYSFS_PATH];
    va_list args;
    ssize_t n;
    int fd;

    va_start(args, path);
    path_of(at, path, args);
    va_end(args);
    text[0] = '\0';
    fd = open(at, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    n = read(fd, text, SYSFS_TEXT - 1);
    close(fd);
    if (n < 0)
        return -EIO;
    text[n] = '\0';
    text[strcspn(text, "\n")] = '\0';
    return 0;
}

int sysfs_write(const char *value, const char *path, ...)
{
    size_t n = strlen(value);
    char at[SYSFS_PATH];
    va_list args;
    int fd, rc;

    va_start(args, path);
    path_of(at, path, args);
    va_end(args);
    fd = open(at, O_WRONLY | O_TRUNC | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    rc = write(fd, value, n) == (ssize_t)n ? 0 : errno ? -errno : -EIO;
    close(fd);
    return rc;
}

void sysfs_link(char *out, size_t cap, const char *path, ...)
{
    char at[SYSFS_PATH], to[SYSFS_PATH];
    va_list args;
    const char *last;
    ssize_t n;

    va_start(args, path);
    path_of(at, path, args);
    va_end(args);
    n = readlink(at, to, sizeof to - 1);
    to[n > 0 ? n : 0] = '\0';
    last = strrchr(to, '/');
    last = last ? last + 1 : to;
    snprintf(out, cap, "%.*s", (int)(cap - 1), last);
}

bool sysfs_each(bool (*each)(void *arg, const char *name), void *arg, const char *path, ...)
{
    const struct dirent *entry;
    char at[SYSFS_PATH];
    va_list args;
    bool goes_on = true;
    DIR *folder;

    va_start(args, path);
    path_of(at, path, args);
    va_end(args);
    folder = opendir(at);
    while (folder && goes_on && (entry = readdir(folder)) != NULL)
        if (entry->d_name[0] != '.')
            goes_on = each(arg, entry->d_name);
    if (folder)
        closedir(folder);
    return goes_on;
}
