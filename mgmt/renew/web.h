/*
 * web: one HTTP request to somebody else, bounded in every way, off the main loop.
 *
 * Why: lists of revoked certificates and new certificates come from servers that may be slow, large
 * or hostile; whoever asks has a loop to run. So each request has a thread of its own, which is
 * left behind when nobody wants its answer any more.
 * Owner: the caller's loop polls `fd` and calls web_run(), which calls `done` once for each
 * request. Never: more than WEB_MAX at a time; a proxy of the environment, a cookie, a .netrc; a
 * redirect that leaves https, or any at all where a stream was given; more bytes or seconds than
 * were asked for.
 */
#ifndef PENSTOCK_MGMT_RENEW_WEB_H
#define PENSTOCK_MGMT_RENEW_WEB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WEB_MAX       8
#define WEB_URL_MAX   2048
#define WEB_REDIRECTS 3

struct web_ask {
    const char *url;  /* http or https */
    int fd;           /* a connected stream to use (taken), or -1: connect */
    const void *body; /* NULL: GET; else POST */
    size_t n_body;
    const char *type; /* of the body */
    const char *etag; /* If-None-Match; may be NULL */
    size_t max;       /* bytes of the answer */
    unsigned timeout_s;
};

struct web_answer {
    long status;    /* 0: none came */
    char why[256];  /* then why not */
    char type[128]; /* of the body, without parameters */
    char etag[160];
    int64_t retry_after_s; /* -1: not said */
    uint8_t *body;
    size_t n;
};

typedef void web_done(void *arg, const struct web_answer *a);

struct web_job;

struct web {
    int fd; /* readable when answers wait; -1: not begun */
    struct web_job *jobs[WEB_MAX];
};

/* 0 or -errno. */
int web_init(struct web *w);
/* Leave everything behind: no `done` is called any more. */
void web_fini(struct web *w);
/* Everything of `ask` is copied. 0, -EBUSY (WEB_MAX are under way), -ENOMEM, -EINVAL (the URL). */
int web_start(struct web *w, const struct web_ask *ask, web_done *done, void *arg);
void web_run(struct web *w);

#endif
