/*
 * record: getting the record layer ready, once for the process.
 *
 * Why: the data plane can open no file after it entered its sandbox, so what the libraries load
 * lazily is fetched before; and an AEAD that computes wrongly on this machine must never see
 * traffic. Owner: main, before threads and sandbox; nothing has to be undone. Never: passes a
 * library by silently: one that is able but wrong stops the start.
 */
#ifndef PENSTOCK_RECORD_RECORD_H
#define PENSTOCK_RECORD_RECORD_H

#include "dataplane/record/seal.h"

/*
 * Fetch algorithms, start ipsec-mb, and let each AEAD of each library seal a known message, open it
 * again, and refuse it with one bit changed. 0; -ENOTSUP: an algorithm is missing; -EILSEQ: an
 * answer came out wrong; -ENOMEM; -EIO.
 */
int record_init(void);

/* The test that record_init() puts one library to, for one suite. 0, -EILSEQ, -ENOMEM, -EIO. */
int record_test(const struct suite *suite, const struct seal_ops *ops);

#endif
