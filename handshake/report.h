/*
 * report: why a handshake failed, in the words of the reason table.
 *
 * Why: OpenSSL's error queue is for programmers; an operator needs one reason and one sentence.
 * Owner: pure over the conn and the error queue, which it empties.
 */
#ifndef PENSTOCK_HANDSHAKE_REPORT_H
#define PENSTOCK_HANDSHAKE_REPORT_H

#include "handshake/conn.h"

void report_failure(const struct conn *c, bool key_lost, struct conn_failure *f);
/* What was agreed on, of a finished handshake. */
void report_negotiated(SSL *ssl, struct negotiated *n);

#endif
