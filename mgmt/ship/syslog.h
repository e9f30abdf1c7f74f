/*
 * syslog: one log line or audit row as a frame of syslog over TLS (RFC 5424, 5425, 6587 3.4.1).
 *
 *   LENGTH SP <PRI>1 TIME HOST penstock PROCESS EVENT - MESSAGE
 *
 * Owner: pure over its arguments. Never: a control byte; a frame of more than SYSLOG_FRAME bytes (a
 * longer message is cut).
 */
#ifndef PENSTOCK_MGMT_SHIP_SYSLOG_H
#define PENSTOCK_MGMT_SHIP_SYSLOG_H

#include <jansson.h>
#include <stddef.h>
#include "dataplane/base/log.h"

#define SYSLOG_FRAME 8192 /* RFC 5425 4.3.1: a receiver should take so many */

/* Our name as a header may have it. */
void syslog_host(char out[256]);
/* The level of a line of ours; LOG_INFO of one that is none. */
enum log_level syslog_level(const char *line, size_t n);
/* Bytes of the frame. A line that is not of the log's form becomes the message as it is. */
size_t syslog_line(char out[SYSLOG_FRAME], const char *host, const char *line, size_t n);
/* A row of the audit, as JSON; its MSGID is "audit". */
size_t syslog_audit(char out[SYSLOG_FRAME], const char *host, const json_t *row);
/* So many lines were lost before this. */
size_t syslog_lost(char out[SYSLOG_FRAME], const char *host, unsigned long long lines);

#endif
