#include "mgmt/launcher/notify.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "dataplane/base/clock.h"

static const char *const words[] = {[NOTIFY_READY] = "READY=1",
                                    [NOTIFY_RELOADING] = "RELOADING=1",
                                    [NOTIFY_STOPPING] = "STOPPING=1"};

void notify_send(const char *socket_name, enum notify_state state)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = socket_name ? strlen(socket_name) : 0;
    char text[96];
    int fd, len;

    if (n < 2 || n >= sizeof(un.sun_path) || (socket_name[0] != '/' && socket_name[0] != '@'))
        return;
    memcpy(un.sun_path, socket_name, n);
    if (socket_name[0] == '@')
        un.sun_path[0] = '\0'; /* the abstract name space */
    len = snprintf(text, sizeof(text), "%s\nMONOTONIC_USEC=%" PRIu64 "\n", words[state],
                   clock_mono_ms() * 1000);
    fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return;
    (void)sendto(fd, text, (size_t)len, MSG_NOSIGNAL, (struct sockaddr *)&un,
                 (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n));
    close(fd);
}
