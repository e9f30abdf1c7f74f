/*
 * clock: the two clocks. Deadlines use the monotonic one, certificates and CRLs the wall clock.
 * Never: mixes them.
 */
#ifndef PENSTOCK_BASE_CLOCK_H
#define PENSTOCK_BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void); /* milliseconds, CLOCK_MONOTONIC */
uint64_t clock_mono_us(void); /* microseconds, the same clock */
int64_t clock_wall_s(void);   /* seconds since 1970, CLOCK_REALTIME */

#endif
