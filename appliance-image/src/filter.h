/*
 * filter: the image's packet filter (root/usr/share/penstock/firewall.nft), as far as it is not
 * fixed: who the pair's other gateway is, and what its counters say.
 *
 * Why: VRRP is let in from that gateway alone, which is known at run time only; and a few messages
 * to the kernel (nfnetlink) take no program, no text and no library.
 * Owner: pure but for the kernel's table. Never: adds, changes or removes a rule.
 */
#ifndef PENSTOCK_IMAGE_FILTER_H
#define PENSTOCK_IMAGE_FILTER_H

#include "dataplane/wire/system.h"
#include "dataplane/wire/vrrp.h"

/*
 * From now on advertisements come in from this set's partner, by multicast from anybody on its
 * interface, and from nobody where the set is off; all at once or not at all. 0, or -errno;
 * -ENOENT: this machine has no such table, and so no rule that lets nobody in.
 */
int filter_partner(const struct vrrp_set *set);
/* The counters of the table, as many as there is room for; none where there is no table. */
void filter_counters(struct system_checkup *out);

#endif
