#include "appliance-image/src/terminal.h"

#include <errno.h>
#include <linux/kd.h>
#include <sys/ioctl.h>
#include <termios.h>

int terminal_deafen(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t))
        return -errno;
    t.c_iflag = IGNBRK | IGNPAR;
    t.c_lflag = 0;
    t.c_oflag |= OPOST | ONLCR;
    t.c_cflag |= CLOCAL | CREAD;
    t.c_cc[VMIN] = 1;
    t.c_cc[VTIME] = 0;
    return tcsetattr(fd, TCSAFLUSH, &t) ? -errno : 0;
}

bool terminal_is_screen(int fd)
{
    int mode;

    return ioctl(fd, KDGETMODE, &mode) == 0; /* virtual terminals alone know it */
}
