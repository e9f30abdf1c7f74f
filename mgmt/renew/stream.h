/*
 * stream: one HTTP/1.1 request over a stream that is there already.
 *
 * Why: requests to an EST server go over a link of our own, as a pair of sockets without a name.
 * libcurl 7.88 (Debian 12) connects a socket a second time even when it is told not to, so this
 * small part is done here: one request, "Connection: close", one answer.
 * Owner: the caller's memory. Never: follows, keeps or reuses anything; reads an answer whose
 * length could be understood in two ways (RFC 9112 6.3).
 */
#ifndef PENSTOCK_MGMT_RENEW_STREAM_H
#define PENSTOCK_MGMT_RENEW_STREAM_H

#include <stdbool.h>
#include "mgmt/renew/web.h"

#define STREAM_HEAD_MAX (16 * 1024)

/*
 * What has come so far: 1: it is a whole answer, and *a has status, type, Retry-After and, in
 * data[*body .. *body + a->n], its content (a chunked one was put together in place); 0: more has
 * to come; -EPROTO: it is none. ended: no more will come. *body is valid for 1 only.
 */
int stream_parse(uint8_t *data, size_t n, bool ended, struct web_answer *a, size_t *body);
/*
 * Send the request and read the answer into *a (status 0 and why, if there is none). fd:
 * non-blocking, closed by the caller. stop: looked at once in a while.
 */
void stream_ask(int fd, const struct web_ask *ask, bool (*stop)(void *arg), void *arg,
                struct web_answer *a);

/* Retry-After: seconds, or a date. -1: neither. */
int64_t stream_delay(const char *text);
/* The value of a header line of this name into out, trimmed. */
bool stream_header(const char *line, size_t n, const char *name, char *out, size_t room);

#endif
