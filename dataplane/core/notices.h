/*
 * notices: what a worker has to tell mgmt, until it is sent.
 *
 * Why: thousands of sessions may be cut in one turn; telling of them must cost a copy, not a wait.
 * Owner: one worker. Never: blocks; grows beyond NOTICES_ROOM: what finds no room is counted, and
 * told when there is room again.
 */
#ifndef PENSTOCK_CORE_NOTICES_H
#define PENSTOCK_CORE_NOTICES_H

#include <stddef.h>
#include <stdint.h>

#define NOTICES_ROOM (256 * 1024)

struct session;
struct handoff_failed;

struct notices {
    int fd;       /* -1: nobody listens, and nothing is kept */
    uint8_t *mem; /* rows, one behind the other; a u32 length before each */
    size_t n, sent;
    uint32_t lost;
};

void notices_init(struct notices *o);
void notices_fini(struct notices *o);
/* mgmt's channel came; takes fd. */
void notices_attach(struct notices *o, int fd);
/* A handshake was refused; m: the handshake's word, or NULL where it was not asked. */
void notices_refused(struct notices *o, const struct session *s, const struct handoff_failed *m);
/* A session that carried data had to end. */
void notices_ended(struct notices *o, const struct session *s);
/* Send what there is, as far as there is room. Call once a turn. */
void notices_flush(struct notices *o);

#endif
