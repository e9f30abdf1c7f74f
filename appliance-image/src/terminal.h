/*
 * terminal: the console's terminal, made deaf to everything that is not a byte.
 *
 * Why: a terminal makes signals of some characters (Ctrl-C, Ctrl-Z, Ctrl-\), stops at others
 * (Ctrl-S) and hangs up at a break; none of that may happen to the console. Owner: stdin.
 */
#ifndef PENSTOCK_IMAGE_TERMINAL_H
#define PENSTOCK_IMAGE_TERMINAL_H

#include <stdbool.h>

/* Every byte of the terminal `fd` is read as it is, unseen; a break is nothing. 0 or -errno. */
int terminal_deafen(int fd);
/* Is it a screen of this machine, which keeps nothing of what it showed? */
bool terminal_is_screen(int fd);

#endif
