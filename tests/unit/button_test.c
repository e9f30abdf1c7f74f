/* button: is a press of the power key one wish to end, and nothing else any? */
#include "appliance-image/src/button.h"

#include <fcntl.h>
#include <linux/input.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include "tests/unit/test.h"

/* A pipe stands for the device: the same bytes, and the same words where there are none. */
static int device(struct button *b)
{
    int ends[2];

    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
        abort();
    *b = (struct button){.fd = {ends[0]}, .n = 1};
    return ends[1];
}

static void tell(int fd, uint16_t type, uint16_t code, int value)
{
    struct input_event e[2] = {{.type = type, .code = code, .value = value}, {.type = EV_SYN}};

    if (write(fd, e, sizeof e) != sizeof e)
        abort();
}

TEST("a press of the power key counts once, its release and its repetition not at all")
{
    struct button b;
    int fd = device(&b);

    EXPECT(!button_pressed(&b));
    tell(fd, EV_KEY, KEY_POWER, 1);
    EXPECT(button_pressed(&b));
    EXPECT(!button_pressed(&b));
    tell(fd, EV_KEY, KEY_POWER, 0);
    EXPECT(!button_pressed(&b));
    tell(fd, EV_KEY, KEY_POWER, 2); /* held: repeated by the kernel */
    EXPECT(!button_pressed(&b));
    close(fd);
    button_close(&b);
}

TEST("other keys and other events are passed over, however many come")
{
    struct button b;
    int fd = device(&b);

    for (int i = 0; i < 100; i++) {
        tell(fd, EV_KEY, KEY_A, 1);
        tell(fd, EV_ABS, KEY_POWER, 1);
    }
    EXPECT(!button_pressed(&b));
    tell(fd, EV_KEY, KEY_A, 1);
    tell(fd, EV_KEY, KEY_POWER, 1);
    tell(fd, EV_KEY, KEY_A, 0);
    EXPECT(button_pressed(&b));
    close(fd);
    button_close(&b);
}

TEST("a device that goes away is closed, and the others are heard")
{
    struct button b;
    int gone = device(&b), ends[2];

    if (pipe2(ends, O_NONBLOCK | O_CLOEXEC))
        abort();
    b.fd[b.n++] = ends[0];
    close(gone);
    EXPECT(!button_pressed(&b) && b.n == 1 && b.fd[0] == ends[0]);
    tell(ends[1], EV_KEY, KEY_POWER, 1);
    EXPECT(button_pressed(&b));
    close(ends[1]);
    button_close(&b);
    EXPECT(b.n == 0);
}

TEST("a folder with no input device, or none at all, has no button")
{
    char folder[] = "/tmp/penstock-button-XXXXXX", file[64];
    struct button b;
    int fd;

    if (!mkdtemp(folder))
        abort();
    snprintf(file, sizeof file, "%s/event0", folder);
    fd = open(file, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
    button_open(&b, folder);
    EXPECT(b.n == 0 && !button_pressed(&b));
    close(fd);
    unlink(file);
    rmdir(folder);
    button_open(&b, folder);
    EXPECT(b.n == 0);
}

int main(void)
{
    return test_run();
}
