/*
 * record: getting the record layer ready, once for the process.
 *
 * Why: the data plane can open no file after it entered its sandbox, so what the libraries load
 * lazily is fetched before; and an AEAD that computes wrongly on this machine must never see
 * traffic. Owner: main, before threads and sandbox.
 */
#ifndef PENSTOCK_RECORD_RECORD_H
#define PENSTOCK_RECORD_RECORD_H

/* Fetch algorithms, start ipsec-mb, test each AEAD of each library against a known answer.
 * 0, -ENOTSUP (an algorithm is missing), -EILSEQ (a known answer came out wrong). */
int record_init(void);

#endif
