#include "dataplane/wire/control_send.h"

#include "dataplane/wire/chan.h"

#define REFUSED_BYTES 4096 /* a number and the texts of struct err */

int control_send_number(int fd, uint8_t type, uint64_t v)
{
    uint8_t mem[16];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    control_put_number(&b, v);
    return chan_send_wait(fd, type, &b, NULL, 0, CONTROL_SEND_MS);
}

int control_send_refused(int fd, uint8_t type, uint64_t revision, const struct err *e)
{
    struct control_refused m = {.revision = revision, .err = *e};
    uint8_t mem[REFUSED_BYTES];
    struct buf b;

    buf_init(&b, mem, sizeof mem);
    control_put_refused(&b, &m);
    return chan_send_wait(fd, type, &b, NULL, 0, CONTROL_SEND_MS);
}
