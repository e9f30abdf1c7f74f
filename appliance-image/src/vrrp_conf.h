/*
 * vrrp_conf: what keepalived is told, as its own text.
 *
 * Why: no word of it is a caller's but the interface, whose characters were judged; so nothing that
 * mgmt sends can become another of keepalived's statements, which could run programs.
 * Owner: pure; files below the folder. Never: leaves half a file behind.
 */
#ifndef PENSTOCK_IMAGE_VRRP_CONF_H
#define PENSTOCK_IMAGE_VRRP_CONF_H

#include "dataplane/base/err.h"
#include "dataplane/wire/vrrp.h"

#define VRRP_CONF_FILE "keepalived.conf"
#define VRRP_CONF_HEALTH                                                                           \
    "health"                    /* 0: the gateway is well; else keepalived gives the addresses up */
#define VRRP_CONF_FIFO "notify" /* where keepalived says what it is */
#define VRRP_CONF_MAX  8192

/* The text for a set that is on; folder: where the files are. NULL: out of memory. free(). */
char *vrrp_conf_text(const struct vrrp_set *s, const char *folder);
/* Write a file of the folder, whole or not at all. 0 or -errno with *e. */
int vrrp_conf_write(const char *folder, const char *name, const char *text, struct err *e);

#endif
