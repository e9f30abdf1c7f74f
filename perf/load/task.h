/*
 * task: the first 16 bytes of a session: what it asks the backend (`penstock-load sink`) to do.
 *
 * Why: one backend serves all modes at once, so a measurement starts one program and needs no
 * other. The backend answers each task with one byte, TASK_GREETING: only then does the client know
 * that it was let in (in TLS 1.3 a client is done before the gateway has judged its certificate).
 */
#ifndef PENSTOCK_LOAD_TASK_H
#define PENSTOCK_LOAD_TASK_H

#include <stddef.h>
#include <stdint.h>

#define TASK_SIZE     16
#define TASK_GREETING 'k'
#define TASK_RECEIPT  8 /* bytes of the answer to the end of a TASK_DISCARD or TASK_BOTH */

enum task_kind {
    TASK_ANSWER = 1, /* for each `request` bytes send `response` bytes */
    TASK_DISCARD,    /* take all; at the end of the stream answer with their count, 8 bytes */
    TASK_SOURCE,     /* send from the first byte on that follows, until the stream ends */
    TASK_BOTH,       /* the same, while taking all; no receipt */
    TASK_ECHO,       /* give back what comes */
};

struct task {
    enum task_kind kind;
    uint32_t request, response; /* TASK_ANSWER: bytes, request at least 1 */
};

void task_put(const struct task *t, uint8_t out[TASK_SIZE]);
/* 0, or -EPROTO: these bytes are no task. */
int task_get(struct task *t, const uint8_t in[TASK_SIZE]);

#endif
