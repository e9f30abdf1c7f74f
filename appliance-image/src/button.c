#include "appliance-image/src/button.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/input.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include "dataplane/base/log.h"

#define EVENTS    16
#define KEY_BYTES (KEY_MAX / 8 + 1)

static bool has_power_key(int fd)
{
    uint8_t keys[KEY_BYTES] = {0};

    return ioctl(fd, EVIOCGBIT(EV_KEY, sizeof keys), keys) >= 0 &&
           keys[KEY_POWER / 8] >> KEY_POWER % 8 & 1;
}

/* A descriptor of the device, or -1: it has no power key. */
static int open_one(int folder, const char *name)
{
    int fd = openat(folder, name, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (fd >= 0 && !has_power_key(fd)) {
        close(fd);
        fd = -1;
    }
    return fd;
}

void button_open(struct button *b, const char *folder)
{
    DIR *d = opendir(folder);
    struct dirent *f;

    b->n = 0;
    while (d && b->n < BUTTONS && (f = readdir(d))) {
        int fd = strncmp(f->d_name, "event", 5) ? -1 : open_one(dirfd(d), f->d_name);

        if (fd >= 0)
            b->fd[b->n++] = fd;
    }
    if (d)
        closedir(d);
    log_event(LOG_INFO, "power_buttons", "count=%u", b->n);
}

static bool is_press(const struct input_event *e)
{
    return e->type == EV_KEY && e->code == KEY_POWER && e->value == 1;
}

/* What the device has to say; *gone: nothing any more. */
static bool listen_to(int fd, bool *gone)
{
    struct input_event e[EVENTS];
    bool pressed = false;
    ssize_t n;

    while ((n = read(fd, e, sizeof e)) > 0)
        for (size_t i = 0; i < (size_t)n / sizeof *e; i++)
            pressed |= is_press(&e[i]);
    *gone = n == 0 || (errno != EAGAIN && errno != EINTR);
    return pressed;
}

bool button_pressed(struct button *b)
{
    bool pressed = false, gone;

    for (unsigned i = 0; i < b->n;) {
        pressed |= listen_to(b->fd[i], &gone);
        if (gone) {
            close(b->fd[i]);
            b->fd[i] = b->fd[--b->n];
        } else {
            i++;
        }
    }
    return pressed;
}

void button_close(struct button *b)
{
    while (b->n > 0)
        close(b->fd[--b->n]);
}
