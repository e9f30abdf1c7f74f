/*
 * vaultlane: mgmt's channel to the vault, and the thread that works for it.
 *
 * Why: an RSA-4096 key takes seconds to make and a passphrase may take one to try, while handshakes
 * wait for signatures. So the loop only carries messages: a request goes to one worker, its answer
 * comes back through an eventfd, and the lanes are served all the while.
 * Owner: the loop's thread, but for the job, which is the worker's from `state` WORKING until it
 * says so. The worker is made with the first channel: a keyring without a vault has one thread.
 * Never: two requests at a time; waits for mgmt: an answer that finds no room stays, and the
 * channel is not read from until it is gone.
 */
#ifndef PENSTOCK_KEYRING_VAULTLANE_H
#define PENSTOCK_KEYRING_VAULTLANE_H

#include <poll.h>
#include "handshake/keyring/wrap.h"

#define VAULTLANE_COPIES 64 /* key files that wait for their WRAP; the oldest gives way */
#define VAULTLANE_POLLS  2

struct vaultlane;

/* Before the sandbox, which makes no eventfd. NULL: out of memory or descriptors. */
struct vaultlane *vaultlane_new(void);
/* Calls off what is being made, waits for the worker to end and wipes its memory. */
void vaultlane_free(struct vaultlane *v);

/* The KEK of all later requests; borrowed, and set before the first channel. */
void vaultlane_set_kek(struct vaultlane *v, const struct kek *kek);
/*
 * Take the channel fd in place of the one before, whose job and copies are dropped. 0, or -errno:
 * no thread could be made; fd is taken all the same.
 */
int vaultlane_open(struct vaultlane *v, int fd);
/* Take the copy of a key file. One of the same token gives way. */
void vaultlane_keep(struct vaultlane *v, uint32_t token, int fd);

/* What to poll for now: VAULTLANE_POLLS rows. */
void vaultlane_poll(struct vaultlane *v, struct pollfd *p);
/* Is there a request to be read, by what poll() said? Copies sent ahead of it come first. */
bool vaultlane_asked(const struct pollfd *p);
/* Do what poll() said is to be done. */
void vaultlane_serve(struct vaultlane *v, const struct pollfd *p);

#endif
