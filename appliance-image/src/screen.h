/*
 * screen: what the console shows, as text.
 *
 * Why: drawing is pure, so that a test can read what a person reads, and the console writes only
 * what has changed. The lines `penstock ready`, `address`, `token` are alone on their lines: a
 * program on the other end of a serial line finds them. Owner: the caller's memory.
 */
#ifndef PENSTOCK_IMAGE_SCREEN_H
#define PENSTOCK_IMAGE_SCREEN_H

#include <stdbool.h>
#include <stddef.h>

#include "appliance-image/src/menu.h"
#include "dataplane/wire/system.h"

#define SCREEN_MAX       8192
#define SCREEN_TOKEN_MAX 1024
#define SCREEN_FIRST_MAX 1200
#define SCREEN_ADDRESSES 16

struct screen_address {
    char interface[16];
    char text[46];
};

struct screen {
    bool ready;  /* the gateway */
    bool helped; /* status is what penstock-system says; it does not answer else */
    bool more;   /* addresses than there is room for */
    unsigned n_addresses;
    struct system_status status;
    struct screen_address addresses[SCREEN_ADDRESSES];
    char first[SCREEN_FIRST_MAX]; /* what came of the first configuration, or "" */
    char server[80];              /* by which it is known without a token, a line, or "" */
    char token[SCREEN_TOKEN_MAX]; /* lines for the administrator who is to come, or "" */
    char news[1024];              /* what came of the last order, or "" */
};

/* The whole screen, terminated; what does not fit is cut. Returns its length. */
size_t screen_draw(const struct screen *s, const struct menu *m, char out[SCREEN_MAX]);

#endif
