/*
 * post: handshake messages after KEYED: reassembly and judgement.
 *
 * Why: KeyUpdate and NewSessionTicket may come split over records or several in one, on both
 * engines; only they are legal (RFC 8446 4.6), everything else ends the session. Owner: one per
 * TLS 1.3 receive direction; 16 bytes. A zeroed struct is a fresh one of a server. Never: stores a
 * ticket's body; goes on after an error.
 */
#ifndef PENSTOCK_RECORD_POST_H
#define PENSTOCK_RECORD_POST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct post {
    uint8_t head[5]; /* type, length, first body byte of the message in progress */
    uint8_t n_head;
    uint32_t skip; /* bytes of a ticket still to come */
    bool we_are_client;
};

enum post_event { POST_MORE, POST_TICKET, POST_KEYUPDATE, POST_KEYUPDATE_REQUESTED };

/*
 * Take bytes of handshake content, n of them up to the end of their record; consumes up to the end
 * of one message and sets *used. POST_MORE: all n are used and the message goes on in the next
 * record. Returns an enum post_event, or -EPROTO: an illegal message (also a ticket sent to a
 * server), a bad KeyUpdate value, or bytes after a KeyUpdate in the same record (RFC 8446 5.1).
 * Tickets larger than 64 KiB are -EMSGSIZE. After an error every further call is -EPROTO.
 */
int post_feed(struct post *p, const uint8_t *data, size_t n, size_t *used);
bool post_idle(const struct post *p); /* no message half received */

#endif
