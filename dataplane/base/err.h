/*
 * err: one error as an operator needs it: where it is, what is wrong, what would be right.
 *
 * Why: an errno says too little to mend a configuration; functions that judge operator input return
 * -errno and fill one of these.
 * Owner: the caller; plain memory, no pointers inside, may cross a channel.
 * Never: holds a secret.
 */
#ifndef PENSTOCK_BASE_ERR_H
#define PENSTOCK_BASE_ERR_H

struct err {
    char where[256]; /* JSON pointer ("/links/a/forward/to/0") or component ("io_uring") */
    char what[512];  /* what is wrong, with the offending value */
    char fix[256];   /* what would be right */
};

/*
 * Fill *e (each part is cut at its size, always terminated) and return `code`, so that a caller can
 * write `return err_set(e, -EINVAL, where, fix, "what %s", x)`. e may be NULL.
 */
int err_set(struct err *e, int code, const char *where, const char *fix, const char *what, ...)
    __attribute__((format(printf, 5, 6)));

/* Write "where: what; fix" into out (at most n bytes, terminated). Returns out. */
const char *err_text(const struct err *e, char *out, unsigned long n);

#endif
