/*
 * menu: what a key means on the console, and what the person is asked next.
 *
 * Why: all that the console can order stands in one table, which a test walks through; nothing is
 * ordered by one key alone, and a factory reset is asked for twice. Owner: the caller.
 * Never: runs anything; an order is a number that the caller carries out.
 */
#ifndef PENSTOCK_IMAGE_MENU_H
#define PENSTOCK_IMAGE_MENU_H

#include <stdbool.h>

#include "appliance-image/src/form.h"

#define MENU_WORD     "erase" /* what has to be typed for a factory reset */
#define MENU_LEAVE    "q"     /* as a line of the form */
#define MENU_LINE_MAX FORM_LINE_MAX

enum menu_order {
    MENU_NOTHING,
    MENU_TOKEN,    /* open a new one-time token */
    MENU_NETWORK,  /* the settings of the form */
    MENU_VERSION,  /* the version in the other slot starts next */
    MENU_SUPPORT,  /* the support bundle, on this line */
    MENU_RESTART,  /* the machine */
    MENU_SHUTDOWN, /* the machine */
    MENU_RESET,    /* factory reset */
    MENU_ORDERS
};

struct menu {
    enum menu_order asks; /* for which it wants a yes; MENU_NOTHING: the list is shown */
    bool word;            /* the yes is there, and MENU_WORD has to follow */
    bool fills;           /* the form is filled in, then comes the yes */
    unsigned field;       /* which line of it */
    bool too_long;        /* more was typed than there is room for: it is no word */
    char line[MENU_LINE_MAX + 1];
    unsigned n;
    struct form form; /* as it was filled in last; stays for whoever carries the order out */
};

struct menu_item {
    char key;
    enum menu_order order;
    const char *name;     /* in the list */
    const char *question; /* before it is done */
};
extern const struct menu_item menu_items[MENU_ORDERS - 1];

/* A key (keys.h) was hit. The order that it completes, or MENU_NOTHING. */
enum menu_order menu_key(struct menu *m, char key);
/* Back to the list; nothing is ordered. */
void menu_leave(struct menu *m);
/* The item of what is asked, or NULL. */
const struct menu_item *menu_asked(const struct menu *m);

#endif
