/*
 * fibre: a handshake's step on a stack of its own, which can be left in the middle and gone on
 * with.
 *
 * Why: OpenSSL asks for a signature deep inside SSL_do_handshake() and wants it there and then. A
 * key in a token may take seconds, and this process has one thread and thousands of legs; so such a
 * step waits on its own stack while the others are served. OpenSSL's own way to do this (ASYNC
 * jobs) has stacks of 32 KiB without a guard, on which no verdict on a stranger's chain is given.
 * Owner: whoever made it runs it until it has ended; one runs at a time, none inside another.
 * Never: is freed before it has ended: what lies on its stack would be lost.
 */
#ifndef PENSTOCK_HANDSHAKE_FIBRE_H
#define PENSTOCK_HANDSHAKE_FIBRE_H

#include <stdbool.h>

#define FIBRE_STACK (1024 * 1024) /* address space; below it lies a page that faults */

struct fibre;

/* One that will call fn(arg). NULL: out of memory. */
struct fibre *fibre_new(void (*fn)(void *arg), void *arg);
/* Begin or go on. True: fn has returned, and the fibre is no more; false: it paused. */
bool fibre_run(struct fibre *f);
/* From inside f: back to whoever ran it, until it is run again. */
void fibre_pause(struct fibre *f);

#endif
