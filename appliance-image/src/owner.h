/*
 * owner: has the appliance ever had an administrator?
 *
 * Why: what is open before the first one must never be open again, short of a factory reset. The
 * gateway says it in the same file as its administrators (mgmt/authority.h), so that there is none
 * whom it does not know of. What can not be read counts as a yes. Owner: nothing is kept.
 */
#ifndef PENSTOCK_IMAGE_OWNER_H
#define PENSTOCK_IMAGE_OWNER_H

#include <stdbool.h>

/* state: the gateway's directory, which is not there before its first start. */
bool owner_none(const char *state);

#endif
