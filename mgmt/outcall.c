#include "mgmt/outcall.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>
#include "dataplane/wire/control.h"
#include "mgmt/manager.h"

#define SEND_MS 5000 /* to the launcher, which passes the other end on */

int outcall_open(struct manager *m, const char *link)
{
    struct control_call call;
    uint8_t mem[128];
    struct buf b;
    int pair[2], rc;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
        return -errno;
    snprintf(call.link, sizeof call.link, "%s", link);
    buf_init(&b, mem, sizeof mem);
    control_put_call(&b, &call);
    rc = chan_send_wait(m->control, CONTROL_CALL, &b, &pair[1], 1, SEND_MS);
    close(pair[1]);
    if (!rc)
        return pair[0];
    close(pair[0]);
    return rc;
}
