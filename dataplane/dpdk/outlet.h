/*
 * outlet: what lwIP sends goes to a port; who finds no room there is called again.
 *
 * Why: lwIP tries a segment that was refused again when an acknowledgement comes or a timer fires,
 * and takes one that was dropped for lost on the way: both cost time that nobody has to lose.
 * Owner: the worker's thread. Never: drops a segment; a connection that waits leaves the list by
 * ending, or when its port has room.
 */
#ifndef PENSTOCK_DPDK_OUTLET_H
#define PENSTOCK_DPDK_OUTLET_H

#include <lwip/netif.h>
#include <stdbool.h>

struct ports;

/* Before a port's netif sends: lwIP makes no sums of TCP's on it, for each frame has its own. */
void outlet_begin(struct netif *netif);
/* lwIP's way out: a frame of a port's netif, copied. ERR_MEM: there is no room now. */
err_t outlet_send(struct netif *netif, struct pbuf *p);
/* After ports_flush(): those who waited send, as far as there is room. True if any did. */
bool outlet_resume(struct ports *ports);

#endif
