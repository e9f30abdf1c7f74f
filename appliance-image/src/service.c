#include "appliance-image/src/service.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

int service_words(const struct service_option *options, unsigned n, int argc, char **argv,
                  const char **words)
{
    for (unsigned k = 0; k < n; k++)
        words[k] = options[k].absent;
    for (int i = 1; i < argc; i += 2) {
        unsigned k = 0;

        while (k < n && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (k == n || i + 1 == argc)
            return -EINVAL;
        words[k] = argv[i + 1];
    }
    return 0;
}

int service_listen(const char *path, int backlog, struct err *e)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    mode_t before;
    int fd, rc = 0;

    if (strlen(path) >= sizeof to.sun_path)
        return err_set(e, -ENAMETOOLONG, path, "give a shorter path", "is too long");
    fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    snprintf(to.sun_path, sizeof to.sun_path, "%s", path);
    (void)unlink(path);
    before = umask(0117); /* 0660 from the first moment */
    if (fd < 0 || bind(fd, (const struct sockaddr *)&to, sizeof to) || listen(fd, backlog))
        rc = -errno;
    umask(before);
    if (!rc)
        return fd;
    if (fd >= 0)
        close(fd);
    return err_set(e, rc, path, "see who else uses it", "can not be listened at (%s)",
                   strerror(-rc));
}
