/*
 * entry: the names under which kernel images stand on the EFI partition, and what they say.
 *
 *   penstock-VERSION-UUID.efi            runs, and has run well
 *   penstock-VERSION-UUID+LEFT-DONE.efi  on trial: the boot loader counts its starts in the name
 *   penstock-VERSION-UUID.stored         installed, not chosen: no loader looks at it
 *   penstock-VERSION-UUID.part           was being written when the power went
 *
 * UUID is that of the tree that the image belongs to, in hex. Why: one rename is the smallest step
 * there is on that file system, so a name, and nothing else, is what decides. systemd-boot starts
 * the newest VERSION with starts left, then the newest. Owner: pure. Never: takes a name that it
 * would not have made itself.
 */
#ifndef PENSTOCK_IMAGE_ENTRY_H
#define PENSTOCK_IMAGE_ENTRY_H

#include <stdint.h>

#define ENTRY_UUID     16
#define ENTRY_NAME_MAX 80
#define ENTRY_TRIES    3 /* starts that a version on trial has */
#define ENTRY_LEFT_MAX 99

enum entry_state {
    ENTRY_NONE,   /* there is none */
    ENTRY_PART,   /* half written */
    ENTRY_STORED, /* installed, not chosen */
    ENTRY_TRIAL,  /* chosen, not proved: starts are left */
    ENTRY_GOOD,   /* has run well */
    ENTRY_FAILED, /* its starts are used up */
    ENTRY_ASIDE,  /* chosen after the others only: somebody went back from it */
    ENTRY_STATES
};

struct entry {
    uint64_t version;
    uint8_t uuid[ENTRY_UUID];
    enum entry_state state;
    uint8_t left, done; /* starts; of TRIAL and FAILED */
};

/* The name of an entry that is not NONE. */
void entry_name(const struct entry *e, char name[ENTRY_NAME_MAX]);
/* What a name says. 0, or -EINVAL: it is none of ours. */
int entry_parse(const char *name, struct entry *e);
/* "good", "trial", ... */
const char *entry_state_name(enum entry_state s);

#endif
