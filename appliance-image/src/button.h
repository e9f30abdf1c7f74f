/*
 * button: the machine's power button, which a hypervisor presses as well (ACPI).
 *
 * Why here: no other program of the image listens to it, and an end in order is the helper's work.
 * Who presses it stands at the machine or owns it, and could pull the plug: nobody is asked who he
 * is. Owner: the devices are this struct's from button_open() to button_close(). Never: a key but
 * the power key is looked at.
 */
#ifndef PENSTOCK_IMAGE_BUTTON_H
#define PENSTOCK_IMAGE_BUTTON_H

#include <stdbool.h>

#define BUTTONS 8

struct button {
    int fd[BUTTONS];
    unsigned n;
};

/* The input devices of a folder (/dev/input) that have a power key; those there when it is called.
 */
void button_open(struct button *b, const char *folder);
/* Was one pressed since the last call? Does not wait. A device that went away is closed. */
bool button_pressed(struct button *b);
void button_close(struct button *b);

#endif
