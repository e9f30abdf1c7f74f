/*
 * when: at which time a certificate is to be renewed, and a list to be fetched again.
 *
 * Why: times are what one gets wrong, so they are pure functions with the clock as an argument.
 * All times are seconds since 1970. Owner: pure.
 */
#ifndef PENSTOCK_MGMT_RENEW_WHEN_H
#define PENSTOCK_MGMT_RENEW_WHEN_H

#include <stdint.h>

#define WHEN_RETRY_MIN 60
#define WHEN_RETRY_MAX 21600
#define WHEN_CRL_MIN   60
#define WHEN_CRL_MAX   3600 /* a new list may come before the old one's end */

/*
 * Two thirds of the life are over; earlier by up to a fiftieth of it, by name, so that a hundred
 * gateways do not ask in one second.
 */
int64_t when_renew(int64_t not_before, int64_t not_after, const char *name);
/*
 * The try after `failures` (1 and up) at `now`: doubling from a minute to six hours, but never less
 * than four more tries before the end, and not sooner than the server wishes (-1: no wish), up to
 * six hours.
 */
int64_t when_retry(int64_t now, unsigned failures, int64_t ends_at, int64_t wish_s);
/* Half of what is left of the list's life, between a minute and an hour; every_s (0: not said) is
 * the most. */
int64_t when_fetch(int64_t now, int64_t next_update, uint32_t every_s);

#endif
