/* seal_evp: private to record: what each library does before the first record. */
#ifndef PENSTOCK_RECORD_SEAL_EVP_H
#define PENSTOCK_RECORD_SEAL_EVP_H

int seal_evp_fetch(void);     /* 0 or -ENOTSUP */
int seal_ipsecmb_start(void); /* 0 (also where it is not built), or -errno */

#endif
