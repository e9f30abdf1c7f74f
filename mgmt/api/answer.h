/*
 * answer: what a handler has filled in, as HTTP: status, headers, tag, body.
 *
 * Owner: the API; the call's text and answer are let go here. Never: sends a body whose tag the
 * reader has shown.
 */
#ifndef PENSTOCK_MGMT_API_ANSWER_H
#define PENSTOCK_MGMT_API_ANSWER_H

#include <microhttpd.h>
#include "mgmt/api/call.h"

/* Queue the answer of a call. MHD_NO: out of memory, and the connection ends. */
enum MHD_Result answer_send(struct call *c);
/* A stream of events: it has no end, and is no JSON. */
enum MHD_Result answer_stream(struct call *c);

#endif
