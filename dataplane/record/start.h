/*
 * start: what each library of the record layer fetches before the first record; for record_init().
 *
 * Why: a process in its sandbox can load nothing, and a fetch by name takes OpenSSL's lock, which
 * no worker should wait for. Owner: each file keeps what it fetched, written once, read by all
 * threads, never freed. All three may be called again, by any thread, at no cost.
 */
#ifndef PENSTOCK_RECORD_START_H
#define PENSTOCK_RECORD_START_H

int schedule_start(void);     /* 0 or -ENOTSUP: OpenSSL lacks HMAC with SHA-256 or SHA-384 */
int seal_evp_start(void);     /* 0 or -ENOTSUP: OpenSSL lacks an AEAD */
int seal_ipsecmb_start(void); /* 0, also where ipsec-mb can not run here; -EILSEQ: its own test
                                 failed */

#endif
