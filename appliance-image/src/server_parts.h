/* server_parts: private to server*.c. Each verb returns 0, or -EPROTO, which costs the caller its
 * connection. */
#ifndef PENSTOCK_IMAGE_SERVER_PARTS_H
#define PENSTOCK_IMAGE_SERVER_PARTS_H

#include "appliance-image/src/server.h"

void server_answer(struct server *s, unsigned i, uint8_t type, const struct buf *b);
/* rc 0 or -errno with *e. */
void server_done(struct server *s, unsigned i, int rc, uint64_t version, const struct err *e);

/* server_settings.c */
int server_network(struct server *s, unsigned i, struct buf *b);
int server_network_set(struct server *s, unsigned i, struct buf *b);
int server_network_confirm(struct server *s, unsigned i, struct buf *b);
int server_links(struct server *s, unsigned i, struct buf *b);
int server_time(struct server *s, unsigned i, struct buf *b);
int server_time_set(struct server *s, unsigned i, struct buf *b);

/* server_devices.c */
int server_devices(struct server *s, unsigned i, struct buf *b);
int server_give(struct server *s, unsigned i, struct buf *b);

#endif
