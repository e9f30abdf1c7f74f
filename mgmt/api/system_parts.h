/* system_parts: what the handlers of the appliance share (system.c). */
#ifndef PENSTOCK_MGMT_API_SYSTEM_PARTS_H
#define PENSTOCK_MGMT_API_SYSTEM_PARTS_H

#include "mgmt/api/call.h"
#include "mgmt/appliance.h"
#include "mgmt/store/audit.h"

/* Ask the helper; the call waits for it, or is answered. */
void system_ask(struct call *c, uint8_t type, const struct buf *body, appliance_done *done);
/* rc 0: the helper's answer was none to the question. */
void system_refuse(struct call *c, int rc, const struct err *e);

/* What the helper said, as the answer of a call (arg): the call is not done by that. */
appliance_done system_tell, system_tell_network, system_tell_links, system_tell_time,
    system_tell_devices;

#endif
